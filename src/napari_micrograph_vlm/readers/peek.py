"""What a file holds, told from its first bytes without reading pixels."""

from __future__ import annotations

import stat
from pathlib import Path

from .formats import HEAD, format_of, missing_modules
from .micrograph import read_micrograph

__all__ = ["is_tiff", "page_count", "picture_shape"]

_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def page_count(path: Path) -> int:
    """Return how many pictures like the first a file holds; 1 where it cannot be read."""
    try:
        if _has_format(path):
            return read_micrograph(path, 0).pages
        if not is_tiff(path):
            return 1
        from .tiff import plane_count

        return plane_count(path)
    except Exception:
        return 1  # reading it says what is wrong with it


def picture_shape(path: Path) -> tuple[int, int] | None:
    """Return height and width of a file's pictures without reading them; None: unreadable."""
    try:
        if _has_format(path):
            return read_micrograph(path, 0).shape
        if is_tiff(path):
            import tifffile

            with tifffile.TiffFile(path) as tiff:
                page = tiff.pages.first
                return int(page.imagelength), int(page.imagewidth)
        from PIL import Image

        with Image.open(path) as picture:
            return picture.height, picture.width
    except Exception:
        return None


def is_tiff(path: Path) -> bool:
    """Whether a regular file begins as a TIFF does.

    Raises
    ------
    OSError
        If it cannot be opened.
    """
    return _head(path).startswith(_TIFF_MAGIC)


def _has_format(path: Path) -> bool:
    kind = format_of(path, _head(path))
    return kind is not None and not missing_modules(kind)


def _head(path: Path) -> bytes:
    # A pipe would wait for somebody to write.
    if not stat.S_ISREG(path.stat().st_mode):
        return b""
    with path.open("rb") as file:
        return file.read(HEAD)
