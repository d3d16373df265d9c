"""Strips along the upper and the lower edge of a picture, however large it is."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["grey", "read_strip"]

_MOST = 1e37
_WIDE = 4096
_WINDOWS = 16
_LUMA = (0.299, 0.587, 0.114)


def read_strip(image: Any, start: int, stop: int) -> NDArray[np.float32]:
    """Read some rows of a picture, of a very wide one only windows of its columns.

    Parameters
    ----------
    image : (H, W) or (H, W, 3) array-like
        Only what is needed of it is indexed.
    start, stop : int
        The rows.

    Returns
    -------
    (stop - start, at most 4096) float32 array
        Brightness; values that are not finite become 0.
    """
    width = int(image.shape[1])
    if width <= _WIDE:
        return grey(image[start:stop])
    size = _WIDE // _WINDOWS
    # The same chunks serve every row, so few of a tiled picture are read.
    starts = np.linspace(0, width - size, _WINDOWS).astype(int)
    return np.concatenate([grey(image[start:stop, x : x + size]) for x in starts], axis=1)


def grey(pixels: Any) -> NDArray[np.float32]:
    """Return the brightness of grey or colour pixels, (H, W) float32, NaN and infinities as 0."""
    values = np.asarray(pixels)
    if values.ndim == 3:
        values = values[..., :3] @ np.asarray(_LUMA, np.float32)
    if values.dtype.kind == "f" and values.dtype.itemsize > 4:
        values = np.clip(values, -_MOST, _MOST)
    result: NDArray[np.float32] = values.astype(np.float32)
    if values.dtype.kind == "f":
        result[~np.isfinite(result)] = 0
    return result
