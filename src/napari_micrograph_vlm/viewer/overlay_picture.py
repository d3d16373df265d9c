"""From an attention map to a picture that can lie on a micrograph without hiding it."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from napari.utils import Colormap
from napari.utils.colormaps import ensure_colormap
from numpy.typing import NDArray

from ..results import AttentionMap

__all__ = ["fading_colormap", "smooth_map"]

_SAMPLES = 288
"""About this many samples on the longest side: smooth on a screen, cheap to upload."""

_CLEAR_BELOW, _FULL_ABOVE = 0.12, 0.6
"""Shares of the largest attention at which colour begins and is complete."""


def smooth_map(
    attention: AttentionMap, mask: NDArray[np.bool_] | None = None
) -> NDArray[np.float32]:
    """Enlarge a map smoothly without moving its peak.

    Parameters
    ----------
    attention : AttentionMap
        (rows, columns) cells.
    mask : (H, W) bool array, optional
        The region's mask on any grid; samples outside become NaN.

    Returns
    -------
    (rows * k, columns * k) float32 array
        ``k`` is odd, so that each cell has a sample at its centre, and that of the largest cell
        is 1 and the only largest sample. Cubic in between, clipped to 0 and 1.
    """
    cells = attention.scaled()
    k = int(np.clip(_SAMPLES // max(cells.shape), 3, 31)) // 2 * 2 + 1
    rows, columns = cells.shape
    raw = _weights(rows, k) @ cells @ _weights(columns, k).T
    below_one = np.nextafter(np.float32(1), np.float32(0))
    fine: NDArray[np.float32] = np.clip(raw, 0, below_one).astype(np.float32)
    row, column = (cell * k + k // 2 for cell in attention.peak)
    if mask is not None:
        keep = mask[np.ix_(*(_nearest(fine.shape[side], mask.shape[side]) for side in (0, 1)))]
        fine[~keep] = np.nan
        row, column = _kept_near(keep, row, column, k)
    if cells.max(initial=0) > 0 and np.isfinite(fine[row, column]):
        fine[row, column] = 1
    return fine


@lru_cache(maxsize=16)
def fading_colormap(name: str) -> Colormap:
    """Return a napari colour map that is transparent where attention is low.

    Parameters
    ----------
    name : str
        Any colour map of napari; take a perceptually uniform one such as ``"magma"``.

    Raises
    ------
    KeyError
        If napari does not know it.
    """
    values = np.linspace(0, 1, 256)
    colors = np.array(ensure_colormap(name).map(values), float)
    ramp = np.clip((values - _CLEAR_BELOW) / (_FULL_ABOVE - _CLEAR_BELOW), 0, 1)
    # Smooth at both ends: a kink would be read as an outline.
    colors[:, 3] = ramp * ramp * (3 - 2 * ramp)
    return Colormap(
        colors,
        name=f"{name} (fading)",
        display_name=f"{name} (fading)",
        nan_color=np.zeros(4),
    )


def _weights(n: int, k: int) -> NDArray[np.float32]:
    """Cubic (Catmull-Rom) weights, (n * k, n): they pass through every cell's own value."""
    at = (np.arange(n * k) - k // 2) / k
    base = np.floor(at).astype(int)
    t = at - base
    taps = (
        (-t + 2 * t**2 - t**3) / 2,
        (2 - 5 * t**2 + 3 * t**3) / 2,
        (t + 4 * t**2 - 3 * t**3) / 2,
        (-(t**2) + t**3) / 2,
    )
    weights = np.zeros((n * k, n), np.float32)
    for shift, tap in enumerate(taps, start=-1):
        np.add.at(weights, (np.arange(n * k), np.clip(base + shift, 0, n - 1)), tap)
    return weights


def _nearest(samples: int, size: int) -> NDArray[np.int64]:
    """Index on a grid of ``size`` below the centre of each of ``samples`` over the same span."""
    return ((np.arange(samples) + 0.5) * size / samples).astype(np.int64)


def _kept_near(keep: NDArray[np.bool_], row: int, column: int, k: int) -> tuple[int, int]:
    """Kept sample of the peak cell that is nearest to its centre; the centre if none is."""
    top, left = row - k // 2, column - k // 2
    rows, columns = np.nonzero(keep[top : top + k, left : left + k])
    if not len(rows):
        return row, column
    nearest = int(((rows - k // 2) ** 2 + (columns - k // 2) ** 2).argmin())
    return top + int(rows[nearest]), left + int(columns[nearest])
