"""Qwen2-VL, Qwen2.5-VL and Qwen3-VL: pictures of any proportions, one grid of image tokens."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from ...attention.token_boxes import TokenBoxes
from ...errors import RegionError
from ...regions import Region
from ...results import Turn
from ..base import ModelInput
from ..views import TILE_ABOVE
from .base import Prompt, Sight, whole_view
from .chat import Chat, ChatFamily
from .parts import (
    grid_boxes,
    load_image_processor,
    load_template,
    load_tokenizer,
    region_picture,
    shown_pixels,
)

__all__ = ["FAMILIES", "QwenVL"]

FEWEST, USUAL, MOST = 256, 1280, 5120
"""Image tokens of one region: a small one is enlarged to the first, as its publishers advise
(a map of a handful of cells would show nothing); the second unless asked for full detail."""

_LONGEST_RATIO = 200
# Enlarging or reducing by less than this is not worth the wait.
_WORTH = 1.25


class QwenVL(ChatFamily):
    """Qwen2-VL and its successors.

    A picture is stretched to whole image tokens with its proportions kept as far as they allow.
    There are no tiles: full detail means more tokens.

    Parameters
    ----------
    chat : Chat
        The chat format.
    image_processor
        ``Qwen2VLImageProcessorPil`` of transformers.
    """

    name: ClassVar[str] = "Qwen-VL"
    model_types: ClassVar[tuple[str, ...]] = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3_vl_moe")

    def __init__(self, chat: Chat, image_processor: Any) -> None:
        self._chat = chat
        self._image_processor = image_processor
        self._token = int(image_processor.patch_size * image_processor.merge_size)

    @classmethod
    def load(cls, folder: Path, config: Any) -> QwenVL:
        """Build the parts from a checkpoint folder; see :meth:`Family.load`."""
        from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import (
            Qwen2VLImageProcessorPil,
        )

        tokenizer = load_tokenizer(folder)
        chat = Chat(tokenizer, load_template(folder, tokenizer), config.image_token_id)
        return cls(chat, load_image_processor(folder, Qwen2VLImageProcessorPil))

    def prepare(self, region: Region, tiled: bool | None = None) -> ModelInput:
        """Return what the model would be given for a region: one view of all of it."""
        detailed, could = self._detail(region, tiled)
        patches, grid = self._patches(region, detailed)
        pixels = shown_pixels(self._picture(patches, grid), self._image_processor)
        height, width = region.shape
        reduction = max(height / pixels.shape[0], width / pixels.shape[1])
        return ModelInput((whole_view(pixels),), reduction, detailed, could)

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
        seen = [self._patches(region, self._detail(region, tiled)[0]) for region in regions]
        merge = self._image_processor.merge_size
        cells = [(int(grid[1]) // merge, int(grid[2]) // merge) for _, grid in seen]
        token = self._chat.image_token
        pieces = self._chat.named([token * (rows * columns) for rows, columns in cells], regions)
        rendered = self._chat.render(pieces, question, turns, instruction, conditions)
        inputs = rendered.inputs()
        inputs["mm_token_type_ids"] = (inputs["input_ids"] == self._chat.image_id).int()
        inputs["pixel_values"] = torch.cat([patches for patches, _ in seen])
        inputs["image_grid_thw"] = torch.stack([grid for _, grid in seen])
        sights = tuple(
            Sight(places, TokenBoxes(grid_boxes(rows, columns)))
            for places, (rows, columns) in zip(rendered.places, cells, strict=True)
        )
        return Prompt(inputs, sights, rendered.shared, rendered.question_span)

    def _detail(self, region: Region, tiled: bool | None) -> tuple[bool, bool]:
        """Return whether to use the larger number of tokens, and whether it would show more."""
        usual, most = self._pixels(USUAL), self._pixels(MOST)
        height, width = region.pixels.shape[:2]
        reduction = (height * width / usual) ** 0.5
        could = most > usual and reduction > _WORTH
        return could and (reduction > TILE_ABOVE if tiled is None else tiled), could

    def _pixels(self, tokens: int) -> int:
        """Return how many pixels so many tokens show, within what the checkpoint allows."""
        return min(tokens * self._token**2, int(self._image_processor.size["longest_edge"]))

    def _patches(self, region: Region, detailed: bool) -> tuple[Tensor, Tensor]:
        """Return patches (N, features) and their grid (frames, rows, columns), (3,)."""
        height, width = region.pixels.shape[:2]
        if max(height, width) > _LONGEST_RATIO * min(height, width):
            raise RegionError(
                f"The region of {height} x {width} pixels is too long and narrow for this model; "
                f"draw one less than {_LONGEST_RATIO} times as long as wide."
            )
        longest = self._pixels(MOST if detailed else USUAL)
        # Far enough apart that whole tokens can be found between the two.
        least = min(self._token**2 * FEWEST, longest // 4)
        least = max(least, self._image_processor.size["shortest_edge"])
        given = self._image_processor(
            [region_picture(region)],
            size={"shortest_edge": least, "longest_edge": longest},
            return_tensors="pt",
        )
        return given["pixel_values"], given["image_grid_thw"][0]

    def _picture(self, patches: Tensor, grid: Tensor) -> Tensor:
        """Put patches together again, (3, h, w)."""
        part = self._image_processor
        side, merge = part.patch_size, part.merge_size
        rows, columns = int(grid[1]), int(grid[2])
        # Patches come in blocks of merge x merge, each with its frames.
        blocks = patches.reshape(
            rows // merge, columns // merge, merge, merge, 3, part.temporal_patch_size, side, side
        )[:, :, :, :, :, 0]
        return blocks.permute(4, 0, 2, 5, 1, 3, 6).reshape(3, rows * side, columns * side)


FAMILIES = (QwenVL,)
