"""BLIP-2 and InstructBLIP: a Q-Former turns the picture into 32 tokens for a language model.

These tokens have no place in the picture. Where the Q-Former's queries looked while it made them
says what each shows, and the language model's attention is composed with that.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from threading import Event
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

from ...attention.recorder import stoppable
from ...attention.token_boxes import TokenBoxes
from ...errors import QuestionError
from ...regions import Region
from ...results import Turn
from .base import Prompt, Sight
from .parts import grid_boxes, load_image_processor, load_tokenizer, region_picture
from .speaking import SpeakingFamily
from .voices import DecoderVoice, EncoderVoice, Voice, refuse_reserved

__all__ = ["FAMILIES", "Blip2", "InstructBlip"]

_ROOM = 64
"""Tokens left for an answer."""


class Blip2(SpeakingFamily):
    """BLIP-2, asked as in its paper: ``Question: … Answer:``; earlier turns stand before.

    One region in a question: it was taught with one picture.
    """

    name: ClassVar[str] = "BLIP-2"
    model_types: ClassVar[tuple[str, ...]] = ("blip-2",)

    def __init__(
        self, tokenizer: Any, image_processor: Any, config: Any, reader: Any = None
    ) -> None:
        self._tokenizer = tokenizer
        self._image_processor = image_processor
        self._reader = reader
        self._queries = int(config.num_query_tokens)
        # T5 counts positions from each other and has no such limit.
        self._longest = getattr(config.text_config, "max_position_embeddings", None)
        self._longest_read = int(getattr(config.qformer_config, "max_position_embeddings", 512))
        # Old checkpoints name no image token. The id is never looked up: vectors are put there.
        self._image_id = config.image_token_index or tokenizer.pad_token_id or 0
        self._grid = int(config.vision_config.image_size // config.vision_config.patch_size)

    @classmethod
    def load(cls, folder: Path, config: Any) -> Blip2:
        """Build tokenizer and image processor from a checkpoint folder."""
        image_processor = load_image_processor(folder, BlipImageProcessorPil)
        return cls(load_tokenizer(folder), image_processor, config)

    def prompt(
        self,
        regions: Sequence[Region],
        question: str,
        turns: Sequence[Turn] = (),
        *,
        tiled: bool | None = None,
        instruction: str = "",
        conditions: str = "",
    ) -> Prompt:
        """Put image tokens before instruction, earlier turns and question.

        Raises
        ------
        QuestionError
            If they are too long for the model, or hold a word that it reserves.
        """
        question = question.strip()
        refuse_reserved(self._tokenizer, question, instruction, *(t.question for t in turns))
        before, after = self._around(turns)
        if conditions:
            before = f"{conditions} {before}"
        if instruction:
            before = f"{instruction.strip()}\n{before}"
        text = before + question + after
        pictures = [region_picture(region) for region in regions]
        pixels = self._image_processor(pictures, return_tensors="pt")["pixel_values"]
        encoded = self._tokenizer(text, return_offsets_mapping=True)
        ids = [self._image_id] * self._queries + encoded["input_ids"]
        if self._longest is not None and len(ids) + _ROOM > self._longest:
            raise QuestionError(
                "The question with its earlier turns is too long for this model; ask a shorter "
                "one, or start a new conversation."
            )
        start, stop = len(before), len(before) + len(question)
        asked = [
            number
            for number, (first, last) in enumerate(encoded["offset_mapping"], self._queries)
            if first < stop and last > start
        ]
        input_ids = torch.tensor([ids])
        inputs = {
            "input_ids": input_ids,
            "attention_mask": torch.ones_like(input_ids),
            "pixel_values": pixels,
            **self._read_too(text),
        }
        boxes = TokenBoxes(grid_boxes(self._grid, self._grid))
        sights = tuple(Sight(np.arange(self._queries), boxes) for _ in regions)
        return Prompt(inputs, sights, 0, (asked[0], asked[-1] + 1) if asked else (len(ids),) * 2)

    def _around(self, turns: Sequence[Turn]) -> tuple[str, str]:
        """Return what stands before and behind the question."""
        return f"{_dialogue(turns)}Question: ", " Answer:"

    def _read_too(self, text: str) -> dict[str, Tensor]:
        """Return further inputs made of the text."""
        return {}

    def decoder(self, model: nn.Module) -> nn.Module:
        """Return the decoder of the language model."""
        found: nn.Module = model.language_model.get_decoder()  # type: ignore[union-attr,operator]
        return found

    def _voice(
        self, model: Any, prompt: Prompt, cancel: Event | None, *, learning: bool = False
    ) -> Voice:
        """Let the Q-Former look at the picture."""
        with torch.inference_mode(not learning), stoppable(cancel):
            given = {name: value.to(model.device) for name, value in prompt.inputs.items()}
            given["pixel_values"] = given["pixel_values"].to(model.dtype)
            tokens, shares = _look(model, given)
            words = model.get_input_embeddings()(given["input_ids"][:, self._queries :])
            embedded = torch.cat([tokens.to(words.device, words.dtype), words], dim=1)
            talker = model.language_model
            ends = _ends(talker)
            if not talker.config.is_encoder_decoder:
                asked = prompt.question_span[0]
                return DecoderVoice(talker, embedded, range(self._queries), asked, ends, shares)
            mask = given["attention_mask"].to(words.device)
            return _seq2seq(talker, embedded, mask, ends, shares)


class InstructBlip(Blip2):
    """InstructBLIP: the Q-Former reads the question, too. It is asked in plain words."""

    name: ClassVar[str] = "InstructBLIP"
    model_types: ClassVar[tuple[str, ...]] = ("instructblip",)

    @classmethod
    def load(cls, folder: Path, config: Any) -> InstructBlip:
        """Build both tokenizers and the image processor from a checkpoint folder."""
        image_processor = load_image_processor(folder, BlipImageProcessorPil)
        reader = load_tokenizer(folder / "qformer_tokenizer")
        return cls(load_tokenizer(folder), image_processor, config, reader)

    def _around(self, turns: Sequence[Turn]) -> tuple[str, str]:
        return super()._around(turns) if turns else ("", "")

    def _read_too(self, text: str) -> dict[str, Tensor]:
        # What is too long for the Q-Former it reads the beginning of; the language model reads all.
        encoded = self._reader(
            text, return_tensors="pt", truncation=True, max_length=self._longest_read
        )
        return {
            "qformer_input_ids": encoded["input_ids"],
            "qformer_attention_mask": encoded["attention_mask"],
        }


def _dialogue(turns: Sequence[Turn]) -> str:
    return "".join(
        f"Question: {turn.question.strip()} Answer: {turn.answer.strip().rstrip('.')}. "
        for turn in turns
    )


def _look(model: Any, given: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Return image tokens (1, P, C), and of which patches each is made (P, M).

    The latter is the mean over the heads and cross-attention layers of the Q-Former; the class
    token's part is left out and rows sum to 1.
    """
    if model.qformer.config._attn_implementation != "eager":
        # Fast attention gives no weights; here it is over 32 queries only.
        model.qformer.set_attn_implementation("eager")
    kept: list[Tensor] = []
    hooks = [
        layer.crossattention.attention.register_forward_hook(
            lambda _module, _inputs, output: kept.append(output[1])
        )
        for layer in model.qformer.encoder.layer
        if layer.has_cross_attention
    ]
    names = ("pixel_values", "qformer_input_ids", "qformer_attention_mask")
    try:
        seen = model.get_image_features(
            **{name: given[name] for name in names if name in given}, return_dict=True
        )
    finally:
        for hook in hooks:
            hook.remove()
    patches = torch.stack([layer[0].float().mean(0) for layer in kept]).mean(0)[:, 1:]
    return seen.pooler_output, patches / patches.sum(-1, keepdim=True)


def _seq2seq(
    talker: Any, embedded: Tensor, mask: Tensor, ends: tuple[int, ...], shares: Tensor
) -> EncoderVoice:
    """Let the encoder of a language model such as T5 read image tokens and words."""
    if talker.config._attn_implementation != "eager":
        talker.set_attn_implementation("eager")
    read = talker.get_encoder()(inputs_embeds=embedded, attention_mask=mask, return_dict=True)

    def compose(looked: Tensor) -> Tensor:
        return looked[..., : len(shares)] @ shares.to(looked.device)

    return EncoderVoice(
        talker,
        {"encoder_outputs": read, "attention_mask": mask},
        ids="decoder_input_ids",
        start=int(talker.config.decoder_start_token_id),
        ends=ends,
        compose=compose,
    )


def _ends(talker: Any) -> tuple[int, ...]:
    found = talker.generation_config.eos_token_id
    if found is None:
        return ()
    return (int(found),) if isinstance(found, int) else tuple(int(each) for each in found)


FAMILIES = (Blip2, InstructBlip)
