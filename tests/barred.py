"""Pictures with an information bar."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

BAR = 24
"""Rows of the bar."""

SCALE_BAR = 50
"""Pixels of the scale bar in it."""


def barred(shape: tuple[int, int] = (160, 240), seed: int = 0) -> NDArray[np.uint8]:
    """Return a noisy picture whose last rows are a black bar with white text and a scale bar."""
    height, width = shape
    noise = np.random.default_rng(seed).integers(60, 200, shape, dtype=np.uint8)
    strip = Image.new("L", (width, BAR), 0)
    draw = ImageDraw.Draw(strip)
    draw.text((6, 6), "SEM 15 kV WD 8.1 mm", fill=255)
    left, middle = width - SCALE_BAR - 20, BAR // 2
    draw.line([(left, middle), (left + SCALE_BAR - 1, middle)], fill=255)
    for x in (left, left + SCALE_BAR - 1):
        draw.line([(x, middle - 4), (x, middle + 4)], fill=255)
    noise[height - BAR :] = np.asarray(strip)
    return noise
