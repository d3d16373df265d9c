"""From one window of a stack to the same window of several of its frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from threading import Event
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import Cancelled, RegionError
from ..regions import Cutout, Placement, Region
from .choosing import name_of_frame

__all__ = ["LONGEST", "along_axis", "are_frames", "of_stack", "read_frames", "reduced"]

LONGEST = 1536
"""Pixels on a frame's longest side that are kept: enough for any model, and small enough for
many frames at once."""

_PERCENTILES = (0.2, 99.8)
_SAMPLES = 512


@dataclass(frozen=True, eq=False)
class _Plane:
    """Stands for one plane of a stack while its window is looked up; nothing is read."""

    array: Any
    outer: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Height, width and perhaps colours."""
        return tuple(int(n) for n in np.shape(self.array)[self.outer :])


def of_stack(
    array: Any,
    region: Any = None,
    *,
    axis: int = 0,
    frames: Sequence[int],
    rgb: bool | None = None,
    axis_name: str = "",
    levels: Sequence[Any] = (),
    **place: Any,
) -> list[Cutout]:
    """Cut the same window out of several frames of an array.

    Parameters
    ----------
    array : (..., H, W) or (..., H, W, 3) array-like
        At least one axis before rows and columns; on the others besides ``axis`` the first plane
        is looked at.
    region : optional
        As for :meth:`.regions.Cutout.of_array`.
    axis : int
        The axis that the frames lie along.
    frames : sequence of int
        Their numbers.
    rgb : bool, optional
        Whether the last axis holds colours; by default where there are 4 axes or more and it is
        3 or 4 long.
    axis_name : str
        What the axis is called, for the frames' names.
    levels : sequence of array-like
        Smaller versions of the array, with as many axes.
    **place
        Further keywords of :meth:`.regions.Cutout.of_array`.

    Raises
    ------
    RegionError
        If the array is no stack, or has no such axis.
    """
    shape = tuple(int(n) for n in np.shape(array))
    if rgb is None:
        rgb = len(shape) > 3 and shape[-1] in (3, 4)
    outer = len(shape) - 2 - rgb
    if outer < 1:
        raise RegionError(
            f"A stack has frames before rows and columns, but this array has shape {shape}; "
            "ask without frames."
        )
    if not -outer <= axis < outer:
        raise RegionError(f"The array has no axis {axis} of frames; choose 0 to {outer - 1}.")
    axis %= outer
    window = Cutout.of_array(
        _Plane(array, outer), region, levels=[_Plane(level, outer) for level in levels], **place
    )
    y0, x0, y1, x1 = window.box
    outline = window.outline
    if outline is None:
        outline = np.array([[y0, x0], [y0, x1], [y1, x1], [y1, x0]], float) - 0.5
    first = replace(
        window,
        array=window.array.array,
        index=(*(0,) * outer, *window.index),
        placement=Placement(
            (outer, outer + 1), (0,) * outer, outline, data_shape=shape[: outer + 2]
        ),
    )
    return along_axis(first, axis, frames, axis_name=axis_name)


def along_axis(
    cutout: Cutout, axis: int, frames: Sequence[int], *, axis_name: str = ""
) -> list[Cutout]:
    """Return the same window of other frames.

    Parameters
    ----------
    cutout : Cutout
        The window in one frame; its placement says which of the data axes are rows and columns.
    axis : int
        The data axis that the frames lie along.
    frames : sequence of int
        Their numbers on the full-size array.
    axis_name : str
        What the axis is called, for the frames' names.

    Raises
    ------
    RegionError
        If the window is on no stack, or ``axis`` is its rows or columns.
    """
    place = cutout.placement
    if place is None or len(cutout.index) < 3 or not isinstance(cutout.index[axis], int):
        raise RegionError("The image has no frames along this axis; choose another one.")
    hidden = [one for one in range(len(place.plane) + 2) if one not in place.axes]
    full, here = place.data_shape[axis], int(np.shape(cutout.array)[axis])
    made = []
    for frame in frames:
        # A level of a pyramid may be smaller along this axis, too.
        index = list(cutout.index)
        index[axis] = min(round(frame * here / full), here - 1)
        plane = tuple(
            frame if one == axis else at for one, at in zip(hidden, place.plane, strict=True)
        )
        made.append(
            replace(
                cutout,
                index=tuple(index),
                placement=replace(place, plane=plane),
                label=name_of_frame(frame, axis_name),
            )
        )
    return made


def are_frames(regions: Sequence[Region | Cutout]) -> bool:
    """Whether regions are frames of a stack: each has a name, and there are several."""
    return len(regions) > 1 and all(region.label for region in regions)


def read_frames(
    cutouts: Sequence[Cutout],
    *,
    longest: int = LONGEST,
    cancel: Event | None = None,
    on_frame: Callable[[int], None] | None = None,
) -> list[Region]:
    """Read frames, all with the same contrast.

    Parameters
    ----------
    cutouts : sequence of Cutout
        One for each frame.
    longest : int
        Frames with more pixels on a side are reduced by a whole number.
    cancel : threading.Event, optional
        Once set, no further frame is read.
    on_frame : callable, optional
        Called with the number of frames read so far.

    Returns
    -------
    list of Region
        In the order of the cutouts.

    Raises
    ------
    RegionError
        If one of them cannot be looked at; says which.
    Cancelled
        If ``cancel`` was set.
    """
    raws: list[Any] = []
    for cutout in cutouts:
        if cancel is not None and cancel.is_set():
            raise Cancelled
        raws.append(cutout._samples())
        if on_frame is not None:
            on_frame(len(raws))
    limits = _common_limits(cutouts, raws)
    regions = []
    for number, cutout in enumerate(cutouts):
        raw, raws[number] = raws[number], None
        read = replace(cutout, array=raw, index=(slice(None),) * raw.ndim, average=(1, 1))
        if cutout.contrast_limits is None and limits is not None:
            read = replace(read, contrast_limits=limits)
        try:
            region = read.read()
        except RegionError as error:
            raise RegionError(
                f"In {cutout.label or f'frame {number}'}: {_lowered(error)}"
            ) from None
        regions.append(reduced(region, -(-max(region.pixels.shape[:2]) // longest)))
    return regions


def reduced(region: Region, step: int) -> Region:
    """Return a region with the mean of every ``step`` by ``step`` pixels.

    Its box loses the rows and columns that are left over.
    """
    height, width = region.pixels.shape[:2]
    step = max(min(step, height // 8, width // 8), 1)
    if step == 1:
        return region
    rows, columns = height // step, width // step
    y0, x0, y1, x1 = region.box
    scale = (y1 - y0) / height, (x1 - x0) / width
    box = (y0, x0, y0 + round(rows * step * scale[0]), x0 + round(columns * step * scale[1]))
    mask = region.mask
    if mask is not None:
        some = _blocks(mask, rows, columns, step).mean((1, 3)) >= 0.5
        mask = some if some.any() else None
    pixels: NDArray[np.float32] = _blocks(region.pixels, rows, columns, step).mean(
        (1, 3), dtype=np.float32
    )
    return replace(region, pixels=pixels, box=box, mask=mask)


def _blocks(values: NDArray[Any], rows: int, columns: int, step: int) -> NDArray[Any]:
    kept = values[: rows * step, : columns * step]
    return kept.reshape(rows, step, columns, step, *values.shape[2:])


def _common_limits(
    cutouts: Sequence[Cutout], raws: Sequence[NDArray[Any]]
) -> tuple[float, float] | None:
    """Return limits for all frames; None where each pixel type has its own already.

    With limits of its own for each frame, one that becomes brighter would look the same.
    """
    if all(cutout.contrast_limits is not None for cutout in cutouts):
        return None
    found = []
    for cutout, raw in zip(cutouts, raws, strict=True):
        if cutout.rgb or raw.dtype.kind not in "iuf" or raw.dtype == np.uint8:
            return None
        steps = tuple(slice(None, None, max(n // _SAMPLES, 1)) for n in raw.shape)
        some = raw[steps].astype(np.float64)
        found.append(some[np.isfinite(some)])
    values = np.concatenate(found) if found else np.zeros(0)
    if not values.size:
        return None
    low, high = (float(limit) for limit in np.percentile(values, _PERCENTILES))
    return (low, high) if high > low else None


def _lowered(error: Exception) -> str:
    text = str(error)
    return text[:1].lower() + text[1:]
