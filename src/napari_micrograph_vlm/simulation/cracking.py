"""A plate pulled slowly: bonds break one by one where they are strained beyond their limit.

At every strain the plate is in equilibrium. The bond nearest to its limit sets the strain at which
something happens next; it breaks at a fixed strain of the plate, and whatever is beyond its limit
then follows, the worst first, before the pull goes on. What counts is the mean strain of the
unbroken material within a characteristic distance, as in the theory of critical distances
(D. Taylor, Eng. Fract. Mech. 75, 1696, 2008): at a sharp tip the strain of one bond would grow
without end with the fineness of the lattice. Bonds are taken out of the factorised matrix by
Woodbury's formula: one solution for each.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import atan2, degrees

import numpy as np
from numpy.typing import NDArray

from .lattice import VOID, Lattice, Solved, stretches_of
from .load import Load

__all__ = ["DISTANCE", "Crack", "pull"]

Floats = NDArray[np.float64]

DISTANCE = 0.025
"""The characteristic distance, in widths of the plate."""

MOST = 600
"""Bonds that may break: more than a plate needs to come apart."""

APART = 0.02
"""Stiffness left, as a share, below which a plate counts as parted."""


@dataclass(frozen=True, eq=False)
class Crack:
    """What happened while a plate was pulled.

    Attributes
    ----------
    lattice : Lattice
        Of the plate.
    starts_at : float
        Strain at which the first bond breaks, or would, pulled further.
    strain : float
        How far it was pulled.
    broken : (k,) int64 array
        Bonds in the order in which they broke.
    strains : (k,) float64 array
        Strain of the plate when each broke.
    released : (k,) float64 array
        Elastic energy lost with each.
    stiffness : (k + 1,) float64 array
        Energy per squared strain, before and after each.
    parted : bool
        Whether the plate came apart.
    """

    lattice: Lattice
    starts_at: float
    strain: float
    broken: NDArray[np.int64]
    strains: Floats
    released: Floats
    stiffness: Floats
    parted: bool = False

    @property
    def started(self) -> bool:
        """Whether anything broke."""
        return len(self.broken) > 0

    @property
    def length(self) -> float:
        """Length of all cracks together, in widths of the plate.

        A crack along a line of the lattice breaks two bonds a spacing.
        """
        return len(self.broken) * self.lattice.spacing / 2

    @property
    def direction(self) -> float | None:
        """Angle of the crack to the horizontal in degrees, over -90 to 90; None without one.

        Positive where it rises to the right. It is the direction in which the middles of the
        broken bonds spread the most; where they spread alike every way there is none.
        """
        if len(self.broken) < 6:
            return None
        places = self.lattice.middles[self.broken]
        values, vectors = np.linalg.eigh(np.cov((places - places.mean(0)).T))
        if values[1] < 3 * values[0]:
            return None
        x, y = vectors[:, 1]
        angle = (degrees(atan2(y, x)) + 90) % 180 - 90
        return 90.0 if angle == -90 else angle

    @property
    def work(self) -> float:
        """Work of the pull up to the end: what is stored and what was lost."""
        steps = np.concatenate([[0.0], self.strains, [self.strain]])
        return float((self.stiffness * np.diff(steps**2)).sum())

    @property
    def stored(self) -> float:
        """Elastic energy at the end."""
        return float(self.stiffness[-1]) * self.strain**2


def pull(solved: Solved, limits: Floats, strain: float, *, distance: float = DISTANCE) -> Crack:
    """Pull a plate up to a strain and let its bonds break.

    Parameters
    ----------
    solved : Solved
        The plate, unbroken.
    limits : (b,) float64 array
        Strain at which each bond breaks; infinite where there is a hole.
    strain : float
        How far it is pulled, as a share of its height.
    distance : float
        Over which the strain is averaged, in widths; 0: each bond's own strain counts.
    """
    grid = solved.lattice
    load = Load(grid, solved.modulus > 0, limits, distance)
    stretches = solved.stretches
    energy = 0.5 * float((solved.stiffness * (stretches * grid.spacing) ** 2).sum())
    starts = load.next(stretches)[1]
    reached, parted = 0.0, False
    broken: list[int] = []
    strains: list[float] = []
    released: list[float] = []
    stiffness = [energy]
    # Responses of the unbroken plate to a pair of forces at each broken bond.
    responses = np.zeros((MOST, solved.factor.shape[0]))
    pushes = np.zeros((MOST, MOST))
    first = np.zeros(MOST)
    inside = np.flatnonzero(solved.free >= 0)
    while len(broken) < MOST and not parted:
        bond, needed = load.next(stretches)
        if max(needed, reached) > strain:
            break
        reached = max(reached, needed)
        k = len(broken)
        places, signs = _ends(solved, bond)
        force = np.zeros(solved.factor.shape[0])
        force[places] = signs
        responses[k] = solved.factor.solve(force)
        broken.append(bond)
        load.take_out(bond)
        pushes[k, : k + 1] = pushes[: k + 1, k] = responses[: k + 1, places] @ signs
        first[k] = solved.stretches[bond] * grid.spacing
        lost = (1 - VOID) * solved.stiffness[broken]
        amounts = np.linalg.solve(np.diag(1 / lost) - pushes[: k + 1, : k + 1], first[: k + 1])
        moved = solved.shifts.ravel().copy()
        moved[inside] += amounts @ responses[: k + 1]
        stretches = stretches_of(grid, moved.reshape(-1, 2))
        left = energy - 0.5 * float(first[: k + 1] @ amounts)
        strains.append(reached)
        released.append((stiffness[-1] - left) * reached**2)
        stiffness.append(left)
        parted = left < APART * energy
    return Crack(
        grid, starts, strain, np.array(broken, np.int64), np.array(strains), np.array(released),
        np.array(stiffness), parted,
    )  # fmt: skip


def _ends(solved: Solved, bond: int) -> tuple[NDArray[np.int64], Floats]:
    """Return the free displacements that a bond feels, and how it feels each."""
    one, other = solved.lattice.bonds[bond]
    numbers = solved.free[[2 * one, 2 * one + 1, 2 * other, 2 * other + 1]]
    x, y = solved.lattice.directions[bond]
    signs = np.array([-x, -y, x, y])
    return numbers[numbers >= 0], signs[numbers >= 0]
