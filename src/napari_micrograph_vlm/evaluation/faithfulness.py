"""Whether the overlay shows what the answer rests on: insertion and deletion curves.

Parts of the picture the size of a cell of the map are blurred, those that the map calls most
important first (deletion), or a blurred picture gets them back in that order (insertion). What is
read off is the probability that the model gives to the true kind of defect. A map that is right
makes it fall sooner, and rise sooner, than the same done in a random order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..datasets.phrasings import PHRASINGS
from ..models.base import Model
from ..regions import Region
from ..results import Question
from ..training.variation import Drawn
from .answers import DEFECT_LABELS
from .found import Case
from .judging import LARGE_SHARE, touched

__all__ = ["SHARES", "area_under", "blurred", "faithfulness_of", "mixed", "steps_of"]

SHARES: tuple[float, ...] = (0.0, 0.03, 0.08, 0.2, 0.5, 1.0)
"""Shares of the cells that are changed; close together where small defects are decided."""

BLUR = 1 / 12
"""Standard deviation of the blur as a share of the picture's shorter side: one image token."""

GRID = (12, 12)


def faithfulness_of(model: Model, one: Drawn, seed: int) -> Iterator[Case]:
    """Measure both curves on one picture with one small kind of defect; nothing on others.

    Yields
    ------
    Case
        Areas under the curves of insertion and deletion, 0 to 1, beside those of a random order.
    """
    mask = one.facts.mask_of()
    if len(one.facts.kinds) != 1 or mask is None or touched(mask, GRID).mean() > LARGE_SHARE:
        return
    said = model.ask(Question(PHRASINGS["defect"][0], (one.region,)))
    values = said.attention[0].values
    rng = np.random.default_rng([seed, 4])
    orders = values, rng.permutation(values.size).reshape(values.shape).astype(np.float32)
    # All curves begin or end with the picture itself and with the blurred one.
    blur = replace(one.region, pixels=blurred(one.region.pixels))
    between = [region for order in orders for region in steps_of(one.region, blur, order)]
    found = model.classify([one.region, blur, *between], DEFECT_LABELS).probabilities
    truth = found[:, DEFECT_LABELS.index(one.facts.kinds[0])].astype(float)
    whole, nothing = truth[:2]
    inner = truth[2:].reshape(2, 2, len(SHARES) - 2)
    curves = np.array(
        [[[nothing, *order[0], whole], [whole, *order[1], nothing]] for order in inner]
    )
    for i, name in enumerate(("insertion", "deletion")):
        area, random = area_under(curves[0, i]), area_under(curves[1, i])
        yield Case(
            "overlay", f"area under the {name} curve", f"seed {seed}", area, {"random": random}
        )


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
    result: NDArray[np.float32] = gaussian(pixels, sigma, channel_axis=colour).astype(np.float32)
    return result


def area_under(curve: NDArray[np.float64]) -> float:
    """Return the area under a curve over :data:`SHARES`."""
    return float(np.trapezoid(curve, SHARES))
