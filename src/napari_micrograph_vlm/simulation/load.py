"""How near each bond of a pulled plate is to its limit."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .lattice import Lattice

__all__ = ["Load"]

Floats = NDArray[np.float64]


class Load:
    """How near each bond is to its limit.

    Parameters
    ----------
    grid : Lattice
        Whose bonds.
    solid : (t,) bool array
        Which triangles are material.
    limits : (b,) float64 array
        Infinite where there is a hole.
    distance : float
        Over which the strain is averaged.
    """

    def __init__(
        self, grid: Lattice, solid: NDArray[np.bool_], limits: Floats, distance: float
    ) -> None:
        self._grid = grid
        self._limits = limits.copy()
        self._around: Any = _around(grid, distance) if distance else None
        self._whole = solid.astype(np.float64)
        self._beside = np.zeros(len(limits), bool)

    def take_out(self, bond: int) -> None:
        """Note that a bond is broken."""
        self._limits[bond] = np.inf
        damaged = (self._grid.sides == bond).any(1)
        self._whole[damaged] = 0
        self._beside[self._grid.sides[damaged].ravel()] = True

    def next(self, stretches: Floats) -> tuple[int, float]:
        """Return the bond that breaks next, and the strain of the plate that it needs.

        Parameters
        ----------
        stretches : (b,) float64 array
            Strain of each bond for a strain of 1.
        """
        load = self._averaged(stretches)
        share = load / self._limits
        bond = int(share.argmax())
        return bond, 1 / float(share[bond]) if share[bond] > 0 else float("inf")

    def _averaged(self, stretches: Floats) -> Floats:
        if self._around is None:
            return stretches
        grid = self._grid
        strains = _strains(grid, stretches) * self._whole[:, None]
        weight = self._around @ self._whole
        mean = (self._around @ strains) / np.maximum(weight, 1e-9)[:, None]
        x, y = grid.directions.T
        along = mean[:, 0] * x * x + mean[:, 1] * y * y + mean[:, 2] * x * y
        # What bridges a crack has no whole material around it: its own strain counts.
        own = (weight < 1e-6) | (self._beside & (stretches > along))
        load: Floats = np.where(own, stretches, along)
        return load


def _strains(grid: Lattice, stretches: Floats) -> Floats:
    """Return the strain in each triangle, (t, 3): xx, yy and twice xy."""
    inverse = _to_strains(grid)
    strains: Floats = np.einsum("tij,tj->ti", inverse, stretches[grid.sides])
    return strains


@lru_cache(maxsize=4)
def _to_strains(grid: Lattice) -> Floats:
    x, y = np.moveaxis(grid.directions[grid.sides], -1, 0)
    inverse: Floats = np.linalg.inv(np.stack([x * x, y * y, x * y], -1))
    return inverse


@lru_cache(maxsize=4)
def _around(grid: Lattice, distance: float) -> Any:
    """Return the weights (b, t), sparse, of the triangles around each bond."""
    from scipy.sparse import csr_matrix
    from scipy.spatial import cKDTree

    reach = max(distance, 0.75 * grid.spacing)
    near = cKDTree(grid.centres).query_ball_point(grid.middles, 1.5 * reach)
    starts = np.cumsum([0, *map(len, near)])
    which = np.concatenate([np.asarray(part, np.int64) for part in near])
    middles = np.repeat(grid.middles, np.diff(starts), axis=0)
    far = np.linalg.norm(grid.centres[which] - middles, axis=1)
    shape = (len(grid.bonds), len(grid.centres))
    return csr_matrix((np.exp(-((1.5 * far / reach) ** 2)), which, starts), shape)
