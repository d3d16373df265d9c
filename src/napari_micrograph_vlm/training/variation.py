"""From a synthetic micrograph to a region as a user would draw it: whole, cropped or outlined."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..datasets.facts import DefectFact, Facts, Mask
from ..datasets.synthetic.formation import contrast_of
from ..datasets.synthetic.truth import Micrograph
from ..regions import Region

__all__ = ["Drawn", "Variation", "whole"]

SEEN = 0.5
"""A defect of which more is inside the region is there; one of which less is inside ..."""

HIDDEN = 0.02
"""... but more than this is neither there nor absent, and another region is drawn."""

PIECES = ("crack", "scratch", "delamination", "edge roughness")
"""Long defects: a piece that runs through a good part of the region shows what it is."""

PIECE = 0.3
"""Least extent of such a piece as a share of the region's shorter side."""

CLOSE = (0.28, 0.95)
"""Shares of the side that close crops show."""

STANDARD_SIDE = 400
"""Pictures with longer sides are drawn to be looked at closely, or in tiles."""

_DENSITY_LIMITS = (0.12, 0.35)
_SIZE_LIMITS = (0.05, 0.12)

_GATHERED = ("isolated", "dispersed", "clustered")
"""Arrangements that a small part of a picture does not show."""

_REACHING = ("layers", "nanowires", "fibres", "tips")
"""Objects that can be plain to see in a part that does not hold their middle."""

_TRIES = 12

# Interpolated pixels look blurred however sharp the picture was.
_LEAST_SIDE_FOR_QUALITY = 200


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
        Shares of regions that are cropped to other proportions, cropped closely, and outlined
        by an ellipse; the rest are whole pictures.
    zoom_large : float
        Share cropped closely of the pictures that have more than ``STANDARD_SIDE`` pixels a side
        and are not tiled, so that a close crop is not always an enlarged one.
    around : float
        Share of the close crops that are drawn around a defect, where there is one.
    stretch : float
        Share whose contrast is changed, as with contrast limits of a viewer.
    """

    crop: float = 0.15
    zoom: float = 0.32
    outline: float = 0.05
    stretch: float = 0.3
    zoom_large: float = 0.9
    around: float = 0.75

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
        large = min(pixels.shape) > STANDARD_SIDE
        zoom = min(self.zoom_large, 1 - self.crop) if large else self.zoom
        if not tiled and choice < zoom:
            around = bool(rng.random() < self.around)
            drawn = _closely(micrograph, pixels, rng, CLOSE[1] if not large else 0.75, around)
        elif not tiled and choice < zoom + self.crop:
            drawn = _cropped(micrograph, pixels, rng)
        elif not tiled and choice < zoom + self.crop + self.outline:
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
    micrograph: Micrograph, pixels: NDArray[np.float32], rng: np.random.Generator
) -> Drawn | None:
    """Draw a rectangle of other proportions; None where every one cuts a defect."""
    height, width = pixels.shape
    for _ in range(_TRIES):
        share = rng.uniform(0.5, 1.0, size=2)
        share[int(rng.integers(2))] = 1.0
        rows, columns = round(height * share[0]), round(width * share[1])
        y0, x0 = int(rng.integers(height - rows + 1)), int(rng.integers(width - columns + 1))
        drawn = _window(micrograph, pixels, (y0, x0, y0 + rows, x0 + columns))
        if drawn is not None:
            return drawn
    return None


def _closely(
    micrograph: Micrograph,
    pixels: NDArray[np.float32],
    rng: np.random.Generator,
    most: float,
    around: bool,
) -> Drawn | None:
    """Draw a nearly square part, mostly one with a defect somewhere in it; None where none fits."""
    height, width = pixels.shape
    defects = [d.mask for d in micrograph.defects if d.mask.any()]
    target = defects[int(rng.integers(len(defects)))] if defects and around else None
    for _ in range(_TRIES):
        share = float(np.exp(rng.uniform(np.log(CLOSE[0]), np.log(most))))
        shares = np.clip(share * rng.uniform(0.88, 1.14, size=2), CLOSE[0], most)
        rows, columns = round(height * shares[0]), round(width * shares[1])
        if target is None:
            y0, x0 = int(rng.integers(height - rows + 1)), int(rng.integers(width - columns + 1))
        else:
            y0, x0 = _around(rng, target, (rows, columns))
        drawn = _window(micrograph, pixels, (y0, x0, y0 + rows, x0 + columns))
        if drawn is not None and (target is None or drawn.facts.defects):
            return drawn
    return None


def _around(rng: np.random.Generator, target: Mask, size: tuple[int, int]) -> tuple[int, int]:
    """First row and column of a window that holds a defect, or a point of one that is too long.

    The defect may lie anywhere in the window, not only in its middle.
    """
    spots = np.argwhere(target)
    spot = spots[int(rng.integers(len(spots)))]
    start = []
    for axis in (0, 1):
        low, high = int(spots[:, axis].min()), int(spots[:, axis].max()) + 1
        if high - low > 0.9 * size[axis]:
            low, high = int(spot[axis]), int(spot[axis]) + 1
        last = target.shape[axis] - size[axis]
        first, final = max(0, high - size[axis]), min(low, last)
        start.append(int(rng.integers(min(first, final), final + 1)))
    return start[0], start[1]


def _window(
    micrograph: Micrograph, pixels: NDArray[np.float32], box: tuple[int, int, int, int]
) -> Drawn | None:
    """Draw one rectangle; None where it cuts a defect."""
    inside = np.zeros(pixels.shape, dtype=bool)
    inside[box[0] : box[2], box[1] : box[3]] = True
    facts = _facts_inside(micrograph, inside, box)
    if facts is None:
        return None
    return Drawn(Region(pixels[box[0] : box[2], box[1] : box[3]], box), facts)


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
    least = min(box[2] - box[0], box[3] - box[1])
    defects = []
    for defect in micrograph.defects:
        part = (defect.mask & inside)[window]
        share = int(part.sum()) / max(int(defect.mask.sum()), 1)
        if HIDDEN < share < SEEN and not (defect.kind in PIECES and _extent(part) > PIECE * least):
            return None
        if share > HIDDEN:
            defects.append(DefectFact(defect.kind, part))
    field = np.s_[: micrograph.image.shape[0] - micrograph.bar_rows]
    shown, objects = inside[field], micrograph.object_mask & inside
    before = float(micrograph.object_mask[field].mean())
    density = float(objects.sum() / max(int(shown.sum()), 1))
    if density < before / 2 and objects.sum() < 0.4 * micrograph.object_mask.sum():
        return None
    if density > 0.97 and before < 0.7:
        # The inside of one object does not show what it is.
        return None
    area = float(inside.mean())
    facts = Facts.of(micrograph, box)
    size_class = micrograph.size_class if area > 0.8 else None
    if micrograph.object_size > 0:
        size_class = _size_class(micrograph.object_size / least)
    contrast = contrast_of(micrograph.image[field][shown], objects[field][shown])
    gathered = area > 0.25 or micrograph.arrangement not in _GATHERED
    return replace(
        facts,
        count=_count(micrograph, inside),
        size_class=size_class,
        density=_density(density),
        contrast=facts.contrast if area > 0.8 else contrast,
        arrangement=facts.arrangement if gathered else None,
        quality=facts.quality if least >= _LEAST_SIDE_FOR_QUALITY else None,
        defects=tuple(defects),
        object_mask=objects[window],
    )


def _extent(mask: Mask) -> int:
    """Longer side in pixels of the box around a mask."""
    if not mask.any():
        return 0
    return max(int(np.ptp(axis)) + 1 for axis in np.nonzero(mask))


def _count(micrograph: Micrograph, inside: Mask) -> int | None:
    """Count the objects inside; None where a part does not show how many there are."""
    if micrograph.objects in _REACHING:
        return None
    if micrograph.cores is not None:
        number = int(np.count_nonzero(np.unique(micrograph.cores[inside])))
    elif micrograph.centres is not None:
        # Of large objects too many are cut by the border.
        if micrograph.object_size > 0.2 * np.sqrt(inside.sum()):
            return None
        row, column = micrograph.centres.astype(int).T
        number = int(np.count_nonzero(inside[row, column]))
    else:
        return None
    return number or None


def _size_class(share: float) -> str:
    if share < _SIZE_LIMITS[0]:
        return "small"
    return "medium" if share < _SIZE_LIMITS[1] else "large"


def _density(share: float) -> str:
    if share < _DENSITY_LIMITS[0]:
        return "sparse"
    return "moderate" if share < _DENSITY_LIMITS[1] else "dense"
