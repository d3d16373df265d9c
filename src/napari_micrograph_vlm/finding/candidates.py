"""From a similarity map to places worth a look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..regions import Box
from .fields import Field

__all__ = ["LEAST", "MOST", "Candidate", "SimilarityMap", "candidates_of", "strongest"]

MOST = 100
"""Candidates that are proposed unless the user says otherwise."""

LEAST = 0.25
"""Least similarity of a candidate."""

OVERLAP = 1 / 3
"""A candidate shares at most so much of the smaller with a known place or with a stronger one."""

APART = 0.5
"""Two candidates lie at least so many of their sizes apart, along rows or along columns."""

_SIDE = 1024


@dataclass(frozen=True, eq=False)
class SimilarityMap:
    """How alike each place of a field is to the examples.

    Attributes
    ----------
    field : Field
        Where.
    values : (rows, columns) float32 array
        From 1 (the same) down; one value a cell, the first cell's edge on the field's.
    cell : int
        Side of a cell in full-resolution pixels. The last row and column may reach over the
        field's edge.
    """

    field: Field
    values: NDArray[np.float32]
    cell: int

    @property
    def box(self) -> Box:
        """The window that the cells cover exactly."""
        rows, columns = self.values.shape
        return 0, 0, rows * self.cell, columns * self.cell

    def picture(self, longest: int = _SIDE) -> NDArray[np.float32]:
        """Return it, 0 to 1, smooth and over the field exactly.

        Parameters
        ----------
        longest : int
            Samples on the longer side, at most.
        """
        from scipy.ndimage import map_coordinates

        reduction = max(max(self.field.shape) / longest, 1.0)
        shape = [max(round(n / reduction), 1) for n in self.field.shape]
        at = [
            ((np.arange(n) + 0.5) * size / n) / self.cell - 0.5
            for n, size in zip(shape, self.field.shape, strict=True)
        ]
        smooth = map_coordinates(
            np.maximum(self.values, 0), np.meshgrid(*at, indexing="ij"), order=1, mode="nearest"
        )
        return np.asarray(np.clip(smooth, 0, 1), np.float32)


@dataclass(frozen=True, eq=False)
class Candidate:
    """A place that looks like the examples.

    Attributes
    ----------
    field : Field
        Where.
    box : Box
        A box of the example's size within the field, in full-resolution pixels.
    similarity : float
        At most 1.
    """

    field: Field
    box: Box
    similarity: float


def candidates_of(
    found: SimilarityMap,
    size: tuple[float, float],
    *,
    most: int = MOST,
    least: float = LEAST,
    known: Sequence[Sequence[float]] = (),
) -> list[Candidate]:
    """Return the peaks of a map, strongest first, none on top of another.

    Parameters
    ----------
    found : SimilarityMap
        The map.
    size : (float, float)
        Height and width of a candidate in pixels.
    most, least : int, float
        How many at most, and how alike at least.
    known : sequence of boxes
        Places that are not proposed: the examples themselves, accepted ones among them, and
        what was rejected.
    """
    from scipy.ndimage import maximum_filter

    left = found.values.copy()
    cell, columns = found.cell, left.shape[1]
    for y0, x0, y1, x1 in known:
        a, b = int(y0 // cell), int(x0 // cell)
        left[max(a, 0) : int(np.ceil(y1 / cell)), max(b, 0) : int(np.ceil(x1 / cell))] = -np.inf
    reach = [max(round(APART * n / cell), 1) for n in size]
    peaks: list[Candidate] = []
    taken = [np.asarray(box, float) for box in known]
    # A shoulder of a peak that is out, or of an example, is no peak.
    tops = found.values >= maximum_filter(found.values, 3, mode="nearest")
    order = np.flatnonzero(((left >= least) & tops).ravel())
    order = order[np.argsort(-left.ravel()[order], kind="stable")]
    for flat in order:
        row, column = divmod(int(flat), columns)
        value = float(left[row, column])
        if value < least:
            continue
        if len(peaks) == most:
            break
        peak = _refined(found.values, row, column)
        centre = [(at + 0.5) * cell for at in peak]
        box = _box(centre, size, found.field.shape)
        if _covered(box, taken) > OVERLAP:
            continue
        taken.append(np.asarray(box, float))
        left[
            max(row - reach[0], 0) : row + reach[0] + 1,
            max(column - reach[1], 0) : column + reach[1] + 1,
        ] = -np.inf
        peaks.append(Candidate(found.field, box, value))
    return peaks


def strongest(lists: Sequence[Candidate], most: int = MOST) -> list[Candidate]:
    """Return the most alike of candidates from several fields."""
    return sorted(lists, key=lambda each: -each.similarity)[:most]


def _covered(box: Box, others: Sequence[NDArray[np.float64]]) -> float:
    """Return the largest share of a box that one of others covers, or of that one, if smaller."""
    if not others:
        return 0.0
    low, high = np.array(box[:2], float), np.array(box[2:], float)
    boxes = np.stack(others)
    common = np.minimum(boxes[:, 2:], high) - np.maximum(boxes[:, :2], low)
    shared = np.maximum(common, 0).prod(axis=1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    smaller = np.minimum(areas, (high - low).prod())
    return float((shared / np.maximum(smaller, 1e-9)).max())


def _refined(values: NDArray[np.float32], row: int, column: int) -> tuple[float, float]:
    """Place of a peak between the cells: the top of a parabola along each axis."""
    place = []
    for axis, at in enumerate((row, column)):
        line = values[:, column] if axis == 0 else values[row]
        move = 0.0
        if 0 < at < len(line) - 1:
            before, here, after = (float(v) for v in line[at - 1 : at + 2])
            bend = before - 2 * here + after
            if bend < 0 and max(before, after) <= here:
                move = 0.5 * (before - after) / bend
        place.append(at + move)
    return place[0], place[1]


def _box(centre: Sequence[float], size: Sequence[float], shape: tuple[int, int]) -> Box:
    """Return a whole-numbered box around a centre, pushed into the field."""
    low, high = [], []
    for at, n, most in zip(centre, size, shape, strict=True):
        length = min(max(round(n), 1), most)
        start = min(max(round(at - length / 2), 0), most - length)
        low.append(start)
        high.append(start + length)
    return low[0], low[1], high[0], high[1]
