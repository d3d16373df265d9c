"""Where a compound picture can be cut: even strips across all of a part, and hard edges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["MEDIUM", "STRONG", "WEAK", "Box", "Cutter", "Cutting", "edges"]

Box = tuple[int, int, int, int]
"""x0, y0, x1, y1 in pixels."""

_Lines = NDArray[np.int16]
"""A part of the picture as (lines, places along a line, 3)."""

_EVEN = 22
"""Grey levels that a strip of one colour may differ by: JPEG's ripples beside an edge."""

_STRAY = 0.012
"""Share of a line that may differ from it: an arrow or a dashed line from one panel to another."""

_CLEAR = 0.002
"""The same for strips beside drawings, whose axes and curves are as thin as arrows."""

_FILLED = 7
"""Grey levels that a strip filled by a program differs by, after JPEG."""

_HARD = 3.0
"""Times the usual step from line to line that an edge is; grains and layers stay below."""

_NEAR = 3
"""Pixels beside a strip where a panel's edge is looked for: it may be blurred."""

STRONG, MEDIUM, WEAK = 2, 1, 0


@dataclass(frozen=True)
class Cutting:
    """Which strips are cut.

    Attributes
    ----------
    grade : int
        At least this: 2 where both sides begin at once, as photographs do, 1 where one side does,
        0 where neither does, as between drawings: there the widest strips are cut first.
    width : int
        Pixels that a strip must be wide.
    """

    grade: int
    width: int = 1


@dataclass(frozen=True)
class _Strip:
    start: int
    end: int
    grade: int


class Cutter:
    """A picture that is cut in several ways; what was measured of a part is kept.

    Parameters
    ----------
    pixels : ndarray of int16, shape (H, W, 3)
        From 0 to 255.
    """

    def __init__(self, pixels: NDArray[np.int16]) -> None:
        self.pixels = pixels
        self._known: dict[Box, tuple[Box, list[_Strip], list[_Strip]] | None] = {}

    def parts(self, cutting: Cutting) -> list[Box]:
        """Cut the picture along its strips, the parts along theirs and so on.

        Returns
        -------
        list of Box
            Of the parts, without the even margins around them, in no order.
        """
        height, width = self.pixels.shape[:2]
        done: list[Box] = []
        waiting = [(0, 0, width, height)]
        while waiting:
            found = self._measured(waiting.pop())
            if found is None:
                continue
            box, rows, columns = found
            x0, y0, x1, y1 = box
            rows = [one for one in rows if _taken(one, cutting)]
            columns = [one for one in columns if _taken(one, cutting)]
            if not rows and not columns:
                done.append(box)
            elif _rank(rows, cutting) >= _rank(columns, cutting):
                ends = _between(rows, y1 - y0, cutting)
                waiting += [(x0, y0 + start, x1, y0 + end) for start, end in ends]
            else:
                ends = _between(columns, x1 - x0, cutting)
                waiting += [(x0 + start, y0, x0 + end, y1) for start, end in ends]
        return done

    def _measured(self, box: Box) -> tuple[Box, list[_Strip], list[_Strip]] | None:
        if box not in self._known:
            inner = _trimmed(self.pixels, box)
            if inner is None:
                self._known[box] = None
            else:
                x0, y0, x1, y1 = inner
                part = self.pixels[y0:y1, x0:x1]
                self._known[box] = inner, _strips(part), _strips(part.swapaxes(0, 1))
        return self._known[box]


def edges(pixels: NDArray[np.int16], axis: int) -> list[tuple[int, float]]:
    """Return hard edges that run across all of a part, as between panels that touch.

    Parameters
    ----------
    pixels : ndarray of int16, shape (H, W, 3)
        The part.
    axis : int
        0 for edges between rows, 1 for edges between columns.

    Returns
    -------
    list of (int, float)
        Index of the first line behind each edge, and how many times larger the step is there than
        it is between most neighbouring lines; the largest first.
    """
    grey = pixels.mean(axis=2, dtype=np.float32)
    lines = grey if axis == 0 else grey.T
    if len(lines) < 24:
        return []
    step = np.abs(np.diff(lines, axis=0))
    # The median along the line: a bright particle is large in a few places only.
    across = np.median(step, axis=1) + 0.5 * np.quantile(step, 0.25, axis=1)
    usual = np.median(across) + 1.0
    best = sorted(enumerate(across / usual), key=lambda one: -one[1])
    found: list[tuple[int, float]] = []
    for place, ratio in best[:24]:
        if ratio < _HARD:
            break
        if all(abs(place + 1 - other) > 8 for other, _ in found):
            found.append((place + 1, float(ratio)))
    return found


def _taken(strip: _Strip, cutting: Cutting) -> bool:
    return strip.grade >= cutting.grade and strip.end - strip.start >= cutting.width


def _rank(strips: list[_Strip], cutting: Cutting) -> tuple[int, int]:
    """Best grade first, then the widest: the cut that is most surely between panels."""
    by_grade = cutting.grade > WEAK
    return max(((one.grade * by_grade, one.end - one.start) for one in strips), default=(-1, 0))


def _between(strips: list[_Strip], length: int, cutting: Cutting) -> list[tuple[int, int]]:
    # The surest alone: what is no panel's border here may be one in a part.
    best = max(one.grade for one in strips) if cutting.grade > WEAK else WEAK
    chosen = [one for one in strips if one.grade >= best]
    marks = [0, *(mark for one in chosen for mark in (one.start, one.end)), length]
    pairs = zip(marks[::2], marks[1::2], strict=True)
    return [(start, end) for start, end in pairs if end > start]


def _even(lines: _Lines) -> tuple[NDArray[np.float32], NDArray[np.int16]]:
    """Return for each line what share of it differs from its median, and that median."""
    thin = lines[:, :: max(1, lines.shape[1] // 128)]
    middle = np.median(thin, axis=1).astype(np.int16)
    share = np.asarray((_apart(thin - middle[:, None, :]) > _EVEN).mean(axis=1))
    # All of a line is looked at only where some of it is even: most of a photograph is not.
    likely = np.flatnonzero(share < 0.1)
    apart = _apart(lines[likely] - middle[likely, None, :]) > _EVEN
    share[likely] = apart.mean(axis=1)
    return share.astype(np.float32), middle


def _apart(difference: _Lines) -> NDArray[np.int16]:
    """Return the largest difference over the colours; a reduction of three values is slow."""
    far = np.abs(difference)
    return np.asarray(np.maximum(np.maximum(far[..., 0], far[..., 1]), far[..., 2]))


def _strips(lines: _Lines) -> list[_Strip]:
    """Return the even strips of a part, those at its ends left out."""
    share, colour = _even(lines)
    flat = share <= _STRAY
    found: list[_Strip] = []
    place, count = 0, len(lines)
    while place < count:
        if not flat[place]:
            place += 1
            continue
        start = place
        while (
            place + 1 < count
            and flat[place + 1]
            and np.abs(colour[place + 1] - colour[start]).max() <= _EVEN
        ):
            place += 1
        place += 1
        if start > 0 and place < count:
            strip = _graded(lines, share, colour, start, place)
            if strip is not None:
                found.append(strip)
    return found


def _graded(
    lines: _Lines,
    share: NDArray[np.float32],
    colour: NDArray[np.int16],
    start: int,
    end: int,
) -> _Strip | None:
    own = np.median(colour[start:end], axis=0).astype(np.int16)

    def differs(first: int, last: int) -> float:
        beside = lines[max(first, 0) : last]
        apart = _apart(beside - own) > _EVEN
        return float(apart.mean(axis=1).max()) if len(apart) else 0.0

    sides = sorted((differs(start - _NEAR, start), differs(end, end + _NEAR)))
    paper, clear = _plain(own), float(share[start:end].mean()) < _CLEAR
    if not paper:
        # A flat layer of a sample is grey, too, but wider and never as even as a filled strip.
        ripple = _apart(lines[start:end] - own) > _FILLED
        if end - start > 0.08 * len(lines) or float(ripple.mean()) > 0.03:
            return None
    if sides[0] >= 0.45 and sides[1] >= 0.6:
        grade = STRONG
    elif paper and clear:
        grade = MEDIUM if sides[1] >= 0.6 else WEAK
    else:
        return None
    return _Strip(start, end, grade)


def _plain(colour: NDArray[np.int16]) -> bool:
    """Tell whether a colour is a figure's paper: white, or black."""
    return bool(colour.min() >= 238 or colour.max() <= 12)


def _trimmed(pixels: NDArray[np.int16], box: Box) -> Box | None:
    """Return a part without the even margins that were not pictured; None where it is all even."""
    x0, y0, x1, y1 = box
    for _ in range(2):
        y0, y1 = _inner(pixels[y0:y1, x0:x1], y0, y1)
        if y1 <= y0:
            return None
        x0, x1 = _inner(pixels[y0:y1, x0:x1].swapaxes(0, 1), x0, x1)
        if x1 <= x0:
            return None
    return x0, y0, x1, y1


def _inner(lines: _Lines, start: int, end: int) -> tuple[int, int]:
    first = _margin(lines)
    if first == len(lines):
        return start, start
    return start + first, end - _margin(lines[::-1])


def _margin(lines: _Lines) -> int:
    """Return how many even lines a part begins with that were not pictured."""
    first = 0
    while first < len(lines):
        # A few at a time: most parts begin with no such line.
        share, colour = _even(lines[first : first + 24])
        uneven = np.flatnonzero(share > _STRAY / 3)
        if len(uneven):
            first += int(uneven[0])
            break
        first += len(share)
    if first in (0, len(lines)):
        return first
    # Dark vacuum above a sample is picture, too: only paper, or what ends at a hard edge, goes.
    share, colour = _even(lines[first - 1 : first + _NEAR])
    return first if _plain(colour[0]) or share[1:].max() > 0.5 else 0
