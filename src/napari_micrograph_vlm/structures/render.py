"""A structure as a scanning electron microscope would show it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .fields import StructureError
from .grid import Floats

if TYPE_CHECKING:
    from ..regions import Region
    from .building import Structure

__all__ = ["Picture", "render"]

MOST_TILT = 75.0
_NETWORKS = ("sponge", "foam", "gyroid", "schwarz p", "schwarz d")
_ROWS = 16
"""Rows that are looked through at a time."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture of a structure.

    Attributes
    ----------
    image : (H, W) uint8 array
        Grey values.
    pixel_size : float
        Side of a pixel in ``unit``, in the plane of the picture.
    unit : str
        As that of the structure.
    objects : (H, W) bool array
        Which pixels show an element and not what lies below or between.
    """

    image: NDArray[np.uint8]
    pixel_size: float
    unit: str
    objects: NDArray[np.bool_]

    def region(self) -> Region:
        """Return it as a region that a model can be asked about."""
        from ..regions import Cutout

        size = None if self.unit == "pixel" else (self.pixel_size, self.pixel_size)
        return Cutout.of_array(
            self.image, source="picture of a structure", pixel_size=size, unit=self.unit
        ).read()


def render(
    structure: Structure, *, tilt: float | None = None, side: int = 384, seed: int | None = None
) -> Picture:
    """Return a picture of a structure on a flat ground, seen from above.

    Secondary electrons: slopes and edges are bright, what lies deep is dark, one side is lit by
    the detector; then the beam's blur and shot noise, as in the synthetic micrographs.

    Parameters
    ----------
    structure : Structure
        What to show.
    tilt : float
        By how many degrees the sample is tilted away, 0 to 75; by default as is usual for the
        kind: from above, and tips from the side.
    side : int
        Width of the picture in pixels.
    seed : int, optional
        Of noise, light and tone; that of the structure by default.

    Returns
    -------
    Picture

    Raises
    ------
    StructureError
        If the tilt or the size is none.
    """
    # Late: they bring much of scipy, and the window asks for pictures seldom.
    from ..datasets.synthetic.formation import expose, signal_of, weather
    from ..datasets.synthetic.noise import fractal
    from ..datasets.synthetic.scene import Scene

    tilt = structure.fields.of_kind.view if tilt is None else tilt
    if not 0 <= tilt <= MOST_TILT:
        raise StructureError(f"The tilt is {tilt:g}°; choose 0 to {MOST_TILT:g}°.")
    if not 32 <= side <= 4096:
        raise StructureError(f"A picture of {side} pixels cannot be made; choose 32 to 4096.")
    seed = structure.seed if seed is None else seed
    rng = np.random.default_rng([seed, 74])
    near, deep = _seen(structure, np.radians(tilt), side)
    shape = (near.shape[0], side)
    scale = side / structure.inside.shape[2]
    height = near * np.float32(scale)
    on = _objects(structure, deep)
    tone, ground = rng.uniform(0.48, 0.65), rng.uniform(0.05, 0.16)
    dim = rng.uniform(0.25, 0.4)
    albedo = np.where(deep > 0, tone * (dim + (1 - dim) * deep), np.float32(ground))
    albedo = albedo + fractal(rng, shape, max(2.0, side / 120), 2) * np.float32(0.012)
    size = structure.fields.size / structure.voxel * scale
    scene = Scene(
        height,
        albedo.astype(np.float32),
        on,
        name=structure.fields.kind,
        size=float(size),
        orientation=structure.fields.orientation,
        arrangement="",
    )
    weather(rng, scene)
    image = expose(rng, signal_of(rng, scene), True, False)
    return Picture(image, structure.voxel / scale, structure.fields.unit, on)


def _rounded(structure: Structure) -> Floats:
    """Return how deep voxels lie in the solid, in voxels, as a broken surface would show it.

    A block cut through a network is flat where it was cut; ligaments that end there are round.
    """
    inside = structure.inside / np.float32(structure.voxel)
    fields = structure.fields
    if fields.kind not in _NETWORKS:
        return inside
    depth = inside.shape[0]
    below = depth - 0.5 - np.arange(depth, dtype=np.float32)
    high = max(min(0.35 * fields.spacing / structure.voxel, depth / 3), 1.0)
    lost = np.clip(1 - below / high, 0, 1) ** 2 * 0.6 * fields.size / structure.voxel
    return np.asarray(inside - lost[:, None, None], np.float32)


def _seen(structure: Structure, tilt: float, side: int) -> tuple[Floats, Floats]:
    """Look through the voxels from above, at ``side`` columns.

    Returns
    -------
    (rows, columns) float32 array
        How near what is seen lies, in voxels along the line of sight.
    (rows, columns) float32 array
        How high it lies in the block: 1 at its top; 0 on the ground.
    """
    inside = _rounded(structure)
    depth, height, width = inside.shape
    cosine, sine = float(np.cos(tilt)), float(np.sin(tilt))
    # Tilted, the block is seen as a whole with its front, as a cleaved sample is.
    last = height - 1 + (depth * sine / cosine if tilt else 0.0)
    rows = max(round(side * (last + 1) / width * cosine), 16)
    start = np.linspace(0, last, rows)
    reach = depth / cosine
    steps = np.arange(0.0, reach + 0.5, 0.5 * max(1.0, reach / 400))
    near = np.empty((rows, side), np.float32)
    level = np.empty((rows, side), np.float32)
    for first in range(0, rows, _ROWS):
        at = start[first : first + _ROWS, None]
        z = depth - 0.5 - steps[None] * cosine
        y = at - steps[None] * sine
        values = _between(inside, np.broadcast_to(z, (len(at), len(steps))), y, side)
        hit, entered = _first(values, steps)
        z_hit = np.where(hit, depth - 0.5 - entered * cosine, -0.5)
        along = np.where(hit, entered, depth / cosine)
        # Towards the viewer is up; on a tilted sample each row starts nearer than the last.
        near[first : first + _ROWS] = at * sine - along
        level[first : first + _ROWS] = np.where(hit, np.maximum((z_hit + 0.5) / depth, 0.02), 0)
    return near, level


def _between(inside: Floats, z: NDArray[np.float64], y: NDArray[np.float64], side: int) -> Floats:
    """Return rows of voxels at places between them, (..., side); outside they are empty."""
    depth, height, width = inside.shape
    z0, y0 = np.floor(z).astype(int), np.floor(y).astype(int)
    fz, fy = (z - z0).astype(np.float32)[..., None], (y - y0).astype(np.float32)[..., None]
    made = None
    for dz, dy in ((0, 0), (0, 1), (1, 0), (1, 1)):
        part = inside[np.clip(z0 + dz, 0, depth - 1), np.clip(y0 + dy, 0, height - 1)]
        weight = (fz if dz else 1 - fz) * (fy if dy else 1 - fy)
        made = part * weight if made is None else made + part * weight
    assert made is not None
    made[(z < -0.5) | (z > depth - 0.5) | (y < -0.5) | (y > height - 0.5)] = -1
    x = np.linspace(0, width - 1, side)
    left = np.minimum(x.astype(int), width - 2)
    share = (x - left).astype(np.float32)
    return np.asarray(made[..., left] * (1 - share) + made[..., left + 1] * share, np.float32)


def _first(
    values: Floats, steps: NDArray[np.float64]
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Find where each line of sight enters the solid: (rows, columns), linear between steps."""
    solid = values > 0
    hit = np.asarray(solid.any(axis=1))
    index = np.argmax(solid, axis=1)
    before = np.maximum(index - 1, 0)
    here = np.take_along_axis(values, index[:, None], 1)[:, 0]
    there = np.take_along_axis(values, before[:, None], 1)[:, 0]
    share = np.where(index > 0, here / np.maximum(here - there, 1e-6), 0.0)
    return hit, steps[index] - np.clip(share, 0, 1) * (steps[1] - steps[0])


def _objects(structure: Structure, deep: Floats) -> NDArray[np.bool_]:
    """Return what people would call the objects of such a picture."""
    kind, fields = structure.fields.kind, structure.fields
    if kind == "holes":
        return np.asarray(deep < 0.5)
    if kind in _NETWORKS:
        # The first half cell below the top; further down are the walls of the pores.
        front = deep > 1 - 0.25 * fields.spacing / structure.sides[0]
        return np.asarray(~front if kind == "foam" else front)
    return np.asarray(deep > 0)
