"""Arrays that stand upright: pillars, tips, and plates with holes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .fields import StructureError, StructureFields
from .grid import Floats, Grid
from .spheres import apart

__all__ = ["pillar_field"]

MOST = 40_000


def pillar_field(fields: StructureFields, grid: Grid, rng: np.random.Generator) -> Floats:
    """Return minus the distance to the nearest axis; of tips, the cone around it; of holes, plus.

    A regularity of 1 is a square array; less is shaken, and below a third there is no lattice.

    Parameters
    ----------
    fields : StructureFields
        Kind ``"pillars"``, ``"tips"`` or ``"holes"``; ``spacing`` is the pitch.
    grid : Grid
        Where.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    (z, y, x) float32 array
        In the unit of the fields.
    """
    from scipy.spatial import cKDTree

    rows, columns = grid.shape[1:]
    y, x = np.mgrid[:rows, :columns] + 0.5
    at = np.stack([y.ravel(), x.ravel()], 1) * grid.voxel
    axes = _axes(fields, grid, rng)
    away = cKDTree(axes).query(at)[0].reshape(1, rows, columns).astype(np.float32)
    if fields.kind == "tips":
        # A blunt end, a tenth of the foot wide.
        left = 1 - 0.9 * grid.along(0) / np.float32(grid.sides[0])
        return np.asarray(left * np.float32(fields.size / 2) - away, np.float32)
    signed = away if fields.kind == "holes" else -away
    return np.ascontiguousarray(np.broadcast_to(signed, grid.shape))


def _axes(fields: StructureFields, grid: Grid, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return where the axes stand (y, x), whole pitches from the middle of the block."""
    pitch = fields.spacing
    counts = [int(np.ceil(side / pitch)) + 2 for side in grid.sides[1:]]
    if counts[0] * counts[1] > MOST:
        raise StructureError(
            f"The block would hold {counts[0] * counts[1]:,} {fields.of_kind.plural}; "
            "choose a narrower block or a larger pitch."
        )
    if fields.regularity < 1 / 3:
        low, high = np.full(2, -pitch), grid.sides[1:] + pitch
        number = max(round(float(np.prod(high - low)) / pitch**2), 1)
        return apart(rng.uniform(low, high, (number, 2)), 0.85 * pitch, low, high, rng)
    steps = [np.arange(n) - (n - 1) / 2 for n in counts]
    # Whole elements where a whole number of them fits across the block.
    fits = [
        round(side / pitch) % 2 == n % 2 for side, n in zip(grid.sides[1:], counts, strict=True)
    ]
    steps = [s + (0 if fit else 0.5) for s, fit in zip(steps, fits, strict=True)]
    axes = np.stack(np.meshgrid(*steps, indexing="ij"), -1).reshape(-1, 2) * pitch
    axes += grid.sides[1:] / 2
    # A hair's breadth off: mirrored voxels would all be as far.
    axes += rng.uniform(-0.02, 0.02, axes.shape) * grid.voxel
    return np.asarray(
        axes + (1 - fields.regularity) * 0.3 * pitch * rng.standard_normal(axes.shape)
    )
