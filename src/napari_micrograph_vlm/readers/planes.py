"""Parts of an array that is not read yet: one plane of many, or the colours of its pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Plane", "WithoutTransparency", "locate", "plane_of"]


def locate(counts: Sequence[int], page: int) -> tuple[int, int] | None:
    """Return which of several stacks holds a plane, and its number there; None: none does.

    Parameters
    ----------
    counts : sequence of int
        How many planes each of them has.
    page : int
        Number of the plane, counted through all of them, from 0.
    """
    if page < 0:
        return None
    for which, count in enumerate(counts):
        if page < count:
            return which, page
        page -= count
    return None


def plane_of(array: Any, index: tuple[int, ...]) -> Any:
    """Return one plane of an array, without reading it where the array is lazy.

    Parameters
    ----------
    array : (..., H, W) or (..., H, W, 3) array-like
        NumPy, dask, zarr, or anything that is indexed.
    index : tuple of int
        Where on the axes before rows and columns.
    """
    if not index:
        return array
    # Both hand out a view; others, such as zarr, would read the plane.
    if isinstance(array, np.ndarray) or hasattr(array, "__dask_graph__"):
        return array[index]
    return Plane(array, index)


class Plane:
    """One plane of an array; reads what is indexed."""

    def __init__(self, array: Any, index: tuple[int, ...]) -> None:
        self.array, self.index = array, index
        self.shape = tuple(int(n) for n in array.shape[len(index) :])
        self.dtype = np.dtype(array.dtype)
        self.ndim = len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> NDArray[Any]:
        more = index if isinstance(index, tuple) else (index,)
        return np.asarray(self.array[(*self.index, *more)])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[...], dtype)


class WithoutTransparency:
    """The first three channels of (..., H, W, 4) pixels; reads what is indexed."""

    def __init__(self, array: Any) -> None:
        self.array = array
        self.shape = (*(int(n) for n in array.shape[:-1]), 3)
        self.dtype = np.dtype(array.dtype)
        self.ndim = len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> NDArray[Any]:
        given = index if isinstance(index, tuple) else (index,)
        place = next((i for i, part in enumerate(given) if part is Ellipsis), len(given))
        after = given[place + 1 :]
        between = (slice(None),) * (self.ndim - place - len(after))
        whole = (*given[:place], *between, *after)
        found = np.asarray(self.array[(*whole[:-1], slice(0, 3))])
        return np.asarray(found[..., whole[-1]])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[...], dtype)
