"""Gemma 3: one square view, whose tokens see each other in both directions."""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt
from pathlib import Path
from typing import Any

import torch

from ...attention.token_boxes import TokenBoxes
from ...regions import Region
from ...results import Turn
from ..base import ModelInput
from .base import Prompt, Sight
from .chat import Chat, ChatFamily
from .parts import (
    WHOLE,
    grid_boxes,
    load_image_processor,
    load_template,
    load_tokenizer,
    region_picture,
)
from .tiles import shown

__all__ = ["FAMILIES", "Gemma3"]


class Gemma3(ChatFamily):
    """Gemma 3: a region is stretched to one square; its proportions are lost.

    The checkpoint's "pan and scan" stays off: its crops have no fixed place in the picture.

    Parameters
    ----------
    chat : Chat
        The chat format.
    image_processor
        ``Gemma3ImageProcessorPil`` of transformers.
    tokens : int
        Image tokens of a region; a square number.
    end : str
        The token that closes an image.
    """

    name = "Gemma 3"
    model_types = ("gemma3",)

    def __init__(self, chat: Chat, image_processor: Any, tokens: int, end: str) -> None:
        self._chat = chat
        self._image_processor = image_processor
        self._tokens = tokens
        self._end = end

    @classmethod
    def load(cls, folder: Path, config: Any) -> Gemma3:
        """Build the parts from a checkpoint folder; see :meth:`Family.load`."""
        from transformers.models.gemma3.image_processing_pil_gemma3 import (
            Gemma3ImageProcessorPil,
        )

        tokenizer = load_tokenizer(folder)
        begin = tokenizer.convert_ids_to_tokens(config.boi_token_id)
        chat = Chat(tokenizer, load_template(folder, tokenizer), config.image_token_id, begin)
        processor = load_image_processor(
            folder, Gemma3ImageProcessorPil, do_pan_and_scan=False, do_convert_rgb=True
        )
        end = tokenizer.convert_ids_to_tokens(config.eoi_token_id)
        return cls(chat, processor, config.mm_tokens_per_image, end)

    def prepare(self, region: Region, tiled: bool | None = None) -> ModelInput:
        """Return what the model would be given for a region: one view of all of it."""
        values = self._image_processor([region_picture(region)], return_tensors="pt")
        return shown(region, values["pixel_values"], [WHOLE], self._image_processor, False)

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
        """Put regions and a question into the chat format; see :meth:`Family.prompt`."""
        image = self._chat.image_token * self._tokens
        piece = f"\n\n{self._chat.placeholder}{image}{self._end}\n\n"
        pieces = self._chat.named([piece] * len(regions), regions)
        rendered = self._chat.render(pieces, question, turns, instruction, conditions)
        inputs = rendered.inputs()
        inputs["token_type_ids"] = (inputs["input_ids"] == self._chat.image_id).long()
        pictures = [region_picture(region) for region in regions]
        given = self._image_processor(pictures, return_tensors="pt")
        inputs["pixel_values"] = torch.as_tensor(given["pixel_values"])
        side = isqrt(self._tokens)
        sights = tuple(
            Sight(places, TokenBoxes(grid_boxes(side, side))) for places in rendered.places
        )
        # Behind the last image token comes its closing mark; line breaks after it may be merged
        # with what follows.
        shared = int(rendered.places[-1][-1]) + 2
        return Prompt(inputs, sights, shared, rendered.question_span)


FAMILIES = (Gemma3,)
