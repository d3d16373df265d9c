"""Which mark is the scale bar, and which of the lengths in the text is its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .lines import marks_in
from .text import Box, Settings, Word
from .ticks import Mark

__all__ = ["mark_in_bar", "mark_in_picture"]

_LEAST_PIXELS = 12
_LEAST_SHARE = 0.02
_FARTHEST = 7.0
_LONGEST = 5e6
_LEVELS = (0.5, 0.35)
_USUAL = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 7.5, 8, 9)


def mark_in_bar(
    ink: NDArray[np.float32], settings: Settings, words: Sequence[Word]
) -> tuple[Mark, float | None] | None:
    """Find the scale bar of an information bar, and its length in nanometres if it is written.

    Parameters
    ----------
    ink : (H, W) float32 array
        The bar alone, from 0, its ground, to 1, the colour of its text.
    settings, words
        What was read in it, with boxes in its pixels.
    """
    # Rows that are a blend of bar and picture join what stands below them.
    for row in (0, 1, len(ink) - 1, len(ink) - 2):
        if np.median(ink[row]) > 0.2:
            ink[row] = 0
    plain = None
    for level in _LEVELS:
        found = _nearest(_usable(ink, level), settings, words, alone=True)
        if found is not None and found[1] is not None:
            return found
        plain = plain or found
    return plain


def _usable(ink: NDArray[np.float32], level: float = 0.5, width: int | None = None) -> list[Mark]:
    least = max(_LEAST_PIXELS, _LEAST_SHARE * (width or ink.shape[1]))
    return [
        mark
        for mark in marks_in(ink, least, level)
        # A thin line in the outermost rows is the bar's frame.
        if mark.box[2] - mark.box[0] > 1 or 1 < mark.box[0] < len(ink) - 2
    ]


def _nearest(
    marks: list[Mark], settings: Settings, words: Sequence[Word], *, alone: bool
) -> tuple[Mark, float | None] | None:
    """Return the mark and the length that belong together, or the one mark there is."""
    free = [
        mark
        for mark in marks
        if mark.kind == "dots"
        or not any(_covers(w.box, mark.box) for w in words if len(w.text) > 2)
    ]
    pairs = [
        (_distance(mark, word.box), index, mark, nm)
        for index, (mark, nm, word) in enumerate(
            (mark, nm, word) for mark in free for nm, word in settings.scales
        )
        # 108 nm and 100 mm are on no scale bar: misread.
        if _is_usual(nm) and nm <= _LONGEST
    ]
    best = min(pairs, default=None)
    if best is not None and best[0] <= _FARTHEST:
        return best[2], best[3]
    if not alone:
        return None
    for kind in ("ticks", "dots", "block"):
        of_kind = [mark for mark in free if mark.kind == kind]
        if len(of_kind) == 1:
            return of_kind[0], None
    return None


def _distance(mark: Mark, box: Box) -> float:
    """Return how far a mark is from a word, in heights of the word."""
    y0, x0, y1, x1 = box
    height = max(y1 - y0, 1.0)
    down = max(mark.box[0] - y1, y0 - mark.box[2], 0.0)
    aside = max(mark.box[1] - x1, x0 - mark.box[3], 0.0)
    return (2 * down + aside) / height + (0.5 if mark.kind == "block" else 0.0)


def _covers(word: Box, mark: Box) -> bool:
    """Whether a mark is a stroke of a word, and not a line that a word was read across."""
    y0, x0, y1, x1 = word
    middle = (mark[0] + mark[2]) / 2
    within = y0 + 0.15 * (y1 - y0) < middle < y1 - 0.15 * (y1 - y0)
    return within and min(x1, mark[3]) - max(x0, mark[1]) > 0.85 * (mark[3] - mark[1])


def _is_usual(nm: float) -> bool:
    digits = nm / 10 ** np.floor(np.log10(nm))
    return bool(min(abs(digits - usual) for usual in _USUAL) < 0.001)


def mark_in_picture(
    pixels: NDArray[np.float32], settings: Settings
) -> tuple[Mark, float | None] | None:
    """Find a scale bar in a picture, near its length and in the colour of the letters.

    Parameters
    ----------
    pixels : (H, W) float32 array
        The picture.
    settings
        What was read in it, with boxes in its pixels.
    """
    height, width = pixels.shape
    span = float(pixels.max() - pixels.min())
    best: tuple[float, Mark, float] | None = None
    for nm, word in settings.scales:
        y0, x0, y1, x1 = word.box
        tall = max(y1 - y0, 4.0)
        rows = slice(max(int(y0 - 3 * tall), 0), min(int(y1 + 3 * tall) + 1, height))
        columns = slice(max(int(x0 - 0.4 * width), 0), min(int(x1 + 0.4 * width) + 1, width))
        letters = pixels[max(int(y0), 0) : int(y1) + 1, max(int(x0), 0) : int(x1) + 1]
        if min(letters.shape) < 3:
            continue
        ring = [letters[0], letters[-1], letters[:, 0], letters[:, -1]]
        ground = float(np.median(np.concatenate(ring)))
        low, high = (float(value) for value in np.percentile(letters, (2, 98)))
        level = high if high - ground > ground - low else low
        if abs(level - ground) < 0.15 * span:
            continue
        ink = (pixels[rows, columns] - ground) / (level - ground)
        here = word.moved(-rows.start, -columns.start)
        near = Settings(scales=((nm, here),))
        found = _nearest(_usable(ink, 0.7, width), near, (here,), alone=False)
        if found is None:
            continue
        mark = _moved(found[0], rows.start, columns.start)
        far = _distance(mark, word.box)
        if best is None or far < best[0]:
            best = far, mark, nm
    return None if best is None else (best[1], best[2])


def _moved(mark: Mark, rows: int, columns: int) -> Mark:
    y0, x0, y1, x1 = mark.box
    box = (y0 + rows, x0 + columns, y1 + rows, x1 + columns)
    # The picture behind it blurs its ends.
    return Mark(mark.length, max(mark.error, 1.0), box, mark.kind)
