"""Pages of a TIFF through Pillow: it unpacks LZW and JPEG, for which tifffile needs imagecodecs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import SourceError
from .indexing import select
from .quiet import quiet
from .tiff_lazy import finished_dtype

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
    pages : sequence of tifffile.TiffPage
        As many as there are planes; of one file or several.
    outer : tuple of int
        Lengths of the axes before rows and columns.
    """

    def __init__(self, pages: Sequence[Any], outer: tuple[int, ...]) -> None:
        self.pages = tuple(
            (
                Path(page.parent.filehandle.path),
                int(page.index),
                finished_dtype(page.keyframe),
                page.keyframe.photometric == 0,
            )
            for page in pages
        )
        self.outer = outer
        first = read_page(*self.pages[0])
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
        found = read_page(*self.pages[plane])
        if found.shape != shape:
            raise ValueError(f"{self.pages[plane][0]} is another file now")
        return found


def read_page(
    path: Path, number: int, dtype: np.dtype[Any], white_is_zero: bool = False
) -> NDArray[Any]:
    """Read a page of a TIFF.

    Parameters
    ----------
    path : Path
        The file.
    number : int
        Which page.
    dtype : dtype
        Of its pixels: Pillow gives many types as others, of which some cannot hold the values.
    white_is_zero : bool
        Whether white is 0 in the file, which Pillow turns over for pixels of 8 bits only.

    Returns
    -------
    (H, W) or (H, W, 3) array
        Its pixels.

    Raises
    ------
    SourceError
        If Pillow cannot unpack it either, or not with the values that it holds.
    """
    from PIL import Image

    try:
        # A whole wafer is larger than what Pillow takes for an attack.
        with quiet(Image.DecompressionBombWarning):
            opened = Image.open(path, formats=("TIFF",))
        with opened as image:
            with quiet(Image.DecompressionBombWarning):
                image.seek(number)
            if image.mode not in ("1", "L", "I", "F", "RGB") and image.mode[:4] != "I;16":
                found = np.asarray(image.convert("L" if image.mode in ("LA", "La") else "RGB"))
            else:
                found = np.asarray(image)
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError):
        raise _needs_package(path) from None
    if found.dtype == np.int32 and dtype == np.int16:
        found = found.astype(dtype)
    if found.dtype != dtype or (white_is_zero and dtype.itemsize > 1):
        raise _needs_package(path)
    return found


def _needs_package(path: Path) -> SourceError:
    return SourceError(
        f"{path} is damaged, or packed in a way that needs another package: pip install imagecodecs"
    )
