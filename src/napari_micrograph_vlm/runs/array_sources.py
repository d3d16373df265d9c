"""Regions, slices and tiles of arrays: in memory, on disk, or computed when they are needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import RegionError, SourceError
from ..readers.picture_area import InBarError, PictureArea, find_area, may_touch_bar
from ..regions import Box, Cutout, Region, clip_box
from ..whole_files import printable
from .contents import contents_of, digest
from .items import Item
from .tiles import NOTHING_TO_SEE, Levels, Tiles, levels_of

if TYPE_CHECKING:
    from ..readers.metadata import Instrument

__all__ = [
    "LEFT_OUT",
    "ArraySource",
    "CutoutSource",
    "PlaneWindow",
    "TiledSource",
    "as_array",
    "bar_told",
    "box_text",
    "contents_of",
    "read_plane",
]

LEFT_OUT = "left out"
"""What a run's source says of information bars; nothing where they are looked at, too."""

LARGEST = 2**28
"""Pixels of a region that is read in one piece; it takes four bytes for each."""


class CutoutSource:
    """Regions that somebody cut out already, such as shapes drawn in a window.

    Parameters
    ----------
    name : str
        What to call them.
    cutouts : sequence of (Item, Cutout)
        Each item and where its pixels are.
    """

    def __init__(self, name: str, cutouts: Sequence[tuple[Item, Cutout]]) -> None:
        self.name = name
        self._cutouts = {item.key: (item, cutout) for item, cutout in cutouts}
        if len(self._cutouts) < len(cutouts):
            raise SourceError(f"Two regions of {name} have the same key; give each its own.")

    def items(self) -> Iterator[Item]:
        """List the regions."""
        return (item for item, _cutout in self._cutouts.values())

    def read(self, item: Item) -> Region:
        """Read a region."""
        return self._cutouts[item.key][1].read()

    def to_dict(self) -> dict[str, Any]:
        """Return name and regions, ready for JSON."""
        listed = repr([item.to_dict() for item, _cutout in self._cutouts.values()])
        regions = digest(listed.encode("utf-8", "replace"))
        return {"kind": "regions", "name": self.name, "regions": regions}


class ArraySource:
    """Parts of an array: boxes, outlines, tiles, slices, or all of it.

    Parameters
    ----------
    array : array-like
        Any number of axes; the last holds colours where ``rgb``. Indexed where it is read, so
        it may be larger than memory (a memory map, zarr, dask).
    boxes : sequence of (y0, x0, y1, x1), optional
        Windows in pixels, of every plane.
    outlines : sequence of (N, 2) arrays, optional
        (row, column) vertices of drawn shapes, of every plane.
    tiles : Tiles, optional
        Cuts every plane into tiles instead.
    axes : (int, int), optional
        Which axes are rows and columns; every index of the others is a plane of its own.
        Default: the last two that hold no colours.
    rgb : bool, optional
        Default: whether there are more than two axes and the last has 3 or 4 elements.
    name : str
        What to call it.
    pixel_size, unit, contrast_limits, instrument, scale_from, scale_error
        As of a :class:`.regions.Cutout`.
    include_bar : bool
        Whether an information bar is looked at, too; else it is left out.

    Raises
    ------
    SourceError
        If the array is no picture, or there are several of boxes, outlines and tiles.
    """

    kind = "array"

    def __init__(
        self,
        array: Any,
        boxes: Sequence[Sequence[float]] | None = None,
        *,
        outlines: Sequence[Any] | None = None,
        tiles: Tiles | None = None,
        axes: tuple[int, int] | None = None,
        rgb: bool | None = None,
        name: str = "array",
        pixel_size: tuple[float, float] | None = None,
        unit: str = "pixel",
        contrast_limits: tuple[float, float] | None = None,
        instrument: Instrument | None = None,
        scale_from: str = "",
        scale_error: float | None = None,
        include_bar: bool = False,
    ) -> None:
        if sum(given is not None for given in (boxes, outlines, tiles)) > 1:
            raise SourceError("Give boxes, outlines or tiles, not several of them.")
        array = as_array(array)
        shape = tuple(int(n) for n in np.shape(array))
        self.rgb = len(shape) > 2 and shape[-1] in (3, 4) if rgb is None else rgb
        self.array, self.name, self.tiles = array, name, tiles
        self._shape = shape[: len(shape) - self.rgb]
        if len(self._shape) < 2 or 0 in shape:
            raise SourceError(f"An array of shape {shape} holds no micrograph.")
        self.axes = _axes((-2, -1) if axes is None else axes, len(self._shape))
        self.pixel_size, self.unit, self.contrast_limits = pixel_size, unit, contrast_limits
        self.told: dict[str, Any] = {
            "instrument": instrument,
            "scale_from": scale_from,
            "scale_error": scale_error,
        }
        self.include_bar = include_bar
        self._parts = _parts(boxes, outlines, self.plane_shape)
        self._forget()

    def _forget(self) -> None:
        self._levels: dict[tuple[int, ...], Levels] = {}
        self._areas: dict[tuple[int, ...], PictureArea | None] = {}
        self._measuring = Lock()

    def __getstate__(self) -> dict[str, Any]:
        own = {"_levels", "_areas", "_measuring"}
        return {name: value for name, value in vars(self).items() if name not in own}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._forget()

    @property
    def plane_shape(self) -> tuple[int, int]:
        """Height and width of a plane."""
        return self._shape[self.axes[0]], self._shape[self.axes[1]]

    def items(self) -> Iterator[Item]:
        """List planes, and the parts of each."""
        # As a journal can keep it, else a run that goes on would not find it again.
        name = printable(self.name)
        others = [n for axis, n in enumerate(self._shape) if axis not in self.axes]
        for plane in product(*map(range, others)):
            stem = f"{name}#{','.join(map(str, plane))}" if plane else name
            if self.tiles is not None:
                for box in self.tiles.boxes(self.plane_shape):
                    yield Item(f"{stem}[{box_text(box)}]", self.name, plane, box)
            elif self._parts is not None:
                for number, (box, outline) in enumerate(self._parts, start=1):
                    key = f"{stem}[{number}:{box_text(box)}]"
                    yield Item(key, self.name, plane, box, outline)
            else:
                yield Item(stem, self.name, plane)

    def read(self, item: Item) -> Region:
        """Read a part."""
        levels = None
        if self.tiles is not None:
            levels = self._levels_of(item.plane)
        return read_plane(
            self._window(item.plane),
            item,
            levels if self.tiles is not None and self.tiles.skip_empty else None,
            contrast_limits=self.contrast_limits or (levels.limits if levels else None),
            area=self._area_for(item),
            pixel_size=self.pixel_size,
            unit=self.unit,
            **self.told,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return what tells this array and its parts from others, ready for JSON."""
        parts = None if self._parts is None else digest(repr(self._parts).encode())
        return {
            "kind": self.kind,
            "name": self.name,
            "shape": list(np.shape(self.array)),
            "axes": list(self.axes),
            "rgb": bool(self.rgb),
            "contrast": self.contrast_limits and [float(v) for v in self.contrast_limits],
            "tiles": self.tiles and self.tiles.to_dict(),
            "parts": parts,
            "contents": contents_of(self.array),
            **bar_told(self.include_bar),
        }

    def _window(self, plane: tuple[int, ...]) -> PlaneWindow:
        return PlaneWindow(self.array, self.axes, plane, self.rgb)

    def _area_for(self, item: Item) -> PictureArea | None:
        """Return the picture in an item's plane where its information bar may be in the item."""
        box = item.box or (0, 0, *self.plane_shape)
        return self._area_of(item.plane) if may_touch_bar(box, self.plane_shape) else None

    def _area_of(self, plane: tuple[int, ...]) -> PictureArea | None:
        if self.include_bar:
            return None
        with self._measuring:
            if plane not in self._areas:
                self._areas[plane] = find_area(self._window(plane))
            return self._areas[plane]

    def _levels_of(self, plane: tuple[int, ...]) -> Levels:
        area = self._area_of(plane)
        with self._measuring:
            if plane not in self._levels:
                self._levels[plane] = levels_of(self._window(plane), self.rgb, area)
            return self._levels[plane]


class TiledSource(ArraySource):
    """A wafer-scale image in tiles; see :class:`ArraySource`."""

    def __init__(self, array: Any, tiles: Tiles | None = None, **options: Any) -> None:
        super().__init__(array, tiles=tiles or Tiles(), **options)


class PlaneWindow:
    """One plane of an array, indexed by rows and columns; reads what is indexed."""

    def __init__(
        self, array: Any, axes: tuple[int, int], plane: tuple[int, ...], rgb: bool
    ) -> None:
        self.array, self.axes, self.plane, self.rgb = array, axes, plane, rgb
        self.dtype = np.dtype(array.dtype)
        shape = np.shape(array)
        self.shape = (shape[axes[0]], shape[axes[1]], *shape[len(shape) - rgb :])
        self.ndim = len(self.shape)

    def __getitem__(self, index: slice | tuple[slice, ...]) -> NDArray[Any]:
        rows, columns, *_colours = (index, slice(None)) if isinstance(index, slice) else index
        others = iter(self.plane)
        whole: list[int | slice] = []
        for axis in range(len(self.plane) + 2):
            if axis == self.axes[0]:
                whole.append(rows)
            elif axis == self.axes[1]:
                whole.append(columns)
            else:
                whole.append(next(others))
        found: NDArray[Any] = np.asarray(self.array[tuple(whole)])
        return found.swapaxes(0, 1) if self.axes[0] > self.axes[1] else found


def read_plane(
    plane: Any,
    item: Item,
    levels: Levels | None = None,
    *,
    contrast_limits: tuple[float, float] | None = None,
    area: PictureArea | None = None,
    pixel_size: tuple[float, float] | None = None,
    unit: str = "pixel",
    **cut: Any,
) -> Region:
    """Read the part of a plane that an item names.

    Parameters
    ----------
    plane : (H, W) or (H, W, 3) array-like
        Reads what is indexed.
    levels : Levels, optional
        Of the whole plane, to leave out a part that is empty.
    area : PictureArea, optional
        The picture without its information bar, which is left out.
    **cut
        Further fields of the :class:`.regions.Cutout`.

    Raises
    ------
    RegionError
        If there is nothing to see in it, it is too small, or too large to be read in one piece.
    """
    height, width = plane.shape[:2]
    box: Box = clip_box(item.place or (0, 0, height, width), (height, width))
    if area is not None:
        cut = {**cut, "left_out": area.strip(box)}
        box = _picture_in(box, area, tile=levels is not None)
    y0, x0, y1, x1 = box
    if (y1 - y0) * (x1 - x0) > LARGEST:
        raise RegionError(
            f"{item.source} is {y1 - y0} x {x1 - x0} pixels, more than can be looked at in one "
            "piece; go through it in tiles."
        )
    raw = np.asarray(plane[y0:y1, x0:x1])
    if levels is not None and levels.is_empty(raw):
        raise RegionError(NOTHING_TO_SEE)
    return Cutout(
        raw,
        (slice(None), slice(None)),
        box,
        rgb=raw.ndim == 3,
        contrast_limits=contrast_limits,
        outline=None if item.outline is None else np.array(item.outline, float),
        pixel_size=pixel_size,
        unit=unit,
        source=item.source,
        **cut,
    ).read()


def bar_told(include_bar: bool) -> dict[str, Any]:
    """Return what tells a run without information bars from one with them, ready for JSON."""
    return {} if include_bar else {"bar": LEFT_OUT}


def _picture_in(box: Box, area: PictureArea, *, tile: bool) -> Box:
    try:
        return area.clip(box)
    except InBarError:
        if tile:
            raise RegionError(NOTHING_TO_SEE) from None
        raise


Part = tuple[Box, tuple[tuple[float, float], ...] | None]


def _parts(
    boxes: Sequence[Sequence[float]] | None, outlines: Sequence[Any] | None, shape: tuple[int, int]
) -> list[Part] | None:
    if boxes is not None:
        return [(clip_box(tuple(box), shape), None) for box in boxes]
    if outlines is None:
        return None
    parts: list[Part] = []
    for outline in outlines:
        points = np.asarray(outline, float)
        if points.ndim != 2 or points.shape[1] != 2 or len(points) < 3:
            raise SourceError("An outline is at least three (row, column) points.")
        ends = (*(points.min(axis=0) + 0.5), *(points.max(axis=0) + 0.5))
        parts.append((clip_box(ends, shape), tuple((float(y), float(x)) for y, x in points)))
    return parts


def box_text(box: Box) -> str:
    """Return a box as it stands in keys."""
    return ",".join(map(str, box))


def as_array(given: Any, what: str = "A micrograph") -> Any:
    """Return what can be indexed like an array; nested lists become one.

    Raises
    ------
    SourceError
        If it is neither.
    """
    if hasattr(given, "shape") and hasattr(given, "dtype"):
        return given
    try:
        found = np.asarray(given)
    except ValueError:
        found = np.asarray(None)
    if found.dtype.kind not in "biuf":
        raise SourceError(f"{what} must be an array of numbers, not a {type(given).__name__}.")
    return found


def _axes(axes: Sequence[int], number: int) -> tuple[int, int]:
    """Return two axes counted from the first."""
    found = {axis % number for axis in axes if -number <= axis < number}
    if len(axes) != 2 or len(found) != 2:
        raise SourceError(
            f"Rows and columns are two different axes of {number}, not {tuple(axes)}."
        )
    return axes[0] % number, axes[1] % number
