"""Spheres: scattered without overlap, packed, or on a lattice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .fields import StructureError, StructureFields
from .grid import Floats, Grid, distance_to

__all__ = ["apart", "sphere_field"]

MOST_SPHERES = 30_000
TOUCHING = 0.6
"""Above this solid share spheres that do not overlap would not find room."""
_ROUNDS = 60


def sphere_field(fields: StructureFields, grid: Grid, rng: np.random.Generator) -> Floats:
    """Return minus the distance to the nearest sphere's centre.

    Scattered spheres push each other apart until none overlap, or until they are packed; above
    60 % they grow into each other as in a sintered powder. A regularity of 1 puts them on a
    hexagonal lattice, layer upon layer.

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
    sides = grid.sides + np.array([0, 2 * margin, 2 * margin])
    wanted = min(fields.density, TOUCHING)
    each = np.pi / 6 * fields.size**3
    number = max(round(float(np.prod(sides)) * wanted / each), 1)
    if number > MOST_SPHERES:
        raise StructureError(
            f"The block would hold {number:,} spheres; make it smaller or the spheres larger."
        )
    inset = min(radius, sides[0] / 2)
    low = np.array([inset, 0, 0])
    high = np.maximum(sides - np.array([inset, 0, 0]), low)
    if fields.regularity > 0.5:
        centres = _lattice(low, high, number, fields, rng)
    else:
        centres = apart(rng.uniform(low, high + 1e-9, (number, 3)), fields.size, low, high, rng)
    return -distance_to(grid, centres - np.array([0, margin, margin]), margin=margin)


def apart(
    centres: NDArray[np.float64],
    distance: float,
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Push points apart until none are closer than ``distance``, as far as there is room.

    Parameters
    ----------
    centres : (N, D) float array
        Where they are.
    distance : float
        Least distance.
    low, high : (D,) float array
        Where they may be.
    rng : numpy.random.Generator
        Parts what lies at the same place.
    """
    from scipy.spatial import cKDTree

    centres = centres + rng.normal(0, 1e-6 * distance, centres.shape)
    for _ in range(_ROUNDS):
        centres = np.clip(centres, low, high)
        pairs = cKDTree(centres).query_pairs(distance, output_type="ndarray")
        if not len(pairs):
            break
        between = centres[pairs[:, 0]] - centres[pairs[:, 1]]
        gap = np.maximum(np.linalg.norm(between, axis=1, keepdims=True), 1e-9)
        push = between / gap * (distance * 1.02 - gap) * 0.5
        np.add.at(centres, pairs[:, 0], push)
        np.add.at(centres, pairs[:, 1], -push)
    return np.clip(centres, low, high)


def _lattice(
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    number: int,
    fields: StructureFields,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Put centres on hexagonal layers, as many layers as fit, and spread them evenly."""
    room = float(high[0] - low[0])
    area = float((high[1] - low[1]) * (high[2] - low[2]))
    layers = 1
    while True:
        pitch = float(np.sqrt(area * layers / number / (np.sqrt(3) / 2)))
        more = int(room / (pitch * np.sqrt(2 / 3))) + 1
        if more <= layers:
            break
        layers += 1
    step = pitch * np.sqrt(3) / 2
    heights = np.linspace(low[0], high[0], layers) if layers > 1 else np.array([low[0]])
    made = []
    for layer, z in enumerate(heights):
        rows = np.arange(low[1] - pitch, high[1] + pitch, step)
        for i, y in enumerate(rows):
            x = np.arange(low[2] - pitch, high[2] + pitch, pitch)
            shift = pitch / 2 * (i % 2) + pitch / 2 * (layer % 2)
            # The second layer lies in the hollows of the first.
            up = y + (pitch / np.sqrt(12)) * (layer % 2)
            made.append(np.stack([np.full(len(x), z), np.full(len(x), up), x + shift], 1))
    centres = np.concatenate(made)
    centres[:, 1:] += rng.uniform(0, pitch, 2)
    shake = (1 - fields.regularity) * pitch * 0.5
    shaken = rng.normal(0, 1, centres.shape) * np.array([0, shake, shake])
    return np.asarray(centres + shaken)
