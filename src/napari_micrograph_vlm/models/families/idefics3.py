"""Idefics3 and SmolVLM: square tiles and a view of the whole, one grid of tokens each."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...attention.token_boxes import TokenBoxes
from ...regions import Region
from ...results import Turn
from ..base import ModelInput
from .base import Prompt, Sight
from .chat import Chat, ChatFamily
from .parts import (
    WHOLE,
    Box,
    grid_boxes,
    load_image_processor,
    load_template,
    load_tokenizer,
    region_picture,
)
from .tiles import shown, wants_tiles

__all__ = ["FAMILIES", "Idefics3"]

_FAKE = "<fake_token_around_image>"
_WHOLE = "<global-img>"


class Idefics3(ChatFamily):
    """Idefics3 and SmolVLM.

    A region is stretched to a square; where tiles show more, also to whole tiles of that size,
    with its proportions kept as far as they allow.

    Parameters
    ----------
    chat : Chat
        The chat format.
    image_processor
        ``Idefics3ImageProcessorPil`` of transformers.
    tokens : int
        Image tokens along one side of a tile.
    """

    name = "Idefics3 and SmolVLM"
    model_types = ("idefics3", "smolvlm")

    def __init__(self, chat: Chat, image_processor: Any, tokens: int) -> None:
        self._chat = chat
        self._image_processor = image_processor
        self._tokens = tokens
        self._side: int = image_processor.max_image_size["longest_edge"]

    @classmethod
    def load(cls, folder: Path, config: Any) -> Idefics3:
        """Build the parts from a checkpoint folder; see :meth:`Family.load`."""
        from transformers.models.idefics3.image_processing_pil_idefics3 import (
            Idefics3ImageProcessorPil,
        )

        tokenizer = load_tokenizer(folder)
        chat = Chat(tokenizer, load_template(folder, tokenizer), config.image_token_id)
        # SmolVLM's image processor is a copy of Idefics3's.
        processor = load_image_processor(folder, Idefics3ImageProcessorPil)
        side = processor.max_image_size["longest_edge"]
        return cls(chat, processor, side // config.vision_config.patch_size // config.scale_factor)

    def prepare(self, region: Region, tiled: bool | None = None) -> ModelInput:
        """Return what the model would be given for a region: whole, then tiles."""
        use, could = wants_tiles(region, self._side, tiled)
        values, rows, columns = self._pictures(region, use)
        boxes = _boxes(rows, columns)
        # The model gets the whole last; people see it first.
        order = [len(boxes) - 1, *range(len(boxes) - 1)]
        return shown(
            region,
            [values[i] for i in order],
            [boxes[i] for i in order],
            self._image_processor,
            could,
        )

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
        given = [
            self._pictures(region, wants_tiles(region, self._side, tiled)[0]) for region in regions
        ]
        pieces = [self._expansion(rows, columns) for _, rows, columns in given]
        pieces = self._chat.named(pieces, regions)
        rendered = self._chat.render(pieces, question, turns, instruction, conditions)
        inputs = rendered.inputs()
        inputs["pixel_values"] = torch.cat([values for values, _, _ in given])[None]
        n = self._tokens
        sights = []
        for places, (_, rows, columns) in zip(rendered.places, given, strict=True):
            boxes = [grid_boxes(n, n, box) for box in _boxes(rows, columns)]
            sights.append(Sight(places, TokenBoxes(np.concatenate(boxes))))
        # Behind the last image token comes its closing mark, the same for every question.
        shared = int(rendered.places[-1][-1]) + 2
        return Prompt(inputs, tuple(sights), shared, rendered.question_span)

    def _expansion(self, rows: int, columns: int) -> str:
        """Return what stands in the prompt for a region: tiles row by row, then the whole."""
        image = self._chat.image_token * self._tokens**2
        text = ""
        for i in range(1, rows + 1):
            text += "".join(f"{_FAKE}<row_{i}_col_{j}>{image}" for j in range(1, columns + 1))
            text += "\n"
        return f"{text}{chr(10) if text else ''}{_FAKE}{_WHOLE}{image}{_FAKE}"

    def _pictures(self, region: Region, split: bool) -> tuple[Tensor, int, int]:
        """Return tiles and whole, (n, 3, side, side), and how many tiles stand down and across."""
        # The checkpoints enlarge every picture to the most tiles; that shows nothing more. A few
        # pixels too many are not worth a tile.
        tiles = max(ceil(max(region.pixels.shape[:2]) / self._side - 0.05), 1)
        given = self._image_processor(
            [region_picture(region)],
            do_image_splitting=split,
            size={
                "longest_edge": min(self._image_processor.size["longest_edge"], tiles * self._side)
            },
            return_row_col_info=True,
            return_tensors="pt",
        )
        return given["pixel_values"][0], int(given["rows"][0][0]), int(given["cols"][0][0])


def _boxes(rows: int, columns: int) -> list[Box]:
    """Return the part of a region that each picture shows: tiles row by row, then the whole."""
    tiles: list[Box] = [
        (i / rows, j / columns, (i + 1) / rows, (j + 1) / columns)
        for i in range(rows)
        for j in range(columns)
    ]
    return [*tiles, WHOLE]


FAMILIES = (Idefics3,)
