"""Which parts of a figure are looked at: the whole, its panels, and quarters of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..datasets.papers.figure import PaperFigure
from ..datasets.papers.subjects import picture_file
from ..errors import MicrographError, RegionError, SourceError, one_line
from ..regions import Cutout, Region

__all__ = ["MOST", "View", "boxes_of", "views_of"]

Box = tuple[int, int, int, int]

MOST = 32
"""Parts of one figure."""

QUARTER = 0.6
"""Side of a quarter over that of the picture: neighbours share a strip, so nothing falls between.

Without quarters a cut-out of half a side found its picture among 220 in 70 % of the cases, with
them in 98 %.
"""

SMALLEST = 32
"""Pixels; a model sees nothing in less."""


@dataclass(frozen=True, eq=False)
class View:
    """A part of a figure to look at.

    Attributes
    ----------
    box : (int, int, int, int) or None
        x0, y0, x1, y1 in pixels of the figure's picture; None: the whole.
    region : Region
        Its pixels.
    """

    box: Box | None
    region: Region


def boxes_of(figure: PaperFigure, width: int, height: int) -> list[Box | None]:
    """Return the parts of a figure, the whole first."""
    whole = (0, 0, width, height)
    panels = [_inside(panel.box, width, height) for panel in figure.panels]
    panels = [box for box in panels if _large(box) and box != whole]
    boxes: list[Box | None] = [None, *panels]
    for box in panels or [whole]:
        boxes += [quarter for quarter in _quarters(box) if _large(quarter)]
    return boxes[:MOST]


def views_of(figure: PaperFigure, folder: Path) -> list[View]:
    """Read a figure's picture and cut it into its parts.

    Parts without anything to see, such as an empty corner, are left out.

    Raises
    ------
    SourceError
        If the picture is missing, cannot be read, or shows nothing.
    """
    from ..datasets.teacher.pictures import read_grey_or_colour

    path = picture_file(folder, figure)
    try:
        pixels = np.asarray(read_grey_or_colour(path))
    except MicrographError:
        raise
    except Exception as error:  # a damaged file can raise anything
        raise SourceError(f"{path} cannot be read: {one_line(error)}.") from None
    height, width = pixels.shape[:2]
    found = list(_cut(pixels, boxes_of(figure, width, height), figure.id))
    if not found:
        raise SourceError(f"{path} shows nothing: every pixel is alike.")
    return found


def _cut(pixels: np.ndarray, boxes: list[Box | None], name: str) -> Iterator[View]:
    for box in boxes:
        place = None if box is None else (box[1], box[0], box[3], box[2])
        try:
            yield View(box, Cutout.of_array(pixels, place, source=name).read())
        except RegionError:  # nothing to see in it
            continue


def _quarters(box: Box) -> list[Box]:
    x0, y0, x1, y1 = box
    width, height = round((x1 - x0) * QUARTER), round((y1 - y0) * QUARTER)
    return [
        (x, y, x + width, y + height)
        for y in (y0, y1 - height)
        for x in (x0, x1 - width)
    ]  # fmt: skip


def _inside(box: Box, width: int, height: int) -> Box:
    x0, y0, x1, y1 = box
    return max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)


def _large(box: Box) -> bool:
    return box[2] - box[0] >= SMALLEST and box[3] - box[1] >= SMALLEST
