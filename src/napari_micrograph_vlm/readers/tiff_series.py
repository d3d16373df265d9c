"""How the pages of a TIFF file belong together: its pictures, their axes, smaller versions."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .levels import smaller_versions
from .micrograph import Axis
from .tiff_lazy import LazyTiff, Where, finished_dtype, finished_shape

__all__ = [
    "OTHER_COLOURS",
    "Picture",
    "alike",
    "counted_by_plane",
    "levels_of",
    "outer_axes",
    "page_of",
    "pictures_of",
]

OTHER_COLOURS = (5, 8, 9, 10)
"""CMYK and the kinds of Lab: channels that are not red, green and blue."""

_AXES = {"Z": "z", "T": "time", "C": "channel"}
_PICTURES = ("YX", "YXS", "SYX")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Picture:
    """One picture or stack of an open file.

    Attributes
    ----------
    keyframe : tifffile.TiffPage
        What its planes are like.
    outer : tuple of int
        Lengths of the axes before rows and columns.
    series : tifffile.TiffPageSeries or None
        What it is; None: ``pages``.
    number : int
        Of the series.
    pages : tuple of int
        Its pages, as many as there are planes, where it is no series.
    """

    keyframe: Any
    outer: tuple[int, ...] = ()
    series: Any = None
    number: int = 0
    pages: tuple[int, ...] = ()

    @property
    def planes(self) -> int:
        """How many planes it has."""
        return math.prod(self.outer)

    def where(self, plane: int | None = None) -> Where:
        """Return where all planes, or one of them, lie in the file."""
        if self.series is not None:
            return Where(series=self.number, first=plane or 0)
        return Where(pages=self.pages if plane is None else (self.pages[plane],))

    def stored(self, tiff: Any, plane: int | None = None) -> list[Any]:
        """Return the pages of all planes, or of one; None for one that is missing."""
        planes = range(self.planes) if plane is None else (plane,)
        if self.series is not None:
            return [self.series[number] for number in planes]
        return [tiff.pages[self.pages[number]] for number in planes]


def pictures_of(tiff: Any) -> list[Picture]:
    """Return the pictures of an open file, at least one, without those that show another smaller.

    Pages that differ in nothing but how they are packed are one stack.
    """
    try:
        series = list(tiff.series)
    except Exception as error:  # an OME header of any kind
        _log.debug("no series: %s", error)
        series = []
    if not series or not _fits(series[0]):
        return [page_of(tiff, 0)]
    first = _picture(series[0], 0)
    if counted_by_plane(first):
        others = [(n, each) for n, each in enumerate(series) if n and _fits(each)]
        return [first, *(_picture(each, n) for n, each in others if not each.keyframe.is_reduced)]
    if len(series) == 1:
        return [first]
    groups: dict[Any, list[int]] = {}
    for number, page in enumerate(tiff.pages):
        if not number or (_is_picture(page) and not page.is_reduced):
            groups.setdefault(_kind(page), []).append(number)
    found = [page_of(tiff, *numbers) for numbers in groups.values()]
    return found if found[0].planes > first.planes else [first, *found[1:]]


def page_of(tiff: Any, *numbers: int) -> Picture:
    """Return pages of a file that are alike as a picture or stack."""
    outer = (len(numbers),) if len(numbers) > 1 else ()
    return Picture(tiff.pages[numbers[0]].keyframe, outer, pages=numbers)


def counted_by_plane(picture: Picture) -> bool:
    """Whether planes are counted, as in OME and ImageJ files, and not pages."""
    return picture.series is not None and picture.series.kind not in ("generic", "uniform", "")


def alike(one: Any, other: Any) -> bool:
    """Whether two pages are handed out with the same shape and type."""
    return bool(_kind(one) == _kind(other))


def outer_axes(picture: Picture, steps: Mapping[str, tuple[float, str]]) -> tuple[Axis, ...]:
    """Return the axes before rows and columns; ``steps`` as of a description."""
    letters = "I" * len(picture.outer) if picture.series is None else picture.series.axes
    found = []
    for letter, length in zip(letters, picture.outer, strict=False):
        step, unit = steps.get(letter, (1.0, "pixel"))
        found.append(Axis(_AXES.get(letter, "frame"), length, step, unit))
    return tuple(found)


def levels_of(path: Any, tiff: Any, picture: Picture, plane: int | None = None) -> tuple[Any, ...]:
    """Return the smaller versions of a picture that the file holds, largest first."""
    series, first = picture.series, plane or 0
    if series is None:
        return ()
    inside = [
        (Where(series=picture.number, level=number, first=first), level)
        for number, level in enumerate(series.levels[1:], start=1)
    ]
    # Some programs write them as pages of their own.
    beside = [
        (Where(series=number, first=first), other)
        for number, other in enumerate(tiff.series)
        if not picture.number and number and other.keyframe.is_reduced
    ]
    outer, count = picture.outer if plane is None else (), len(picture.outer)
    found = [
        LazyTiff(path, where, outer, level.keyframe)
        for where, level in inside or beside
        if level.axes == series.axes
        and level.shape[:count] == series.shape[:count]
        and 0 not in level.shape
    ]
    shape = (*outer, *finished_shape(picture.keyframe))
    return smaller_versions(shape, finished_dtype(picture.keyframe), found, len(outer))


def _picture(series: Any, number: int) -> Picture:
    count = len(series.axes) - len(series.keyframe.axes)
    return Picture(series.keyframe, tuple(int(n) for n in series.shape[:count]), series, number)


def _fits(series: Any) -> bool:
    """Whether the axes of a series are rows and columns of pages."""
    axes = series.keyframe.axes
    return axes in _PICTURES and series.axes.endswith(axes) and 0 not in series.shape


def _is_picture(page: Any) -> bool:
    kind = page.dtype is not None and page.dtype.kind
    return page.axes in _PICTURES and 0 not in page.shape and kind not in (False, "c")


def _kind(page: Any) -> Any:
    if not _is_picture(page):
        return page.shape, page.dtype
    return finished_shape(page), finished_dtype(page), page.photometric in OTHER_COLOURS
