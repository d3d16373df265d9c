"""From a plate to its numbers, with units: one run of the simulation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .cracking import Crack, pull
from .fields import at_sites, energy_density, stresses, von_mises
from .lattice import Lattice, Solved, lattice, solve
from .plates import HOLE, SOFT, STIFF, Plate

__all__ = [
    "ELASTIC",
    "MATERIALS",
    "PULLED",
    "QUANTITIES",
    "Material",
    "Quantity",
    "Run",
    "simulate",
]

Floats = NDArray[np.float64]

ELASTIC = 0.01
"""Strain at which stress and energy are given."""

PULLED = 0.025
"""Strain up to which a plate is pulled."""


@dataclass(frozen=True)
class Material:
    """What a part of a plate is made of.

    Attributes
    ----------
    modulus : float
        Young's modulus in MPa.
    limit : float
        Strain at which its bonds break: two thirds of the strain at which an even plate does.
    """

    modulus: float
    limit: float


MATERIALS: dict[int, Material] = {SOFT: Material(200.0, 0.08), STIFF: Material(1000.0, 0.035)}


@dataclass(frozen=True)
class Quantity:
    """A number that a run gives.

    Attributes
    ----------
    name : str
        What people call it.
    unit : str
        Its unit.
    digits : int
        Decimals that are told.
    """

    name: str
    unit: str
    digits: int


QUANTITIES: dict[str, Quantity] = {
    "stress_max": Quantity("largest stress", "MPa", 0),
    "stress_mean": Quantity("mean stress", "MPa", 1),
    "stress_spread": Quantity("spread of the stress", "MPa", 1),
    "energy_max": Quantity("largest energy of a site", "kJ/m³", 0),
    "energy_mean": Quantity("mean energy of a site", "kJ/m³", 0),
    "energy_spread": Quantity("spread of the energy", "kJ/m³", 0),
    "start_strain": Quantity("strain at which a crack starts", "%", 1),
    "crack_length": Quantity("crack length", "% of the picture", 0),
    "crack_direction": Quantity("crack direction", "°", 0),
}
"""The numbers, by the names of :attr:`Run.numbers`."""


@dataclass(frozen=True, eq=False)
class Run:
    """A plate that was pulled.

    Attributes
    ----------
    plate : Plate
        What was pulled.
    stress : (n,) float64 array
        Equivalent stress (von Mises) at each site of the lattice at :data:`ELASTIC`, in MPa; NaN
        in holes.
    energy : (n,) float64 array
        Elastic energy per volume there, in kJ/m³.
    crack : Crack
        What broke up to :data:`PULLED`.
    """

    plate: Plate
    stress: Floats
    energy: Floats
    crack: Crack

    @property
    def lattice(self) -> Lattice:
        """The sites."""
        return self.crack.lattice

    @property
    def numbers(self) -> dict[str, float | None]:
        """Values of :data:`QUANTITIES`; None where there is no such thing, as without a crack."""
        stress, energy = (v[np.isfinite(v)] for v in (self.stress, self.energy))
        crack = self.crack
        return {
            "stress_max": float(stress.max()),
            "stress_mean": float(stress.mean()),
            "stress_spread": float(stress.std()),
            "energy_max": float(energy.max()),
            "energy_mean": float(energy.mean()),
            "energy_spread": float(energy.std()),
            "start_strain": 100 * crack.starts_at,
            "crack_length": 100 * crack.length if crack.started else None,
            "crack_direction": crack.direction,
        }


def simulate(plate: Plate, *, columns: int = 64) -> Run:
    """Pull a plate up and down: its fields at 1 % and its cracks at 2.5 % strain.

    Parameters
    ----------
    plate : Plate
        Geometry and materials.
    columns : int
        Sites in a row of the lattice.

    Raises
    ------
    ValueError
        If the lattice would have fewer than 4 sites in a row.
    """
    grid = lattice(columns)
    phases = plate.phases(grid.centres[:, 0], grid.centres[:, 1] / grid.height)
    modulus = np.zeros(len(phases))
    limit = np.zeros(len(phases))
    for phase, material in MATERIALS.items():
        modulus[phases == phase] = material.modulus
        limit[phases == phase] = material.limit
    solid = phases != HOLE
    solved = solve(grid, modulus)
    stress = at_sites(grid, von_mises(stresses(solved, ELASTIC)), solid)
    # MPa are MJ/m³.
    energy = at_sites(grid, 1000 * energy_density(solved, ELASTIC), solid)
    return Run(plate, stress, energy, pull(solved, _limits(solved, limit), PULLED))


def _limits(solved: Solved, limit: Floats) -> Floats:
    """Return the limit of each bond: that of its stiffer side; none in holes and grips."""
    grid = solved.lattice
    sides = grid.sides.ravel()
    share = np.bincount(sides, np.repeat(solved.modulus, 3), len(grid.bonds))
    mean = np.bincount(sides, np.repeat(solved.modulus * limit, 3), len(grid.bonds))
    limits = np.where(share > 0, mean / np.maximum(share, 1e-9), np.inf)
    # Held by the grips, nothing breaks.
    held = np.isin(grid.bonds, grid.gripped).any(1)
    return np.where(held, np.inf, limits)
