"""Gyroid and Schwarz P and D: solid on one side of a level of their nodal equations.

The first terms of the Fourier series of the minimal surfaces (von Schnering and Nesper,
Z. Phys. B 83, 407-412, 1991).
"""

from __future__ import annotations

import numpy as np

from .fields import StructureFields
from .grid import Floats, Grid

__all__ = ["minimal_field"]


def minimal_field(fields: StructureFields, grid: Grid, rng: np.random.Generator) -> Floats:
    """Return the nodal function of a minimal surface, in lengths.

    Parameters
    ----------
    fields : StructureFields
        Kind ``"gyroid"``, ``"schwarz p"`` or ``"schwarz d"``; ``spacing`` is the period.
    grid : Grid
        Where.
    rng : numpy.random.Generator
        Shifts the pattern, so that no level falls on many voxels at once.

    Returns
    -------
    (z, y, x) float32 array
        In the unit of the fields, about a distance from the surface.
    """
    wave = np.float32(2 * np.pi / fields.spacing)
    z, y, x = (
        wave * grid.along(axis) + np.float32(phase)
        for axis, phase in enumerate(rng.uniform(0, 2 * np.pi, 3))
    )
    if fields.kind == "gyroid":
        made = np.sin(x) * np.cos(y) + np.sin(y) * np.cos(z) + np.sin(z) * np.cos(x)
        steep = 1.5
    elif fields.kind == "schwarz p":
        made = np.cos(x) + np.cos(y) + np.cos(z)
        steep = 1.6
    else:
        made = (
            np.sin(x) * np.sin(y) * np.sin(z)
            + np.sin(x) * np.cos(y) * np.cos(z)
            + np.cos(x) * np.sin(y) * np.cos(z)
            + np.cos(x) * np.cos(y) * np.sin(z)
        )
        steep = 1.6
    # Divided by the slope at the surface, a value is about a length.
    return np.asarray(made / np.float32(steep * wave), np.float32)
