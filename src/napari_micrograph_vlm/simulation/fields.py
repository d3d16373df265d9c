"""Stress and energy of a plate in equilibrium, site by site."""

from __future__ import annotations

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from .lattice import POISSON, Lattice, Solved

__all__ = [
    "at_sites",
    "energies",
    "energy_density",
    "mean_stress",
    "stored",
    "stresses",
    "von_mises",
]

Floats = NDArray[np.float64]


def stresses(solved: Solved, strain: float) -> Floats:
    """Return the stress in each triangle, (t, 3): xx, yy and xy, in the unit of the modulus.

    Parameters
    ----------
    solved : Solved
        The plate.
    strain : float
        How far it is pulled, as a share of its height.
    """
    grid = solved.lattice
    along = grid.directions[grid.sides]  # (t, 3, 2)
    x, y = along[..., 0], along[..., 1]
    # The three sides give the three strains of a triangle.
    given = strain * solved.stretches[grid.sides]
    parts = np.linalg.solve(np.stack([x * x, y * y, x * y], -1), given[..., None])[..., 0]
    factor = solved.modulus / (1 - POISSON**2)
    return np.stack(
        [
            factor * (parts[:, 0] + POISSON * parts[:, 1]),
            factor * (parts[:, 1] + POISSON * parts[:, 0]),
            factor * (1 - POISSON) / 2 * parts[:, 2],
        ],
        1,
    )


def von_mises(stress: Floats) -> Floats:
    """Return the equivalent stress (t,) of stresses (t, 3) in plane stress."""
    xx, yy, xy = stress.T
    equivalent: Floats = np.sqrt(xx**2 - xx * yy + yy**2 + 3 * xy**2)
    return equivalent


def energies(solved: Solved, strain: float) -> Floats:
    """Return the elastic energy of each bond, (b,): modulus times area of the plate."""
    stretch = strain * solved.stretches * solved.lattice.spacing
    energy: Floats = 0.5 * solved.stiffness * stretch**2
    return energy


def stored(solved: Solved, strain: float) -> float:
    """Return the elastic energy of the whole plate."""
    return float(energies(solved, strain).sum())


def at_sites(grid: Lattice, values: Floats, solid: NDArray[np.bool_]) -> Floats:
    """Return the mean of the solid triangles around each site, (n,); NaN where there is none.

    Parameters
    ----------
    grid : Lattice
        The geometry.
    values : (t,) float64 array
        One for each triangle.
    solid : (t,) bool array
        Which triangles are material.
    """
    corners = grid.triangles[solid].ravel()
    total = np.bincount(corners, np.repeat(values[solid], 3), len(grid.sites))
    number = np.bincount(corners, minlength=len(grid.sites))
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)


def energy_density(solved: Solved, strain: float) -> Floats:
    """Return the elastic energy per area of each triangle, (t,), in the unit of the modulus."""
    grid = solved.lattice
    stretch = strain * solved.stretches[grid.sides]
    # Half a spring on each side, over the area of the triangle.
    half = solved.modulus * sqrt(3) / 4
    density: Floats = 0.5 * half * (stretch**2).sum(1) / (sqrt(3) / 4)
    return density


def mean_stress(solved: Solved, strain: float) -> float:
    """Return the pull over the width of the plate, from its energy: 2 U / (strain * area)."""
    return 2 * stored(solved, strain) / (strain * solved.lattice.area)
