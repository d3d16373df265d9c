"""Files that hold several pictures, each perhaps a stack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ..errors import SourceError
from .micrograph import MicrographFile
from .planes import locate

__all__ = ["chosen"]


def chosen(path: Path, pictures: Sequence[MicrographFile], page: int | None) -> MicrographFile:
    """Return the first picture, or one plane of any.

    Parameters
    ----------
    path : Path
        The file.
    pictures : sequence of MicrographFile
        All that it holds; at least one.
    page : int or None
        Number of a plane, counted through all pictures, from 0.

    Raises
    ------
    SourceError
        If there is none of this number.
    """
    counts = [picture.planes for picture in pictures]
    total = sum(counts)
    if page is None:
        return replace(pictures[0], pages=total)
    place = locate(counts, page)
    if place is None:
        plural = "picture" if total == 1 else "pictures"
        raise SourceError(f"{path} holds {total} {plural}, none of number {page}.")
    which, number = place
    return replace(pictures[which].plane(number), pages=total)
