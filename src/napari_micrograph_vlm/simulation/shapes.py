"""Shapes on the unit square, as functions that say whether places lie inside."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["Shape", "ellipse", "field_below", "grating", "holes", "slot", "staggered"]

Floats = NDArray[np.float64]
Shape = Callable[[Floats, Floats], NDArray[np.bool_]]
"""Of x and y, each of one shape; y points upward."""


def _turned(x: Floats, y: Floats, angle: float) -> tuple[Floats, Floats]:
    """Return coordinates along and across a direction, in degrees from x."""
    along, across = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    return x * along + y * across, -x * across + y * along


def ellipse(x0: float, y0: float, long: float, short: float, angle: float) -> Shape:
    """Return an ellipse with its half axes, the first at an angle in degrees."""

    def inside(x: Floats, y: Floats) -> NDArray[np.bool_]:
        u, v = _turned(x - x0, y - y0, angle)
        return (u / long) ** 2 + (v / short) ** 2 < 1

    return inside


def slot(x0: float, y0: float, length: float, angle: float, width: float) -> Shape:
    """Return a cut with round ends, its middle at (x0, y0)."""

    def inside(x: Floats, y: Floats) -> NDArray[np.bool_]:
        u, v = _turned(x - x0, y - y0, angle)
        return np.hypot(np.maximum(np.abs(u) - length / 2, 0), v) < width / 2

    return inside


def holes(count: int, first: float, last: float, *, across: bool, angle: float) -> Shape:
    """Return holes on a hexagonal array, ``count`` to a side.

    Parameters
    ----------
    count : int
        Holes along a side.
    first, last : float
        Their radius at one end and at the other, in distances of neighbours, below 0.5.
    across : bool
        Whether they grow from left to right, instead of upward.
    angle : float
        By which the array is turned, in degrees.
    """

    def inside(x: Floats, y: Floats) -> NDArray[np.bool_]:
        u, v = _turned((x - 0.5) * count, (y - 0.5) * count, angle)
        row = np.sqrt(3) / 2
        nearest = np.full(np.shape(x), np.inf)
        middle_x, middle_y = np.zeros(np.shape(x)), np.zeros(np.shape(x))
        for step in (0, 1):  # the two rows beside a place
            line = np.floor(v / row) + step
            shift = 0.5 * np.mod(line, 2)
            place = np.round(u - shift) + shift
            far = np.hypot(u - place, v - line * row)
            closer = far < nearest
            nearest = np.where(closer, far, nearest)
            middle_x = np.where(closer, place, middle_x)
            middle_y = np.where(closer, line * row, middle_y)
        # A hole has one radius: that of the place of its middle.
        back_x, back_y = _turned(middle_x, middle_y, -angle)
        at = np.clip((back_x if across else back_y) / count + 0.5, 0, 1)
        return nearest < first + (last - first) * at

    return inside


def grating(period: float, share: float, angle: float) -> Shape:
    """Return stripes along an angle in degrees, which cover a share of the square."""

    def inside(x: Floats, y: Floats) -> NDArray[np.bool_]:
        _, v = _turned(x - 0.5, y - 0.5, angle)
        return np.mod(v / period, 1) < share

    return inside


def staggered(long: float, high: float, gap: float, shift: float, upright: int) -> Shape:
    """Return what is between staggered bricks.

    Parameters
    ----------
    long, high, gap : float
        Period along and across the bricks, and the width of the joints.
    shift : float
        By how much of a period the rows are shifted against each other.
    upright : int
        1 where the bricks stand, along the pull.
    """

    def inside(x: Floats, y: Floats) -> NDArray[np.bool_]:
        u, v = (y, x) if upright else (x, y)
        row = np.floor(v / high)
        along = np.mod(u / long + shift * row, 1) * long
        return (along < gap) | (np.mod(v, high) < gap)

    return inside


def field_below(share: float, coarse: float, rng: np.random.Generator) -> Shape:
    """Return where a smooth random field is lowest.

    Parameters
    ----------
    share : float
        Of the square that lies inside.
    coarse : float
        Waves along a side.
    rng : numpy.random.Generator
        Chooses the waves.
    """
    waves = 40
    turn = rng.uniform(0, 2 * np.pi, waves)
    often = 2 * np.pi * coarse * rng.uniform(0.8, 1.2, waves)
    phase = rng.uniform(0, 2 * np.pi, waves)

    def field(x: Floats, y: Floats) -> Floats:
        total = np.zeros(np.shape(x))
        for a, k, p in zip(turn, often, phase, strict=True):
            total += np.cos(k * (x * np.cos(a) + y * np.sin(a)) + p)
        return total

    side = (np.arange(64) + 0.5) / 64
    x, y = np.meshgrid(side, side)
    level = float(np.quantile(field(x, y), share))
    return lambda x, y: field(x, y) < level
