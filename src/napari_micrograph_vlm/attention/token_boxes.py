"""Which part of a region each image token shows, and from values of tokens to a map."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["MAX_CELLS", "TokenBoxes", "resampled"]

MAX_CELLS = 96
"""Most cells along one side of a map."""


@dataclass(frozen=True, eq=False)
class TokenBoxes:
    """The part of a region that each image token shows.

    Attributes
    ----------
    boxes : (N, 4) float64 array
        y0, x0, y1, x1 as fractions of the region's sides. What lies outside 0 to 1 is padding and
        counts for nothing; boxes may overlap, as those of a thumbnail and of tiles do.
    """

    boxes: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.boxes)

    @cached_property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of the finest map: those of the smallest boxes."""
        heights = self.boxes[:, 2] - self.boxes[:, 0]
        widths = self.boxes[:, 3] - self.boxes[:, 1]
        rows = int(np.clip(round(1 / heights.min()), 1, MAX_CELLS))
        columns = int(np.clip(round(1 / widths.min()), 1, MAX_CELLS))
        return rows, columns

    def spread(
        self, values: NDArray[np.floating], shape: tuple[int, int] | None = None
    ) -> NDArray[np.float32]:
        """Spread the value of each token evenly over its box.

        Parameters
        ----------
        values : (N,) array
            One value a token, not negative.
        shape : (int, int), optional
            Rows and columns of the map; :attr:`grid` by default.

        Returns
        -------
        (rows, columns) float32 array
            Sums to 1 where any value inside the region is positive, else to 0.
        """
        rows, columns = shape or self.grid
        along_y = _shares(self.boxes[:, 0], self.boxes[:, 2], rows)
        along_x = _shares(self.boxes[:, 1], self.boxes[:, 3], columns)
        cells = np.einsum("n,nr,nc->rc", np.asarray(values, np.float64), along_y, along_x)
        total = cells.sum()
        result: NDArray[np.float32] = (cells / total if total > 0 else cells).astype(np.float32)
        return result


def resampled(values: NDArray[Any], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Bring a map to another grid, keeping its sum: each cell's share goes where it lies."""
    rows, columns = (_overlaps(n, to) for n, to in zip(values.shape, shape, strict=True))
    result: NDArray[np.float64] = rows @ values.astype(np.float64) @ columns.T
    return result


def _overlaps(fine: int, coarse: int) -> NDArray[np.float64]:
    """Share of each of ``fine`` intervals of 0 to 1 in each of ``coarse``, (coarse, fine)."""
    edges = np.arange(fine + 1) / fine
    return _shares(edges[:-1], edges[1:], coarse).T


def _shares(start: NDArray[np.float64], stop: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Return which share of each interval lies in each of ``n`` cells, (N, n)."""
    edges = np.linspace(0, 1, n + 1)
    low = np.maximum(start[:, None], edges[None, :-1])
    high = np.minimum(stop[:, None], edges[None, 1:])
    length = np.maximum(stop - start, 1e-12)[:, None]
    result: NDArray[np.float64] = np.maximum(high - low, 0) / length
    return result
