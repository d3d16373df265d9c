"""From a synthetic micrograph to a region as a user would draw it: whole, cropped or outlined."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..datasets.facts import DefectFact, Facts, Mask
from ..datasets.synthetic.truth import Micrograph
from ..regions import Region

__all__ = ["Drawn", "Variation", "whole"]

SEEN = 0.5
"""A defect of which more is inside the region is there; one of which less is inside ..."""

HIDDEN = 0.02
"""... but more than this is neither there nor absent, and another region is drawn."""

_DENSITY_LIMITS = (0.12, 0.35)

_TRIES = 12


@dataclass(frozen=True, eq=False)
class Drawn:
    """A region and what is known about it.

    Attributes
    ----------
    region : Region
        As the plugin would read it.
    facts : Facts
        What is true inside the region.
    tiled : bool
        Whether it is to be looked at in tiles.
    """

    region: Region
    facts: Facts
    tiled: bool = False


@dataclass(frozen=True)
class Variation:
    """How regions are drawn.

    Attributes
    ----------
    crop, zoom, outline : float
        Shares of regions that are cropped to other proportions, cropped to a part, and outlined
        by an ellipse; the rest are whole pictures.
    stretch : float
        Share whose contrast is changed, as with contrast limits of a viewer.
    """

    crop: float = 0.2
    zoom: float = 0.2
    outline: float = 0.05
    stretch: float = 0.3

    def draw(self, micrograph: Micrograph, rng: np.random.Generator, tiled: bool = False) -> Drawn:
        """Draw a region on a micrograph.

        Parameters
        ----------
        micrograph : Micrograph
            A picture and its truth.
        rng : numpy.random.Generator
            Chooses everything.
        tiled : bool
            Whether the region is meant to be tiled; such a region is the whole picture.
        """
        pixels = micrograph.image.astype(np.float32) / np.float32(255)
        if rng.random() < self.stretch:
            pixels = _stretched(pixels, rng)
        choice = rng.random()
        drawn = None
        if not tiled and choice < self.crop + self.zoom:
            least = (0.5, 1.0) if choice < self.crop else (0.5, 0.95)
            drawn = _cropped(micrograph, pixels, rng, least, uniform=choice >= self.crop)
        elif not tiled and choice < self.crop + self.zoom + self.outline:
            drawn = _outlined(micrograph, pixels)
        return drawn or whole(micrograph, pixels, tiled)


def whole(
    micrograph: Micrograph, pixels: NDArray[np.float32] | None = None, tiled: bool = False
) -> Drawn:
    """Return the whole picture as a region."""
    if pixels is None:
        pixels = micrograph.image.astype(np.float32) / np.float32(255)
    region = Region(pixels, (0, 0, *micrograph.image.shape[:2]))
    return Drawn(region, Facts.of(micrograph), tiled)


def _stretched(pixels: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    low, high = rng.uniform(-0.1, 0.15), rng.uniform(0.85, 1.1)
    stretched = np.clip((pixels - low) / (high - low), 0, 1) ** rng.uniform(0.75, 1.3)
    result: NDArray[np.float32] = stretched.astype(np.float32)
    return result


def _cropped(
    micrograph: Micrograph,
    pixels: NDArray[np.float32],
    rng: np.random.Generator,
    shares: tuple[float, float],
    *,
    uniform: bool,
) -> Drawn | None:
    """Draw a rectangle in which every defect is seen or hidden; None where none is found."""
    height, width = pixels.shape
    for _ in range(_TRIES):
        share = rng.uniform(*shares, size=2)
        if uniform:
            share[1] = np.clip(share[0] * rng.uniform(0.85, 1.15), *shares)
        else:
            share[int(rng.integers(2))] = 1.0
        rows, columns = round(height * share[0]), round(width * share[1])
        y0, x0 = (
            int(rng.integers(height - rows + 1)),
            int(rng.integers(width - columns + 1)),
        )
        box = (y0, x0, y0 + rows, x0 + columns)
        inside = np.zeros(pixels.shape, dtype=bool)
        inside[box[0] : box[2], box[1] : box[3]] = True
        facts = _facts_inside(micrograph, inside, box)
        if facts is not None:
            return Drawn(Region(pixels[box[0] : box[2], box[1] : box[3]], box), facts)
    return None


def _outlined(micrograph: Micrograph, pixels: NDArray[np.float32]) -> Drawn | None:
    """Draw the largest ellipse; None where it cuts a defect."""
    height, width = pixels.shape
    y = (np.arange(height) + 0.5) / height * 2 - 1
    x = (np.arange(width) + 0.5) / width * 2 - 1
    inside: Mask = y[:, None] ** 2 + x[None, :] ** 2 <= 1
    box = (0, 0, height, width)
    facts = _facts_inside(micrograph, inside, box)
    return None if facts is None else Drawn(Region(pixels, box, inside), facts)


def _facts_inside(
    micrograph: Micrograph, inside: Mask, box: tuple[int, int, int, int]
) -> Facts | None:
    """Return what is true inside; None where a defect or the sample is only half there."""
    window = np.s_[box[0] : box[2], box[1] : box[3]]
    defects = []
    for defect in micrograph.defects:
        pixels = int(defect.mask.sum())
        share = int((defect.mask & inside).sum()) / max(pixels, 1)
        if HIDDEN < share < SEEN:
            return None
        if share >= SEEN:
            defects.append(DefectFact(defect.kind, (defect.mask & inside)[window]))
    area, before = inside.mean(), micrograph.object_mask.mean()
    objects = micrograph.object_mask & inside
    density = objects.sum() / max(inside.sum(), 1)
    if density < before / 2 and objects.sum() < 0.4 * micrograph.object_mask.sum():
        return None
    # Names of size classes and counts hold for the whole picture alone.
    near = area > 0.8
    return replace(
        Facts.of(micrograph),
        count=None,
        size_class=micrograph.size_class if near else None,
        density=_density(float(density)) if near else None,
        defects=tuple(defects),
        object_mask=objects[window],
    )


def _density(share: float) -> str:
    if share < _DENSITY_LIMITS[0]:
        return "sparse"
    return "moderate" if share < _DENSITY_LIMITS[1] else "dense"
