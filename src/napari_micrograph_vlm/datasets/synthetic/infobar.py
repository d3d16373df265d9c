"""Information bars, scale bars and panel letters as microscopes and journals burn them in."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from .geometry import Mask

Bytes = NDArray[np.uint8]


@lru_cache(maxsize=64)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def nice_length(pixel_nm: float, width: int, share: float) -> tuple[int, str]:
    """Choose a round length for a scale bar.

    Parameters
    ----------
    pixel_nm : float
        Size of a pixel in nanometres.
    width : int
        Width of the picture in pixels.
    share : float
        Largest share of the width that the bar may take.

    Returns
    -------
    pixels : int
        Length of the bar.
    text : str
        The length with its unit, such as ``"500 nm"`` or ``"2 µm"``.
    """
    target = max(pixel_nm * width * share, 1e-6)
    power = 10.0 ** np.floor(np.log10(target))
    nm = max(step * power for step in (1, 2, 5) if step * power <= target)
    if nm >= 1e6:
        text = f"{nm / 1e6:g} mm"
    elif nm >= 1e3:
        text = f"{nm / 1e3:g} µm"
    else:
        text = f"{nm:g} nm"
    return max(1, round(nm / pixel_nm)), text


def information_bar(
    rng: np.random.Generator, width: int, rows: int, pixel_nm: float
) -> tuple[Bytes, str]:
    """Draw the strip with instrument settings below a picture.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    width, rows : int
        Size of the strip in pixels.
    pixel_nm : float
        Size of a pixel in nanometres.

    Returns
    -------
    strip : (rows, width) uint8 array
    text : str
        The length written at the scale bar.
    """
    dark = rng.random() < 0.8
    paper, ink = (int(rng.integers(0, 40)), 255) if dark else (int(rng.integers(200, 256)), 0)
    image = Image.new("L", (width, rows), paper)
    draw = ImageDraw.Draw(image)
    size = int(np.clip(rows * 0.5, 7, 24))
    font = _font(size)
    length, text = nice_length(pixel_nm, width, rng.uniform(0.15, 0.3))
    left = int(width * 0.97) - length
    middle = rows // 2
    thick = max(1, rows // 14)
    label = draw.textlength(_ascii(text), font=font)
    if rng.random() < 0.5:
        draw.rectangle((left, int(rows * 0.78), left + length, int(rows * 0.78) + thick), fill=ink)
        draw.text((left + length / 2 - label / 2, rows * 0.08), _ascii(text), fill=ink, font=font)
        end = min(left, int(left + length / 2 - label / 2))
    else:
        draw.rectangle((left, middle, left + length, middle + thick - 1), fill=ink)
        for x in (left, left + length):
            draw.line((x, middle - rows // 5, x, middle + rows // 5), fill=ink, width=thick)
        draw.text(
            (left - label - size * 0.5, middle - size * 0.6), _ascii(text), fill=ink, font=font
        )
        end = int(left - label - size * 0.5)
    day, month, year = (int(rng.integers(*r)) for r in ((1, 29), (1, 13), (5, 26)))
    date = f"{day:02d}/{month:02d}/20{year:02d}"
    facts = [
        f"{rng.choice([1, 2, 3, 5, 10, 15, 20]):.1f} kV",
        f"x{int(rng.choice([500, 1000, 2500, 5000, 10000, 25000, 50000, 100000])):,}",
        f"WD {rng.uniform(2, 15):.1f} mm",
        str(rng.choice(["SE2", "InLens", "SE(M)", "ETD", "TLD", "BSE"])),
        date,
    ]
    cursor = width * 0.015
    for index in rng.permutation(len(facts)):
        extent = draw.textlength(facts[index], font=font)
        if cursor + extent > end - size:
            break
        draw.text((cursor, middle - size * 0.6), facts[index], fill=ink, font=font)
        cursor += extent + size
    return np.array(image), text


def _ascii(text: str) -> str:
    """Spell what Pillow's built-in font lacks: microscopes too often write um."""
    return text.replace("µ", "u")


def _free(busy: Mask, box: tuple[int, int, int, int]) -> bool:
    top, left, bottom, right = box
    return not busy[top:bottom, left:right].any()


def annotate(
    rng: np.random.Generator,
    image: Bytes,
    busy: Mask,
    pixel_nm: float,
    letter: bool,
    scale: bool,
) -> tuple[Mask, dict[str, str]]:
    """Burn a panel letter or a scale bar into corners where no defect lies.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    image : (H, W) uint8 array
        Changed in place.
    busy : (H, W) bool array
        Pixels that must stay visible.
    pixel_nm : float
        Size of a pixel in nanometres.
    letter, scale : bool
        What to draw.

    Returns
    -------
    hidden : (H, W) bool array
        Pixels that were painted over.
    facts : dict
        What was written: ``"label"`` and ``"scale_bar"`` where drawn.
    """
    rows, columns = image.shape
    hidden = np.zeros(image.shape, bool)
    facts: dict[str, str] = {}
    picture = Image.fromarray(image)
    draw = ImageDraw.Draw(picture)
    side = min(rows, columns)
    if letter:
        size = int(np.clip(side * rng.uniform(0.07, 0.13), 8, 90))
        sign = str(rng.choice(list("abcdefgh")))
        text = str(rng.choice([f"{sign})", f"({sign})", sign, sign.upper()]))
        font = _font(size)
        wide, tall = int(draw.textlength(text, font=font) + size * 0.4), int(size * 1.25)
        left = 0 if rng.random() < 0.75 else columns - wide
        box = (0, left, tall, left + wide)
        style = int(rng.integers(0, 3))
        if _free(busy, box):
            if style < 2:
                draw.rectangle((left, 0, left + wide - 1, tall - 1), fill=(255, 0)[style])
                hidden[0:tall, left : left + wide] = True
            corner = image[0:tall, left : left + wide]
            light = corner.mean() if style == 2 else (255, 0)[style]
            draw.text((left + size * 0.2, 0), text, fill=0 if light > 140 else 255, font=font)
            hidden[0:tall, left : left + wide] = True
            facts["label"] = text
    if scale:
        size = int(np.clip(side * rng.uniform(0.045, 0.08), 8, 48))
        font = _font(size)
        length, text = nice_length(pixel_nm, columns, rng.uniform(0.18, 0.32))
        gap, thick = max(2, size // 3), max(2, size // 4)
        wide = int(max(length, draw.textlength(_ascii(text), font=font))) + 2 * gap
        tall = int(size * 1.3) + thick + 2 * gap
        left = columns - wide if rng.random() < 0.7 else 0
        top = rows - tall
        box = (top, left, rows, left + wide)
        if top > rows // 2 and wide < columns * 0.6 and _free(busy, box):
            corner = image[top:rows, left : left + wide]
            ink = 0 if corner.mean() > 140 else 255
            if rng.random() < 0.5:
                draw.rectangle((left, top, left + wide - 1, rows - 1), fill=255 - ink)
            bar = left + (wide - length) // 2
            draw.rectangle((bar, rows - gap - thick, bar + length - 1, rows - gap), fill=ink)
            place = left + (wide - draw.textlength(_ascii(text), font=font)) / 2
            draw.text((place, top + gap / 2), _ascii(text), fill=ink, font=font)
            hidden[top:rows, left : left + wide] = True
            facts["scale_bar"] = text
    image[:] = np.asarray(picture)
    return hidden, facts
