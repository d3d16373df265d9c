"""Plates of many shapes: where they are stiff, soft or empty.

A plate is a function of the place, so that the same one is simulated on a lattice of any fineness
and drawn at any size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .shapes import Shape, ellipse, field_below, grating, holes, slot, staggered

__all__ = [
    "FAMILIES",
    "GRIP",
    "HELD_OUT",
    "HOLE",
    "KEPT",
    "SOFT",
    "STIFF",
    "Plate",
    "draw_plate",
]

Floats = NDArray[np.float64]

HOLE, SOFT, STIFF = 0, 1, 2
"""What a place of a plate is."""

GRIP = 0.05
"""Height of the stiff strips by which a plate is held, in its widths."""


@dataclass(frozen=True, eq=False)
class Plate:
    """A plate with its holes and inclusions.

    Attributes
    ----------
    family : str
        How it was drawn: one of :data:`FAMILIES` or :data:`HELD_OUT`, or a name of one's own.
    empty : callable or None
        Whether there is a hole at places (x, y): from 0 to 1, y upward.
    soft : callable or None
        Whether the material is the soft one there.
    seed : int
        What decided about it.
    width : float
        Its width in micrometres.
    turned : bool
        Whether it is turned by 180°.
    """

    family: str
    empty: Shape | None = None
    soft: Shape | None = None
    seed: int = 0
    width: float = 100.0
    turned: bool = False

    def phases(self, x: Floats, y: Floats) -> NDArray[np.uint8]:
        """Return what is at places: :data:`HOLE`, :data:`SOFT` or :data:`STIFF`.

        Parameters
        ----------
        x, y : float64 arrays of one shape
            0 to 1, y upward.
        """
        if self.turned:
            x, y = 1 - x, 1 - y
        found = np.full(np.shape(x), STIFF, np.uint8)
        if self.soft is not None:
            found[self.soft(x, y)] = SOFT
        if self.empty is not None:
            found[self.empty(x, y)] = HOLE
        found[(y < GRIP) | (y > 1 - GRIP)] = STIFF
        return found


Rng = np.random.Generator
Parts = tuple[Shape | None, Shape | None]


def _either(*shapes: Shape) -> Shape:
    return lambda x, y: np.logical_or.reduce([shape(x, y) for shape in shapes])


def _edge_notch(rng: Rng, *, side: int | None = None, most: float = 0.45) -> Shape:
    """Return a cut from the left (0) or the right side (1) inward."""
    right = int(rng.integers(2)) if side is None else side
    length, angle = rng.uniform(0.08, most), rng.uniform(-45, 45)
    return slot(right, rng.uniform(0.3, 0.7), 2 * length, angle, rng.uniform(0.024, 0.036))


def notch(rng: Rng) -> Parts:
    """Cut in from one side."""
    return _edge_notch(rng), None


def slit(rng: Rng) -> Parts:
    """Cut one or two slits inside."""
    cuts = [
        slot(rng.uniform(0.3, 0.7), rng.uniform(0.25, 0.75), rng.uniform(0.12, 0.5),
             rng.uniform(-80, 80), rng.uniform(0.024, 0.036))
        for _ in range(int(rng.integers(1, 3)))
    ]  # fmt: skip
    return _either(*cuts), None


def hole(rng: Rng) -> Parts:
    """Cut one round or elliptic hole."""
    size = rng.uniform(0.06, 0.26)
    other = size if rng.random() < 0.4 else rng.uniform(0.05, 0.26)
    place = rng.uniform(0.35, 0.65, 2)
    return ellipse(place[0], place[1], size, other, rng.uniform(-90, 90)), None


def voids(rng: Rng) -> Parts:
    """Cut several holes of several sizes."""
    largest = rng.uniform(0.04, 0.12)
    places = [
        (rng.uniform(0.05, 0.95), rng.uniform(0.12, 0.88), *rng.uniform(0.025, largest, 2),
         rng.uniform(-90, 90))
        for _ in range(int(rng.integers(3, 15)))
    ]  # fmt: skip
    return _either(*(ellipse(*place) for place in places)), None


def graded(rng: Rng) -> Parts:
    """Cut rows of holes that grow from one end to the other."""
    count, small, large = int(rng.integers(4, 9)), rng.uniform(0.08, 0.2), rng.uniform(0.25, 0.43)
    across = bool(rng.integers(2))
    if rng.random() < 0.5:
        small, large = large, small
    return holes(count, small, large, across=across, angle=0.0), None


def foam(rng: Rng) -> Parts:
    """Leave out what lies below a level of a smooth random field."""
    share, coarse = rng.uniform(0.1, 0.4), rng.uniform(3, 8)
    return field_below(share, coarse, rng), None


def layers(rng: Rng) -> Parts:
    """Stack stiff and soft layers at an angle; half of the plates have a cut."""
    stack = grating(rng.uniform(0.08, 0.25), rng.uniform(0.15, 0.6), rng.uniform(-65, 65))
    return (_edge_notch(rng, most=0.3) if rng.random() < 0.5 else None), stack


def platelets(rng: Rng) -> Parts:
    """Put stiff platelets into a soft matrix as in bone and nacre; half of them have a cut."""
    long, high = rng.uniform(0.2, 0.45), rng.uniform(0.06, 0.14)
    matrix = staggered(
        long, high, rng.uniform(0.02, 0.04), rng.uniform(0, 0.5), int(rng.integers(2))
    )
    return (_edge_notch(rng, most=0.3) if rng.random() < 0.5 else None), matrix


def particles(rng: Rng) -> Parts:
    """Put soft particles into a stiff matrix, or the other way round."""
    round_ones, _ = voids(rng)
    assert round_ones is not None
    turned = bool(rng.random() < 0.4)

    def soft(x: Floats, y: Floats) -> NDArray[np.bool_]:
        inside = round_ones(x, y)
        return ~inside if turned else inside

    return (_edge_notch(rng, most=0.25) if rng.random() < 0.3 else None), soft


def two_notches(rng: Rng) -> Parts:
    """Cut in from both sides."""
    return _either(_edge_notch(rng, side=0, most=0.3), _edge_notch(rng, side=1, most=0.3)), None


def honeycomb(rng: Rng) -> Parts:
    """Cut an array of equal holes, turned by some angle."""
    size = rng.uniform(0.22, 0.42)
    count = int(rng.integers(4, 9))
    return holes(count, size, size, across=False, angle=rng.uniform(-45, 45)), None


FAMILIES: dict[str, Callable[[Rng], Parts]] = {
    f.__name__: f for f in (notch, slit, hole, voids, graded, foam, layers, platelets, particles)
}
"""Plates to learn from."""

HELD_OUT: dict[str, Callable[[Rng], Parts]] = {f.__name__: f for f in (two_notches, honeycomb)}
"""Plates that are for the test alone."""

KEPT = range(9_000_000, 20_000_000)
"""Seeds that are for the test alone."""


def draw_plate(seed: int, family: str | None = None) -> Plate:
    """Draw a plate; the seed decides everything, the family too where none is given.

    Parameters
    ----------
    seed : int
        Not negative.
    family : str, optional
        One of :data:`FAMILIES` or :data:`HELD_OUT`; by default one of the first.

    Raises
    ------
    ValueError
        If there is no such family.
    """
    rng = np.random.default_rng([seed, 61])
    names = list(FAMILIES)
    drawn = names[int(rng.integers(len(names)))]
    family = drawn if family is None else family
    every = FAMILIES | HELD_OUT
    if family not in every:
        raise ValueError(f"There is no family of plates {family!r}; there are {', '.join(every)}.")
    width = float(10 ** rng.uniform(0.5, 3))
    empty, soft = every[family](rng)
    return Plate(family, empty, soft, seed, float(f"{width:.3g}"))
