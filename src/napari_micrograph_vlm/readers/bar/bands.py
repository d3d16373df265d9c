"""What tells a band of text from a piece of a micrograph."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["frame_rows", "is_quiet", "is_text", "reaches_sides"]

LEAST_LETTERS = 8
LEAST_ON_A_LINE = 5
# Of all letters. A few lines fit into few rows, and specks are then near each other by chance.
LEAST_SHARE_ON_A_LINE, MOST_SHARE_ON_A_LINE, _SHARE_TIMES_ROWS = 0.18, 0.37, 10.0
QUIET = 0.8


def reaches_sides(same: NDArray[np.bool_]) -> bool:
    """Whether the ground reaches the left and the right edge, unlike that of a box."""
    width = max(same.shape[1] // 32, 3)
    return bool(min(same[:, :width].mean(), same[:, -width:].mean()) >= 0.15)


def frame_rows(beyond: NDArray[np.float32], span: float) -> int:
    """Return how many of the next rows are the line between bar and picture."""
    for rows in (3, 2, 1):
        line, after = beyond[:rows], np.median(beyond[rows + 1 :])
        if all(_is_line(row, span) and abs(np.median(row) - after) > 0.2 * span for row in line):
            return rows
    return 0


def _is_line(row: NDArray[np.float32], span: float) -> bool:
    return bool((np.abs(row - np.median(row)) <= 0.1 * span).mean() >= 0.9)


def is_text(ink: NDArray[np.bool_]) -> bool:
    """Whether the marks of a band are lines of text, and not a scale bar with its length alone.

    Those are burnt into pictures, too, and may lie on a dark substrate. Letters of a line end on
    one row, specks of dust on any.
    """
    from scipy import ndimage

    if not 0.002 <= ink.mean() <= 0.5:
        return False
    labels, _ = ndimage.label(ink, np.ones((3, 3)))
    rows, columns = ink.shape
    letters = [
        box
        for box in ndimage.find_objects(labels)
        if 4 <= box[0].stop - box[0].start <= 0.85 * rows
        and box[1].stop - box[1].start <= 0.25 * columns
    ]
    middles = [(box[1].start + box[1].stop) / 2 for box in letters]
    if len(letters) < LEAST_LETTERS or max(middles) - min(middles) < 0.25 * columns:
        return False
    ends = np.array([box[0].stop for box in letters])
    on_one_line = max(int(((ends >= end) & (ends <= end + 1)).sum()) for end in set(ends.tolist()))
    share = np.clip(_SHARE_TIMES_ROWS / rows, LEAST_SHARE_ON_A_LINE, MOST_SHARE_ON_A_LINE)
    return bool(on_one_line >= max(LEAST_ON_A_LINE, share * len(letters)))


def is_quiet(band: NDArray[np.float32], ground: float, span: float) -> bool:
    """Whether the ground has no noise where no text is near, unlike a smooth specimen."""
    from scipy import ndimage

    inner = band[2:-2] if len(band) > 14 else band[1:-1]
    # JPEG rings around letters.
    letters = (np.abs(inner - ground) > 0.1 * span).view(np.uint8)
    empty = inner[ndimage.maximum_filter(letters, (9, 17)) == 0]
    if empty.size < 500:
        return True
    return bool((np.abs(empty - np.median(empty)) <= 0.0063 * span).mean() >= QUIET)
