"""Pictures of plates and of their stress, as a microscope and a plot would show them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .plates import HOLE, SOFT, Plate
from .runs import Run

__all__ = ["field_picture", "micrograph"]

SIDE = 384
"""Pixels along a side."""


def micrograph(plate: Plate, *, side: int = SIDE, seed: int | None = None) -> NDArray[np.uint8]:
    """Draw a plate as a scanning electron microscope would show it.

    Parameters
    ----------
    plate : Plate
        Holes are dark with bright edges, the stiff material is brighter than the soft one.
    side : int
        Pixels along a side.
    seed : int, optional
        Of grey values, blur and noise; by default that of the plate.

    Returns
    -------
    (side, side) uint8 array
    """
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng([plate.seed if seed is None else seed, 62])
    place = (np.arange(side) + 0.5) / side
    x, y = np.meshgrid(place, 1 - place)
    phases = plate.phases(x, y)
    stiff, soft, hole = rng.uniform(0.6, 0.8), rng.uniform(0.3, 0.45), rng.uniform(0.03, 0.12)
    picture = np.full(phases.shape, stiff)
    picture[phases == SOFT] = soft
    unit = side / SIDE
    # A rough surface, then edges that send out more electrons, then the hole without either.
    rough = gaussian_filter(rng.standard_normal(phases.shape), rng.uniform(1, 4) * unit)
    picture += rng.uniform(0.01, 0.04) * rough / rough.std()
    empty = (phases == HOLE).astype(np.float64)
    picture += rng.uniform(0.1, 0.5) * gaussian_filter(empty, 2.5 * unit)
    picture[phases == HOLE] = hole
    tilt = rng.uniform(-0.06, 0.06, 2)
    picture += tilt[0] * (x - 0.5) + tilt[1] * (y - 0.5)
    picture = gaussian_filter(picture, rng.uniform(0.5, 1.2) * unit)
    picture += rng.uniform(0.01, 0.05) * rng.standard_normal(phases.shape)
    grey: NDArray[np.uint8] = (255 * np.clip(picture, 0, 1)).round().astype(np.uint8)
    return grey


def field_picture(run: Run, *, side: int = SIDE) -> NDArray[np.uint8]:
    """Draw the stress of a run in colours (viridis up to its 99.5th percentile), cracks in red.

    Returns
    -------
    (side, side, 3) uint8 array
        Holes are white.
    """
    from matplotlib import colormaps
    from scipy.spatial import cKDTree

    grid = run.lattice
    place = (np.arange(side) + 0.5) / side
    x, y = np.meshgrid(place, (1 - place) * grid.height)
    _, nearest = cKDTree(grid.sites).query(np.stack([x.ravel(), y.ravel()], 1))
    stress = run.stress[nearest].reshape(side, side)
    stress[run.plate.phases(x, y / grid.height) == HOLE] = np.nan
    top = np.nanpercentile(run.stress, 99.5)
    colours = colormaps["viridis"](np.nan_to_num(np.clip(stress / top, 0, 1)))[..., :3]
    colours[np.isnan(stress)] = 1.0
    for middle in grid.middles[run.crack.broken]:
        row = int((1 - middle[1] / grid.height) * side)
        column = int(middle[0] * side)
        reach = max(side // 160, 1)
        rows = slice(max(row - reach, 0), row + reach + 1)
        colours[rows, max(column - reach, 0) : column + reach + 1] = (0.84, 0.37, 0.0)
    drawn: NDArray[np.uint8] = (255 * colours).round().astype(np.uint8)
    return drawn
