"""What a page of a TIFF file claims, against what the file holds."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from threading import get_ident
from typing import Any

import numpy as np

from ..errors import SourceError
from .limits import check_claim, check_shape

__all__ = ["all_pages", "check_page"]

_MISSING = ("invalid page offset", "invalid or corrupted file")
"""What tifffile notes in its log, and no more, where pages lie behind the end of a file."""


class _Ear(logging.Handler):
    """Listens to what one thread logs."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.heard: list[str] = []
        self._thread = get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if get_ident() == self._thread:
            self.heard.append(record.getMessage())


@contextmanager
def all_pages(path: Path) -> Iterator[None]:
    """See that a file that is opened meanwhile has all pages that it should have.

    Raises
    ------
    SourceError
        On leaving, if some are missing: what is left would be taken for the whole.
    """
    log, ear = logging.getLogger("tifffile"), _Ear()
    log.addHandler(ear)
    try:
        yield
    finally:
        log.removeHandler(ear)
    if any(sign in text for text in ear.heard for sign in _MISSING):
        raise SourceError(f"{path} is damaged or incomplete: some of its pictures are missing.")


def check_page(path: Path, page: Any) -> None:
    """See that what a page claims can be: its size, and that its pixels lie in the file.

    Parameters
    ----------
    path : Path
        The file.
    page : tifffile.TiffPage
        Opened.

    Raises
    ------
    SourceError
        If its size is impossible, parts are missing or lie behind the end of the file, or one
        part alone does not fit into memory.
    """
    check_shape(path, page.shape)
    expected = _parts(page)
    offsets, counts = page.dataoffsets, page.databytecounts
    if len(offsets) < expected or len(counts) < expected:
        raise SourceError(
            f"{path} is damaged or incomplete: it has {min(len(offsets), len(counts)):,} of "
            f"{expected:,} parts."
        )
    size = path.stat().st_size
    ends = np.asarray(offsets, np.float64) + np.asarray(counts, np.float64)
    behind = int(np.count_nonzero(ends > size))
    if behind:
        raise SourceError(
            f"{path} is damaged or incomplete: the file ends before its pixels do"
            + (f"; {behind:,} of {expected:,} parts are missing." if expected > 1 else ".")
        )
    if page.is_memmappable:
        # Some programs write a wrong length of the pixels, so that only the size counts.
        needed = int(offsets[0]) + int(page.nbytes)
        if needed > size:
            raise SourceError(
                f"{path} is damaged or incomplete: it has {size:,} bytes, and its pixels end at "
                f"{needed:,}."
            )
    else:
        check_claim(path, (*_part_shape(page), page.samplesperpixel), page.dtype or np.uint8)


def _part_shape(page: Any) -> tuple[int, int]:
    if page.is_tiled:
        return int(page.tilelength), int(page.tilewidth)
    return max(min(int(page.rowsperstrip), int(page.imagelength)), 1), int(page.imagewidth)


def _parts(page: Any) -> int:
    height, width = _part_shape(page)
    if min(height, width) < 1:
        return 0
    planes = page.samplesperpixel if page.planarconfig == 2 else 1
    count: int = ceil(page.imagelength / height) * ceil(page.imagewidth / width) * int(planes)
    return count
