"""What a file holds, told from its first bytes without reading pixels."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .formats import HEAD, TIFF_MAGIC, Format, format_of, missing_modules
from .micrograph import open_picture, read_micrograph, read_pictures, type_of

__all__ = [
    "Glance",
    "glance",
    "is_tiff",
    "like_first",
    "native",
    "page_count",
    "page_shapes",
    "picture_shape",
]


@dataclass(frozen=True)
class Glance:
    """What is known of a file before its pixels are read.

    Attributes
    ----------
    shapes : tuple of (int, int)
        Height and width of each of its pictures; at least one.
    dtype : dtype
        Of the pixels of the first.
    """

    shapes: tuple[tuple[int, int], ...]
    dtype: np.dtype[Any]

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the first picture."""
        return self.shapes[0]

    @property
    def pages(self) -> int:
        """How many pictures the file holds."""
        return len(self.shapes)


def page_count(path: Path) -> int:
    """Return how many pictures a file holds; 1 where it cannot be read.

    Of a TIFF those like the first are counted; of others see :func:`like_first`.
    """
    try:
        if _format(path) is not None:
            return read_micrograph(path, 0).pages
        if not is_tiff(path):
            return 1
        from .tiff import plane_count

        return plane_count(path)
    except Exception:
        return 1  # reading it says what is wrong with it


def page_shapes(path: Path) -> tuple[tuple[int, int], ...]:
    """Return height and width of each picture of a file; none where it cannot be read."""
    found = glance(path)
    return () if found is None else found.shapes


def like_first(path: Path) -> int:
    """Return how many pictures, from the first on, are as large as it; 1: unreadable."""
    shapes = page_shapes(path)
    unlike = (number for number, shape in enumerate(shapes) if shape != shapes[0])
    return next(unlike, max(len(shapes), 1))


def picture_shape(path: Path) -> tuple[int, int] | None:
    """Return height and width of a file's pictures without reading them; None: unreadable."""
    found = glance(path)
    return None if found is None else found.shape


def glance(path: Path) -> Glance | None:
    """Look at what a file holds; pixels are read only where its format cannot do without."""
    try:
        kind = _format(path)
        if kind is not None and kind.backend == "rosetta":
            from .rosetta import glance as glance_rosetta

            return Glance(*glance_rosetta(path, kind))
        if kind is not None:
            files = read_pictures(path)
            shapes = tuple(file.shape for file in files for _ in range(file.planes))
            return Glance(shapes, native(files[0].array.dtype))
        if is_tiff(path):
            return _glance_tiff(path)
        with open_picture(path) as picture:
            return Glance(((picture.height, picture.width),), type_of(picture))
    except Exception:
        return None  # reading it says what is wrong with it


def _glance_tiff(path: Path) -> Glance:
    import tifffile

    from .tiff import plane_count
    from .tiff_lazy import finished_dtype

    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages.first
        shape = int(page.imagelength), int(page.imagewidth)
        dtype = native(finished_dtype(page))
    return Glance((shape,) * plane_count(path), dtype)


def native(dtype: Any) -> np.dtype[Any]:
    """Return a type of pixels whatever the order of their bytes in the file."""
    found: np.dtype[Any] = np.dtype(dtype).newbyteorder("=")
    return found


def is_tiff(path: Path) -> bool:
    """Whether a regular file begins as a TIFF does.

    Raises
    ------
    OSError
        If it cannot be opened.
    """
    return _head(path).startswith(TIFF_MAGIC)


def _format(path: Path) -> Format | None:
    """Return the format of a file; None of others, and where what it needs is not installed."""
    kind = format_of(path, _head(path))
    return None if kind is None or missing_modules(kind) else kind


def _head(path: Path) -> bytes:
    # A pipe would wait for somebody to write.
    if not stat.S_ISREG(path.stat().st_mode):
        return b""
    with path.open("rb") as file:
        return file.read(HEAD)
