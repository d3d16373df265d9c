"""Small pictures of regions, for tables and reports."""

from __future__ import annotations

from io import BytesIO

import numpy as np

from ..regions import Region

__all__ = ["LONGEST_SIDE", "thumbnail_of"]

LONGEST_SIDE = 160
"""Of a thumbnail, in pixels."""

_QUALITY = 85


def thumbnail_of(region: Region) -> bytes:
    """Return a region as a small JPEG file.

    Returns
    -------
    bytes
        Sides in the region's proportions, the longer at most ``LONGEST_SIDE``.
    """
    from PIL import Image

    pixels = region.pixels
    # Most of a large region is thrown away before anything is computed with it.
    step = max(1, max(pixels.shape[:2]) // (4 * LONGEST_SIDE))
    grey = np.round(pixels[::step, ::step] * 255).astype(np.uint8)
    picture = Image.fromarray(grey)
    height, width = region.shape
    scale = min(1.0, LONGEST_SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if picture.size != size:
        picture = picture.resize(size, Image.Resampling.BOX)
    file = BytesIO()
    picture.save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()
