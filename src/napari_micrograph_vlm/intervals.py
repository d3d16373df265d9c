"""Intervals of shares."""

from __future__ import annotations

from math import sqrt

__all__ = ["Z", "wilson"]

Z = 1.96
"""Half width of a 95 % interval of a normal distribution, in standard deviations."""


def wilson(right: int, tried: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927); 0 to 1 where nothing was tried."""
    if tried <= 0:
        return 0.0, 1.0
    share, shrink = right / tried, 1 + Z**2 / tried
    centre = (share + Z**2 / (2 * tried)) / shrink
    half = Z * sqrt(share * (1 - share) / tried + Z**2 / (4 * tried**2)) / shrink
    return max(centre - half, 0.0), min(centre + half, 1.0)
