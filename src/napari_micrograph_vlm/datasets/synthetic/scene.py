"""A scene: what lies under the beam before the microscope makes a picture of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .geometry import Mask
from .noise import Float

Shape = tuple[int, int]
Plan = tuple[tuple[str, int], ...]
"""Defects asked for: pairs of kind and number."""


class Placer:
    """Choose places for defects well inside the picture and apart from each other.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    shape : tuple of int
        Rows and columns of the scene.
    margin : float
        Share of each side that stays free.
    """

    def __init__(self, rng: np.random.Generator, shape: Shape, margin: float = 0.09) -> None:
        self.rng = rng
        self.shape = shape
        self.margin = margin
        self._taken: list[tuple[float, float, float]] = []

    def free(self, y: float, x: float, radius: float) -> bool:
        """Whether a body of that radius fits at (y, x)."""
        rows, columns = self.shape
        if not (
            self.margin * rows <= y <= (1 - self.margin) * rows
            and self.margin * columns <= x <= (1 - self.margin) * columns
        ):
            return False
        return all(np.hypot(y - b, x - a) > radius + r for b, a, r in self._taken)

    def take(self, y: float, x: float, radius: float) -> None:
        """Reserve a place."""
        self._taken.append((y, x, radius))

    def place(self, radius: float, candidates: Float | None = None) -> tuple[float, float] | None:
        """Find and reserve a free place.

        Parameters
        ----------
        radius : float
            Radius to keep free in pixels.
        candidates : (N, 2) array, optional
            Rows and columns to choose from; anywhere in the picture by default.

        Returns
        -------
        tuple of float or None
            Row and column, or None if no place was found.
        """
        if candidates is None:
            points = self.rng.uniform(0, 1, (40, 2)) * np.asarray(self.shape)
        elif len(candidates) == 0:
            return None
        else:
            points = candidates[self.rng.integers(0, len(candidates), 60)]
        for y, x in points:
            if self.free(float(y), float(x), radius):
                self.take(float(y), float(x), radius)
                return float(y), float(x)
        return None


@dataclass
class Scene:
    """Geometry, material and truth of what is to be pictured.

    Attributes
    ----------
    height : (H, W) float32 array
        Topography in pixels.
    albedo : (H, W) float32 array
        Brightness of the material, 0 to about 1.
    objects : (H, W) bool array
        Pixels of the objects.
    name : str
        Plural name of the objects.
    size : float
        Mean diameter or width of an object in pixels.
    orientation, arrangement : str
        As in `truth.Micrograph`.
    centres : (N, 2) float32 array or None
        Row and column of every object that can be counted.
    cores : (H, W) int32 array or None
        For lines and the like: number of the object on its centre line, 0 elsewhere. The
        numbers left in the visible field are counted.
    defects : list of (str, mask)
        Kind and pixels of each defect.
    flat : bool
        True for transmission pictures: no shading, no bright edges.
    relief : float
        Strength of the topographic contrast relative to the usual.
    nm : tuple of float
        Smallest and largest usual pixel size in nanometres at 384 pixels a side.
    through : bool or None
        Whether the cracks in a coating run from its surface to the substrate.
    extra : dict
        Further facts for the truth.
    """

    height: Float
    albedo: Float
    objects: Mask
    name: str
    size: float
    orientation: str
    arrangement: str
    centres: Float | None = None
    cores: NDArray[np.int32] | None = None
    defects: list[tuple[str, Mask]] = field(default_factory=list)
    flat: bool = False
    relief: float = 1.0
    nm: tuple[float, float] = (1.0, 50.0)
    through: bool | None = None
    extra: dict[str, str] = field(default_factory=dict)

    def add(self, kind: str, mask: Mask) -> None:
        """Record a defect unless nothing of it is to be seen."""
        if mask.any():
            self.defects.append((kind, mask))


def orientation_of(angle: float) -> str:
    """Name the direction of lines at ``angle`` radians from the horizontal."""
    degrees = np.degrees(angle) % 180
    if degrees < 22.5 or degrees > 157.5:
        return "horizontal"
    if 67.5 < degrees < 112.5:
        return "vertical"
    return "diagonal"


def draw_angle(rng: np.random.Generator, diagonal: float = 0.15, spread: float = 5.0) -> float:
    """Draw a direction in radians: mostly near horizontal or vertical, sometimes diagonal."""
    if rng.random() < diagonal:
        return float(np.radians(rng.choice([45.0, 135.0]) + rng.uniform(-12, 12)))
    base = 0.0 if rng.random() < 0.5 else 90.0
    turn = rng.uniform(-spread, spread) if rng.random() < 0.6 else 0.0
    return float(np.radians(base + turn))
