"""Phi-3-vision's way of giving a picture: enlarged, padded, cut into square tiles.

Reimplements the published ``image_processing_phi3_v.py``, which needs torchvision: the picture is
enlarged to the largest size that fits a number of square tiles, padded with white along its shorter
side, and cut; the whole is the padded picture reduced to one square.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

__all__ = ["Layout", "Phi3Pictures", "layout_of"]

_MEAN = (0.48145466, 0.4578275, 0.40821073)
_STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True)
class Layout:
    """How a picture lies on its tiles; all lengths in pixels of the tiles.

    Attributes
    ----------
    rows, columns : int
        Number of tiles.
    height, width : int
        Size of the enlarged picture.
    top, left : int
        Padding before it.
    side : int
        Side of a tile.
    """

    rows: int
    columns: int
    height: int
    width: int
    top: int
    left: int
    side: int

    def box(self, y0: float, x0: float, y1: float, x1: float) -> tuple[float, float, float, float]:
        """Return fractions of the padded picture as fractions of the picture itself."""
        down, across = self.rows * self.side, self.columns * self.side
        return (
            (y0 * down - self.top) / self.height,
            (x0 * across - self.left) / self.width,
            (y1 * down - self.top) / self.height,
            (x1 * across - self.left) / self.width,
        )


def layout_of(height: int, width: int, *, side: int, most: int) -> Layout:
    """Choose the tiles of a picture.

    Parameters
    ----------
    height, width : int
        Size of the picture.
    side : int
        Side of a tile.
    most : int
        Largest number of tiles.
    """
    if width < height:
        turned = layout_of(width, height, side=side, most=most)
        return Layout(
            turned.columns,
            turned.rows,
            turned.width,
            turned.height,
            turned.left,
            turned.top,
            side,
        )
    ratio = width / height
    columns = 1
    while (columns + 1) * ceil((columns + 1) / ratio) <= most:
        columns += 1
    # A very thin picture would otherwise vanish.
    low = max(int(columns * side / ratio), 1)
    rows = ceil(low / side)
    return Layout(rows, columns, low, columns * side, (rows * side - low) // 2, 0, side)


class Phi3Pictures:
    """Makes the tensors of a picture.

    Parameters
    ----------
    settings : dict
        The checkpoint's ``preprocessor_config.json``: ``num_crops``, ``image_mean``, ``image_std``.
    side : int
        Side of the vision tower's pictures in pixels.
    """

    do_normalize = True
    do_rescale = True
    rescale_factor = 1 / 255

    def __init__(self, settings: dict[str, Any], side: int) -> None:
        self.side = side
        self.most = int(settings.get("num_crops", 16))
        self.image_mean = tuple(settings.get("image_mean", _MEAN))
        self.image_std = tuple(settings.get("image_std", _STD))

    def layout(self, size: tuple[int, int], tiled: bool | None) -> Layout:
        """Return how a picture of (height, width) lies; one tile where ``tiled`` is False."""
        height, width = size
        return layout_of(height, width, side=self.side, most=1 if tiled is False else self.most)

    def views(self, picture: Image.Image, layout: Layout) -> Tensor:
        """Return the whole and its tiles row by row, (1 + rows * columns, 3, side, side)."""
        padded = self._normalised(_padded(picture, layout))
        whole = nn.functional.interpolate(
            padded[None], size=(self.side, self.side), mode="bicubic", align_corners=False
        )
        tiles = padded.reshape(3, layout.rows, self.side, layout.columns, self.side)
        tiles = tiles.permute(1, 3, 0, 2, 4).reshape(-1, 3, self.side, self.side)
        return torch.cat([whole, tiles])

    def _normalised(self, pixels: NDArray[np.uint8]) -> Tensor:
        scaled = torch.from_numpy(pixels.copy()).permute(2, 0, 1).float() / 255
        mean = torch.tensor(self.image_mean)[:, None, None]
        std = torch.tensor(self.image_std)[:, None, None]
        return (scaled - mean) / std


def _padded(picture: Image.Image, layout: Layout) -> NDArray[np.uint8]:
    """Return the picture enlarged amid white, (rows * side, columns * side, 3)."""
    # As published, an upright picture is laid on its side while it is resized.
    upright = picture.width < picture.height
    turn = Image.Transpose.TRANSPOSE
    lying = picture.transpose(turn) if upright else picture
    size = (layout.height, layout.width) if upright else (layout.width, layout.height)
    resized = lying.resize(size, Image.Resampling.BILINEAR)
    resized = resized.transpose(turn) if upright else resized
    side = layout.side
    canvas = Image.new("RGB", (layout.columns * side, layout.rows * side), (255, 255, 255))
    canvas.paste(resized, (layout.left, layout.top))
    return np.asarray(canvas)
