"""Small pictures of what was looked at, and where, for a report of bounded size."""

from __future__ import annotations

from base64 import b64encode
from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from ..picture import magma
from ..results import AttentionMap

__all__ = ["as_data", "map_png", "shrunk"]

_LEVELS = 32
_OPACITY = 0.8
_LARGEST_GRID = 16
_SIDES = (128, 96, 64, 48)
_FORMATS = {b"\xff\xd8\xff": "jpeg", b"\x89PNG\r\n\x1a\n": "png", b"RIFF": "webp"}


def as_data(picture: bytes) -> str:
    """Return a picture's file as an address that needs no network; empty where it is none."""
    for start, name in _FORMATS.items():
        if picture.startswith(start):
            return f"data:image/{name};base64,{b64encode(picture).decode()}"
    return ""


def shrunk(picture: bytes, most: int) -> bytes:
    """Return a picture in at most so many bytes, smaller where it must be.

    Parameters
    ----------
    picture : bytes
        A JPEG, PNG or WebP file.
    most : int
        Bytes that may be used.

    Returns
    -------
    bytes
        The picture as it is, a smaller JPEG, or nothing where even 48 pixels on the longer side
        are too many, or it is no picture.
    """
    if len(picture) <= most:
        return picture
    from PIL import Image

    try:
        with Image.open(BytesIO(picture)) as image:
            full = image.convert("RGB" if image.mode != "L" else "L")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return b""
    for side in _SIDES:
        smaller = full.copy()
        smaller.thumbnail((side, side))
        made = BytesIO()
        smaller.save(made, "JPEG", quality=60)
        if made.tell() <= most:
            return made.getvalue()
    return b""


def map_png(attention: AttentionMap) -> bytes:
    """Return a map as a PNG of one pixel a cell, a few hundred bytes.

    The more a place was looked at, the brighter and the less transparent its colour, as in
    :func:`.picture.overlay_picture`. A grid of more than 16 cells a side is averaged.
    """
    from PIL import Image

    shares = attention.values.astype(np.float64)
    for axis in (0, 1):
        cells = shares.shape[axis]
        if cells > _LARGEST_GRID:
            starts = np.arange(_LARGEST_GRID) * cells // _LARGEST_GRID
            sizes = np.diff(np.append(starts, cells))
            sizes = sizes.reshape((-1, 1) if axis == 0 else (1, -1))
            shares = np.add.reduceat(shares, starts, axis=axis) / sizes
    top = shares.max(initial=0)
    scaled = shares / top if np.isfinite(top) and top > 0 else np.zeros_like(shares)
    levels: NDArray[np.float64] = np.round(np.nan_to_num(scaled) * (_LEVELS - 1)).clip(
        0, _LEVELS - 1
    )
    image = Image.fromarray(levels.astype(np.uint8))
    steps = np.linspace(0, 1, _LEVELS, dtype=np.float32)
    image.putpalette(np.round(magma(steps)).astype(np.uint8).tobytes())
    made = BytesIO()
    alpha = np.round(255 * _OPACITY * np.sqrt(steps)).astype(np.uint8).tobytes()
    image.save(made, "PNG", transparency=alpha, optimize=True)
    return made.getvalue()
