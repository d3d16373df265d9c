"""Between people and the student: pictures to numbers, dialogues to tokens and back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from ...errors import QuestionError
from ...results import Turn
from .tokenization import Detokenizer, learn_casing, train_tokenizer

__all__ = ["Dialogue", "MvaemaImageProcessor", "MvaemaProcessor"]

Span = tuple[int, int]


class MvaemaImageProcessor:
    """Scale views to what the backbone was trained on.

    Parameters
    ----------
    mean, deviation : float
        Of grey values 0 to 255; EfficientNet-Lite was trained with 127 and 128.
    """

    FILE = "preprocessor_config.json"

    def __init__(self, mean: float = 127.0, deviation: float = 128.0) -> None:
        self.mean = mean
        self.deviation = deviation

    def __call__(self, pictures: Sequence[NDArray[np.uint8]] | NDArray[np.uint8]) -> Tensor:
        """Stack pictures of one size.

        Parameters
        ----------
        pictures : sequence of (h, w, 3) uint8 arrays
            Views as ``prepare_views`` makes them; their sides are multiples of 32.

        Returns
        -------
        (B, 3, h, w) float32 tensor
        """
        stacked = torch.from_numpy(np.stack(list(pictures))).permute(0, 3, 1, 2)
        return (stacked.float() - self.mean) / self.deviation

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the two numbers to a folder."""
        values = {
            "image_processor_type": type(self).__name__,
            "mean": self.mean,
            "deviation": self.deviation,
        }
        (Path(folder) / self.FILE).write_text(json.dumps(values, indent=1), encoding="utf-8")

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> MvaemaImageProcessor:
        """Read what :meth:`save_pretrained` wrote."""
        values = json.loads((Path(folder) / cls.FILE).read_text(encoding="utf-8"))
        return cls(float(values["mean"]), float(values["deviation"]))


@dataclass(frozen=True)
class Dialogue:
    """A conversation as the decoder reads it.

    Attributes
    ----------
    ids : list of int
        ``[DEC] (question [SEP] answer [SEP])* question [SEP] answer [EOS]``; without the last
        answer and ``[EOS]`` where there is none.
    answer_start : int
        Index of the first token of the last answer.
    turns : tuple of Turn
        The earlier turns that found room.
    grounded : list of bool
        Which positions predict (come just before) a token of a grounded phrase.
    """

    ids: list[int]
    answer_start: int
    turns: tuple[Turn, ...] = ()
    grounded: list[bool] = field(default_factory=list)

    @property
    def labels(self) -> list[int]:
        """``ids`` for the answer and ``[EOS]``, -100 before them."""
        return [-100] * self.answer_start + self.ids[self.answer_start :]


class MvaemaProcessor:
    """Tokenizer, image processor and the form of a dialogue.

    Parameters
    ----------
    tokenizer : PreTrainedTokenizerFast
        From :func:`.tokenization.train_tokenizer`.
    casing : dict of str to str, optional
        From :func:`.tokenization.learn_casing`.
    image_processor : MvaemaImageProcessor, optional
        Scaling of the pictures.
    """

    FILE = "processor_config.json"

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerFast,
        casing: dict[str, str] | None = None,
        image_processor: MvaemaImageProcessor | None = None,
    ) -> None:
        self.tokenizer = tokenizer
        self.casing = casing or {}
        self.image_processor = image_processor or MvaemaImageProcessor()
        self.tokens: list[str] = list(tokenizer.convert_ids_to_tokens(list(range(len(tokenizer)))))
        self.pad, self.dec, self.eos, self.sep, self.enc, self.unk, self.mask, self.cls = range(8)

    @classmethod
    def from_texts(cls, texts: Iterable[str], vocab_size: int = 4000) -> MvaemaProcessor:
        """Learn vocabulary and capitals from questions and answers."""
        corpus = list(texts)
        return cls(train_tokenizer(corpus, vocab_size), learn_casing(corpus))

    @property
    def vocab_size(self) -> int:
        """Number of tokens: ``text_config.vocab_size`` of the model."""
        return len(self.tokens)

    def encode_text(self, text: str) -> list[int]:
        """Return the tokens of a text; a typed ``[SEP]`` is plain text."""
        ids: list[int] = self._encode(text)["input_ids"]
        return ids

    def _encode(self, text: str) -> Any:
        return self.tokenizer(
            text,
            add_special_tokens=False,
            split_special_tokens=True,
            return_offsets_mapping=True,
            return_attention_mask=False,
            return_token_type_ids=False,
        )

    def encode_statement(self, question: str, answer: str) -> list[int]:
        """Return ``[CLS] question answer [SEP]`` for contrast and matching."""
        return [self.cls, *self.encode_text(f"{question} {answer}"), self.sep]

    def encode_dialogue(
        self,
        turns: Sequence[Turn],
        question: str,
        answer: str | None = None,
        *,
        max_length: int = 160,
        grounded: Sequence[Span] = (),
    ) -> Dialogue:
        """Return a conversation as the decoder reads it.

        Parameters
        ----------
        turns : sequence of Turn
            Earlier turns, oldest first; the oldest are dropped where they find no room.
        question : str
            The question.
        answer : str, optional
            Its answer, to learn from or to score.
        max_length : int
            Most tokens.
        grounded : sequence of (start, stop)
            Characters of the answer that name something whose place is known.

        Raises
        ------
        QuestionError
            If the question (and answer) alone is longer.
        """
        body = [*self.encode_text(question), self.sep]
        start = len(body)
        marks = [False] * len(body)
        if answer is not None:
            encoded = self._encode(answer)
            body += [*encoded["input_ids"], self.eos]
            marks += [
                any(low < stop and high > begin for begin, stop in grounded)
                for low, high in encoded["offset_mapping"]
            ]
            marks.append(False)
        if 1 + len(body) > max_length:
            raise QuestionError(
                f"The question is too long: {len(body)} tokens where the model takes "
                f"{max_length - 1}; shorten it."
            )
        kept: list[Turn] = []
        earlier: list[int] = []
        for turn in reversed(turns):
            tokens = [
                *self.encode_text(turn.question),
                self.sep,
                *self.encode_text(turn.answer),
                self.sep,
            ]
            if 1 + len(tokens) + len(earlier) + len(body) > max_length:
                break
            earlier = tokens + earlier
            kept.insert(0, turn)
        before = 1 + len(earlier)
        # A position predicts the token after it: move the marks one to the left.
        marks = [*[False] * (before - 1), *marks, False]
        return Dialogue([self.dec, *earlier, *body], before + start, tuple(kept), marks)

    def pad_rows(self, rows: Sequence[Sequence[int]], value: int | None = None) -> Tensor:
        """Return rows padded on the right to one length, (R, L) int64 (``value``: ``[PAD]``)."""
        length = max(map(len, rows))
        filler = self.pad if value is None else value
        return torch.tensor([[*row, *[filler] * (length - len(row))] for row in rows])

    def detokenizer(self) -> Detokenizer:
        """Return a new :class:`.tokenization.Detokenizer` for one answer."""
        return Detokenizer(self.tokens, self.casing, range(8))

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of tokens."""
        detokenizer = self.detokenizer()
        for token in ids:
            detokenizer.push(int(token))
        detokenizer.finish()
        return detokenizer.text

    def save_pretrained(self, folder: str | Path) -> None:
        """Write tokenizer, casing and image processor to a folder."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        self.tokenizer.save_pretrained(str(folder))
        self.image_processor.save_pretrained(folder)
        values = {"processor_class": type(self).__name__, "casing": self.casing}
        text = json.dumps(values, indent=1, ensure_ascii=False)
        (Path(folder) / self.FILE).write_text(text, encoding="utf-8")

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> MvaemaProcessor:
        """Read what :meth:`save_pretrained` wrote."""
        values = json.loads((Path(folder) / cls.FILE).read_text(encoding="utf-8"))
        tokenizer = PreTrainedTokenizerFast.from_pretrained(str(folder), local_files_only=True)
        return cls(tokenizer, values["casing"], MvaemaImageProcessor.from_pretrained(folder))
