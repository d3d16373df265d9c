"""Boxes on a page, and pages seen from the side on which their text stands upright."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Box", "Turn", "area", "gap", "inside", "overlap", "quarter_of", "turned", "union"]

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1 in points; y grows downwards."""


def area(box: Box) -> float:
    """Return a box's area; 0 where it is empty."""
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def overlap(a: Box, b: Box) -> Box:
    """Return what two boxes share; its area is 0 where they share nothing."""
    return max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])


def inside(a: Box, b: Box) -> float:
    """Return which part of ``a`` lies in ``b``."""
    # A line has no area; half a point makes it countable.
    fat = (a[0], a[1], max(a[2], a[0] + 0.5), max(a[3], a[1] + 0.5))
    return area(overlap(fat, b)) / area(fat)


def gap(a: Box, b: Box) -> tuple[float, float]:
    """Return how far two boxes are apart in x and in y; 0 where they overlap."""
    return (
        max(0.0, a[0] - b[2], b[0] - a[2]),
        max(0.0, a[1] - b[3], b[1] - a[3]),
    )


def union(boxes: Iterable[Box]) -> Box:
    """Return the smallest box around some."""
    x0, y0, x1, y1 = zip(*boxes, strict=True)
    return min(x0), min(y0), max(x1), max(y1)


@dataclass(frozen=True)
class Turn:
    """From a page's own coordinates to a view of it in which some text stands upright.

    Attributes
    ----------
    origin : Box
        left, bottom, right, top of what is shown of the page, in its own coordinates.
    quarters : int
        Quarter turns clockwise from the page's own coordinates to the view.
    """

    origin: Box
    quarters: int

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the view in points."""
        left, bottom, right, top = self.origin
        width, height = right - left, top - bottom
        return (height, width) if self.quarters % 2 else (width, height)

    def point(self, x: float, y: float) -> tuple[float, float]:
        """Return where a point of the page lies in the view."""
        left, bottom, right, top = self.origin
        return (
            (x - left, top - y),
            (y - bottom, x - left),
            (right - x, y - bottom),
            (top - y, right - x),
        )[self.quarters % 4]

    def box(self, left: float, bottom: float, right: float, top: float) -> Box:
        """Return where a box of the page lies in the view."""
        x0, y0 = self.point(left, bottom)
        x1, y1 = self.point(right, top)
        return min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)


def turned(box: Box, size: tuple[float, float], quarters: int) -> Box:
    """Return a view's box in the view ``quarters`` clockwise from it.

    Parameters
    ----------
    box : Box
        In a view of ``size`` (width, height).
    size : (float, float)
        Of the view that the box is in.
    quarters : int
        Turns clockwise.
    """
    width, height = size
    x0, y0, x1, y1 = box
    quarters %= 4
    if quarters == 1:
        return height - y1, x0, height - y0, x1
    if quarters == 2:
        return width - x1, height - y1, width - x0, height - y0
    if quarters == 3:
        return y0, width - x1, y1, width - x0
    return box


def quarter_of(angle: float) -> int:
    """Return the nearest quarter turn of a clockwise angle in radians."""
    return round(angle / (math.pi / 2)) % 4
