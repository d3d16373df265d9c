"""What came out of measuring, and the function that measures."""

from __future__ import annotations

import json
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import QuestionError, RegionError
from ..regions import Box, Region
from ..results import Answer, AttentionMap, Classification
from .objects import POWERS, step_of, table_of
from .reduction import go_on, grid_of, mask_on, mean_on
from .wording import DENIED, summary_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Measurement", "measure"]

_HEADS = {"orientation": "orientation (° from the horizontal)", "y": "y (pixel)", "x": "x (pixel)"}


@dataclass(frozen=True, eq=False)
class Measurement:
    """Objects of a region and their sizes.

    Attributes
    ----------
    region : Region
        Where they were looked for.
    labels : (H, W) int32 array
        The objects, from 1 on; 0 elsewhere. On the grid of ``region.pixels``, of a large region
        on one of at most 2048 places a side; either covers ``box`` exactly.
    table : pandas.DataFrame
        One row an object; see :func:`napari_micrograph_vlm.measuring.objects.table_of`.
    method : str
        How they were found, for people to read.
    what : str
        What they are called, in the singular: ``"crack"``, or ``"object"``.
    question : str
        What was asked; empty for a class.
    """

    region: Region
    labels: NDArray[np.int32]
    table: pd.DataFrame
    method: str
    what: str = "object"
    question: str = ""

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
        inside = self.labels.size if mask is None else int(mask_on(mask, self.labels.shape).sum())
        return float((self.labels > 0).sum() / max(inside, 1))

    @property
    def unit(self) -> str:
        """Unit of the lengths; areas are in its square."""
        return self.region.unit if self.region.pixel_size is not None else "pixel"

    @property
    def pixel(self) -> tuple[float, float]:
        """Height and width of a pixel of ``labels`` in ``unit``."""
        return step_of(self.region, self.labels.shape)

    def headed(self) -> pd.DataFrame:
        """Return the table with the unit in the head of each column that has one."""
        units = {1: self.unit, 2: f"{self.unit}²"}
        heads = {name: f"{name} ({units[power]})" for name, power in POWERS.items()}
        return self.table.rename(columns={**heads, **_HEADS})

    @property
    def denied(self) -> bool:
        """Whether nothing was measured, since the answer says that there is nothing."""
        return self.method == DENIED

    def summary(self) -> str:
        """Say what was found and how large it is, and how exact that is."""
        return summary_of([self])

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
    cancel: Event | None = None,
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
    cancel : threading.Event, optional
        Looked at between the stages, and before each object is measured.

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
    Cancelled
        If ``cancel`` was set.
    """
    from .seeds import denied, grey_of, kind_of, named, on_pixels
    from .segment import METHODS, Found, segment

    if method not in METHODS:
        raise QuestionError(f"There is no method {method!r}; choose from {', '.join(METHODS)}.")
    region, attention = _parts(answer, region_index)
    go_on(cancel)
    shape = grid_of(region.pixels.shape)
    grey = grey_of(mean_on(region.pixels, shape))
    mask = mask_on(_picture(region), shape)
    if isinstance(answer, Answer):
        what = kind_of(answer.question, answer.text)
    else:
        what = named(answer.best[region_index])
    if method == "auto" and isinstance(answer, Answer) and denied(answer.question, answer.text):
        found = Found(np.zeros(grey.shape, np.int32), DENIED)
    else:
        weight = on_pixels(attention, grey.shape) if attention.has_focus else None
        found = segment(
            grey,
            mask,
            weight,
            focus=attention.focus,
            name=what,
            method=method,
            dark=dark,
            cancel=cancel,
        )
    table = table_of(found.labels, region, found.edge, cancel=cancel)
    question = answer.question if isinstance(answer, Answer) else ""
    return Measurement(region, found.labels, table, found.method, what, question)


def _picture(region: Region) -> NDArray[np.bool_]:
    """Return what of a region may hold objects: not the information bar, even where it is shown."""
    from ..readers.picture_area import find_area

    shape = region.pixels.shape[:2]
    mask = np.ones(shape, bool) if region.mask is None else region.mask.copy()
    area = None
    if region.left_out is None:
        area = find_area((255 * region.pixels).astype(np.uint8))
    if area is not None:
        y0, _, y1, _ = area.box
        mask[:y0] = mask[y1:] = False
    return mask


def _parts(answer: Answer | Classification, index: int) -> tuple[Region, AttentionMap]:
    """Return a region and its map."""
    if not isinstance(answer, (Answer, Classification)):
        raise QuestionError(
            f"A {type(answer).__name__} cannot be measured; give an answer or a classification."
        )
    if not -len(answer.regions) <= index < len(answer.regions):
        raise RegionError(
            f"There is no region {index}; they are counted from 0 to {len(answer.regions) - 1}."
        )
    if len(answer.attention) != len(answer.regions):
        raise QuestionError(
            "There is no map of where the model looked; measure an answer that has one."
        )
    return answer.regions[index], answer.attention[index]
