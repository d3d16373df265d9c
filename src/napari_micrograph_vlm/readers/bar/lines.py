"""Straight marks of a scale bar: a block, a line with ticks, a broken line, a row of ticks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .ticks import Mark, rows_of_ticks

__all__ = ["Mark", "marks_in"]

_MOST_WIDTH = 0.75


@dataclass
class _Line:
    y0: int
    y1: int
    x0: int
    x1: int

    @property
    def length(self) -> int:
        return self.x1 - self.x0


def marks_in(ink: NDArray[np.float32], least: float = 10, level: float = 0.5) -> list[Mark]:
    """Find the straight horizontal marks in a piece of picture.

    Parameters
    ----------
    ink : (H, W) float32 array
        From 0, the ground, to 1, the colour of the marks.
    least : float
        Shorter ones are no scale bars.
    level : float
        What counts as ink; more where the ground is a picture.
    """
    mask = ink >= level
    lines = _lines(mask, least / 4)
    marks = []
    for line in _joined(mask, [line for line in lines if _stands_alone(mask, line)]):
        if least <= line.length <= _MOST_WIDTH * mask.shape[1]:
            mark = _measured(ink, mask, line)
            if mark is not None and mark.length >= 0.9 * least:
                marks.append(mark)
    return marks + rows_of_ticks(mask, least)


def _lines(mask: NDArray[np.bool_], least: float) -> list[_Line]:
    """Return runs of ink that begin and end alike in neighbouring rows, as rectangles."""
    done: list[_Line] = []
    open_: list[_Line] = []
    for y in range(mask.shape[0]):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], mask[y].view(np.int8), [0]])))
        going = []
        for x0, x1 in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            if x1 - x0 < max(least, 4):
                continue
            for line in open_:
                if line.y1 == y and abs(line.x0 - x0) <= 2 and abs(line.x1 - x1) <= 2:
                    line.y1 = y + 1
                    line.x0, line.x1 = min(line.x0, x0), max(line.x1, x1)
                    going.append(line)
                    break
            else:
                going.append(_Line(y, y + 1, x0, x1))
        done += [line for line in open_ if line not in going]
        open_ = going
    return [line for line in done + open_ if line.length >= 2.5 * (line.y1 - line.y0)]


def _stands_alone(mask: NDArray[np.bool_], line: _Line) -> bool:
    """Whether little but ticks at its ends touches a line, unlike a stroke of a letter."""
    margin = max(line.length // 6, 3)
    middle = slice(line.x0 + margin, line.x1 - margin)
    thick = line.y1 - line.y0
    around = [mask[line.y0 - 2 : line.y0 - 1, middle], mask[line.y1 + 1 : line.y1 + 2, middle]]
    touched = sorted(float(rows.mean()) if rows.size else 0.0 for rows in around)
    # Letters may lie right under a bar, seldom on both sides of it.
    return line.length > 2 * thick and touched[0] <= 0.1 and touched[1] <= 0.6


def _joined(mask: NDArray[np.bool_], lines: list[_Line]) -> list[_Line]:
    """Return the lines, two with text between them in one row as one."""
    pairs, halves = [], []
    thin = [line for line in lines if line.length >= max(8 * (line.y1 - line.y0), 10)]
    for i, left in enumerate(thin):
        for right in thin[i + 1 :]:
            if abs(left.y0 - right.y0) > 1 or abs(left.y1 - right.y1) > 1:
                continue
            first, second = sorted((left, right), key=lambda line: line.x0)
            gap, span = second.x0 - first.x1, second.x1 - first.x0
            alike = abs(first.length - second.length) <= 3 + 0.15 * span
            between = mask[max(first.y0 - 3, 0) : first.y1 + 3, first.x1 + 1 : second.x0 - 1]
            if 4 < gap < 0.7 * span and alike and between.any():
                pairs.append(_Line(first.y0, first.y1, first.x0, second.x1))
                halves += [left, right]
    return [line for line in lines if line not in halves] + pairs


def _measured(ink: NDArray[np.float32], mask: NDArray[np.bool_], line: _Line) -> Mark | None:
    left, right = (_tick(ink, mask, line, end) for end in ("left", "right"))
    if left is not None and right is not None:
        if max(abs(left[2] - right[2]), abs(left[3] - right[3])) > 2:
            return None  # two strokes of letters
        y0, y1 = min(left[2], right[2]), max(left[3], right[3])
        # The makers draw from centre to centre; the width of a tick is what this may be wrong by.
        error = max(0.5, (left[1] + right[1]) / 4)
        return Mark(right[0] - left[0], error, (y0, line.x0, y1, line.x1), "ticks")
    rows = ink[line.y0 : line.y1]
    # Resized, the outer rows are blends.
    profile = (rows[1:-1] if len(rows) >= 3 else rows).mean(axis=0)
    x0, x1 = _edge(profile, line.x0, -1), _edge(profile, line.x1 - 1, 1)
    if x0 is None or x1 is None:
        return None
    box = (line.y0, line.x0, line.y1, line.x1)
    # The points of arrows are lost: 1 to 3 % in pictures whose width is known.
    error = 0.7 if line.y1 - line.y0 > 3 else max(0.7, 0.025 * (x1 - x0))
    return Mark(x1 - x0, error, box, "block")


def _edge(profile: NDArray[np.float32], last: int, step: int) -> float | None:
    """Return where ink ends, in pixels from the left edge, between two pixels; None if cut off."""
    after = last + step
    if not 0 <= after < len(profile):
        return None
    inner, outer = float(profile[last]), float(profile[after])
    # Brightness of the block itself, a few pixels farther in.
    block = profile[last + 1 : last + 5] if step < 0 else profile[max(last - 4, 0) : last]
    full = max(float(np.median(block)) if len(block) else inner, inner, 0.5)
    # How much of the next pixel is covered, and of the last.
    return last + 0.5 + step * (0.5 - max(1 - inner / full, 0) + max(outer, 0) / full)


def _tick(
    ink: NDArray[np.float32], mask: NDArray[np.bool_], line: _Line, end: Literal["left", "right"]
) -> tuple[float, float, int, int] | None:
    """Return centre, width, top and bottom of the upright stroke at one end of a line."""
    thick = line.y1 - line.y0
    reach = max(thick + 2, 3)
    centre = line.x0 if end == "left" else line.x1 - 1
    x0, x1 = max(centre - reach, 0), min(centre + reach + 1, mask.shape[1])
    best: tuple[int, int, int] | None = None
    for x in range(x0, x1):
        if not mask[line.y0 : line.y1, x].any():
            continue
        top, bottom = line.y0, line.y1
        while top > 0 and mask[top - 1, x]:
            top -= 1
        while bottom < len(mask) and mask[bottom, x]:
            bottom += 1
        if best is None or bottom - top > best[2] - best[1]:
            best = x, top, bottom
    if best is None:
        return None
    _, top, bottom = best
    above, below = line.y0 - top, bottom - line.y1
    if max(above, below) < max(2, thick):
        return None
    rows = np.concatenate([ink[top : max(line.y0 - 1, top)], ink[line.y1 + 1 : bottom]])
    if not len(rows):
        return None
    weights = np.clip(rows.mean(axis=0)[x0:x1], 0, 1)
    weights[weights < 0.15] = 0
    if weights.sum() <= 0:
        return None
    return (
        float((weights * np.arange(x0, x1)).sum() / weights.sum()) + 0.5,
        float(weights.sum()),
        top,
        bottom,
    )
