"""Networks of fibres: straight or slightly bent, in one direction, in the plane or at random."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .fields import StructureFields
from .grid import Floats, Grid, band_noise, direction_of, distance_to

__all__ = ["fibre_field"]

MOST_FIBRES = 4000
BEND = 0.02
"""How far a fibre strays from its axis, over its length in the block."""


def fibre_field(fields: StructureFields, grid: Grid, rng: np.random.Generator) -> Floats:
    """Return minus the distance to the nearest fibre's axis.

    Axes are placed at random (Boolean model): their length in a volume V that makes a solid share
    p of fibres of diameter d is ``-ln(1 - p) V / (pi d^2 / 4)``.

    Parameters
    ----------
    fields : StructureFields
        What to build.
    grid : Grid
        Where.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    (z, y, x) float32 array
        In the unit of the fields.
    """
    radius = fields.size / 2
    margin = radius
    wide = grid.sides + np.array([0, 2 * margin, 2 * margin])
    # Below the surface and above the bottom, fibres lie whole.
    inset = min(radius, 0.45 * wide[0]) if fields.orientation not in ("random", "upright") else 0.0
    volume = float(wide[0] * wide[1] * wide[2])
    cross = np.pi / 4 * fields.size**2
    wanted = -np.log1p(-fields.density) * volume / cross
    points: list[NDArray[np.float64]] = []
    directions: list[NDArray[np.float64]] = []
    length = 0.0
    while length < wanted and len(points) < MOST_FIBRES:
        path, along = _fibre(fields, wide, inset, grid.voxel, rng)
        here = len(path) * 0.5 * grid.voxel
        if length and length + here / 2 > wanted:
            break
        points.append(path)
        directions.append(along)
        length += here
    at = np.concatenate(points) - np.array([0, margin, margin])
    return -distance_to(grid, at, np.concatenate(directions), margin)


def _fibre(
    fields: StructureFields,
    sides: NDArray[np.float64],
    inset: float,
    voxel: float,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return points of one axis half a voxel apart, and the axis' direction at each."""
    main = direction_of(fields.orientation, fields.angle)
    if main is None and fields.orientation == "in plane":
        turn = rng.uniform(0, np.pi)
        main = np.array([0.0, -np.sin(turn), np.cos(turn)])
    elif main is None:
        main = rng.standard_normal(3)
    else:
        # Fully regular: all the same; fully irregular: as far apart as by chance.
        spread = (1 - fields.regularity) * np.radians(80)
        flat = fields.orientation != "upright"
        main = main + spread * rng.standard_normal(3) * np.array([0.0 if flat else 1.0, 1.0, 1.0])
    main = main / np.linalg.norm(main)
    reach = float(np.linalg.norm(sides)) / 2
    low, high = np.array([inset, 0, 0]), sides - np.array([inset, 0, 0])
    middle = rng.uniform(low, np.maximum(high, low + 1e-9))
    steps = int(np.ceil(4 * reach / (0.5 * voxel)))
    t = (np.arange(steps) - steps / 2) * 0.5 * voxel
    path = middle + t[:, None] * main
    side = np.cross(main, [1.0, 0.0, 0.0] if abs(main[0]) < 0.9 else [0.0, 1.0, 0.0])
    side /= np.linalg.norm(side)
    if fields.regularity < 1:
        sway = band_noise(rng, (steps,), steps / 3, 0.5).astype(float)
        path = path + (BEND * (1 - fields.regularity) * 3 * reach) * sway[:, None] * side
    inside = np.all((path >= 0) & (path <= sides), axis=1)
    along = np.gradient(path, axis=0) if len(path) > 1 else np.tile(main, (len(path), 1))
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-12)
    return path[inside], along[inside]
