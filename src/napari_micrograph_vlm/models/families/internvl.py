"""InternVL: tiles of a stretched picture, then the whole."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import (
    GotOcr2ImageProcessorPil,
    get_optimal_tiled_canvas,
)

from ...attention.token_boxes import TokenBoxes
from ...regions import Region
from ...results import Turn
from ..base import ModelInput, View
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
    shown_pixels,
)
from .tiles import wants_tiles

__all__ = ["FAMILIES", "InternVL"]

_START, _END = "<img>", "</img>"
# How templates of different ages write a whole picture.
_PLACEHOLDERS = ("<IMG_CONTEXT>", "<image>")


class InternVL(ChatFamily):
    """InternVL 2.5 and later, as converted for transformers.

    The grid of tiles is the one nearest to the region's proportions, to which it is stretched.

    Parameters
    ----------
    chat : Chat
        The chat format.
    image_processor
        ``GotOcr2ImageProcessorPil`` of transformers.
    config
        The model's configuration.
    """

    name: ClassVar[str] = "InternVL"
    model_types: ClassVar[tuple[str, ...]] = ("internvl",)

    def __init__(self, chat: Chat, image_processor: Any, config: Any) -> None:
        self._chat = chat
        self._image_processor = image_processor
        self._side = int(config.vision_config.image_size[0])
        patches = self._side // int(config.vision_config.patch_size[0])
        self._grid = int(patches * config.downsample_ratio)

    @classmethod
    def load(cls, folder: Path, config: Any) -> InternVL:
        """Build the parts from a checkpoint folder; see :meth:`Family.load`."""
        side = int(config.vision_config.image_size[0])
        image_processor = load_image_processor(
            folder, GotOcr2ImageProcessorPil, size={"height": side, "width": side}
        )
        tokenizer = load_tokenizer(folder)
        template = load_template(folder, tokenizer)
        image_id = int(config.image_token_id)
        placeholder = next((each for each in _PLACEHOLDERS if each in template), None)
        return cls(Chat(tokenizer, template, image_id, placeholder), image_processor, config)

    def prepare(self, region: Region, tiled: bool | None = None) -> ModelInput:
        """Return what the model would be given for a region: whole, then tiles."""
        use, could = self._tiling(region, tiled)
        pixels, boxes = self._see(region, use)
        views = [
            View(shown_pixels(each, self._image_processor), box)
            for each, box in zip(pixels, boxes, strict=True)
        ]
        # The model gets the whole last.
        views = [views[-1], *views[:-1]]
        rows, columns = self._canvas(region) if use else (1, 1)
        height, width = region.shape
        reduction = max(height / rows, width / columns) / self._side
        return ModelInput(tuple(views), reduction, use, could)

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
        seen = [self._see(region, self._tiling(region, tiled)[0]) for region in regions]
        boxes = [
            np.concatenate([grid_boxes(self._grid, self._grid, box) for box in each])
            for _, each in seen
        ]
        expansions = [_START + self._chat.image_token * len(each) + _END for each in boxes]
        expansions = self._chat.named(expansions, regions)
        rendered = self._chat.render(expansions, question, turns, instruction, conditions)
        inputs = rendered.inputs()
        inputs["pixel_values"] = torch.cat([pixels for pixels, _ in seen])
        sights = tuple(
            Sight(places, TokenBoxes(each))
            for places, each in zip(rendered.places, boxes, strict=True)
        )
        return Prompt(inputs, sights, rendered.shared, rendered.question_span)

    def _canvas(self, region: Region) -> tuple[int, int]:
        """Return rows and columns of tiles nearest to a region's proportions."""
        part = self._image_processor
        columns, rows = get_optimal_tiled_canvas(
            tuple(region.pixels.shape[:2]),
            (self._side, self._side),
            part.min_patches,
            part.max_patches,
        )
        return rows, columns

    def _tiling(self, region: Region, tiled: bool | None) -> tuple[bool, bool]:
        """Return whether to use tiles, and whether they would show more."""
        use, could = wants_tiles(region, self._side, tiled)
        several = self._canvas(region) != (1, 1)
        return use and several, could and several

    def _see(self, region: Region, tiled: bool) -> tuple[Tensor, list[Box]]:
        """Return what the model gets, (n, 3, side, side), and what part each shows."""
        given = self._image_processor(
            [region_picture(region)], crop_to_patches=tiled, return_tensors="pt"
        )
        pixels: Tensor = given["pixel_values"]
        tiles = _tile_boxes(*self._canvas(region)) if tiled else []
        return pixels, [*tiles, WHOLE]


def _tile_boxes(rows: int, columns: int) -> list[Box]:
    boxes: NDArray[np.float64] = grid_boxes(rows, columns)
    return [(float(a), float(b), float(c), float(d)) for a, b, c, d in boxes]


FAMILIES = (InternVL,)
