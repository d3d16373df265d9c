"""A confusion matrix as a picture that people can read."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

__all__ = ["confusion_picture"]

# Cividis at 0, 1/8, ... 1: told apart without red and green, and in grey.
_CIVIDIS = np.array(
    [
        (0, 34, 78),
        (26, 56, 111),
        (67, 78, 108),
        (97, 101, 111),
        (125, 124, 120),
        (155, 148, 118),
        (188, 174, 108),
        (222, 201, 88),
        (254, 232, 56),
    ],
    float,
)
_INK, _PAPER, _EMPTY = (32, 32, 32), (255, 255, 255), (236, 236, 236)

_SIDE_ABOVE = ((6, 64), (12, 48), (24, 34), (48, 22), (100, 12))
"""Side of a cell in pixels for so many classes at most."""

_COUNTS_FROM = 22
"""Cells smaller than this have no room for a number."""

_FONTS = ("DejaVuSans.ttf", "Arial.ttf", "arial.ttf", "LiberationSans-Regular.ttf")
_LONGEST = 26
_MOST = 300
_GAP = 10


def confusion_picture(
    confusion: NDArray[np.integer],
    names: Sequence[str],
    *,
    said: str = "found",
    truth: str = "labelled",
) -> NDArray[np.uint8]:
    """Draw how often each class was taken for each.

    Parameters
    ----------
    confusion : (K, K) int array
        Rows: the class given by a person; columns: the class found.
    names : sequence of K str
        The classes; long names are shortened.
    said, truth : str
        What stands over the columns and beside the rows.

    Returns
    -------
    (H, W, 3) uint8 array
        The darkest cell stands for none of its row, the brightest for all; numbers count. Rows
        without any example are grey. Of more than 300 classes the first 300 are shown.
    """
    counts = np.asarray(confusion, np.int64)[:_MOST, :_MOST]
    shown = [_short(name) for name in names[:_MOST]]
    n = len(shown)
    if counts.shape != (n, n):
        raise ValueError(f"{n} classes need a table of {n} x {n}, not {counts.shape}")
    side = next((side for most, side in _SIDE_ABOVE if n <= most), 8)
    font = _font(min(max(side // 2, 9), 15))
    title = _font(15)
    widest = max(_size(font, name)[0] for name in shown)
    line = _size(title, "Ag")[1]
    left, top = line + widest + 3 * _GAP, line + widest + 3 * _GAP
    size = n * side
    width, height = left + size + 2 * _GAP, top + size + 2 * _GAP
    # A narrow table still has room for its title.
    width = max(width, left + _size(title, said)[0] + _GAP)
    height = max(height, top + _size(title, truth)[0] + _GAP)
    picture = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(picture)
    _cells(draw, counts, left, top, side)
    for i, name in enumerate(shown):
        middle = i * side + side // 2
        draw.text((left - _GAP, top + middle), name, _INK, font, anchor="rm")
        _upright(picture, name, font, (left + middle, top - _GAP))
    draw.text((left, _GAP), said, _INK, title, anchor="lt")
    _upright(picture, truth, title, (_GAP + line // 2, top + _size(title, truth)[0]))
    return np.asarray(picture).copy()


def _cells(
    draw: ImageDraw.ImageDraw, counts: NDArray[np.int64], left: int, top: int, side: int
) -> None:
    totals = counts.sum(1)
    for row, column in np.ndindex(*counts.shape):
        count, total = int(counts[row, column]), int(totals[row])
        colour = _colour(count / total) if total else _EMPTY
        x, y = left + column * side, top + row * side
        gap = 1 if side > 10 else 0
        draw.rectangle((x, y, x + side - 1 - gap, y + side - 1 - gap), colour)
        if count and side >= _COUNTS_FROM:
            text = str(count)
            font = _fitting(text, side - 6)
            bright = float(np.dot(colour, (0.299, 0.587, 0.114)))
            ink = _INK if bright > 128 else _PAPER
            draw.text((x + side // 2, y + side // 2), text, ink, font, anchor="mm")


def _colour(share: float) -> tuple[int, int, int]:
    at = np.linspace(0, 1, len(_CIVIDIS))
    red, green, blue = (round(float(np.interp(share, at, part))) for part in _CIVIDIS.T)
    return red, green, blue


def _upright(
    picture: Image.Image, text: str, font: ImageFont.FreeTypeFont, at: tuple[int, int]
) -> None:
    """Write from below upwards; ``at`` is the middle of the text's lower end (x, y)."""
    wide, tall = _size(font, text)
    patch = Image.new("RGB", (wide + 2, tall + 4), _PAPER)
    ImageDraw.Draw(patch).text((1, (tall + 4) // 2), text, _INK, font, anchor="lm")
    turned = patch.rotate(90, expand=True)
    picture.paste(turned, (at[0] - turned.width // 2, at[1] - turned.height))


def _fitting(text: str, room: int) -> ImageFont.FreeTypeFont:
    size = 16
    while size > 7 and _size(_font(size), text)[0] > room:
        size -= 1
    return _font(size)


def _font(size: int) -> ImageFont.FreeTypeFont:
    path = _font_file()
    if path:
        return ImageFont.truetype(path, size)
    found = ImageFont.load_default(size)
    assert isinstance(found, ImageFont.FreeTypeFont)
    return found


@cache
def _font_file() -> str:
    """Return a font with letters such as é and µ, which Pillow's own lacks; empty: none found."""
    places = [*_FONTS]
    matplotlib = find_spec("matplotlib")
    if matplotlib is not None and matplotlib.origin is not None:
        fonts = Path(matplotlib.origin).parent / "mpl-data" / "fonts" / "ttf"
        places.insert(0, str(fonts / "DejaVuSans.ttf"))
    for place in places:
        try:
            ImageFont.truetype(place, 12)
        except OSError:
            continue
        return place
    return ""


def _plain(text: str) -> str:
    """Write what Pillow's own font has no letters for in those it has."""
    known = unicodedata.normalize("NFKD", text.replace("µ", "u").replace("μ", "u"))
    letters = (c for c in known if not unicodedata.combining(c))
    return "".join(c if c.isascii() or c == "…" else "?" for c in letters)


def _size(font: ImageFont.FreeTypeFont, text: str) -> tuple[int, int]:
    x0, y0, x1, y1 = font.getbbox(text or " ")
    return int(np.ceil(x1 - x0)), int(np.ceil(y1 - y0))


def _short(name: str) -> str:
    line = " ".join(name.split())
    line = line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1].rstrip()}…"
    return line if _font_file() else _plain(line)
