"""What is known about a micrograph, whether it was drawn, measured or described by a teacher."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .places import ACROSS, PLACES, SPREAD, Mask, on_grid, place_of, sides_of
from .synthetic.truth import Micrograph

__all__ = [
    "ACROSS",
    "PLACES",
    "SPREAD",
    "DefectFact",
    "Facts",
    "Mask",
    "on_grid",
    "place_of",
    "places_text",
]

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

    def extent(self, aspect: float | None = None) -> float | None:
        """Longer side of its bounding box as a share of the picture's longer side, 0 to 1.

        Parameters
        ----------
        aspect : float, optional
            Width over height of the picture, where the mask's grid does not keep it.
        """
        if self.mask is None:
            return None
        rows, columns = sides_of(self.mask)
        wide = aspect or self.mask.shape[1] / self.mask.shape[0]
        return max(rows / max(wide, 1.0), columns * min(wide, 1.0))


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
    object_size : float or None
        Mean diameter or width of the objects as a share of the picture's shorter side, 0 to 1.
    coverage : float or None
        Share of the picture that the objects cover; see :attr:`covered`.
    quality : tuple of str or None
        What is wrong with the picture: noisy, blurred, astigmatic, charging, drift; empty: nothing.
    through : bool or None
        Whether the cracks run through the whole coating.
    field_of_view_nm : float or None
        Width of the picture in nanometres.
    information_bar : bool or None
        Whether the picture has the microscope's bar of text below.
    aspect : float or None
        Width of the picture over its height; that of the masks where it is not known.
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
    object_size: float | None = None
    coverage: float | None = None
    quality: tuple[str, ...] | None = None
    through: bool | None = None
    field_of_view_nm: float | None = None
    information_bar: bool | None = None
    aspect: float | None = None

    @classmethod
    def of(cls, micrograph: Micrograph, box: tuple[int, int, int, int] | None = None) -> Facts:
        """Take the truth of a synthetic micrograph.

        Parameters
        ----------
        micrograph : Micrograph
            A picture and its truth.
        box : (int, int, int, int), optional
            The window ``y0, x0, y1, x1`` in pixels in which sizes, field of view, information bar
            and cracked-through coatings are to be true. Masks, count and names of size and density
            are those of the whole picture all the same.
        """
        height, width = micrograph.image.shape[:2]
        y0, x0, y1, x1 = box or (0, 0, height, width)
        rows, columns = y1 - y0, x1 - x0
        bar = max(y1 - (height - micrograph.bar_rows), 0)
        cracks = [d.mask for d in micrograph.defects if d.kind == "crack"]
        # A crack that the window cuts may end outside it.
        whole = all(mask[y0:y1, x0:x1].sum() == mask.sum() for mask in cracks)
        return cls(
            object_size=micrograph.object_size / min(rows, columns) or None,
            quality=tuple(micrograph.quality),
            through=micrograph.through if cracks and whole else None,
            field_of_view_nm=micrograph.pixel_size_nm * columns,
            # A bar of which only a sliver is inside is neither there nor absent.
            information_bar=None if 0 < bar < 0.6 * micrograph.bar_rows else bar > 0,
            aspect=columns / rows,
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

    def extent_of(self, defect: DefectFact) -> float | None:
        """Longer side of a defect as a share of the picture's longer side, 0 to 1."""
        return defect.extent(self.aspect)

    @property
    def object_extent(self) -> float | None:
        """Mean size of the objects as a share of the picture's longer side, 0 to 1."""
        if self.object_size is None:
            return None
        aspect = self.aspect or 1.0
        return self.object_size * min(aspect, 1 / aspect)

    @property
    def covered(self) -> float | None:
        """Share of the picture that the objects cover, 0 to 1, from their mask if need be."""
        if self.coverage is not None or self.object_mask is None:
            return self.coverage
        return float(self.object_mask.mean())

    @property
    def object_focus(self) -> Mask | None:
        """The objects' mask where they cover little enough of the picture to be pointed at."""
        if self.object_mask is None:
            return None
        share = float(self.object_mask.mean())
        return self.object_mask if 0 < share < LARGEST_OBJECT_SHARE else None


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
