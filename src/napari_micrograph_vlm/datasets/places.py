"""Where in a picture a mask lies, and masks on grids of other sizes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["ACROSS", "PLACES", "SPREAD", "Mask", "on_grid", "place_of", "sides_of"]

Mask = NDArray[np.bool_]

ACROSS = "across the picture"
SPREAD = "spread over the picture"

_PLACES = (
    ("at the top left", "at the top", "at the top right"),
    ("on the left", "in the centre", "on the right"),
    ("at the bottom left", "at the bottom", "at the bottom right"),
)
PLACES: tuple[str, ...] = (*(name for row in _PLACES for name in row), ACROSS, SPREAD)

LONG = 0.7
"""A defect longer than this share of the picture's side runs across it and has no one place."""


def place_of(mask: Mask) -> str:
    """Name the place of a mask on a grid of three by three.

    Parameters
    ----------
    mask : (h, w) bool array
        At least one pixel is True.
    """
    if _extent(mask) > LONG:
        return ACROSS
    rows, columns = np.nonzero(mask)
    row = int(3 * (rows.mean() + 0.5) / mask.shape[0])
    column = int(3 * (columns.mean() + 0.5) / mask.shape[1])
    return _PLACES[row][column]


def on_grid(mask: Mask, side: int) -> Mask:
    """Bring a mask to a grid of ``side`` by ``side`` cells; a cell is True where any pixel is.

    The grid covers the picture whatever its proportions, so that masks can be kept in one array.
    """
    return _along(_along(mask, side).T, side).T


def _along(mask: Mask, side: int) -> Mask:
    """Change the number of rows to ``side``."""
    height = mask.shape[0]
    if height <= side:
        nearest: Mask = mask[np.arange(side) * height // side]
        return nearest
    starts = np.arange(side) * height // side
    return np.logical_or.reduceat(mask, starts, axis=0)


def _extent(mask: Mask) -> float:
    """Longer side of the bounding box, each as a share of the picture's own side."""
    return max(sides_of(mask))


def sides_of(mask: Mask) -> tuple[float, float]:
    """Return height and width of the bounding box as shares of the picture's."""
    rows, columns = np.nonzero(mask.any(axis=1))[0], np.nonzero(mask.any(axis=0))[0]
    if not len(rows):
        return 0.0, 0.0
    return (
        float(rows[-1] - rows[0] + 1) / mask.shape[0],
        float(columns[-1] - columns[0] + 1) / mask.shape[1],
    )
