"""Compound figures cut into their panels, with what the caption says of each."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .figure import Panel
from .gutters import MEDIUM, STRONG, WEAK, Box, Cutter, Cutting, edges
from .parts import sub_captions

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["split_panels"]

_LONGEST = 1200
"""Pixels of the longer side that are looked at: strips between panels are wider than one there."""

_WIDTHS = (1, 2, 3, 4, 6, 8, 11, 15, 20, 27, 36, 48, 64)
_LEAST_SIDE, _LEAST_SHARE = 0.055, 0.009
"""Of the picture: what is smaller is a letter, a title or an axis' numbers."""

_NEAR = 0.07
"""Of the longer side: how far a panel's letter or title may lie from it."""

_LEAST_OF_LARGEST = 0.035
"""Of the largest part's area: a letter in a frame of its own is smaller."""

_MOST = 40
"""More parts than this without a caption that says so are a pattern."""

_EVEN_GRADE = {STRONG: 0.8, MEDIUM: 0.3, WEAK: 0.0}
"""What surer strips count against parts that are alike in size."""


def split_panels(image: Image.Image, caption: str) -> tuple[Panel, ...]:
    """Cut a compound figure into its panels.

    Even strips across the picture part the panels, light or dark; where photographs touch, hard
    edges do. What the caption says, ``"(a) … (b) …"``, tells how many to look for: strips that
    could as well lie within a drawing, and edges, count only where they give that number.

    Parameters
    ----------
    image : PIL.Image.Image
        The whole figure.
    caption : str
        Its caption, without the label.

    Returns
    -------
    tuple of Panel
        In reading order, boxes in pixels of ``image``; empty for a single picture. A panel has a
        letter and its part of the caption only where there are as many panels as letters.
    """
    if min(image.size) < 32:
        return ()
    said = sub_captions(caption)
    small, scale = _small(image)
    pixels = np.asarray(small, dtype=np.int16)
    boxes = _chosen(pixels, len(said))
    if len(boxes) < 2:
        return ()
    ordered = _reading_order(boxes)
    letters = _letters(small, ordered, list(said))
    return tuple(
        Panel(letter, _enlarged(box, scale, image.size), said.get(letter, ""))
        for letter, box in zip(letters, ordered, strict=True)
    )


def _small(image: Image.Image) -> tuple[Image.Image, float]:
    from PIL import Image as Pillow

    paper = Pillow.new("RGB", image.size, "white")
    shown = image.convert("RGBA") if "A" in image.getbands() else image.convert("RGB")
    paper.paste(shown, mask=shown.getchannel("A") if shown.mode == "RGBA" else None)
    scale = max(1.0, max(image.size) / _LONGEST)
    size = (max(1, round(image.width / scale)), max(1, round(image.height / scale)))
    return (paper if scale == 1 else paper.resize(size, Pillow.Resampling.BOX)), scale


def _chosen(pixels: NDArray[np.int16], wanted: int) -> list[Box]:
    """Return the parts that are as many as wanted, from the surest strips that give them."""
    cutter = Cutter(pixels)
    sure = _panels(cutter, Cutting(STRONG))
    if wanted < 2:
        # A letter in a strip makes it look like one beside a drawing.
        boxes = _panels(cutter, Cutting(MEDIUM))
        if len(boxes) > len(sure) and not any(_is_drawing(pixels, box) for box in boxes):
            sure = boxes
        return sure if len(sure) <= _MOST else []
    if len(sure) == wanted and _evenness(sure) > 0.6:
        return sure
    tried = [sure]
    right: list[tuple[float, list[Box]]] = []
    for grade in (STRONG, MEDIUM, WEAK):
        for width in _WIDTHS:
            boxes = _panels(cutter, Cutting(grade, width))
            if len(boxes) == wanted:
                right.append((_EVEN_GRADE[grade] + _evenness(boxes), boxes))
            if len(boxes) < 2:
                break
            if width == 1 and grade > WEAK:
                tried.append(boxes)
    if right:
        return max(right, key=lambda one: one[0])[1]
    return _touching(pixels, sure, wanted) or min(tried, key=lambda one: abs(len(one) - wanted))


def _evenness(boxes: list[Box]) -> float:
    """Return how alike parts are in their shorter sides, 0 to 1: a row of numbers is not."""
    sides = [min(box[2] - box[0], box[3] - box[1]) for box in boxes]
    return min(1.0, 1.5 * min(sides) / float(np.median(sides)))


def _panels(cutter: Cutter, cutting: Cutting) -> list[Box]:
    """Return the parts large enough for a panel, with the letters and titles that lie near."""
    height, width = cutter.pixels.shape[:2]
    boxes = cutter.parts(cutting)
    large = [box for box in boxes if _large(box, width, height)]
    most = max(map(_area, large), default=0)
    large = [box for box in large if _area(box) >= _LEAST_OF_LARGEST * most]
    large = [box for box in large if not _bar(box, large)]
    # Letters and titles beside a photograph are no part of it; an axis' numbers are part of a plot.
    drawn = [_is_drawing(cutter.pixels, box) for box in large]
    near = _NEAR * max(width, height)
    for scrap in sorted((box for box in boxes if box not in large), key=_area, reverse=True):
        gaps = [(_gap(scrap, box), place) for place, box in enumerate(large) if drawn[place]]
        gap, place = min(gaps, default=(near + 1, -1))
        if gap > near:
            continue
        both = _around(scrap, large[place])
        others = (box for number, box in enumerate(large) if number != place)
        if not any(_overlap(both, box) for box in others):
            large[place] = both
    return large


def _touching(pixels: NDArray[np.int16], boxes: list[Box], wanted: int) -> list[Box]:
    """Return as many parts as wanted by cutting one of a few into equal ones at hard edges."""
    missing = wanted - len(boxes) + 1
    if not boxes or missing < 2 or missing > 16:
        return []
    best: tuple[float, list[Box]] = (0.0, [])
    for place, (x0, y0, x1, y1) in enumerate(boxes):
        part = pixels[y0:y1, x0:x1]
        hard = edges(part, 0), edges(part, 1)
        for rows in (count for count in range(1, missing + 1) if missing % count == 0):
            down, sure_down = _grid(hard[0], y1 - y0, rows)
            across, sure_across = _grid(hard[1], x1 - x0, missing // rows)
            sure = min(sure_down, sure_across)
            if sure > best[0] and down and across:
                tiles = [
                    (x0 + left, y0 + top, x0 + right, y0 + bottom)
                    for top, bottom in pairwise(down)
                    for left, right in pairwise(across)
                ]
                best = (sure, [*boxes[:place], *tiles, *boxes[place + 1 :]])
    return best[1]


def _grid(hard: list[tuple[int, float]], length: int, count: int) -> tuple[list[int], float]:
    """Return the lines that part a side into equal pieces, and how sure the least of them is."""
    if count == 1:
        return [0, length], float("inf")
    lines, sure = [0], float("inf")
    for number in range(1, count):
        middle = number * length / count
        near = [one for one in hard if abs(one[0] - middle) <= 0.06 * length / count]
        if not near:
            return [], 0.0
        lines.append(near[0][0])
        sure = min(sure, near[0][1])
    return [*lines, length], sure


def _reading_order(boxes: list[Box]) -> list[Box]:
    """Return boxes row by row; a box belongs to a row when it shares half its height with it."""
    rows: list[list[Box]] = []
    for box in sorted(boxes, key=lambda one: (one[1] + one[3], one[0])):
        for row in rows:
            top, bottom = min(one[1] for one in row), max(one[3] for one in row)
            shared = min(bottom, box[3]) - max(top, box[1])
            if shared > 0.5 * min(bottom - top, box[3] - box[1]):
                row.append(box)
                break
        else:
            rows.append([box])
    rows.sort(key=lambda row: min(one[1] for one in row))
    return [box for row in rows for box in sorted(row)]


def _letters(small: Image.Image, boxes: list[Box], letters: list[str]) -> list[str]:
    return letters if len(letters) == len(boxes) else [""] * len(boxes)


def _large(box: Box, width: int, height: int) -> bool:
    across, down = box[2] - box[0], box[3] - box[1]
    if across < _LEAST_SIDE * width or down < _LEAST_SIDE * height:
        return False
    return _area(box) >= _LEAST_SHARE * width * height and min(across, down) >= 16


def _is_drawing(pixels: NDArray[np.int16], box: Box) -> bool:
    x0, y0, x1, y1 = box
    part = pixels[y0:y1:3, x0:x1:3]
    return float((part.min(axis=2) >= 238).mean()) > 0.35


def _bar(box: Box, others: list[Box]) -> bool:
    """Tell whether a part is the information bar, or the title, of the picture that it adjoins."""
    across, down = box[2] - box[0], box[3] - box[1]
    if across < 3 * down:
        return False
    return any(
        one is not box
        and down < 0.22 * (one[3] - one[1])
        and abs(one[2] + one[0] - box[2] - box[0]) < 0.3 * across
        and 0.8 * (one[2] - one[0]) <= across <= 1.1 * (one[2] - one[0])
        and _gap(box, one) < down
        for one in others
    )


def _area(box: Box) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])


def _gap(one: Box, other: Box) -> float:
    across = max(one[0] - other[2], other[0] - one[2], 0)
    down = max(one[1] - other[3], other[1] - one[3], 0)
    return float(np.hypot(across, down))


def _around(one: Box, other: Box) -> Box:
    return (
        min(one[0], other[0]),
        min(one[1], other[1]),
        max(one[2], other[2]),
        max(one[3], other[3]),
    )


def _overlap(one: Box, other: Box) -> bool:
    return min(one[2], other[2]) > max(one[0], other[0]) and min(one[3], other[3]) > max(
        one[1], other[1]
    )


def _enlarged(box: Box, scale: float, size: tuple[int, int]) -> Box:
    x0, y0, x1, y1 = box
    return (
        int(x0 * scale),
        int(y0 * scale),
        min(round(x1 * scale), size[0]),
        min(round(y1 * scale), size[1]),
    )
