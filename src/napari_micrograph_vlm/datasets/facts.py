"""What is known about a micrograph, whether it was drawn, measured or described by a teacher."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .synthetic.truth import Micrograph

__all__ = ["DefectFact", "Facts", "on_grid", "place_of", "places_text"]

Mask = NDArray[np.bool_]

ACROSS = "across the picture"
SPREAD = "spread over the picture"

_PLACES = (
    ("at the top left", "at the top", "at the top right"),
    ("on the left", "in the centre", "on the right"),
    ("at the bottom left", "at the bottom", "at the bottom right"),
)
PLACES: tuple[str, ...] = (*(name for row in _PLACES for name in row), ACROSS, SPREAD)

LONG = 0.7
"""A defect longer than this share of the picture's side runs across it and has no one place."""

LARGEST_OBJECT_SHARE = 0.4
"""Objects that cover more of the picture are no place to look at."""


@dataclass(frozen=True, eq=False)
class DefectFact:
    """One defect.

    Attributes
    ----------
    kind : str
        Its name.
    mask : (h, w) bool array or None
        Its pixels on any grid that covers the picture; None where only its place is known.
    place : str or None
        Where it lies, as in ``PLACES``; taken from the mask where there is one.
    """

    kind: str
    mask: Mask | None = None
    place: str | None = None

    @property
    def where(self) -> str | None:
        """Where it lies, in words."""
        return self.place if self.mask is None else place_of(self.mask)

    @property
    def extent(self) -> float | None:
        """Longer side of its bounding box as a share of the picture's, 0 to 1."""
        return None if self.mask is None else _extent(self.mask)


@dataclass(frozen=True, eq=False)
class Facts:
    """Everything that is known about one picture; None where it is not known.

    Attributes
    ----------
    category, technique, objects, size_class, density, orientation, contrast, arrangement : str
        As in :class:`~.synthetic.truth.Micrograph`.
    count : int, str or None
        Number of objects, or ``"many"``.
    defects : tuple of DefectFact or None
        Empty for a good picture.
    object_mask : (h, w) bool array or None
        The objects' pixels, on any grid that covers the picture.
    shape, description : str or None
        Shape of the objects; one sentence.
    qa : tuple of (str, str)
        Questions and answers of a teacher.
    source : str
        ``"synthetic"`` or the name of the real data.
    """

    category: str | None = None
    technique: str | None = None
    objects: str | None = None
    count: int | str | None = None
    size_class: str | None = None
    density: str | None = None
    orientation: str | None = None
    contrast: str | None = None
    arrangement: str | None = None
    defects: tuple[DefectFact, ...] | None = None
    object_mask: Mask | None = None
    shape: str | None = None
    description: str | None = None
    qa: tuple[tuple[str, str], ...] = ()
    source: str = "synthetic"

    @classmethod
    def of(cls, micrograph: Micrograph) -> Facts:
        """Take the truth of a synthetic micrograph."""
        return cls(
            category=micrograph.category,
            technique=micrograph.technique,
            objects=micrograph.objects,
            count=micrograph.count,
            size_class=micrograph.size_class or None,
            density=micrograph.density or None,
            orientation=micrograph.orientation or None,
            contrast=micrograph.contrast or None,
            arrangement=micrograph.arrangement or None,
            defects=tuple(DefectFact(d.kind, d.mask) for d in micrograph.defects if d.mask.any()),
            object_mask=micrograph.object_mask,
        )

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of defect, each once, in the order of their first instance."""
        return tuple(dict.fromkeys(d.kind for d in self.defects or ()))

    def of_kind(self, kind: str) -> tuple[DefectFact, ...]:
        """Return the defects of one kind."""
        return tuple(d for d in self.defects or () if d.kind == kind)

    def mask_of(self, *kinds: str) -> Mask | None:
        """Union of the masks of some kinds (of all by default); None where one is not known."""
        found = [d.mask for d in self.defects or () if not kinds or d.kind in kinds]
        if not found or any(mask is None for mask in found):
            return None
        union: Mask = np.logical_or.reduce([mask for mask in found if mask is not None])
        return union

    @property
    def object_focus(self) -> Mask | None:
        """The objects' mask where they cover little enough of the picture to be pointed at."""
        if self.object_mask is None:
            return None
        share = float(self.object_mask.mean())
        return self.object_mask if 0 < share < LARGEST_OBJECT_SHARE else None


def place_of(mask: Mask) -> str:
    """Name the place of a mask on a grid of three by three.

    Parameters
    ----------
    mask : (h, w) bool array
        At least one pixel is True.
    """
    if _extent(mask) > LONG:
        return ACROSS
    rows, columns = np.nonzero(mask)
    row = int(3 * (rows.mean() + 0.5) / mask.shape[0])
    column = int(3 * (columns.mean() + 0.5) / mask.shape[1])
    return _PLACES[row][column]


def places_text(defects: tuple[DefectFact, ...]) -> str | None:
    """Say where some defects lie: one place, two joined by "and", or spread."""
    found = [d.where for d in defects]
    if not found or None in found:
        return None
    places = sorted({place for place in found if place}, key=PLACES.index)
    if len(places) > 2:
        return SPREAD
    if len(places) == 2 and places[1] in (ACROSS, SPREAD):
        return places[1]
    return " and ".join(places)


def on_grid(mask: Mask, side: int) -> Mask:
    """Bring a mask to a grid of ``side`` by ``side`` cells; a cell is True where any pixel is.

    The grid covers the picture whatever its proportions, so that masks can be kept in one array.
    """
    return _along(_along(mask, side).T, side).T


def _along(mask: Mask, side: int) -> Mask:
    """Change the number of rows to ``side``."""
    height = mask.shape[0]
    if height <= side:
        nearest: Mask = mask[np.arange(side) * height // side]
        return nearest
    starts = np.arange(side) * height // side
    return np.logical_or.reduceat(mask, starts, axis=0)


def _extent(mask: Mask) -> float:
    rows, columns = np.nonzero(mask.any(axis=1))[0], np.nonzero(mask.any(axis=0))[0]
    if not len(rows):
        return 0.0
    return float(
        max(
            (rows[-1] - rows[0] + 1) / mask.shape[0],
            (columns[-1] - columns[0] + 1) / mask.shape[1],
        )
    )
