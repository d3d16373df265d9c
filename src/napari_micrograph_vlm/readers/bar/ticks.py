"""Marks of scale bars, and those that are a row of ticks or dots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["Mark", "rows_of_ticks"]

Kind = Literal["block", "ticks", "dots"]
# Fewer are a part of a row, or letters.
_TICKS = (6, 11, 21)


@dataclass(frozen=True)
class Mark:
    """Something that may be a scale bar.

    Attributes
    ----------
    length, error : float
        In pixels. Of a line between two ticks from centre to centre, else from edge to edge.
    box : (float, float, float, float)
        ``y0, x0, y1, x1``.
    kind : str
        ``"block"``, ``"ticks"`` for a line between two ticks, ``"dots"`` for a row of ticks.
    """

    length: float
    error: float
    box: tuple[float, float, float, float]
    kind: Kind


def rows_of_ticks(mask: NDArray[np.bool_], least: float) -> list[Mark]:
    """Return rows of ticks or dots at one distance, as Hitachi draws them."""
    from scipy import ndimage

    labels, _ = ndimage.label(mask, np.ones((3, 3)))
    small = [
        (box[0].start, box[0].stop, box[1].start, box[1].stop)
        for box in ndimage.find_objects(labels)
        if box[1].stop - box[1].start <= max(3, mask.shape[1] // 100)
    ]
    marks = []
    # Long and short ticks end on one line, but it is the upper one or the lower one.
    for side in (0, 1):
        for y in sorted({box[side] for box in small}):
            row = sorted((box for box in small if 0 <= box[side] - y <= 1), key=lambda box: box[2])
            middles = np.array([(box[2] + box[3]) / 2 for box in row])
            for start, stop in _even(middles):
                length = float(middles[stop - 1] - middles[start])
                if stop - start in _TICKS and length >= least:
                    top = min(box[0] for box in row[start:stop])
                    low = max(box[1] for box in row[start:stop])
                    place = (
                        float(top),
                        float(middles[start]),
                        float(low),
                        float(middles[stop - 1]),
                    )
                    marks.append(Mark(length, 0.7, place, "dots"))
    return marks


def _even(middles: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Return the stretches of numbers with one step, each as first index and index after last."""
    steps, found, start = np.diff(middles), [], 0
    for i in range(1, len(middles) + 1):
        if i == len(middles) or (i - 1 > start and not _same(steps[start:i])):
            found.append((start, i))
            start = i - 1
    return found


def _same(steps: NDArray[np.float64]) -> bool:
    middle = float(np.median(steps))
    return middle >= 3 and bool((np.abs(steps - middle) <= max(1.0, 0.12 * middle)).all())
