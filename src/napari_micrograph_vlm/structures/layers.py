"""Layers, lines and films: what changes along one direction only, or up and down."""

from __future__ import annotations

import numpy as np

from .fields import StructureFields
from .grid import Floats, Grid, band_noise, direction_of
from .spheres import apart

__all__ = ["film_field", "layer_field"]

MOST_BUMPS = 30_000


def layer_field(fields: StructureFields, grid: Grid, rng: np.random.Generator) -> Floats:
    """Return minus the distance to the middle of the nearest layer or line.

    Both run in ``orientation`` and are as deep as the block; ``"in plane"`` stacks layers upon
    each other instead. What is not regular waves.

    Parameters
    ----------
    fields : StructureFields
        ``spacing`` is the period.
    grid : Grid
        Where.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    (z, y, x) float32 array
        In the unit of the fields.
    """
    main = direction_of(fields.orientation, fields.angle)
    across = (1.0, 0.0, 0.0)
    if main is not None and fields.orientation != "upright":
        across = (0.0, float(main[2]), float(-main[1]))
    place = sum(np.float32(part) * grid.along(axis) for axis, part in enumerate(across) if part)
    place = np.broadcast_to(np.asarray(place, np.float32), grid.shape)
    if fields.regularity < 1:
        flat = band_noise(rng, grid.shape[1:], 4 * fields.spacing / grid.voxel, 0.4)
        place = place + np.float32((1 - fields.regularity) * 0.5 * fields.spacing) * flat
    # One voxel askew from end to end: else whole planes of voxels would be as far, and the
    # density could not be hit.
    along = grid.along(1 if abs(across[2]) > abs(across[1]) else 2)
    place = place + np.float32(grid.voxel / along.size) * (along / np.float32(grid.voxel))
    # A layer in the middle of each period, and whole layers where a whole number fits.
    turns = place / np.float32(fields.spacing) + np.float32(1e-4 * rng.random())
    middle = np.abs(turns - np.floor(turns) - np.float32(0.5))
    return np.asarray(-middle * np.float32(fields.spacing), np.float32)


def film_field(fields: StructureFields, grid: Grid, rng: np.random.Generator) -> Floats:
    """Return how far each voxel lies below the bumpy surface of a film.

    Parameters
    ----------
    fields : StructureFields
        ``size`` is the width of a bump; ``density`` the mean height over the depth of the block.
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

    depth = grid.sides[0]
    rows, columns = grid.shape[1:]
    low, high = np.full(2, -fields.size), grid.sides[1:] + fields.size
    number = min(max(round(float(np.prod(high - low)) / (0.8 * fields.size) ** 2), 1), MOST_BUMPS)
    centres = apart(rng.uniform(low, high, (number, 2)), 0.8 * fields.size, low, high, rng)
    y, x = np.mgrid[:rows, :columns] + 0.5
    at = np.stack([y.ravel(), x.ravel()], 1) * grid.voxel
    away, which = cKDTree(centres).query(at)
    # Domes that meet in grooves, each as high as it happens to be.
    domes = np.sqrt(np.clip(1 - (away / (0.55 * fields.size)) ** 2, 0, 1))
    domes = (domes + 0.12 * rng.standard_normal(number)[which]).reshape(rows, columns)
    domes = ndimage.gaussian_filter(domes, 0.05 * fields.size / grid.voxel)
    # Neither through the top nor down to the bottom.
    room = min(fields.density, 1 - fields.density) * depth
    tall = min(0.35 * fields.size, room / 1.5) * (1 - 0.9 * fields.regularity)
    surface = fields.density * depth + tall * np.clip(domes - domes.mean(), -1.2, 1.2)
    return np.asarray(surface[None] - grid.along(0), np.float32)
