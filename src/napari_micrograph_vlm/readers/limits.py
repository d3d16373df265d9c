"""What a file may be and may claim before it is opened: nothing here reads pixels.

A file can say in a few bytes that it holds terabytes. Pixels that are read piece by piece cost
nothing until they are looked at, so such a file is opened; only where they would have to lie in
memory all at once are they compared with what is free.
"""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import SourceError

__all__ = [
    "LAZY_ABOVE",
    "MOST_PIXELS_A_SIDE",
    "check_claim",
    "check_shape",
    "ordinary_path",
]

LAZY_ABOVE = 64 * 2**20
"""Pixels of more bytes than this are read where they are indexed."""

MOST_PIXELS_A_SIDE = 2**31
"""No detector or stage scan comes near it; a longer side is a damaged file."""

_SHARE = 0.5
"""Part of the free memory that one picture may take."""

_WORKING = 2.0
"""While it is read, a picture lies in memory up to twice."""


def ordinary_path(path: str | os.PathLike[str]) -> Path:
    """Return the path of a file or folder that can be opened without waiting for anybody.

    Raises
    ------
    SourceError
        If there is none, it is a pipe, a device or a circle of links, or a folder that is not to be
        read.
    """
    try:
        found = Path(path)
        if not os.path.lexists(found):  # a copy may be called "~a.tif"
            found = found.expanduser()
        kind = found.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise SourceError(f"There is no file {shown(path)}.") from None
    except OSError as error:
        raise SourceError(f"{shown(path)} cannot be read: {error.strerror or error}.") from None
    except (RuntimeError, ValueError) as error:  # no such home; a zero in the name
        raise SourceError(f"“{shown(path)}” is no path: {error}.") from None
    if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
        raise SourceError(f"{shown(path)} is a pipe or a device, not a picture.")
    if stat.S_ISDIR(kind) and not os.access(found, os.R_OK | os.X_OK):
        raise SourceError(f"The folder {shown(path)} cannot be read; see to its permissions.")
    return found


def shown(path: str | os.PathLike[str]) -> str:
    """Return a path as it can be printed: a name may hold bytes that are no text, or new lines."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def check_shape(path: Path, shape: Iterable[int]) -> None:
    """See that a shape can be a picture's.

    Raises
    ------
    SourceError
        If a side is 0, negative or longer than any picture's.
    """
    sides = tuple(int(n) for n in shape)
    if any(n < 1 for n in sides):
        raise SourceError(
            f"{path} holds no pixels: its size is given as {_times(sides)}; save it again from "
            "the program that wrote it."
        )
    if any(n > MOST_PIXELS_A_SIDE for n in sides):
        raise SourceError(
            f"{path} is damaged: its size is given as {_times(sides)}, which no picture has."
        )


def check_claim(path: Path, shape: Iterable[int], dtype: Any, *, hint: str = "") -> None:
    """See that pixels that have to lie in memory all at once fit there.

    Parameters
    ----------
    path : Path
        The file that holds them.
    shape, dtype
        What it says they are.
    hint : str
        What to do instead; by default to save the picture in a form that is read in parts.

    Raises
    ------
    SourceError
        If the shape is impossible, or the pixels would take more than half of the free memory.
    """
    from ..models.memory import free_memory, readable_bytes

    sides = tuple(int(n) for n in shape)
    check_shape(path, sides)
    needed = math.prod(sides) * np.dtype(dtype).itemsize * _WORKING
    if needed < 2**26:
        return
    free = free_memory("cpu").free
    if needed > free * _SHARE:
        hint = hint or "save it as a tiled TIFF or zarr, which is read in parts"
        raise SourceError(
            f"{path} would take {readable_bytes(needed / _WORKING)} of memory for "
            f"{_times(sides)} pixels, and {readable_bytes(free)} are free; {hint}."
        )


def _times(sides: tuple[int, ...]) -> str:
    return " x ".join(f"{n:,}" for n in sides)
