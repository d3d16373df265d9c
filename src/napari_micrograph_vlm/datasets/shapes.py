"""What the outline of a defect says: which way it runs, whether it is round, which half it is in.

Only what is clear is said; everything between is None, so that no question asks for it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .facts import Mask

__all__ = ["HALVES", "Outline", "direction_of", "half_of", "outline", "shape_of"]

ELONGATED = 2.5
"""An outline so many times longer than wide is elongated and has a direction."""

ROUND = 1.3
"""An outline less elongated than this may be round."""

MIN_CELLS = 20
"""An outline of fewer cells has no shape to speak of."""

IN_HALF = 0.95
"""Share of a mask that has to be on one side of the middle."""

HALVES: tuple[tuple[str, str], ...] = (("left", "right"), ("upper", "lower"))
"""Names of the halves along x, then along y."""


@dataclass(frozen=True)
class Outline:
    """Second moments of a mask, in the picture's proportions.

    Attributes
    ----------
    elongation : float
        Long axis over short axis of the ellipse with the same moments, at least 1.
    angle : float
        Direction of the long axis from the horizontal in degrees, 0 to 90.
    filled : float
        Area over the area of that ellipse: 1 for an ellipse, less where it is bent or branched.
    boxed : float
        Area over the area of the bounding box: 0.785 for a circle, 1 for a rectangle.
    """

    elongation: float
    angle: float
    filled: float
    boxed: float


def outline(mask: Mask, aspect: float | None = None) -> Outline | None:
    """Measure a mask.

    Parameters
    ----------
    mask : (h, w) bool array
        On any grid that covers the picture.
    aspect : float, optional
        Width over height of the picture; the mask's own by default.

    Returns
    -------
    Outline or None
        None where the mask has fewer than ``MIN_CELLS`` cells.
    """
    rows, columns = np.nonzero(mask)
    if len(rows) < MIN_CELLS:
        return None
    # Width of a cell where its height is 1.
    wide = aspect * mask.shape[0] / mask.shape[1] if aspect else 1.0
    y, x = rows - rows.mean(), (columns - columns.mean()) * wide
    # A cell is no point: 1/12 is the variance of its own extent.
    yy, xx, xy = (y * y).mean() + 1 / 12, (x * x).mean() + wide * wide / 12, (x * y).mean()
    half, root = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
    long, short = half + root, max(half - root, 1e-9)
    angle = abs(np.degrees(0.5 * np.arctan2(2 * xy, xx - yy)))
    area = len(rows) * wide
    box = (np.ptp(rows) + 1) * (np.ptp(columns) + 1) * wide
    return Outline(
        elongation=float(np.sqrt(long / short)),
        angle=float(angle),
        filled=float(area / (4 * np.pi * np.sqrt(long * short))),
        boxed=float(area / box),
    )


def direction_of(mask: Mask, aspect: float | None = None) -> str | None:
    """Return ``"horizontal"``, ``"vertical"`` or ``"diagonal"`` where a mask clearly runs so."""
    found = outline(mask, aspect)
    if found is None or found.elongation < ELONGATED:
        return None
    if found.angle < 20:
        return "horizontal"
    if found.angle > 70:
        return "vertical"
    return "diagonal" if 30 <= found.angle <= 60 else None


def shape_of(mask: Mask, aspect: float | None = None) -> str | None:
    """Return ``"round"``, ``"elongated"`` or ``"irregular"`` where a mask clearly is."""
    found = outline(mask, aspect)
    if found is None:
        return None
    if found.elongation >= ELONGATED:
        return "elongated"
    # Rectangles fill their bounding box more than circles do, stars and bends less.
    if found.elongation <= ROUND and found.filled > 0.93 and 0.7 < found.boxed < 0.88:
        return "round"
    # No ellipse that is hardly longer than wide fills its bounding box so little.
    ragged = found.filled < 0.85 or found.boxed < 0.5
    return "irregular" if found.elongation < 2 and ragged else None


def half_of(mask: Mask, axis: int) -> str | None:
    """Name the half of the picture that a mask lies in.

    Parameters
    ----------
    mask : (h, w) bool array
        At least one pixel is True.
    axis : int
        0 for left or right, 1 for upper or lower.

    Returns
    -------
    str or None
        One of ``HALVES[axis]``; None where the mask is near the middle or on both sides.
    """
    along = np.nonzero(mask)[1 - axis]
    side = mask.shape[1 - axis]
    middle = (float(along.mean()) + 0.5) / side
    before = float(((along + 0.5) / side < 0.5).mean())
    if middle < 0.4 and before >= IN_HALF:
        return HALVES[axis][0]
    return HALVES[axis][1] if middle > 0.6 and before <= 1 - IN_HALF else None
