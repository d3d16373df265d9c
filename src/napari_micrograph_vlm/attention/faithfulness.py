"""Whether a map shows what an answer rests on: pointing game, insertion and deletion curves.

Parts of the picture the size of a cell of the map are blurred, those that the map calls most
important first (deletion), or a blurred picture gets them back in that order (insertion). What is
read off is how probable the model finds the right answer. A map that is right makes it fall
sooner, and rise sooner, than the same done in a random order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..regions import Region
from .token_boxes import resampled

__all__ = [
    "SHARES",
    "Curves",
    "area_under",
    "blurred",
    "curves_of",
    "mass_inside",
    "mixed",
    "peak_inside",
    "steps_of",
]

SHARES: tuple[float, ...] = (0.0, 0.03, 0.08, 0.2, 0.5, 1.0)
"""Shares of the cells that are changed; close together where small defects are decided."""

BLUR = 1 / 12
"""Standard deviation of the blur as a share of the picture's shorter side: one image token."""


@dataclass(frozen=True)
class Curves:
    """Areas under both curves of one map, 0 to 1.

    Attributes
    ----------
    insertion : float
        Higher is better.
    deletion : float
        Lower is better.
    """

    insertion: float
    deletion: float


def curves_of(
    region: Region,
    orders: Sequence[NDArray[np.float32]],
    probability: Callable[[Sequence[Region]], NDArray[np.float64]],
) -> list[Curves]:
    """Measure both curves of several maps of one picture.

    Parameters
    ----------
    region : Region
        The picture.
    orders : sequence of (rows, columns) float arrays
        The maps; cells with larger values come first.
    probability : callable
        Gives the probability of the right answer, 0 to 1, for each of some pictures, (N,).

    Returns
    -------
    list of Curves
        One for each map.
    """
    blur = replace(region, pixels=blurred(region.pixels))
    # All curves begin or end with the picture itself and with the blurred one.
    between = [changed for order in orders for changed in steps_of(region, blur, order)]
    found = np.asarray(probability([region, blur, *between]), dtype=np.float64)
    whole, nothing = found[:2]
    inner = found[2:].reshape(len(orders), 2, len(SHARES) - 2)
    return [
        Curves(
            area_under(np.array([nothing, *back, whole])),
            area_under(np.array([whole, *gone, nothing])),
        )
        for back, gone in inner
    ]


def steps_of(region: Region, blur: Region, order: NDArray[np.float32]) -> Iterator[Region]:
    """Change a picture step by step: first those of insertion, then those of deletion.

    Parameters
    ----------
    region, blur : Region
        The picture, and the same blurred.
    order : (rows, columns) float array
        Cells with larger values come first.

    Yields
    ------
    Region
        One for each of :data:`SHARES` but the first and the last, for insertion, then deletion.
    """
    ranks = np.empty(order.size, dtype=int)
    ranks[np.argsort(-order.ravel(), kind="stable")] = np.arange(order.size)
    for start, end in ((blur, region), (region, blur)):
        for share in SHARES[1:-1]:
            cells = (ranks < round(share * order.size)).reshape(order.shape)
            yield replace(region, pixels=mixed(start.pixels, end.pixels, cells))


def mixed(
    start: NDArray[np.float32], end: NDArray[np.float32], cells: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Return ``start`` with the pixels of ``end`` in the cells that are True."""
    height, width = start.shape[:2]
    rows = np.arange(height) * cells.shape[0] // height
    columns = np.arange(width) * cells.shape[1] // width
    chosen = cells[rows[:, None], columns[None, :]]
    if start.ndim == 3:
        chosen = chosen[..., None]
    result: NDArray[np.float32] = np.where(chosen, end, start)
    return result


def blurred(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a picture in which no detail of the size of an image token is left."""
    from skimage.filters import gaussian

    sigma = BLUR * min(pixels.shape[:2])
    colour = -1 if pixels.ndim == 3 else None
    result: NDArray[np.float32] = gaussian(  # type: ignore[no-untyped-call]
        pixels, sigma, channel_axis=colour
    ).astype(np.float32)
    return result


def area_under(curve: NDArray[np.float64]) -> float:
    """Return the area under a curve over :data:`SHARES`."""
    return float(np.trapezoid(curve, SHARES))


def peak_inside(values: NDArray[np.float32], mask: NDArray[np.bool_]) -> bool:
    """Whether the largest cell of a map touches a mask of any other grid on the same region."""
    rows, columns = values.shape
    row, column = np.unravel_index(int(values.argmax()), values.shape)
    height, width = mask.shape
    y0, x0 = row * height // rows, column * width // columns
    y1, x1 = -(-(row + 1) * height // rows), -(-(column + 1) * width // columns)
    return bool(mask[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)].any())


def mass_inside(values: NDArray[np.floating], mask: NDArray[np.bool_]) -> float:
    """Return the share of a map, (rows, columns), that lies on a mask, (h, w): 0 to 1.

    A cell counts as far as the mask covers it.
    """
    total = float(values.sum())
    if total <= 0:
        return 0.0
    covered = resampled(mask, values.shape) * values.size / mask.size
    return float((values * covered).sum() / total)
