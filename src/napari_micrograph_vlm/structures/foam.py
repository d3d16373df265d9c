"""Open-celled foams, and sponges of which solid and pores both hang together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .fields import StructureFields
from .grid import Floats, Grid, band_noise, direction_of

__all__ = ["foam_field", "sponge_field"]

STRETCH = 2.5
"""How many times longer than wide the pores are where a direction is given."""
COARSE = 400_000
"""Places at which the distances to cells are looked up; between them it is interpolated."""
_NEIGHBOURS = 3


def foam_field(fields: StructureFields, grid: Grid, rng: np.random.Generator) -> Floats:
    """Return how near each voxel is to an edge between three cells.

    Cells are those of points on a body-centred lattice (a Kelvin foam), shaken as ``regularity``
    says; at an edge the three nearest points are equally far.

    Parameters
    ----------
    fields : StructureFields
        ``spacing`` is the diameter of a cell.
    grid : Grid
        Where.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    (z, y, x) float32 array
        In the unit of the fields.
    """
    from scipy import ndimage
    from scipy.spatial import cKDTree

    squeeze = _squeeze(fields)
    cell = fields.spacing
    # Two points in each cube.
    pitch = cell * 2 ** (1 / 3)
    corner = np.abs(squeeze) @ grid.sides
    counts = [int(np.ceil(n / pitch)) + 3 for n in 2 * corner]
    cubes = np.stack(np.meshgrid(*map(np.arange, counts), indexing="ij"), -1).reshape(-1, 3)
    points = np.concatenate([cubes, cubes + 0.5]) * pitch
    points += (1 - fields.regularity) * 0.28 * pitch * rng.standard_normal(points.shape)
    points += rng.uniform(-pitch, 0, 3) - pitch - corner / 2
    step = max((np.prod(grid.shape) / COARSE) ** (1 / 3), 1.0)
    few = [max(int(np.ceil(n / step)), 2) for n in grid.shape]
    # The first and the last place lie on the first and the last voxel.
    places = [
        np.linspace(0.5, n - 0.5, m) * grid.voxel for n, m in zip(grid.shape, few, strict=True)
    ]
    at = np.stack(np.meshgrid(*places, indexing="ij"), -1).reshape(-1, 3) @ squeeze.T
    away = cKDTree(points).query(at, _NEIGHBOURS)[0]
    edge = (away[:, 0] - away[:, 2]).reshape(few).astype(np.float32)
    zoom = [n / m for n, m in zip(grid.shape, few, strict=True)]
    made = ndimage.zoom(edge, zoom, order=1, grid_mode=False)
    assert made.shape == grid.shape
    return np.asarray(made, np.float32)


def sponge_field(fields: StructureFields, grid: Grid, rng: np.random.Generator) -> Floats:
    """Return smooth noise of one wavelength, as after spinodal decomposition (Cahn 1965).

    Parameters
    ----------
    fields : StructureFields
        ``spacing`` is the wavelength.
    grid : Grid
        Where.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    (z, y, x) float32 array
        In the unit of the fields, about a distance from the surface.
    """
    wave = fields.spacing / grid.voxel
    main = direction_of(fields.orientation, fields.angle)
    spread = 0.08 + 0.3 * (1 - fields.regularity)
    stretch = None if main is None else STRETCH * main
    noise = band_noise(rng, grid.shape, wave, spread, stretch)
    return noise * np.float32(fields.spacing / (2 * np.pi))


def _squeeze(fields: StructureFields) -> NDArray[np.float64]:
    """Return what makes the cells' direction short, so that round cells are long there."""
    main = direction_of(fields.orientation, fields.angle)
    if main is None:
        return np.eye(3)
    grown = np.eye(3) + (1 / STRETCH - 1) * np.outer(main, main)
    # Of the same volume: cells keep their mean diameter.
    return np.asarray(grown * STRETCH ** (1 / 3))
