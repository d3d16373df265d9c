"""What came out of measuring, and the function that measures."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import QuestionError, RegionError
from ..lengths import in_metres, readable_length
from ..regions import Box, Region
from ..results import Answer, AttentionMap, Classification
from .objects import POWERS, step_of, table_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Measurement", "measure"]


@dataclass(frozen=True, eq=False)
class Measurement:
    """Objects of a region and their sizes.

    Attributes
    ----------
    region : Region
        Where they were looked for.
    labels : (H, W) int32 array
        The objects, from 1 on; 0 elsewhere. On the grid of ``region.pixels``, which covers
        ``box`` exactly.
    table : pandas.DataFrame
        One row an object; see :func:`napari_micrograph_vlm.measuring.objects.table_of`.
    method : str
        How they were found, for people to read.
    what : str
        What they are called, in the singular: ``"crack"``, or ``"object"``.
    """

    region: Region
    labels: NDArray[np.int32]
    table: pd.DataFrame
    method: str
    what: str = "object"

    def __str__(self) -> str:
        return self.summary()

    def __repr__(self) -> str:
        return f"Measurement({self.summary()!r}, method={self.method!r})"

    @property
    def box(self) -> Box:
        """The window that ``labels`` covers, in full-resolution pixels of the source plane."""
        return self.region.box

    @property
    def count(self) -> int:
        """Number of objects."""
        return len(self.table)

    @property
    def coverage(self) -> float:
        """Share of the region that the objects cover, 0 to 1."""
        mask = self.region.mask
        inside = self.labels.size if mask is None else int(mask.sum())
        return float((self.labels > 0).sum() / inside)

    @property
    def unit(self) -> str:
        """Unit of the lengths; areas are in its square."""
        return self.region.unit if self.region.pixel_size is not None else "pixel"

    @property
    def pixel(self) -> tuple[float, float]:
        """Height and width of a pixel of ``labels`` in ``unit``."""
        return step_of(self.region)

    def headed(self) -> pd.DataFrame:
        """Return the table with the unit in the head of each column that has one."""
        units = {1: self.unit, 2: f"{self.unit}²"}
        heads = {name: f"{name} ({units[power]})" for name, power in POWERS.items()}
        return self.table.rename(columns={**heads, "orientation": "orientation (°)"})

    def summary(self) -> str:
        """Say in one sentence what was found and how large it is."""
        if not self.count:
            return f"No {self.what} was found in the region."
        covered = f"{100 * self.coverage:.2g} % of the region"
        largest = self.table.iloc[int(self.table["length"].argmax())]
        length = _with_error(largest["length"], largest["length_error"], self.unit)
        if self.count == 1:
            area = _area(largest["area"], largest["area_error"], self.unit)
            said = f"1 {self.what}, {length} long, with an area of {area}, {covered}"
        else:
            median = readable_length(
                float(self.table["equivalent_diameter"].median()), unit=self.unit
            )
            said = (
                f"{self.count} {_plural(self.what)} cover {covered}, their median diameter is "
                f"{median}, and the longest is {length} long"
            )
        return f"{said}{self._scale_said()}."

    def _scale_said(self) -> str:
        region = self.region
        if region.pixel_size is None:
            return " (the pixel size is not known)"
        if region.scale_error is None:
            return " (how exact the pixel size is, is not known)"
        return f" (the pixel size is exact to {100 * region.scale_error:.2g} %)"

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the labels, ready for JSON."""
        return {
            "region": self.region.to_dict(),
            "what": self.what,
            "count": self.count,
            "coverage": round(self.coverage, 6),
            "unit": self.unit,
            "scale_error": self.region.scale_error,
            "scale_from": self.region.scale_from,
            "method": self.method,
            "objects": json.loads(self.table.to_json(orient="records")),
        }

    def show(self, viewer: Any = None) -> Any:
        """Show the objects in napari as a Labels layer on exactly the image.

        Parameters
        ----------
        viewer : napari.Viewer, optional
            The current viewer, or a new one, by default.

        Returns
        -------
        napari.Viewer
            The viewer that shows it.
        """
        from .._window import window

        return window().show_measurement(self, viewer)


def measure(
    answer: Answer | Classification,
    region_index: int = 0,
    *,
    method: str = "auto",
    dark: bool | None = None,
) -> Measurement:
    """Measure what the model looked at.

    Parameters
    ----------
    answer : Answer or Classification
        Whose map of the region says where the objects are; ``answer.at_word(word)`` to take the
        map of one word.
    region_index : int
        Which region.
    method : str
        ``"random walker"``, ``"watershed"``, ``"local threshold"``, or ``"otsu"``, which takes no
        notice of the map; ``"auto"`` takes what measured best.
    dark : bool, optional
        Whether the objects are darker than what is around them; by default from their name, else
        from the map.

    Returns
    -------
    Measurement
        With no object where none is found.

    Raises
    ------
    QuestionError
        If there is nothing that could be measured, or no such method.
    RegionError
        If there is no such region.
    """
    from .seeds import denied, grey_of, named, on_pixels
    from .segment import METHODS, Found, segment

    if method not in METHODS:
        raise QuestionError(f"There is no method {method!r}; choose from {', '.join(METHODS)}.")
    region, attention, texts = _parts(answer, region_index)
    grey = grey_of(region.pixels)
    mask = np.ones(grey.shape, bool) if region.mask is None else region.mask
    what = named(*texts)
    if method == "auto" and isinstance(answer, Answer) and denied(answer.question, answer.text):
        found = Found(np.zeros(grey.shape, np.int32), "the answer says that there is none")
    else:
        weight = on_pixels(attention, grey.shape) if attention.has_focus else None
        found = segment(
            grey, mask, weight, focus=attention.focus, name=what, method=method, dark=dark
        )
    table = table_of(found.labels, region, found.edge)
    return Measurement(region, found.labels, table, found.method, what)


def _parts(
    answer: Answer | Classification, index: int
) -> tuple[Region, AttentionMap, tuple[str, ...]]:
    """Return a region, its map and the texts that may name the object."""
    if not isinstance(answer, (Answer, Classification)):
        raise QuestionError(
            f"A {type(answer).__name__} cannot be measured; give an answer or a classification."
        )
    if not -len(answer.regions) <= index < len(answer.regions):
        raise RegionError(
            f"There is no region {index}; they are counted from 0 to {len(answer.regions) - 1}."
        )
    texts = (answer.text, answer.question) if isinstance(answer, Answer) else (answer.best[index],)
    return answer.regions[index], answer.attention[index], texts


def _plural(name: str) -> str:
    return f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"


def _with_error(value: float, error: float, unit: str) -> str:
    """Write a length with its uncertainty in one unit, ``"4.12 ± 0.08 µm"``."""
    both = readable_length(value, unit=unit)
    number, _, shown = both.partition(" ")
    factor = (in_metres(unit) or 1.0) / (in_metres(shown) or 1.0)
    return f"{number} ± {error * (factor if shown != unit else 1.0):.2g} {shown}"


def _area(value: float, error: float, unit: str) -> str:
    """Write an area in the square of the unit that reads best for its side."""
    shown = readable_length(np.sqrt(value), unit=unit).partition(" ")[2]
    factor = 1.0 if shown == unit else ((in_metres(unit) or 1.0) / (in_metres(shown) or 1.0)) ** 2
    return f"{value * factor:.3g} ± {error * factor:.2g} {shown}²"
