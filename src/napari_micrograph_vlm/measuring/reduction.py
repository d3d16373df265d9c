"""The grid that is measured on: of a large region a coarser one, and what that costs in time."""

from __future__ import annotations

from math import ceil
from threading import Event
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import Cancelled
from .seeds import Floats, Mask

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["SIDE", "go_on", "grid_of", "mask_on", "mean_on"]

SIDE = 2048
"""Longest side of the grid that objects are measured on."""


def go_on(cancel: Event | None) -> None:
    """Raise :class:`.Cancelled` if somebody wants no more."""
    if cancel is not None and cancel.is_set():
        raise Cancelled


def grid_of(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return rows and columns of the grid that a region of so many pixels is measured on."""
    step = max(max(shape[:2]) / SIDE, 1.0)
    return max(round(shape[0] / step), 1), max(round(shape[1] / step), 1)


def mean_on(values: Floats, shape: tuple[int, int]) -> Floats:
    """Return the mean over each place of a coarser grid over the same area.

    Parameters
    ----------
    values : (H, W) or (H, W, 3) float32 array
        Pixels that lie partly in a place count by that part.
    shape : (int, int)
        Rows and columns, at most as many as there are.

    Returns
    -------
    (rows, columns) or (rows, columns, 3) float32 array
    """
    if values.shape[:2] == shape:
        return values
    rows, columns = (_shares(n, m) for n, m in zip(values.shape[:2], shape, strict=True))
    if values.ndim == 3:
        return np.stack([_mean(values[..., i], rows, columns) for i in range(3)], axis=-1)
    return _mean(values, rows, columns)


def mask_on(mask: Mask, shape: tuple[int, int]) -> Mask:
    """Return which places of a coarser grid lie in a mask by at least half."""
    if mask.shape == shape:
        return mask
    return np.asarray(mean_on(mask.astype(np.float32), shape) >= 0.5)


def _mean(values: Floats, rows: csr_array, columns: csr_array) -> Floats:
    found: Any = columns @ (rows @ values).T
    return np.ascontiguousarray(found.T, np.float32)


def _shares(old: int, new: int) -> csr_array:
    """Return (new, old): which share of each new place is of each old one."""
    from scipy.sparse import csr_array

    step = old / new
    # A place reaches over a part of a pixel at either end; one more costs nothing, with share 0.
    first = np.floor(np.arange(new) * step).astype(np.int64)
    at = first[:, None] + np.arange(ceil(step) + 1)
    start = np.arange(new)[:, None] * step
    share = np.clip(np.minimum(at + 1, start + step) - np.maximum(at, start), 0, None) / step
    row = np.broadcast_to(np.arange(new)[:, None], at.shape)
    inside = at < old
    return csr_array((share[inside].astype(np.float32), (row[inside], at[inside])), (new, old))
