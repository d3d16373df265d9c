"""LLaVA-OneVision: the whole picture, then tiles without their padding, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers.models.llava_onevision.image_processing_pil_llava_onevision import (
    LlavaOnevisionImageProcessorPil,
)

from ...attention.token_boxes import TokenBoxes
from ...regions import Region
from ...results import Turn
from ..base import ModelInput
from .anyres import Layout, square_box, square_boxes
from .base import Prompt, Sight
from .chat import Chat, ChatFamily
from .parts import (
    WHOLE,
    load_image_processor,
    load_template,
    load_tokenizer,
    region_picture,
    shown_pixels,
    without_padding,
)
from .tiles import wants_tiles

__all__ = ["FAMILIES", "LlavaOnevision"]


@dataclass(frozen=True, eq=False)
class _Seen:
    """One region as the model gets it.

    Attributes
    ----------
    pixels : (n, 3, side, side) float32 Tensor
        The whole, then the tiles.
    shape : (int, int)
        Rows and columns of the region's pixels.
    boxes : (P, 4) float64 array
        Of the image tokens that show something.
    shown : (N,) bool array
        Which of all its image tokens those are; the others are ends of rows.
    """

    pixels: Tensor
    shape: tuple[int, int]
    boxes: NDArray[np.float64]
    shown: NDArray[np.bool_]


class LlavaOnevision(ChatFamily):
    """LLaVA-OneVision.

    A region that is tiled is given as its publishers give a single picture (whole, stretched to
    a square; then tiles). One that is not, as they give each of several: padded to a square.

    Parameters
    ----------
    chat : Chat
        The chat format.
    image_processor
        ``LlavaOnevisionImageProcessorPil`` of transformers.
    config
        The model's configuration.
    """

    name: ClassVar[str] = "LLaVA-OneVision"
    model_types: ClassVar[tuple[str, ...]] = ("llava_onevision", "llava_onevision_moe")

    def __init__(self, chat: Chat, image_processor: Any, config: Any) -> None:
        self._chat = chat
        self._image_processor = image_processor
        self._side = int(config.vision_config.image_size)
        self._patch = int(config.vision_config.patch_size)
        self._canvases = [list(map(int, each)) for each in config.image_grid_pinpoints]
        self._limit = int(config.vision_aspect_ratio.removeprefix("anyres_max_"))

    @classmethod
    def load(cls, folder: Path, config: Any) -> LlavaOnevision:
        """Build the parts from a checkpoint folder; see :meth:`Family.load`."""
        side = int(config.vision_config.image_size)
        image_processor = load_image_processor(
            folder,
            LlavaOnevisionImageProcessorPil,
            # The model works the tiles out anew from its own settings: both must agree.
            image_grid_pinpoints=config.image_grid_pinpoints,
            size={"height": side, "width": side},
        )
        tokenizer = load_tokenizer(folder)
        chat = Chat(tokenizer, load_template(folder, tokenizer), int(config.image_token_id))
        return cls(chat, image_processor, config)

    def prepare(self, region: Region, tiled: bool | None = None) -> ModelInput:
        """Return what the model would be given for a region: whole, then tiles."""
        use, could = wants_tiles(region, self._side, tiled)
        seen = self._see(region, use)
        layout = self._layout(region)
        shape = region.pixels.shape[:2]
        boxes = [WHOLE, *layout.tile_boxes()] if use else [square_box(shape)]
        views = [
            without_padding(shown_pixels(pixels, self._image_processor), box)
            for pixels, box in zip(seen.pixels, boxes, strict=True)
        ]
        # Of a pyramid level, a pixel is several of the source's.
        level = max(region.shape) / max(shape)
        reduction = level * (layout.scale if use else max(shape) / self._side)
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
        """Put regions and a question into the chat format; see :meth:`Family.prompt`.

        Several regions are tiled only if asked for: the model learnt to see several untiled.
        """
        if len(regions) > 1:
            tiled = bool(tiled)
        uses = [wants_tiles(region, self._side, tiled)[0] for region in regions]
        # The model tells tiled pictures from others only for all at once.
        use = any(uses)
        seen = [self._see(region, use) for region in regions]
        token = self._chat.image_token
        pieces = self._chat.named([token * len(each.shown) for each in seen], regions)
        rendered = self._chat.render(pieces, question, turns, instruction, conditions)
        inputs = rendered.inputs()
        most = max(len(each.pixels) for each in seen)
        inputs["pixel_values"] = torch.stack([_filled(each.pixels, most) for each in seen])
        inputs["image_sizes"] = torch.tensor([each.shape for each in seen])
        # One picture in a sample is what the model takes for tiled, and any other number for
        # not; a single untiled one is therefore announced as two.
        n = len(seen)
        inputs["batch_num_images"] = torch.tensor([1] * n if use else [max(n, 2)])
        sights = tuple(
            Sight(places[each.shown], TokenBoxes(each.boxes))
            for places, each in zip(rendered.places, seen, strict=True)
        )
        return Prompt(inputs, sights, rendered.shared, rendered.question_span)

    def _layout(self, region: Region) -> Layout:
        height, width = region.pixels.shape[:2]
        return Layout.choose(
            (height, width),
            self._canvases,
            side=self._side,
            patch=self._patch,
            limit=self._limit,
        )

    def _see(self, region: Region, tiled: bool) -> _Seen:
        picture = region_picture(region)
        shape = (picture.height, picture.width)
        if not tiled:
            # Two of the same: how the processor is told that they are not to be tiled.
            given = self._image_processor([[picture, picture]], return_tensors="pt")
            boxes = square_boxes(shape, self._side, self._patch)
            shown = np.append(np.ones(len(boxes), bool), False)
            return _Seen(given["pixel_values"][0], shape, boxes, shown)
        given = self._image_processor([picture], return_tensors="pt")
        boxes, shown = self._layout(region).tokens()
        return _Seen(given["pixel_values"][0], shape, boxes, shown)


def _filled(pixels: Tensor, n: int) -> Tensor:
    """Append empty tiles up to ``n``; the model takes them off again."""
    missing = n - len(pixels)
    return torch.cat([pixels, pixels.new_zeros(missing, *pixels.shape[1:])])


FAMILIES = (LlavaOnevision,)
