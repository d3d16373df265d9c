"""Pictures that are cut into tiles: whether to, and what each of them shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from ...regions import Region
from ..base import ModelInput, View
from ..views import TILE_ABOVE
from .parts import Box, shown_pixels

__all__ = ["shown", "wants_tiles"]

# Reducing by less than this loses nothing that tiles would bring back.
_WORTH = 1.25


def wants_tiles(region: Region, side: float, tiled: bool | None) -> tuple[bool, bool]:
    """Decide whether a region is cut into tiles.

    Parameters
    ----------
    region : Region
        What the user drew.
    side : float
        Longest side in pixels of the view of the whole region.
    tiled : bool, optional
        What the user wants; None: tiles where the whole is reduced more than threefold.

    Returns
    -------
    use, could : bool
        Whether to cut it, and whether tiles would show more than the whole.
    """
    reduction = max(region.pixels.shape[:2]) / side
    could = reduction > _WORTH
    return could and (reduction > TILE_ABOVE if tiled is None else tiled), could


def shown(
    region: Region,
    pictures: Sequence[Tensor],
    boxes: Sequence[Box],
    image_processor: Any,
    could_tile: bool,
) -> ModelInput:
    """Describe what a model is given for a region.

    Parameters
    ----------
    region : Region
        What the user drew.
    pictures : sequence of (3, h, w) Tensor
        What the image encoder gets, without padding: the whole, then tiles.
    boxes : sequence of (float, float, float, float)
        The part of the region each shows.
    image_processor
        Tells mean, deviation and scale.
    could_tile : bool
        Whether tiling shows more detail than the whole.
    """
    views = tuple(
        View(shown_pixels(picture, image_processor), box)
        for picture, box in zip(pictures, boxes, strict=True)
    )
    height, width = region.shape
    finest = views[-1]
    y0, x0, y1, x1 = finest.box
    rows, columns = finest.pixels.shape[:2]
    reduction = max(height * (y1 - y0) / rows, width * (x1 - x0) / columns)
    return ModelInput(views, reduction, len(views) > 1, could_tile)
