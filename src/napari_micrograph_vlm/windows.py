"""How much of a large array has to be read for a region: which level, which pixels.

A model never sees more than a few thousand pixels along a side. So a region larger than that is
read from a smaller level of its pyramid where there is one, else with a stride, and the samples
are averaged until they take little memory; along rows and columns alike, so that nothing is
squeezed. How large the whole image is never matters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .regions import Box

__all__ = ["LONGEST", "LevelWindow", "level_factors", "level_window", "read_averaged"]

LONGEST = 1536
"""Pixels on a region's longest side that are enough for any model."""

MOST_PIXELS = 4096
"""A side longer than this is read with a stride, so that 4096 to 8191 samples remain of it."""

FEWEST = 32
"""Samples that are left of a narrow strip at least, though its length is reduced by more."""

MOST_VALUES = 20_000_000
"""More samples than this, colours counted, are averaged: each costs several bytes on its way."""

BAND_BYTES = 2**25
"""Samples that are to be averaged are read in bands of this size."""


@dataclass(frozen=True)
class LevelWindow:
    """The part of a pyramid that stands for a region.

    Attributes
    ----------
    level : int
        Which level, 0 being the largest.
    slices : (slice, slice)
        Of its rows and columns.
    box : Box
        What they cover, in level-0 pixels.
    average : (int, int)
        Neighbouring samples along rows and columns that become one.
    """

    level: int
    slices: tuple[slice, slice]
    box: Box
    average: tuple[int, int]


def level_factors(shapes: Sequence[tuple[int, int]]) -> NDArray[np.float64]:
    """Return level-0 pixels on one pixel of each level, (levels, 2), from (H, W) of each."""
    sizes = np.asarray(shapes, float)
    factors: NDArray[np.float64] = sizes[0] / sizes
    return factors


def level_window(
    shapes: Sequence[tuple[int, int]],
    factors: NDArray[np.float64],
    window: Box,
    *,
    longest: int = LONGEST,
    most: int = MOST_PIXELS,
    channels: int = 1,
    within: Box | None = None,
) -> LevelWindow:
    """Choose what to read for a window of level 0.

    Parameters
    ----------
    shapes : sequence of (int, int)
        Rows and columns of each level, largest first.
    factors : (levels, 2) float array
        Level-0 pixels on one pixel of each level; not always whole numbers.
    window : Box
        In level-0 pixels.
    longest : int
        The coarsest level is read that leaves this many pixels on the longest side.
    most : int
        Where a side is longer than this, both are read with a stride.
    channels : int
        Values of one pixel.
    within : Box, optional
        What nothing is read beside, not even the rest of a coarse level's pixel.
    """
    sides = np.array([window[2] - window[0], window[3] - window[1]], float)
    left = (sides / factors).max(axis=1)
    level = int(np.flatnonzero(left >= min(longest, sides.max()) - 1e-6).max())
    starts, counts = [], []
    for side in (0, 1):
        factor, size = factors[level, side], int(shapes[level][side])
        start = min(int(np.floor(window[side] / factor + 1e-6)), size - 1)
        stop = min(int(np.ceil(window[side + 2] / factor - 1e-6)), size)
        if within is not None:
            first = min(int(np.ceil(within[side] / factor - 1e-6)), stop - 1)
            last = max(int(np.floor(within[side + 2] / factor + 1e-6)), start + 1)
            start, stop = max(start, first), min(stop, last)
        starts.append(start)
        counts.append(stop - start)
    strides = [min(max(max(counts) // most, 1), max(count // FEWEST, 1)) for count in counts]
    samples = [count // stride for count, stride in zip(counts, strides, strict=True)]
    for each in range(1, max(samples) + 1):
        average = [min(each, max(count // FEWEST, 1)) for count in samples]
        left_over = [count // part for count, part in zip(samples, average, strict=True)]
        if left_over[0] * left_over[1] * channels <= MOST_VALUES:
            break
    slices, low, high = [], [], []
    for side in (0, 1):
        start, stride = starts[side], strides[side]
        stop = start + counts[side] - counts[side] % (stride * average[side])
        # The middle pixel of each step stands for it, so that nothing moves sideways.
        slices.append(slice(start + stride // 2, stop, stride if stride > 1 else None))
        low.append(round(start * factors[level, side]))
        high.append(round(stop * factors[level, side]))
    box = (low[0], low[1], high[0], high[1])
    return LevelWindow(level, (slices[0], slices[1]), box, (average[0], average[1]))


def read_averaged(
    array: Any, index: tuple[int | slice, ...], average: tuple[int, int]
) -> NDArray[Any]:
    """Read a window band by band and average neighbouring samples.

    Parameters
    ----------
    array : n-D array-like
        May be lazy.
    index : tuple of int and slice
        Two of them slices of a start and a stop, whose lengths ``average`` divides.
    average : (int, int)
        Samples along the first and the second of them that become one.

    Returns
    -------
    (h, w) or (h, w, C) array
        Of the array's own type: whole numbers are rounded.
    """
    first = next(i for i, part in enumerate(index) if isinstance(part, slice))
    rows = range(*index[first].indices(int(array.shape[first])))  # type: ignore[union-attr]
    columns = next(part for part in index[first + 1 :] if isinstance(part, slice))
    width = len(range(columns.start or 0, columns.stop, columns.step or 1))
    item = np.dtype(array.dtype).itemsize * int(np.prod(array.shape[len(index) :], dtype=int))
    band = max(BAND_BYTES // max(width * item, 1) // average[0], 1) * average[0]
    parts = []
    for start in range(0, len(rows), band):
        some = rows[start : start + band]
        window = (*index[:first], slice(some[0], some[-1] + 1, rows.step), *index[first + 1 :])
        parts.append(_averaged(np.asarray(array[window]), average))
    return np.concatenate(parts)


def _averaged(raw: NDArray[Any], average: tuple[int, int]) -> NDArray[Any]:
    height, width = (n // k for n, k in zip(raw.shape, average, strict=False))
    blocks = raw.reshape(height, average[0], width, average[1], *raw.shape[2:])
    if raw.dtype.kind not in "iuf":  # no mean of truths, and none of what is refused later
        middle: NDArray[Any] = blocks[:, average[0] // 2, :, average[1] // 2]
        return middle
    exact = np.float32 if raw.dtype.itemsize <= 2 else np.float64
    means = np.zeros((height, width, *raw.shape[2:]), exact)
    for i in range(average[0]):
        for j in range(average[1]):
            means += blocks[:, i, :, j]
    means /= average[0] * average[1]
    if raw.dtype.kind != "f":
        np.rint(means, out=means)
    return means.astype(raw.dtype)
