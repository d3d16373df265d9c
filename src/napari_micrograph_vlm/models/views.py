"""From a region to the pictures a model is given: size, tiles, and what is lost."""

from __future__ import annotations

from math import ceil

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..lengths import readable_length
from ..regions import Region
from .base import ModelInput, View

__all__ = ["describe_loss", "masked_pixels", "prepare_views"]

TILE_ABOVE = 3.0
"""A region reduced more than this is tiled unless the user says otherwise."""

MAX_TILES = 4
"""Most tiles along one side of a region."""


_BAND = 2**20
"""Values that are made whole numbers at a time: a large region shall cost little more."""


def prepare_views(
    region: Region, *, side: int, token: int, tiled: bool | None = None
) -> ModelInput:
    """Cut and resize a region into views whose sides are whole numbers of image tokens.

    Parameters
    ----------
    region : Region
        What the user drew.
    side : int
        Longest side in pixels of a view.
    token : int
        Side of an image token in pixels.
    tiled : bool, optional
        Whether to add tiles; None adds them where the whole is reduced more than threefold.

    Returns
    -------
    ModelInput
        The whole region first, then its tiles row by row. Pixels outside the drawn outline
        carry the mean brightness of those inside, so that the model cannot look at them.
    """
    height, width = region.shape
    reduction = max(height, width) / side
    could_tile = reduction > 1.25
    use_tiles = could_tile and (reduction > TILE_ABOVE if tiled is None else tiled)
    pixels = masked_pixels(region)
    views = [View(_resize(pixels, _view_shape(height, width, side, token)), (0.0, 0.0, 1.0, 1.0))]
    if use_tiles:
        rows = _tiles_along(height, side)
        columns = _tiles_along(width, side)
        for i in range(rows):
            for j in range(columns):
                box = (i / rows, j / columns, (i + 1) / rows, (j + 1) / columns)
                tile = _cut(pixels, box)
                shape = _view_shape(height / rows, width / columns, side, token)
                views.append(View(_resize(tile, shape), box))
        reduction = max(height / rows, width / columns) / side
    return ModelInput(tuple(views), reduction, use_tiles, could_tile)


def describe_loss(region: Region, given: ModelInput) -> str:
    """Say in one short line what the model cannot see.

    Returns
    -------
    str
        Such as ``"details below 38 nm, 4 pixels, are lost: tile?"``; empty where nothing is lost.
    """
    if given.reduction <= 1:
        return ""
    # Two samples a period are needed to see a detail (Nyquist).
    lost = f"{2 * given.reduction:.2g} pixels"
    if region.pixel_size is not None and region.unit != "pixel":
        size = 2 * given.reduction * max(region.pixel_size)
        lost = f"{readable_length(size, unit=region.unit, digits=2)}, {lost},"
    hint = ": tile?" if given.could_tile and not given.tiled else ""
    return f"details below {lost} are lost{hint}"


def _tiles_along(length: float, side: int) -> int:
    return min(max(ceil(length / side - 1e-9), 1), MAX_TILES)


def _view_shape(height: float, width: float, side: int, token: int) -> tuple[int, int]:
    """Shape in pixels, multiples of ``token``, nearest to the region's proportions."""
    longest = max(height, width)
    most = side // token
    rows = min(max(round(most * height / longest), 1), most)
    columns = min(max(round(most * width / longest), 1), most)
    return rows * token, columns * token


def masked_pixels(region: Region) -> NDArray[np.uint8]:
    """Return a region's pixels as colour, (H, W, 3).

    Those outside the drawn outline carry the mean brightness of those inside.
    """
    pixels = region.pixels
    if region.mask is not None:
        # The mean of one channel and of three alike is the same to the last bit.
        mean = (pixels if region.is_rgb else pixels[..., None])[region.mask].mean(axis=0)
        inside = region.mask[..., None] if region.is_rgb else region.mask
        pixels = np.where(inside, pixels, mean if region.is_rgb else mean[0])
    result = np.empty(pixels.shape, np.uint8)
    band = max(_BAND // max(pixels[:1].size, 1), 1)
    for start in range(0, len(pixels), band):
        result[start : start + band] = np.round(pixels[start : start + band] * 255)
    return result if region.is_rgb else result[..., None].repeat(3, axis=2)


def _cut(pixels: NDArray[np.uint8], box: tuple[float, float, float, float]) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    y0, x0, y1, x1 = (
        round(box[0] * height),
        round(box[1] * width),
        round(box[2] * height),
        round(box[3] * width),
    )
    return pixels[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)]


def _resize(pixels: NDArray[np.uint8], shape: tuple[int, int]) -> NDArray[np.uint8]:
    image = Image.fromarray(np.ascontiguousarray(pixels))
    # Reducing with a box first keeps large regions fast and free of aliasing.
    resized = image.resize((shape[1], shape[0]), Image.Resampling.BICUBIC, reducing_gap=3.0)
    return np.asarray(resized)
