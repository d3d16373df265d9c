"""Voxels: where they lie, and how far each is from points, axes and neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Floats", "Grid", "band_noise", "direction_of", "distance_to"]

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Grid:
    """A block of cubic voxels.

    Attributes
    ----------
    shape : (int, int, int)
        Voxels along z (upwards), y (downwards in the picture) and x.
    voxel : float
        Side of a voxel in the unit of the structure.
    """

    shape: tuple[int, int, int]
    voxel: float

    @property
    def sides(self) -> NDArray[np.float64]:
        """Lengths of the block along z, y and x."""
        return np.asarray(self.shape) * self.voxel

    def along(self, axis: int) -> Floats:
        """Return where voxels' centres lie on one axis, ready to be broadcast to the block."""
        places = (np.arange(self.shape[axis], dtype=np.float32) + np.float32(0.5)) * self.voxel
        form = [1, 1, 1]
        form[axis] = -1
        return places.astype(np.float32).reshape(form)

    def wider(self, voxels: tuple[int, int, int]) -> Grid:
        """Return a grid with so many voxels more at both ends of each axis."""
        z, y, x = (n + 2 * more for n, more in zip(self.shape, voxels, strict=True))
        return Grid((z, y, x), self.voxel)


def direction_of(orientation: str, angle: float | None) -> NDArray[np.float64] | None:
    """Return the unit vector (z, y, x) of a direction; None where there is no single one."""
    degrees = {"horizontal": 0.0, "vertical": 90.0, "diagonal": 45.0}.get(orientation)
    if angle is not None:
        degrees = angle
    elif orientation == "upright":
        return np.array([1.0, 0.0, 0.0])
    if degrees is None:
        return None
    # Rows are counted downwards.
    return np.array([0.0, -np.sin(np.radians(degrees)), np.cos(np.radians(degrees))])


def distance_to(
    grid: Grid,
    points: NDArray[np.float64],
    directions: NDArray[np.float64] | None = None,
    margin: float = 0.0,
) -> Floats:
    """Return how far each voxel is from the nearest of some points, or axes through them.

    Parameters
    ----------
    grid : Grid
        The voxels.
    points : (N, 3) float array
        Where they lie, in the unit of the grid; on axes less than a voxel apart.
    directions : (N, 3) float array, optional
        Unit vectors of the axes.
    margin : float
        Points beyond the sides of the picture (y and x) up to this far count, too.

    Returns
    -------
    (z, y, x) float32 array
    """
    from scipy import ndimage

    more = int(np.ceil(margin / grid.voxel))
    wide = grid.wider((0, more, more))
    at = points / grid.voxel + np.array([0, more, more])
    cells = np.floor(at).astype(np.int64)
    inside = np.all((cells >= 0) & (cells < np.array(wide.shape)), axis=1)
    at, cells = at[inside], cells[inside]
    if not len(at):
        return np.full(grid.shape, float(np.linalg.norm(grid.sides)), np.float32)
    number = np.full(wide.shape, -1, np.int32)
    number[tuple(cells.T)] = np.arange(len(cells))
    nearest = ndimage.distance_transform_edt(
        number < 0, return_distances=False, return_indices=True
    )
    crop = (slice(None), *(slice(more, n - more) for n in wide.shape[1:]))
    which = number[tuple(axis[crop] for axis in nearest)]
    del nearest
    # The nearest voxel is known; from the point in it, or its axis, the distance is exact.
    away = [
        (np.arange(n, dtype=np.float32) + np.float32(0.5 + shift)).reshape(form)
        for n, shift, form in zip(
            grid.shape, (0, more, more), ((-1, 1, 1), (1, -1, 1), (1, 1, -1)), strict=True
        )
    ]
    parts = [axis - at[:, i].astype(np.float32)[which] for i, axis in enumerate(away)]
    squared = parts[0] ** 2 + parts[1] ** 2 + parts[2] ** 2
    if directions is not None:
        kept = directions[inside].astype(np.float32)
        along = sum(part * kept[:, i][which] for i, part in enumerate(parts))
        # An axis has ends: close to the point only is it straight.
        squared -= np.clip(along, -1.0, 1.0) ** 2
    made: Floats = (np.sqrt(np.clip(squared, 0, None)) * grid.voxel).astype(np.float32)
    return made


def band_noise(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    wave: float,
    spread: float = 0.25,
    stretch: NDArray[np.float64] | None = None,
) -> Floats:
    """Return smooth noise of about one wavelength, of mean 0 and deviation 1.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    shape : tuple of int
        Of the array.
    wave : float
        Wavelength in elements.
    spread : float
        Relative width of the band.
    stretch : (axes,) float array, optional
        A vector along which, by its length, waves are longer.
    """
    from scipy import fft

    # Noise of a Fourier transform goes on at the other side: a border is cut off.
    form = tuple(fft.next_fast_len(n + int(wave), real=True) for n in shape)
    places = np.meshgrid(
        *(np.fft.fftfreq(n) for n in form[:-1]), np.fft.rfftfreq(form[-1]),
        indexing="ij", sparse=True,
    )  # fmt: skip
    squared = sum(place**2 for place in places)
    if stretch is not None:
        length = float(np.linalg.norm(stretch))
        unit = stretch / length
        along = sum(place * part for place, part in zip(places, unit, strict=True))
        squared = squared + (length**2 - 1) * along**2
    away = np.sqrt(squared) * wave - 1
    weight = np.exp(-0.5 * (away / spread) ** 2).astype(np.float32)
    weight[(0,) * len(form)] = 0
    noise = fft.irfftn(fft.rfftn(rng.standard_normal(form, np.float32)) * weight, form)
    noise = noise[tuple(slice(n) for n in shape)]
    made: Floats = ((noise - noise.mean()) / max(float(noise.std()), 1e-9)).astype(np.float32)
    return made
