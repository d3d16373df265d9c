"""What tells pixels from others: digests of arrays, and the state of files."""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path
from stat import S_ISREG
from typing import Any

import numpy as np

__all__ = ["contents_of", "digest", "file_state", "labels_contents"]

_WHOLE = 2**28
"""Bytes of an array in memory that is digested wholly."""

_SPREAD = 32
"""Places along each axis of a larger one."""

_PATCH = 64
"""Rows and columns of a patch of an array that is not in memory."""

_PATCHES = 5
"""Of them along each of two diagonals."""


def digest(data: bytes) -> str:
    """Return a short digest."""
    return blake2b(data, digest_size=8).hexdigest()


def contents_of(array: Any) -> str | None:
    """Tell arrays apart: in memory by their pixels, others by a few patches; None: no pixels."""
    if type(array) is not np.ndarray:
        return _of_patches(array)
    if array.nbytes > _WHOLE:
        array = array[tuple(slice(None, None, max(1, n // _SPREAD)) for n in array.shape)]
    return _of_all(array)


def labels_contents(labels: Any) -> str | None:
    """Tell labels apart: wholly where they are in memory, for an object may be anywhere."""
    return _of_all(labels) if type(labels) is np.ndarray else _of_patches(labels)


def file_state(path: Path) -> str:
    """Return size and time of change of a file; empty where there is none."""
    try:
        known = path.stat()
    except (OSError, ValueError):
        return ""
    return f"{known.st_size}-{known.st_mtime_ns}" if S_ISREG(known.st_mode) else ""


def _of_all(array: Any) -> str:
    if array.dtype.hasobject:
        return digest(repr(array.tolist()).encode("utf-8", "backslashreplace"))
    kept = blake2b(f"{array.shape} {array.dtype}".encode(), digest_size=8)
    # As bytes, without a copy of an array that may be large.
    kept.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return kept.hexdigest()


def _of_patches(array: Any) -> str | None:
    shape = tuple(np.shape(array))
    if len(shape) < 2 or 0 in shape:
        return None
    kept = blake2b(digest_size=8)
    # Of planes one at a time: each may be read or computed as a whole.
    wide = 3 if len(shape) > 2 and shape[-1] <= 4 else 2
    sides = [1] * (len(shape) - wide) + [_PATCH] * wide
    for share in np.linspace(0, 1, _PATCHES):
        for other in {share, 1 - share}:
            shares = [share] * len(shape)
            shares[-(wide - 1)] = other
            places = [
                round(at * max(n - side, 0))
                for at, n, side in zip(shares, shape, sides, strict=True)
            ]
            index = tuple(slice(at, at + side) for at, side in zip(places, sides, strict=True))
            try:
                patch = np.ascontiguousarray(np.asarray(array[index]))
                kept.update(f"{patch.dtype}".encode() + patch.tobytes())
            except Exception:
                kept.update(b"?")  # reading it says what is wrong with it
    return kept.hexdigest()
