"""Pages of a TIFF through Pillow: it unpacks LZW and JPEG, for which tifffile needs imagecodecs."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import SourceError
from .indexing import select

__all__ = ["PillowPages", "needs_codec", "read_page"]


def needs_codec(error: BaseException) -> bool:
    """Whether tifffile could not unpack pixels for want of a package."""
    return isinstance(error, ImportError) or (
        isinstance(error, ValueError) and "imagecodecs" in str(error)
    )


class PillowPages:
    """Pages of a TIFF as one array; unpacks the pages that are indexed.

    Parameters
    ----------
    path : Path
        The file.
    numbers : sequence of int
        Its pages, as many as there are planes.
    outer : tuple of int
        Lengths of the axes before rows and columns.
    """

    def __init__(self, path: Path, numbers: Sequence[int], outer: tuple[int, ...]) -> None:
        first = read_page(path, numbers[0])
        self.path, self.numbers, self.outer = path, tuple(numbers), outer
        self.shape: tuple[int, ...] = (*outer, *first.shape)
        self.dtype: np.dtype[Any] = first.dtype
        self.ndim = len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def nbytes(self) -> int:
        """Bytes of all pages in memory."""
        return math.prod(self.shape) * self.dtype.itemsize

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[...], dtype)

    def __getitem__(self, index: Any) -> NDArray[Any]:
        chosen = select(index, self.shape)
        outer = chosen[: len(self.outer)]
        page = self.shape[len(self.outer) :]
        planes = [
            self._page(int(np.ravel_multi_index(place, self.outer)), page)
            for place in product(*(part.indices for part in outer))
        ]
        out = np.array(planes, self.dtype).reshape(*(len(part.indices) for part in outer), *page)
        for axis in reversed(range(self.ndim)):
            part = chosen[axis]
            if axis < len(outer):
                out = out[(*(slice(None),) * axis, part.listed)]
            else:
                stretch = out[(*(slice(None),) * axis, slice(part.start, part.stop))]
                out = stretch[(*(slice(None),) * axis, part.within)]
        return out

    def _page(self, plane: int, shape: tuple[int, ...]) -> NDArray[Any]:
        found = read_page(self.path, self.numbers[plane])
        if found.shape != shape:
            raise ValueError(f"{self.path} is another file now")
        return found


def read_page(path: Path, number: int) -> NDArray[Any]:
    """Read a page of a TIFF.

    Returns
    -------
    (H, W) or (H, W, 3) array
        Its pixels.

    Raises
    ------
    SourceError
        If Pillow cannot unpack it either.
    """
    from PIL import Image

    try:
        with warnings.catch_warnings():
            # A whole wafer is larger than what Pillow takes for an attack.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=("TIFF",)) as image:
                image.seek(number)
                if image.mode not in ("1", "L", "I", "F", "RGB") and image.mode[:4] != "I;16":
                    return np.asarray(image.convert("L" if image.mode in ("LA", "La") else "RGB"))
                return np.asarray(image)
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError):
        raise SourceError(
            f"{path} is damaged, or packed in a way that needs another package: "
            "pip install imagecodecs"
        ) from None
