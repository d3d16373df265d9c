"""Where the information bar is: a flat band of full width along an edge, with text in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .bands import frame_rows, is_quiet, is_text, reaches_sides
from .strips import read_strip

__all__ = ["InformationBar", "find_bar", "picture_rows"]

LEAST_ROWS = 8
MOST_SHARE = 0.25
MOST_ROWS = 1024
_PROBE_ROWS = 24
# Shares of the brightness range within which the bar's ground is one value: first exactly, as
# microscopes write it, then as JPEG leaves it.
_TOLERANCES = (0.0, 0.04, 0.1)
_GROUND_ROWS = (10, 24, 48)
_DROP = 0.45
_INK = 0.3


@dataclass(frozen=True)
class InformationBar:
    """The band of text that the microscope wrote into the picture.

    Attributes
    ----------
    side : str
        ``"top"`` or ``"bottom"``.
    rows : (int, int)
        Its first row and the row after its last.
    ground, ink : float
        Brightness of its background and of its text, in the picture's own numbers.
    """

    side: Literal["top", "bottom"]
    rows: tuple[int, int]
    ground: float = 0.0
    ink: float = 0.0


def find_bar(image: Any) -> InformationBar | None:
    """Find the information bar of any maker by what it looks like.

    Only rows near the upper and lower edges are read, so a lazy image of any size does.

    Parameters
    ----------
    image : (H, W) or (H, W, 3) array-like
        The picture, of any number type.

    Returns
    -------
    InformationBar or None
        None where there is none, and where it is not certain: a bar taken for the picture does
        less harm than picture taken for a bar.
    """
    shape = tuple(int(length) for length in image.shape)
    numbers = np.dtype(image.dtype).kind in "biuf"
    if len(shape) not in (2, 3) or min(shape[:2]) < 8 * LEAST_ROWS or not numbers:
        return None
    return _at_edge(image, shape[0], "bottom") or _at_edge(image, shape[0], "top")


def picture_rows(shape: tuple[int, ...], bar: InformationBar | None) -> tuple[int, int]:
    """Return first row and row after the last of the picture itself, without its bar."""
    if bar is None:
        return 0, int(shape[0])
    if bar.side == "top":
        return bar.rows[1], int(shape[0])
    return 0, bar.rows[0]


def _at_edge(image: Any, height: int, side: Literal["top", "bottom"]) -> InformationBar | None:
    """Look along one edge; rows are counted from the edge inwards."""
    probe = _rows_from_edge(image, height, side, min(_PROBE_ROWS, height // 4))
    if not _may_be_bar(probe):
        return None
    deep = min(int(height * MOST_SHARE) + LEAST_ROWS, MOST_ROWS)
    strip = _rows_from_edge(image, height, side, deep)
    low, high = float(strip.min()), float(strip.max())
    if high <= low:
        return None
    for share in _TOLERANCES:
        for value in _grounds(strip, max(share, 1 / 4096) * (high - low)):
            found = _measure(strip, value, share, height)
            if found is not None:
                rows, ground, ink = found
                start, stop = (0, rows) if side == "top" else (height - rows, height)
                return InformationBar(side, (start, stop), ground, ink)
    return None


def _rows_from_edge(
    image: Any, height: int, side: Literal["top", "bottom"], count: int
) -> NDArray[np.float32]:
    if side == "top":
        return read_strip(image, 0, count)
    return read_strip(image, height - count, height)[::-1]


def _may_be_bar(probe: NDArray[np.float32]) -> bool:
    """Whether some row near the edge is flat; most pictures end here after a few rows."""
    spread = float(probe.max() - probe.min())
    middle = np.median(probe, axis=1, keepdims=True)
    flat = (np.abs(probe - middle) <= 0.05 * spread).mean(axis=1)
    return spread > 0 and bool((flat >= 0.45).any())


def _grounds(strip: NDArray[np.float32], step: float) -> list[float]:
    """Return the commonest brightness of the rows at the edge, of few and of more rows."""
    found: list[float] = []
    for count in _GROUND_ROWS:
        values = strip[:count].ravel()
        bins = np.rint((values - values.min()) / step).astype(np.int64)
        commonest = np.bincount(bins).argmax()
        ground = float(np.median(values[bins == commonest]))
        if all(abs(ground - other) > step for other in found):
            found.append(ground)
    return found


def _measure(
    strip: NDArray[np.float32], ground: float, share: float, height: int
) -> tuple[int, float, float] | None:
    """Return number of rows, ground and ink of a bar that begins at row 0, if it is one."""
    low, high = float(strip.min()), float(strip.max())
    span = high - low
    same = np.abs(strip - ground) <= share * span
    rows, outside = _step(same.mean(axis=1), max(LEAST_ROWS, int(0.012 * height)), height)
    if rows == 0 or not reaches_sides(same[:rows]):
        return None
    # Black and white are what most makers write on; grey is also what a smooth specimen is.
    if min(ground - low, high - ground) > 0.03 * span and (share > 0.05 or outside > 0.2):
        return None
    ink = np.abs(strip[:rows] - ground) > _INK * span
    if not is_text(ink) or not is_quiet(strip[:rows], ground, span):
        return None
    levels = strip[:rows][ink]
    return rows + frame_rows(strip[rows : rows + 8], span), ground, float(np.median(levels))


def _step(share: NDArray[np.float64], least: int, height: int) -> tuple[int, float]:
    """Return where the ground ends in one straight line, and how much of it there is beyond."""
    best, found, drop = 0, 0.0, 0.0
    for rows in range(least, min(len(share) - 4, int(MOST_SHARE * height)) + 1):
        if share[rows - 1] < 0.45 or share[rows - 1] - share[rows] < 0.2:
            continue
        inside = float(np.sort(share[rows - 3 : rows])[-2:].mean())
        # The row between is a blend of both in a picture that was resized.
        outside = float(share[rows + 1 : rows + 1 + max(6, rows // 4)].max())
        if inside < 0.65 or inside - outside < _DROP or np.median(share[:rows]) < 0.45:
            continue
        near = share[max(rows - 5, 0) : rows].max() - share[rows + 1 : rows + 4].min()
        # The border of a specimen is rough: it takes many rows.
        if share[rows - 1] - share[rows + 1] < 0.65 * near:
            continue
        if inside - outside > drop:
            best, found, drop = rows, outside, inside - outside
    return best, found
