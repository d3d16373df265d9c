"""From what a script names to regions: viewers, layers, arrays, files, and parts of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._window import window
from .errors import RegionError, SourceError
from .regions import Cutout, Region

if TYPE_CHECKING:
    from .frames.choosing import Frames

__all__ = ["Plan", "is_napari", "plan_of"]

Plan = Callable[[], list[Region]]


def plan_of(
    source: Any,
    region: Any = None,
    frames: Frames | None = None,
    axis: int | str | None = None,
    *,
    include_bar: bool | None = None,
) -> Plan:
    """Return a function that reads the regions; it may run in any thread.

    Layers are looked at now, in the caller's thread; pixels are read when the plan is run.
    ``frames``, ``axis`` and ``include_bar`` are those of :func:`ask`.

    Raises
    ------
    SourceError
        If the source is no micrograph.
    """
    if frames is not None:
        return _plan_of_frames(source, region, frames, axis, include_bar)
    if isinstance(source, Region):
        return lambda: [source]
    if isinstance(source, Sequence) and source and all(isinstance(r, Region) for r in source):
        return lambda: list(source)
    if is_napari(source):
        cutouts = window().cutouts_of(source, region, include_bar=include_bar)
        return lambda: [cutout.read() for cutout in cutouts()]
    if isinstance(source, (str, PathLike)):
        path = Path(source)
        return lambda: _regions_of_file(path, region, include_bar=bool(include_bar))
    if hasattr(source, "shape") and hasattr(source, "dtype"):
        bar = bool(include_bar)
        return lambda: [one.read() for one in _cutouts_of_array(source, region, include_bar=bar)]
    raise SourceError(
        f"A {type(source).__name__} is no micrograph; give a viewer, a layer, an array or a path."
    )


def _plan_of_frames(
    source: Any, region: Any, frames: Frames, axis: int | str | None, include_bar: bool | None
) -> Plan:
    from .frames.cutouts import read_frames
    from .frames.sources import cutouts_of_array, cutouts_of_file
    from .readers.picture_area import find_area

    area_of = None if include_bar else find_area

    if is_napari(source):
        cutouts = window().frames_of(source, region, frames, axis, include_bar=include_bar)
        return lambda: read_frames(cutouts())
    if isinstance(source, (str, PathLike)):
        path = Path(source).expanduser()
        return lambda: read_frames(cutouts_of_file(path, region, frames, axis, area_of=area_of))
    if hasattr(source, "shape") and hasattr(source, "dtype"):
        return lambda: read_frames(cutouts_of_array(source, region, frames, axis, area_of=area_of))
    raise SourceError(
        f"A {type(source).__name__} has no frames; give a viewer, a layer, an array or a path."
    )


def _regions_of_file(path: Path, region: Any, *, include_bar: bool) -> list[Region]:
    from .readers.micrograph import read_micrograph

    file = read_micrograph(path, 0)  # of a stack the first plane
    cutouts = _cutouts_of_array(
        file.array,
        region,
        include_bar=include_bar,
        levels=file.levels,
        source=file.name,
        **file.told,
    )
    return [cutout.read() for cutout in cutouts]


def _cutouts_of_array(
    array: Any, region: Any, *, include_bar: bool = False, **place: Any
) -> list[Cutout]:
    """Cut one region, or each of a list of them, out of an array."""
    from .readers.picture_area import area_for

    regions = [region] if _is_one_region(region) else list(region)
    if not regions:
        raise RegionError("The list of regions is empty; give at least one.")
    cutouts = [Cutout.of_array(array, one, **place) for one in regions]
    area = None if include_bar else area_for(array, cutouts)
    if area is None:
        return cutouts
    return [Cutout.of_array(array, one, area=area, **place) for one in regions]


def _is_one_region(region: Any) -> bool:
    """Tell a box, vertices, a mask or nonsense from a list of regions."""
    import numpy as np

    if not isinstance(region, Iterable) or isinstance(region, str):
        return True
    try:
        given = np.asarray(region)
    except ValueError:  # regions of several lengths
        return False
    if given.shape == (4,):
        return True
    # A list of two masks of one size is no mask.
    return given.ndim == 2 and (given.dtype == bool or given.shape[1] == 2)


def is_napari(source: Any) -> bool:
    """Whether a source is a viewer or layer of napari."""
    # By name: the core does not import napari to find out.
    return any(kind.__module__.partition(".")[0] == "napari" for kind in type(source).__mro__)
