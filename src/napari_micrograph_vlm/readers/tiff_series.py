"""How the pages of a TIFF file belong together: axes before rows and columns, smaller versions."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .micrograph import Axis
from .tiff_lazy import LazyTiff, Where, finished_shape

__all__ = ["levels_of", "outer_axes", "outer_count", "series_of"]

_AXES = {"Z": "z", "T": "time", "C": "channel"}

_log = logging.getLogger(__name__)


def series_of(tiff: Any) -> Any:
    """Return the first series, or None where its axes are not rows and columns of pages."""
    try:
        series = tiff.series[0]
    except Exception as error:  # an OME header of any kind
        _log.debug("no series: %s", error)
        return None
    keyframe = series.keyframe
    fits = keyframe.axes in ("YX", "YXS", "SYX") and series.axes.endswith(keyframe.axes)
    return series if fits and 0 not in series.shape else None


def outer_count(series: Any) -> int:
    """Return how many axes lie before rows and columns."""
    return len(series.axes) - len(series.keyframe.axes)


def outer_axes(series: Any, steps: Mapping[str, tuple[float, str]]) -> tuple[Axis, ...]:
    """Return the axes before rows and columns; ``steps`` as of a description."""
    found = []
    for letter, length in zip(series.axes[: outer_count(series)], series.shape, strict=False):
        step, unit = steps.get(letter, (1.0, "pixel"))
        found.append(Axis(_AXES.get(letter, "frame"), int(length), step, unit))
    return tuple(found)


def levels_of(path: Path, tiff: Any, series: Any, outer: tuple[int, ...], first: int) -> Any:
    """Return the smaller versions of a series that the file holds, largest first."""
    inside = [
        (Where(level=number, first=first), level)
        for number, level in enumerate(series.levels[1:], start=1)
    ]
    # Some programs write them as pages of their own.
    beside = [
        (Where(series=number, first=first), other)
        for number, other in enumerate(tiff.series[1:], start=1)
        if other.keyframe.is_reduced
    ]
    count, shape = outer_count(series), finished_shape(series.keyframe)
    found = [
        LazyTiff(path, where, outer, level.keyframe)
        for where, level in inside or beside
        if level.axes == series.axes
        and level.shape[:count] == series.shape[:count]
        and 0 not in level.shape
        and _smaller_version(finished_shape(level.keyframe), shape)
    ]
    return tuple(sorted(found, key=lambda level: -level.size))


def _smaller_version(small: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Whether the sides have the same ratio, to a pixel of the smaller."""
    factor = shape[0] / small[0]
    return (
        len(small) == len(shape)
        and factor > 1
        and abs(shape[0] / factor - small[0]) <= 1
        and abs(shape[1] / factor - small[1]) <= 1
    )
