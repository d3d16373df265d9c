"""How alike two places are: examples cut into parts, compared part by part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Likeness", "Template", "template_of"]

Floats = NDArray[np.float32]

PARTS = 5
"""Parts along each side of an example, or as many as it has cells."""

_TINY = 1e-9


@dataclass(frozen=True, eq=False)
class Template:
    """What an example looks like, part by part.

    Attributes
    ----------
    parts : (K, F) float32 array
        Features of each part less those of the background.
    weights : (K,) float32 array
        How much of each part lies inside the outline.
    offsets : (K, 2) int array
        Where its centre lies, in cells from the centre of the example.
    block : (int, int)
        Rows and columns of cells of one part.
    """

    parts: Floats
    weights: Floats
    offsets: NDArray[np.int64]
    block: tuple[int, int]

    @property
    def reach(self) -> int:
        """Cells from a place that are looked at to compare it."""
        return int(np.abs(self.offsets).max(initial=0)) + (max(self.block) + 1) // 2

    def response(self, blocks: Floats) -> Floats:
        """Return the cosine between this and the surroundings of each place, (r, c), -1 to 1."""
        rows, columns, _ = blocks.shape
        along = blocks @ self.parts.T
        square = np.einsum("rcf,rcf->rc", blocks, blocks)
        top, size = np.zeros((rows, columns), np.float32), np.zeros((rows, columns), np.float32)
        for k, (weight, offset) in enumerate(zip(self.weights, self.offsets, strict=True)):
            _add_moved(top, weight * along[..., k], offset)
            _add_moved(size, weight * square, offset)
        own = float((self.weights * (self.parts**2).sum(axis=1)).sum())
        result: Floats = top / np.sqrt(size * own + _TINY)
        return result


@dataclass(frozen=True, eq=False)
class Likeness:
    """Compares places with examples and counter-examples.

    Attributes
    ----------
    wanted, unwanted : sequence of Template
        At least one wanted.
    """

    wanted: Sequence[Template]
    unwanted: Sequence[Template] = ()

    @property
    def reach(self) -> int:
        """Cells from a place that are looked at to compare it."""
        return max(each.reach for each in (*self.wanted, *self.unwanted))

    def of(self, grid: Floats, background: Floats) -> Floats:
        """Return how alike each cell of a grid, (r, c, F), is: (r, c) float32, at most 1.

        The mean over the examples, less what a place is closer to a counter-example.
        """
        centred = grid - background
        smooth: dict[tuple[int, int], Floats] = {}

        def response(template: Template) -> Floats:
            if template.block not in smooth:
                smooth[template.block] = block_means(centred, template.block)
            return template.response(smooth[template.block])

        found = np.mean([response(each) for each in self.wanted], axis=0)
        if self.unwanted:
            against = np.max([response(each) for each in self.unwanted], axis=0)
            # Only what is closer to a counter-example than to the examples.
            found = found - np.maximum(against - found, 0)
        return np.asarray(found, np.float32)


def template_of(
    grid: Floats,
    background: Floats,
    box: tuple[float, float, float, float],
    mask: NDArray[np.bool_] | None = None,
) -> Template:
    """Cut an example out of the cells around it.

    Parameters
    ----------
    grid : (r, c, F) float32 array
        Cells of a window that holds the example.
    background : (F,) float32 array
        Mean of the cells of its image.
    box : (float, float, float, float)
        The example in cells of the grid: y0, x0, y1, x1.
    mask : (h, w) bool array, optional
        True inside the outline, on any grid over the box.
    """
    starts, lengths, counts = [], [], []
    for side, cells in enumerate(grid.shape[:2]):
        low = int(np.clip(np.floor(box[side] + 0.25), 0, cells - 1))
        high = int(np.clip(np.ceil(box[side + 2] - 0.25), low + 1, cells))
        starts.append(low)
        lengths.append(high - low)
        counts.append(min(PARTS, high - low))
    block = (max(lengths[0] // counts[0], 1), max(lengths[1] // counts[1], 1))
    blocks = block_means(grid - background, block)
    places = [
        (start + (np.arange(n) + 0.5) * length / n).astype(int)
        for start, length, n in zip(starts, lengths, counts, strict=True)
    ]
    centre = [start + length // 2 for start, length in zip(starts, lengths, strict=True)]
    rows, columns = (axis.ravel() for axis in np.meshgrid(*places, indexing="ij"))
    weights = _covered(mask, counts[0], counts[1]).ravel()
    keep = weights > 0
    return Template(
        np.ascontiguousarray(blocks[rows, columns][keep]),
        weights[keep],
        np.stack([rows - centre[0], columns - centre[1]], axis=1)[keep],
        block,
    )


def block_means(grid: Floats, block: tuple[int, int]) -> Floats:
    """Return the mean of the cells around each, (r, c, F), in blocks of so many."""
    if block == (1, 1):
        return grid
    from scipy.ndimage import uniform_filter1d

    for axis, size in enumerate(block):
        if size > 1:
            grid = uniform_filter1d(grid, size, axis=axis, mode="nearest")
    return grid


def _covered(mask: NDArray[np.bool_] | None, rows: int, columns: int) -> Floats:
    """Share of each part inside the outline; all of them where it is too thin to tell."""
    if mask is None or not mask.any():
        return np.ones((rows, columns), np.float32)
    shares = np.array(
        [
            [cell.mean() if cell.size else 0.0 for cell in np.array_split(band, columns, axis=1)]
            for band in np.array_split(mask, rows, axis=0)
        ],
        np.float32,
    )
    return shares if shares.max() > 0 else np.ones((rows, columns), np.float32)


def _add_moved(total: Floats, values: Floats, offset: NDArray[np.int64]) -> None:
    """Add to each place the value that lies ``offset`` cells from it."""
    into, out = [], []
    for n, step in zip(total.shape, offset.tolist(), strict=True):
        into.append(slice(max(-step, 0), n - max(step, 0)))
        out.append(slice(max(step, 0), n - max(-step, 0)))
    total[tuple(into)] += values[tuple(out)]
