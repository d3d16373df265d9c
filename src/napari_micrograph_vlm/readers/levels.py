"""Smaller versions of a picture: which arrays of a file may be taken for them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["smaller_versions"]


def smaller_versions(
    shape: Sequence[int], dtype: Any, others: Sequence[Any], outer: int = 0
) -> tuple[Any, ...]:
    """Return the arrays that may be a picture at fewer pixels, largest first.

    A thumbnail of another type has other grey values, and one of other proportions shows something
    else.

    Parameters
    ----------
    shape, dtype
        Of the picture: (..., H, W) or (..., H, W, 3).
    others : sequence of array-like
        What the file holds beside it.
    outer : int
        How many axes lie before rows and columns; a smaller version may have fewer planes.
    """
    found = [
        other
        for other in others
        if len(other.shape) == len(shape)
        and np.dtype(other.dtype) == np.dtype(dtype)
        and all(1 <= n <= whole for n, whole in zip(other.shape, shape, strict=True))
        and other.shape[outer + 2 :] == tuple(shape[outer + 2 :])
        and _same_sides(other.shape[outer : outer + 2], shape[outer : outer + 2])
    ]
    return tuple(sorted(found, key=lambda other: -math.prod(other.shape)))


def _same_sides(small: Sequence[int], large: Sequence[int]) -> bool:
    """Whether the sides have the same ratio, to a pixel of the smaller."""
    factor = large[0] / small[0]
    return factor > 1 and abs(large[1] / factor - small[1]) <= 1
