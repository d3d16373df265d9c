"""A question in a family's own chat format, and where its parts stand among the tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...errors import ModelError, QuestionError
from ...regions import Region
from ...results import Turn
from .base import Family

__all__ = ["Chat", "ChatFamily", "Rendered"]

# Stands for the question while the template is filled in. From Unicode's private use area, so
# that no text holds it by chance and no template changes it.
_MARK = "\ue0f1"


@dataclass(frozen=True, eq=False)
class Rendered:
    """A prompt's tokens.

    Attributes
    ----------
    input_ids : (1, L) int64 Tensor
        All tokens.
    places : tuple of (n,) int64 arrays
        For each image: where the tokens of its expansion stand that are :attr:`Chat.image_id`.
    shared : int
        One behind the last token of the last image's expansion.
    question_span : (int, int)
        First token of the question and the one behind its last.
    """

    input_ids: Tensor
    places: tuple[NDArray[np.int64], ...]
    shared: int
    question_span: tuple[int, int]

    def inputs(self) -> dict[str, Tensor]:
        """Return ``input_ids`` and ``attention_mask``, (1, L) each."""
        return {
            "input_ids": self.input_ids,
            "attention_mask": torch.ones_like(self.input_ids),
        }


class Chat:
    """Fills in a chat template.

    Parameters
    ----------
    tokenizer
        A fast tokenizer of transformers.
    template : str
        The checkpoint's chat template (Jinja).
    image_id : int
        The token that stands for one image token in the prompt.
    placeholder : str, optional
        What the template writes for a whole image; the text of ``image_id`` by default.
    system : bool
        Whether the template takes a system prompt; if not, an instruction stands on a line of
        its own before the question.

    Raises
    ------
    ModelError
        If the tokenizer does not know ``image_id``.
    """

    def __init__(
        self,
        tokenizer: Any,
        template: str,
        image_id: int,
        placeholder: str | None = None,
        *,
        system: bool = True,
    ) -> None:
        self._system = system
        self.tokenizer = tokenizer
        self.template = template
        self.image_id = image_id
        token = tokenizer.convert_ids_to_tokens(image_id)
        if not token:
            raise ModelError(
                f"The tokenizer does not know the token {image_id}, with which the model marks "
                "images; download the model again."
            )
        self.image_token: str = token
        self.placeholder = placeholder or self.image_token
        # Longest first: one reserved word may begin another.
        reserved = {self.image_token, self.placeholder, *tokenizer.all_special_tokens}
        reserved |= {str(t) for t in tokenizer.added_tokens_decoder.values() if t.special}
        self._reserved = sorted(filter(str.strip, reserved), key=len, reverse=True)

    def render(
        self,
        expansions: Sequence[str],
        question: str,
        turns: Sequence[Turn] = (),
        instruction: str = "",
        conditions: str = "",
    ) -> Rendered:
        """Put images, earlier turns and a question into the chat format.

        Parameters
        ----------
        expansions : sequence of str
            What replaces the placeholder of each image.
        question, instruction : str
            The user's words, and what the model is told before (nothing where empty).
        turns : sequence of Turn
            Earlier questions and answers; the images stand before the first.
        conditions : str
            What is known of scale and instrument; it stands behind the images.

        Raises
        ------
        QuestionError
            If a question holds a word that the model reserves, such as ``<image>``.
        ModelError
            If the template does not place the images or the question.
        """
        question = question.strip()
        self._refuse_reserved(question, *(turn.question for turn in turns), instruction)
        text = self._filled(len(expansions), turns, instruction, conditions)
        if text.count(self.placeholder) != len(expansions) or text.count(_MARK) != 1:
            raise ModelError(
                "The model's chat template does not place the images and the question once each; "
                "add the chat template that belongs to the model."
            )
        pieces = text.split(self.placeholder)
        text, spans = pieces[0], []
        for expansion, piece in zip(expansions, pieces[1:], strict=True):
            spans.append((len(text), len(text) + len(expansion)))
            text += expansion + piece
        start = text.index(_MARK)
        text = text.replace(_MARK, question)
        return self._tokens(text, spans, (start, start + len(question)))

    def _filled(self, images: int, turns: Sequence[Turn], instruction: str, conditions: str) -> str:
        messages: list[dict[str, Any]] = []
        if instruction and self._system:
            messages.append(_message("system", instruction))
        for turn in turns:
            messages.append(_message("user", turn.question.strip()))
            messages.append(_message("assistant", self._without_reserved(turn.answer)))
        lead = f"{instruction}\n" if instruction and not self._system else ""
        messages.append(_message("user", lead + _MARK))
        first = next(each for each in messages if each["role"] == "user")
        if conditions:
            # A space: a line break would end the question in some formats.
            part = first["content"][0]
            part["text"] = f"{self._without_reserved(conditions)} {part['text']}"
        first["content"][:0] = [{"type": "image"} for _ in range(images)]
        try:
            text: str = self.tokenizer.apply_chat_template(
                messages,
                chat_template=self.template,
                add_generation_prompt=True,
                tokenize=False,
            )
        except Exception as error:
            # A template is a small program of the checkpoint's and may raise anything.
            raise ModelError(
                f"The model's chat template cannot be filled in ({error}); "
                "add the chat template that belongs to the model."
            ) from error
        return text

    def _tokens(
        self, text: str, images: Sequence[tuple[int, int]], question: tuple[int, int]
    ) -> Rendered:
        begins = self.tokenizer.bos_token
        encoded = self.tokenizer(
            text,
            return_offsets_mapping=True,
            # Where the template wrote the first token already, the tokenizer must not again.
            add_special_tokens=not (begins and text.startswith(begins)),
        )
        ids = np.asarray(encoded["input_ids"], np.int64)
        offsets = np.asarray(encoded["offset_mapping"], np.int64).reshape(-1, 2)
        is_image = ids == self.image_id
        places = []
        for start, stop in images:
            inside = (offsets[:, 0] >= start) & (offsets[:, 1] <= stop) & is_image
            places.append(np.flatnonzero(inside))
        # Tokens that the tokenizer adds of itself have no characters.
        written = offsets[:, 1] > offsets[:, 0]
        end = images[-1][1] if images else 0
        shared = np.flatnonzero(written & (offsets[:, 1] <= end))[-1:] + 1
        # A token belongs to the question where they share a character.
        asked = np.flatnonzero((offsets[:, 0] < question[1]) & (offsets[:, 1] > question[0]))
        span = (int(asked[0]), int(asked[-1]) + 1) if len(asked) else (len(ids), len(ids))
        return Rendered(
            torch.from_numpy(ids)[None],
            tuple(places),
            int(shared.sum()),
            span,
        )

    def named(self, expansions: Sequence[str], regions: Sequence[Region]) -> list[str]:
        """Put the names of frames before what stands for their pictures: ``"slice 12: …"``.

        Regions without a name, and a region alone, are left as they are.
        """
        if len(regions) < 2:
            return list(expansions)
        names = [self._without_reserved(region.label) for region in regions]
        return [
            f"{name}: {each}" if name else each
            for name, each in zip(names, expansions, strict=True)
        ]

    def _refuse_reserved(self, *texts: str) -> None:
        for text in texts:
            found = next((word for word in self._reserved if word in text), None)
            if found is not None:
                raise QuestionError(
                    f"The question holds {found!r}, which the model keeps for itself; leave it out."
                )

    def _without_reserved(self, text: str) -> str:
        for word in self._reserved:
            text = text.replace(word, "")
        return text


def _message(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "content": [{"type": "text", "text": text}]}


class ChatFamily(Family):
    """A family whose prompts a :class:`Chat` renders."""

    _chat: Chat

    @property
    def tokenizer(self) -> Any:
        """The tokenizer of transformers."""
        return self._chat.tokenizer
