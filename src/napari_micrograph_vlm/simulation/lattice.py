"""A triangular lattice of springs: its sites, triangles and bonds, and its equilibrium.

Every triangle of the lattice brings half a spring to each of its three sides. So built, the
lattice is, at its free edges too, the same as linear finite elements of a plate in plane stress
with Poisson's ratio 1/3 (Ostoja-Starzewski, Appl. Mech. Rev. 55, 35, 2002; Hrennikoff 1941), and
a broken spring is a piece of a crack.

The plate is one wide: lengths are in widths of the plate, stresses in the unit of Young's modulus.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["POISSON", "VOID", "Lattice", "Solved", "lattice", "solve", "stretches_of"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

POISSON = 1 / 3
"""Of every triangular lattice of central springs in plane stress."""

VOID = 1e-6
"""Stiffness of a hole, or a broken bond, relative to the material: small, so that every site
keeps its place."""


@dataclass(frozen=True, eq=False)
class Lattice:
    """Where sites, bonds and triangles lie; nothing of the material.

    Rows of sites lie across the pull, so that a crack straight across is one of the lattice's
    own lines. The free sides are serrated by half a spacing, which does not disturb a uniform pull.

    Attributes
    ----------
    columns, rows : int
        Sites in a row, and rows.
    spacing : float
        Distance of neighbours, in widths of the plate.
    sites : (n, 2) float64 array
        x from 0 to 1, y upward from 0.
    triangles : (t, 3) int64 array
        Their corners.
    centres : (t, 2) float64 array
        Their middles.
    sides : (t, 3) int64 array
        Their bonds.
    bonds : (b, 2) int64 array
        Sites that a spring joins.
    directions : (b, 2) float64 array
        Unit vectors from the first to the second.
    gripped : (g,) int64 array
        Sites at the top and bottom that the pull moves.
    """

    columns: int
    rows: int
    spacing: float
    sites: Floats
    triangles: Ints
    centres: Floats
    sides: Ints
    bonds: Ints
    directions: Floats
    gripped: Ints

    @property
    def height(self) -> float:
        """Height of the plate in its widths."""
        return float(self.sites[:, 1].max())

    @property
    def area(self) -> float:
        """Area of all triangles together, in squared widths."""
        return len(self.triangles) * sqrt(3) / 4 * self.spacing**2

    @property
    def middles(self) -> Floats:
        """Middles of the bonds, (b, 2)."""
        middles: Floats = self.sites[self.bonds].mean(1)
        return middles


@lru_cache(maxsize=8)
def lattice(columns: int = 64) -> Lattice:
    """Lay out a plate about as high as it is wide.

    Parameters
    ----------
    columns : int
        Sites in a row, at least 4: how fine it is.

    Raises
    ------
    ValueError
        If there are fewer.
    """
    if columns < 4:
        raise ValueError(f"A lattice needs 4 sites in a row at least, not {columns}.")
    spacing = 1 / (columns - 0.5)  # the upper of two rows begins half a spacing further right
    rows = round((columns - 0.5) / (sqrt(3) / 2)) + 1
    row, column = np.divmod(np.arange(columns * rows), columns)
    sites = np.stack([column + 0.5 * (row % 2), row * sqrt(3) / 2], 1) * spacing
    triangles = _triangles(columns, rows)
    pairs = np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), 1)
    bonds, sides = np.unique(pairs, axis=0, return_inverse=True)
    directions = (sites[bonds[:, 1]] - sites[bonds[:, 0]]) / spacing
    gripped = np.flatnonzero((row == 0) | (row == rows - 1))
    return Lattice(
        columns, rows, spacing, sites, triangles, sites[triangles].mean(1),
        sides.reshape(-1, 3), bonds, directions, gripped,
    )  # fmt: skip


def _triangles(columns: int, rows: int) -> Ints:
    """Return corners: a bond within a row and the site above or below its middle."""
    found = []
    left = np.arange(columns - 1)
    for lower in range(rows - 1):
        here, there = lower * columns, (lower + 1) * columns
        shifted = lower % 2
        found.append(np.stack([here + left, here + left + 1, there + left + shifted], 1))
        found.append(np.stack([there + left, there + left + 1, here + left + 1 - shifted], 1))
    return np.concatenate(found)


@dataclass(frozen=True, eq=False)
class Solved:
    """A plate in equilibrium, pulled by one unit of strain.

    Attributes
    ----------
    lattice : Lattice
        Its geometry.
    modulus : (t,) float64 array
        Young's modulus of each triangle; 0 is a hole.
    stiffness : (b,) float64 array
        Of its springs.
    shifts : (n, 2) float64 array
        Displacements for a strain of 1.
    stretches : (b,) float64 array
        Strain of each bond for a strain of 1.
    factor : object
        The factorised matrix of the free displacements, with ``solve``.
    free : (2 n,) int64 array
        Number of each displacement among the free ones; -1 for given ones.
    """

    lattice: Lattice
    modulus: Floats
    stiffness: Floats
    shifts: Floats
    stretches: Floats
    factor: Any
    free: Ints


def _spring_constants(grid: Lattice, modulus: Floats) -> Floats:
    """Return the constants (b,) of the springs from Young's moduli (t,) of the triangles."""
    halves = np.repeat(np.maximum(modulus, VOID * modulus.max()) * sqrt(3) / 4, 3)
    constants = np.bincount(grid.sides.ravel(), halves, len(grid.bonds))
    return np.asarray(constants, np.float64)


def solve(grid: Lattice, modulus: Floats) -> Solved:
    """Pull a plate: its upper edge goes up, the sides are free, nothing holds it sideways.

    Parameters
    ----------
    grid : Lattice
        The geometry.
    modulus : (t,) float64 array
        Young's modulus of each triangle; 0 is a hole.

    Raises
    ------
    ValueError
        If there is no material at all.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.linalg import splu

    if not modulus.max(initial=0) > 0:
        raise ValueError("A plate needs material: its modulus is 0 everywhere.")
    constants = _spring_constants(grid, modulus)
    count = len(grid.sites)
    # What a bond feels: its direction at one end, the opposite at the other.
    ends = np.concatenate([2 * grid.bonds, 2 * grid.bonds + 1], 1)[:, [0, 2, 1, 3]]
    parts = np.concatenate([-grid.directions, grid.directions], 1)
    block = constants[:, None, None] * parts[:, :, None] * parts[:, None, :]
    rows = np.broadcast_to(ends[:, :, None], block.shape).ravel()
    columns = np.broadcast_to(ends[:, None, :], block.shape).ravel()
    matrix = coo_matrix((block.ravel(), (rows, columns)), (2 * count, 2 * count)).tocsr()
    given = np.zeros(2 * count, bool)
    given[2 * grid.gripped + 1] = True
    given[0] = True  # one site is kept from sliding sideways
    shifts = np.zeros(2 * count)
    shifts[2 * grid.gripped + 1] = grid.sites[grid.gripped, 1]
    inside = np.flatnonzero(~given)
    factor = splu(
        matrix[inside][:, inside].tocsc(), permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0, options={"SymmetricMode": True},
    )  # fmt: skip
    shifts[inside] = factor.solve(-(matrix[inside] @ shifts))
    free = np.full(2 * count, -1)
    free[inside] = np.arange(len(inside))
    moved = shifts.reshape(-1, 2)
    return Solved(grid, modulus, constants, moved, stretches_of(grid, moved), factor, free)


def stretches_of(grid: Lattice, shifts: Floats) -> Floats:
    """Return the strain (b,) of each bond for displacements (n, 2) of the sites."""
    moved = shifts[grid.bonds[:, 1]] - shifts[grid.bonds[:, 0]]
    strains: Floats = (moved * grid.directions).sum(1) / grid.spacing
    return strains
