"""From one window of a stack to the same window of several of its frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from threading import Event
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import Cancelled, RegionError
from ..regions import Box, Cutout, Placement, Region
from ..windows import LONGEST
from .choosing import name_of_frame

__all__ = ["along_axis", "are_frames", "axes_of_frames", "of_stack", "read_frames", "reduced"]

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
    outer, axis = axes_of_frames(shape, axis, rgb)
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


def axes_of_frames(shape: tuple[int, ...], axis: int, rgb: bool | None = None) -> tuple[int, int]:
    """Return how many axes lie before rows and columns, and the axis of frames counted from 0.

    Parameters
    ----------
    shape : tuple of int
        Of the array.
    axis : int
        Negative: counted from the last of the axes before rows and columns.
    rgb : bool, optional
        As for :func:`of_stack`.

    Raises
    ------
    RegionError
        If it is no stack, or has no such axis.
    """
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
    return outer, axis % outer


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
        If the window is on no stack, ``axis`` is its rows or columns, or a frame is not there.
    """
    place = cutout.placement
    if place is None or len(cutout.index) < 3 or not isinstance(cutout.index[axis], int):
        raise RegionError("The image has no frames along this axis; choose another one.")
    hidden = [one for one in range(len(place.plane) + 2) if one not in place.axes]
    full, here = place.data_shape[axis], int(np.shape(cutout.array)[axis])
    made = []
    for frame in frames:
        if not 0 <= frame < full:
            raise RegionError(f"There is no frame {frame}; the stack has frames 0 to {full - 1}.")
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
    # Only small versions are kept: whole frames together may be larger than the memory.
    together = _share_limits(cutouts)
    regions: list[Region] = []
    waiting: list[Cutout] = []
    samples: list[NDArray[Any]] = []
    for number, cutout in enumerate(cutouts):
        if cancel is not None and cancel.is_set():
            raise Cancelled
        if together:
            raw = cutout._samples()
            samples.append(_some_of(raw))
            waiting.append(_small(cutout, raw, longest))
            del raw
        else:
            regions.append(_region_of(cutout, number, longest))
        if on_frame is not None:
            on_frame(number + 1)
    limits = _limits_of(samples)
    while waiting:
        cutout = waiting.pop(0)
        if cutout.contrast_limits is None:
            cutout = replace(cutout, contrast_limits=limits)
        regions.append(_region_of(cutout, len(regions), longest))
    return regions


def _region_of(cutout: Cutout, number: int, longest: int) -> Region:
    try:
        region = cutout.read()
    except RegionError as error:
        raise RegionError(f"In {cutout.label or f'frame {number}'}: {_lowered(error)}") from None
    height, width = region.pixels.shape[:2]
    return reduced(region, _step(height, width, longest))


def _small(cutout: Cutout, raw: NDArray[Any], longest: int) -> Cutout:
    """Return a cutout that holds its samples, averaged as :func:`reduced` does."""
    height, width = raw.shape[:2]
    step = _step(height, width, longest)
    rows, columns = height // step, width // step
    box = cutout.box
    if step > 1:
        raw = _means(_blocks(raw, rows, columns, step))
        turn = -1 if cutout.transpose else 1
        box = _kept(box, (height, width)[::turn], (rows * step, columns * step)[::turn])
    return replace(cutout, array=raw, index=(slice(None),) * raw.ndim, box=box, average=(1, 1))


def _step(height: int, width: int, longest: int) -> int:
    return max(min(-(-max(height, width) // longest), height // 8, width // 8), 1)


def _means(blocks: NDArray[Any]) -> NDArray[Any]:
    """Return the mean of the finite values of each block."""
    dtype = blocks.dtype
    exact = np.float32 if dtype.itemsize <= 2 or dtype == np.float32 else np.float64
    if dtype.kind != "f":
        means: NDArray[Any] = blocks.mean((1, 3), dtype=exact)
        return means
    finite = np.isfinite(blocks)
    counts = finite.sum((1, 3))
    with np.errstate(over="ignore"):
        sums = np.where(finite, blocks, 0).sum((1, 3), dtype=np.float64)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan).astype(exact)


def reduced(region: Region, step: int) -> Region:
    """Return a region with the mean of every ``step`` by ``step`` pixels.

    Its box loses the rows and columns that are left over.
    """
    height, width = region.pixels.shape[:2]
    step = max(min(step, height // 8, width // 8), 1)
    if step == 1:
        return region
    rows, columns = height // step, width // step
    box = _kept(region.box, (height, width), (rows * step, columns * step))
    mask = region.mask
    if mask is not None:
        some = _blocks(mask, rows, columns, step).mean((1, 3)) >= 0.5
        mask = some if some.any() else None
    pixels: NDArray[np.float32] = _blocks(region.pixels, rows, columns, step).mean(
        (1, 3), dtype=np.float32
    )
    return replace(region, pixels=pixels, box=box, mask=mask)


def _kept(box: Box, shape: tuple[int, ...], kept: tuple[int, ...]) -> Box:
    """Return the box of the first pixels of a region, of which others are dropped."""
    y0, x0, y1, x1 = box
    scale = (y1 - y0) / shape[0], (x1 - x0) / shape[1]
    return y0, x0, y0 + round(kept[0] * scale[0]), x0 + round(kept[1] * scale[1])


def _blocks(values: NDArray[Any], rows: int, columns: int, step: int) -> NDArray[Any]:
    kept = values[: rows * step, : columns * step]
    return kept.reshape(rows, step, columns, step, *values.shape[2:])


def _share_limits(cutouts: Sequence[Cutout]) -> bool:
    """Whether limits are looked for in all frames; not where each pixel type has its own.

    With limits of its own for each frame, one that becomes brighter would look the same.
    """
    if all(cutout.contrast_limits is not None for cutout in cutouts):
        return False
    types = [np.dtype(cutout.array.dtype) for cutout in cutouts]
    return not any(cutout.rgb for cutout in cutouts) and all(
        dtype.kind in "iuf" and dtype != np.uint8 for dtype in types
    )


def _some_of(raw: NDArray[Any]) -> NDArray[Any]:
    some = raw[tuple(slice(None, None, -(-n // _SAMPLES) or 1) for n in raw.shape)]
    finite: NDArray[Any] = some[np.isfinite(some)]
    return finite


def _limits_of(samples: Sequence[NDArray[Any]]) -> tuple[float, float] | None:
    values = np.concatenate(samples) if samples else np.zeros(0)
    if not values.size:
        return None
    low, high = (float(limit) for limit in np.percentile(values.astype(np.float64), _PERCENTILES))
    return (low, high) if high > low else None


def _lowered(error: Exception) -> str:
    text = str(error)
    return text[:1].lower() + text[1:]
