"""Pixels of any type as brightness from 0 to 1."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import RegionError

__all__ = ["finite_values", "to_unit_range"]

_PERCENTILES = (0.2, 99.8)

_BAND = 2**20
"""Values that are brought to the range 0 to 1 at a time."""


def to_unit_range(
    raw: NDArray[Any], contrast_limits: tuple[float, float] | None = None
) -> NDArray[np.float32]:
    """Bring pixels of any type to brightness from 0 to 1.

    Parameters
    ----------
    raw : (H, W) or (H, W, 3) array of any number type
        May hold NaN and infinities.
    contrast_limits : (float, float), optional
        Values that become 0 and 1; the first may be the larger. Default: 0 and 255 for 8-bit
        pictures and colour, else the 0.2nd and 99.8th percentile of the finite values.

    Returns
    -------
    (H, W) or (H, W, 3) float32 array
        Values that are not finite become 0.

    Raises
    ------
    RegionError
        If the type is not a real number's, there is no finite value, or all are the same.
    """
    if raw.dtype.kind not in "biuf":
        raise RegionError(
            f"The pixels are of type {raw.dtype}, not real numbers; convert them first."
        )
    inside = finite_values(raw)
    if not inside.size:
        raise RegionError("The region holds no finite value (all NaN); choose another region.")
    low, high = float(inside.min()), float(inside.max())
    if low == high:
        raise RegionError(
            f"Every pixel of the region has the same value ({low:g}); there is nothing to see."
        )
    if not np.isfinite(high - low):  # a span beyond the largest float: same picture, smaller
        return to_unit_range(raw.astype(np.float64) / 4)
    if raw.dtype == bool:
        low, high = 255 * low, 255 * high
    if contrast_limits is None:
        if raw.dtype in (np.uint8, np.bool_):
            contrast_limits = (0.0, 255.0)
        elif raw.ndim == 3:
            contrast_limits = (0.0, 1.0 if high <= 1 else float(high))
        else:
            percentiles = np.percentile(inside, _PERCENTILES)
            contrast_limits = (float(percentiles[0]), float(percentiles[1]))
    black, white = contrast_limits
    if black == white:
        black, white = low, high
    kind = np.float32 if raw.dtype.itemsize <= 2 else np.float64
    result = np.empty(raw.shape, np.float32)
    band = max(_BAND // max(raw[:1].size, 1), 1)
    for start in range(0, len(raw), band):  # what lies between costs several times the pixels
        values = raw[start : start + band].astype(kind)
        if raw.dtype == bool:
            values = values * 255
        unit = (np.where(np.isfinite(values), values, black) - black) / (white - black)
        result[start : start + band] = np.clip(unit, 0, 1)
    return result


def finite_values(raw: NDArray[Any]) -> NDArray[Any]:
    """Return the finite values; no copy where all are."""
    if raw.dtype.kind not in "fc":
        return raw
    finite = np.isfinite(raw)
    return raw if finite.all() else raw[finite]
