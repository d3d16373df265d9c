"""Frames of arrays and of files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import RegionError, SourceError
from ..readers.planes import plane_of
from ..regions import Cutout
from .choosing import Frames, frames_wanted
from .cutouts import axes_of_frames, of_stack

__all__ = ["axis_of", "cutouts_of_array", "cutouts_of_file"]


AreaOf = Callable[[Any], Any]
"""Finds the picture beside its information bar in a plane; None where there is no bar."""


def cutouts_of_array(
    array: Any,
    region: Any,
    frames: Frames,
    axis: int | str | None = None,
    *,
    area_of: AreaOf | None = None,
    **place: Any,
) -> list[Cutout]:
    """Cut one window out of several frames of an array.

    Parameters
    ----------
    array : (..., H, W) or (..., H, W, 3) array-like
        A stack.
    region : optional
        One region, as for :meth:`.regions.Cutout.of_array`.
    frames : int, str or sequence of int
        As in :data:`.choosing.Frames`.
    axis : int, optional
        The axis that the frames lie along, of those before rows and columns; the first by
        default.
    area_of : callable, optional
        Looks for the information bar in the first of the frames, to be left out of all.
    **place
        As for :func:`.cutouts.of_stack`.

    Raises
    ------
    RegionError
        If it is no stack or has no such axis.
    QuestionError
        If the frames are not there, or too many.
    """
    shape = tuple(int(n) for n in np.shape(array))
    given = axis_of(axis, tuple(place.pop("axis_names", ())))
    outer, along = axes_of_frames(shape, given, place.get("rgb"))
    wanted = frames_wanted(frames, shape[along])
    if area_of is not None:
        first = tuple(wanted[0] if i == along else 0 for i in range(outer))
        place["area"] = area_of(plane_of(array, first))
    return of_stack(array, region, axis=along, frames=wanted, **place)


def axis_of(axis: int | str | None, names: tuple[str, ...] = ()) -> int:
    """Return the number of an axis that is given by number or by name; the first by default.

    Raises
    ------
    RegionError
        If there is no axis of this name.
    """
    if axis is None:
        return 0
    if not isinstance(axis, str):
        return int(axis)
    known = [name.casefold() for name in names]
    if axis.casefold() not in known:
        listed = ", ".join(f"“{name}”" for name in names) or "no names"
        raise RegionError(f"There is no axis “{axis}”; the axes of frames are {listed}.")
    return known.index(axis.casefold())


def cutouts_of_file(
    path: Path,
    region: Any,
    frames: Frames,
    axis: int | str | None = None,
    *,
    area_of: AreaOf | None = None,
) -> list[Cutout]:
    """Cut one window out of several frames of a file, or of a folder of slices.

    Parameters
    ----------
    path : Path
        The file or folder.
    region, frames, axis, area_of
        As for :func:`cutouts_of_array`; the axis by name, too.

    Raises
    ------
    SourceError
        If the file cannot be read.
    RegionError, QuestionError
        As :func:`cutouts_of_array`.
    """
    file = _file(path)
    array, names = file.array, tuple(one.name for one in file.outer)
    rgb, levels = file.is_rgb, file.levels
    if not file.outer:
        array, levels = _pages(path, file), ()
    along = axis_of(axis, names)
    if not -len(names or ("",)) <= along < len(names or ("",)):
        raise RegionError(f"{path.name} has no axis {axis} of frames.")
    return cutouts_of_array(
        array,
        region,
        frames,
        along,
        area_of=area_of,
        rgb=rgb,
        axis_name=names[along] if names else "frame",
        levels=levels,
        source=file.name,
        **file.told,
    )


def _file(path: Path) -> Any:
    from ..readers.micrograph import read_micrograph

    if path.is_dir():
        from ..readers.folder import read_folder
        from ..readers.formats import format_of

        if format_of(path) is None:
            return read_folder(path)
    return read_micrograph(path)


def _pages(path: Path, file: Any) -> Any:
    """Return the equal pages of a file as one array.

    Raises
    ------
    SourceError
        If there is only one, or the second is of another size.
    """
    from ..readers.pages import PagesOfFile
    from ..readers.peek import like_first

    count = like_first(path)
    if count < 2 < file.pages + 1:
        raise SourceError(
            f"The pictures of {path.name} differ in size, so they are no frames of one stack; "
            "ask without frames."
        )
    if count < 2:
        raise SourceError(f"{path.name} holds one picture and no frames; ask without frames.")
    return PagesOfFile(path, (count, *np.shape(file.array)), np.dtype(file.array.dtype))
