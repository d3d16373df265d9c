"""One overlay for all frames of a stack: moving the slider shows each frame's own map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..frames.choosing import name_together, text_of_frames
from ..regions import Region
from ..results import Answer, Classification
from .overlay_identity import key_of

__all__ = ["FrameMaps", "Group", "grouped", "groups_of", "number_along"]


@dataclass(frozen=True)
class Group:
    """Regions of a result that one overlay layer shows.

    Attributes
    ----------
    rows : tuple of int
        Their numbers in the result; of frames in the order of the slices.
    axis : int or None
        The data axis that frames lie along; None for a region alone.
    key : str
        What makes two overlays the same.
    place : str
        What the frames are called together, such as ``"frames 0, 4, 8"``; empty for one region.
    """

    rows: tuple[int, ...]
    axis: int | None
    key: str
    place: str = ""


def groups_of(result: Answer | Classification, question: str) -> list[Group]:
    """Return what one overlay layer each shows, in the order of the regions.

    Frames of one stack that differ along one axis share a layer: a layer for each would fill the
    list of layers. Regions without a placement are left out.
    """
    return grouped(result.regions, question, [each.values.shape for each in result.attention])


def grouped(
    regions: Sequence[Region], question: str, shapes: Sequence[tuple[int, ...]]
) -> list[Group]:
    """Do as :func:`groups_of` with regions and the shapes of their maps, (h, w) each."""
    groups: dict[tuple[Any, ...], list[int]] = {}
    for row, region in enumerate(regions):
        if region.placement is not None:
            groups.setdefault(_stack(row, region, shapes[row]), []).append(row)
    found = []
    for rows in groups.values():
        axis = _axis([regions[row] for row in rows])
        if axis is None:
            found += [Group((row,), None, key_of(question, regions[row])) for row in rows]
            continue
        rows = sorted(rows, key=lambda row: _plane(regions[row]))
        first = regions[rows[0]]
        numbers = [number_along(regions[row], axis) for row in rows]
        key = f"{key_of(question, first)}|{axis}: {text_of_frames(numbers)}"
        names = [regions[row].label for row in rows]
        found.append(Group(tuple(rows), axis, key, name_together(names)))
    return found


def number_along(region: Region, axis: int) -> int:
    """Return the slice of a region along a data axis that is neither its rows nor columns."""
    return _plane(region)[_hidden(region).index(axis)]


class FrameMaps:
    """Maps of some frames as an array with all slices between the first and the last.

    Slices without a map are NaN, which is shown as nothing; they take no memory.

    Parameters
    ----------
    maps : mapping of int to array
        For each slice that has one its map; all of one shape, with length 1 along ``axis``.
    axis : int
        The axis of slices.
    """

    dtype = np.dtype(np.float32)

    def __init__(self, maps: Mapping[int, NDArray[np.float32]], axis: int) -> None:
        self.first = min(maps)
        self.maps = {number - self.first: one for number, one in maps.items()}
        self.axis = axis
        shape = next(iter(maps.values())).shape
        self.shape = (*shape[:axis], max(self.maps) + 1, *shape[axis + 1 :])
        self.ndim = len(self.shape)
        self.size = int(np.prod(self.shape))
        self._empty = np.full(shape, np.nan, np.float32)

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, index: Any) -> NDArray[np.float32]:
        whole = self._whole(index)
        wanted = whole[self.axis]
        if isinstance(wanted, slice):
            numbers = list(range(*wanted.indices(self.shape[self.axis])))
            rest = (*whole[: self.axis], slice(None), *whole[self.axis + 1 :])
            if not numbers:
                return np.asarray(self._empty.take([], self.axis)[rest])
            planes = [self._plane(number) for number in numbers]
            return np.asarray(np.concatenate(planes, self.axis)[rest])
        number = int(wanted)
        if number < 0:
            number += self.shape[self.axis]
        if not 0 <= number < self.shape[self.axis]:
            raise IndexError(f"slice {wanted} of {self.shape[self.axis]}")
        return np.asarray(self._plane(number)[(*whole[: self.axis], 0, *whole[self.axis + 1 :])])

    def __setitem__(self, index: Any, values: Any) -> None:
        """Take other maps of the same frames; the whole is replaced, whatever ``index``."""
        if not isinstance(values, FrameMaps) or values.shape != self.shape:
            raise ValueError("only other maps of the same frames can be put in")
        self.maps, self.first = values.maps, values.first

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[...], dtype)

    def _plane(self, number: int) -> NDArray[np.float32]:
        return self.maps.get(number, self._empty)

    def _whole(self, index: Any) -> tuple[Any, ...]:
        """Return an index with an entry for each axis."""
        given = index if isinstance(index, tuple) else (index,)
        if any(one is Ellipsis for one in given):
            at = next(i for i, one in enumerate(given) if one is Ellipsis)
            missing = (slice(None),) * (self.ndim - len(given) + 1)
            given = (*given[:at], *missing, *given[at + 1 :])
        return (*given, *(slice(None),) * (self.ndim - len(given)))


def _stack(row: int, region: Region, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """Return what frames of one stack have in common; of any other region its own number."""
    place = region.placement
    assert place is not None
    if not region.label or place.layer is None:
        return (row,)
    masked = None if region.mask is None else region.mask.shape
    return (
        id(place.layer()),
        place.axes,
        region.box,
        shape,
        masked,
    )


def _plane(region: Region) -> tuple[int, ...]:
    assert region.placement is not None
    return region.placement.plane


def _hidden(region: Region) -> list[int]:
    assert region.placement is not None
    axes = region.placement.axes
    return [axis for axis in range(len(_plane(region)) + 2) if axis not in axes]


def _axis(regions: Sequence[Region]) -> int | None:
    """Return the one data axis along which regions differ; None where there is no such axis."""
    planes = [_plane(region) for region in regions]
    if len(set(planes)) < max(len(planes), 2):
        return None
    differ = [i for i, each in enumerate(zip(*planes, strict=True)) if len(set(each)) > 1]
    return _hidden(regions[0])[differ[0]] if len(differ) == 1 else None
