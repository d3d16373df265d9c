"""An image larger than a model sees, in tiles; those with nothing on them are left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import SourceError
from ..readers.picture_area import PictureArea
from ..regions import MIN_SIDE, Box

__all__ = ["NOTHING_TO_SEE", "Levels", "Tiles", "levels_of"]

NOTHING_TO_SEE = "There is nothing to see in this tile: it is empty or nearly so."
"""Why an empty tile is skipped."""

SAMPLES = 64
"""Rows and columns of each of the places below."""

_PATCHES = 6
"""Rows and columns of places that the levels of a whole image are taken from."""

_SPREAD = 0.02
"""A tile whose brightness varies less than this share of the whole image's is empty."""


@dataclass(frozen=True)
class Tiles:
    """How an image is cut into tiles.

    Attributes
    ----------
    side : int
        Of a tile, in pixels.
    overlap : int
        Pixels that neighbours share, so that what lies on a border is seen whole by one of them.
    skip_empty : bool
        Whether tiles with nothing on them are left out.

    Raises
    ------
    SourceError
        If the tiles are too small, or would not move on.
    """

    side: int = 1024
    overlap: int = 128
    skip_empty: bool = True

    def __post_init__(self) -> None:
        if self.side < MIN_SIDE:
            raise SourceError(f"A tile has sides of at least {MIN_SIDE} pixels, not {self.side}.")
        if not 0 <= self.overlap <= self.side // 2:
            raise SourceError(
                f"Tiles of {self.side} pixels overlap by 0 to {self.side // 2} pixels, "
                f"not {self.overlap}."
            )

    def boxes(self, shape: tuple[int, int]) -> Iterator[Box]:
        """Cover a plane of ``shape`` row by row; the last tiles end where the plane ends."""
        height, width = shape
        for y in self._starts(height):
            for x in self._starts(width):
                yield y, x, min(y + self.side, height), min(x + self.side, width)

    def count(self, shape: tuple[int, int]) -> int:
        """Return how many tiles cover a plane of ``shape``."""
        return len(self._starts(shape[0])) * len(self._starts(shape[1]))

    def _starts(self, length: int) -> list[int]:
        last = max(length - self.side, 0)
        step = self.side - self.overlap
        return [*range(0, last, step), last]

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return dict(vars(self))


@dataclass(frozen=True)
class Levels:
    """Brightness of a whole plane, from a small part of it.

    Attributes
    ----------
    low, high : float
        The 0.2nd and 99.8th percentile.
    limits : (float, float) or None
        Values shown as black and white in all its tiles alike; None where pixels have limits of
        their own, as 8-bit pictures and colour have.
    """

    low: float
    high: float
    limits: tuple[float, float] | None = None

    def is_empty(self, raw: NDArray[Any]) -> bool:
        """Tell whether a tile shows next to nothing.

        Parameters
        ----------
        raw : (h, w) or (h, w, 3) array
            As they lie in the image.
        """
        # All of it, which is in memory: a particle may be smaller than the gaps of a sample.
        values = raw[np.isfinite(raw)] if raw.dtype.kind == "f" else raw
        if values.size == 0:
            return True
        # Ends, not percentiles: a small particle on nothing is something.
        low, high = float(values.min()), float(values.max())
        return high - low <= _SPREAD * max(self.high - self.low, 0.0)


def levels_of(plane: Any, colour: bool, area: PictureArea | None = None) -> Levels:
    """Take the levels of a plane from patches spread over it.

    Parameters
    ----------
    plane : (H, W) or (H, W, C) array-like
        May lie on disk: only the patches are read.
    colour : bool
        Whether its last axis holds colours.
    area : PictureArea, optional
        The picture without its information bar, whose black and white would count.
    """
    top, left, bottom, right = (0, 0, *plane.shape[:2]) if area is None else area.box
    values = []
    for y in np.linspace(top, max(bottom - SAMPLES, top), _PATCHES).astype(int):
        for x in np.linspace(left, max(right - SAMPLES, left), _PATCHES).astype(int):
            window = slice(y, min(y + SAMPLES, bottom)), slice(x, min(x + SAMPLES, right))
            patch = np.asarray(plane[window]).astype(np.float64)
            values.append(patch[np.isfinite(patch)])
    known = np.concatenate(values)
    if known.size == 0:
        return Levels(0.0, 0.0)
    low, high = (float(v) for v in np.percentile(known, (0.2, 99.8)))
    own = colour or np.dtype(plane.dtype) in (np.uint8, np.bool_) or low == high
    return Levels(low, high, None if own else (low, high))
