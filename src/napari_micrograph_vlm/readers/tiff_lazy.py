"""Planes of a TIFF file as an array that decodes only the strips or tiles that are indexed."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from .indexing import Selection, select

__all__ = ["LazyTiff", "Where", "finished", "finished_dtype", "finished_shape", "read_segment"]

_BLOCK = 4 * 2**20
"""Most bytes that are read at once of pixels that are not packed."""

_GAP = 2**16
"""Bytes between two rows that are rather read than skipped."""


@dataclass(frozen=True)
class Where:
    """Which of a file's planes an array holds.

    Attributes
    ----------
    pages : tuple of int or None
        Pages by their numbers, one for each plane; None: the planes of a series.
    series, level : int
        Which series, and which of its sizes.
    first : int
        Number of the series' plane that is the array's first.
    """

    pages: tuple[int, ...] | None = None
    series: int = 0
    level: int = 0
    first: int = 0


@dataclass(frozen=True)
class _Plane:
    """Where the parts of one plane lie in which file, and how they are packed."""

    path: str
    offsets: tuple[int, ...]
    counts: tuple[int, ...]
    keyframe: Any

    @property
    def is_plain(self) -> bool:
        """Whether it is not packed, and its parts follow each other, which the first page's may."""
        ends = zip(self.offsets, self.counts, self.offsets[1:], strict=False)
        return (
            self.keyframe.is_memmappable
            and self.keyframe.axes == "YX"
            and all(offset + count == following for offset, count, following in ends)
        )


class LazyTiff:
    """Planes of a TIFF; decodes the parts that are indexed.

    The file is opened anew each time, so that no array keeps it open, threads may share it, and
    it can be sent to another process. What is known of where the parts lie is kept until the file
    changes.

    Parameters
    ----------
    path : Path
        The file.
    where : Where
        Which planes.
    outer : tuple of int
        Lengths of the axes before rows and columns.
    keyframe : tifffile.TiffPage
        What all planes are like when they are unpacked.
    """

    def __init__(self, path: Path, where: Where, outer: tuple[int, ...], keyframe: Any) -> None:
        self.path, self.where, self.outer = path, where, outer
        self.shape: tuple[int, ...] = (*outer, *finished_shape(keyframe))
        self.dtype: np.dtype[Any] = finished_dtype(keyframe)
        self.ndim = len(self.shape)
        self._known: tuple[tuple[int, int], dict[int, _Plane | None]] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_known": None}

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[...], dtype)

    def __getitem__(self, index: Any) -> NDArray[Any]:
        chosen = select(index, self.shape)
        count = len(self.outer)
        rows, columns = chosen[count : count + 2]
        numbers = [
            int(np.ravel_multi_index(place, self.outer)) if count else 0
            for place in product(*(selection.indices for selection in chosen[:count]))
        ]
        sides = len(rows.indices), len(columns.indices)
        out = np.zeros((len(numbers), *sides, *self.shape[count + 2 :]), self.dtype)
        if out.size:
            planes = self._planes(numbers)
            for target, number in zip(out, numbers, strict=True):
                plane = planes[number]
                if plane is not None:
                    target[...] = finished(_window(plane, rows, columns), plane.keyframe)
        out = out.reshape(*(len(s.indices) for s in chosen[:count]), *out.shape[1:])
        for colours in chosen[count + 2 :]:
            out = out[..., colours.start : colours.stop]
        # One axis at a time: together with a number, numpy would move that of a sequence.
        for axis in reversed(range(self.ndim)):
            part = chosen[axis].listed if axis < count + 2 else chosen[axis].within
            out = out[(*(slice(None),) * axis, part)]
        return out

    def _planes(self, numbers: list[int]) -> dict[int, _Plane | None]:
        stat = os.stat(self.path)
        mark = (stat.st_mtime_ns, stat.st_size)
        known = self._known
        if known is None or known[0] != mark:
            known = (mark, {})
        missing = [number for number in numbers if number not in known[1]]
        if missing:
            import tifffile

            with tifffile.TiffFile(self.path) as tiff:
                found = self._find(tiff, missing)
            for plane in found.values():
                if plane is not None and not self._fits(plane.keyframe):
                    raise ValueError(f"{self.path} is another file now")
            known = (mark, {**known[1], **found})
            self._known = known
        return known[1]

    def _fits(self, keyframe: Any) -> bool:
        shape = self.shape[len(self.outer) :]
        return finished_shape(keyframe) == shape and finished_dtype(keyframe) == self.dtype

    def _find(self, tiff: Any, numbers: list[int]) -> dict[int, _Plane | None]:
        where = self.where
        if where.pages is not None:
            pages = {number: tiff.pages[where.pages[number]] for number in numbers}
        else:
            series = tiff.series[where.series].levels[where.level]
            pages = {number: series[where.first + number] for number in numbers}
        found = {
            number: None
            if page is None
            else _Plane(
                page.parent.filehandle.path,
                tuple(page.dataoffsets),
                tuple(page.databytecounts),
                page.keyframe,
            )
            for number, page in pages.items()
        }
        for keyframe in {id(page): page.keyframe for page in pages.values() if page}.values():
            # Looked up while the file is open.
            _ = keyframe.decode, keyframe.jpegtables, keyframe.colormap, keyframe.is_memmappable
        return found


def finished_shape(keyframe: Any) -> tuple[int, ...]:
    """Return the shape of a plane as it is handed out."""
    height, width = int(keyframe.imagelength), int(keyframe.imagewidth)
    if keyframe.photometric == 3 and keyframe.colormap is not None:
        colour = not _grey_palette(keyframe.colormap)
    else:
        colour = "S" in keyframe.axes and keyframe.samplesperpixel >= 3
    return (height, width, 3) if colour else (height, width)


def finished_dtype(keyframe: Any) -> np.dtype[Any]:
    """Return the type of a plane as it is handed out."""
    palette = keyframe.photometric == 3 and keyframe.colormap is not None
    return np.dtype(np.uint8) if palette else np.dtype(keyframe.dtype)


def finished(array: NDArray[Any], keyframe: Any) -> NDArray[Any]:
    """Return decoded pixels as they are handed out: 0 is black, colour last, no transparency.

    Parameters
    ----------
    array : array
        With the axes of ``keyframe.axes`` last.
    """
    if keyframe.photometric == 0:  # WhiteIsZero
        array = ~array if array.dtype.kind in "bu" else -array
    if keyframe.photometric == 3 and keyframe.colormap is not None:
        # The colour map holds 16 bits a channel.
        palette = (np.moveaxis(keyframe.colormap, 0, -1) >> 8).astype(np.uint8)
        coloured: NDArray[Any] = palette[array]
        return coloured[..., 0] if _grey_palette(keyframe.colormap) else coloured
    if keyframe.axes == "SYX":
        array = np.moveaxis(array, -3, -1)
    if "S" in keyframe.axes:
        array = array[..., :3] if array.shape[-1] >= 3 else array[..., 0]
    return array


def _grey_palette(colormap: NDArray[Any]) -> bool:
    return bool((colormap == colormap[:1]).all())


def _window(plane: _Plane, rows: Selection, columns: Selection) -> NDArray[Any]:
    """Return the indexed rows and columns of a plane with the axes of the file: YX, YXS or SYX.

    Of each strip or tile only those are kept, so that every tenth pixel of a plane takes a
    hundredth of its memory.
    """
    keyframe = plane.keyframe
    if plane.is_plain:
        return _plain(plane, rows, columns)
    separate = keyframe.axes == "SYX"
    samples = keyframe.samplesperpixel if "S" in keyframe.axes else 1
    y_all, x_all = (np.asarray(one.indices, np.int64) for one in (rows, columns))
    out = np.zeros(
        (samples if separate else 1, len(y_all), len(x_all), 1 if separate else samples),
        keyframe.dtype,
    )
    tables = {} if keyframe.jpegtables is None else {"jpegtables": keyframe.jpegtables}
    with open(plane.path, "rb") as file:
        for number in _segments(keyframe, samples if separate else 1, y_all, x_all):
            data = read_segment(file, plane.offsets[number], plane.counts[number])
            pixels, (sample, _depth, y, x, _), _shape = keyframe.decode(data, number, **tables)
            if pixels is None:  # a part that was never written
                continue
            to_rows = np.flatnonzero((y_all >= y) & (y_all < y + pixels.shape[1]))
            to_columns = np.flatnonzero((x_all >= x) & (x_all < x + pixels.shape[2]))
            found = pixels[0][np.ix_(y_all[to_rows] - y, x_all[to_columns] - x)]
            out[sample][np.ix_(to_rows, to_columns)] = found
    if separate:
        return out[..., 0]
    return out[0] if "S" in keyframe.axes else out[0, ..., 0]


def _plain(plane: _Plane, rows: Selection, columns: Selection) -> NDArray[Any]:
    """Return rows and columns of a plane that is not packed, read a few rows at a time.

    Not mapped into memory: a file that is cut off meanwhile would end the program.
    """
    keyframe = plane.keyframe
    kind = np.dtype(keyframe.dtype).newbyteorder(keyframe.parent.byteorder)
    pitch, left = keyframe.imagewidth * kind.itemsize, columns.start * kind.itemsize
    span = columns.length * kind.itemsize
    within = slice(None) if isinstance(columns.within, int) else columns.within
    wanted = np.asarray(rows.indices, np.int64)
    out = np.empty((len(wanted), len(columns.indices)), keyframe.dtype)
    dense = len(wanted) > 1 and bool((np.diff(wanted) == 1).all())
    # What lies between two rows is read, too, where looking for the next would take longer.
    many = max(_BLOCK // pitch, 1) if dense and pitch - span <= _GAP else 1
    with open(plane.path, "rb", buffering=0) as file:
        for at in range(0, len(wanted), many):
            count = min(many, len(wanted) - at)
            offset = plane.offsets[0] + int(wanted[at]) * pitch + left
            data = read_segment(file, offset, (count - 1) * pitch + span) or b""
            block = np.lib.stride_tricks.as_strided(
                np.frombuffer(data, kind), (count, columns.length), (pitch, kind.itemsize)
            )
            out[at : at + count] = block[:, within]
    return out


def _segments(
    keyframe: Any, planes: int, rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> Iterator[int]:
    """Yield the numbers of the strips or tiles that hold some rows and columns."""
    if keyframe.is_tiled:
        height, width = keyframe.tilelength, keyframe.tilewidth
    else:
        height, width = min(keyframe.rowsperstrip, keyframe.imagelength), keyframe.imagewidth
    down, across = math.ceil(keyframe.imagelength / height), math.ceil(keyframe.imagewidth / width)
    for sample in range(planes):
        for y in np.unique(rows // height).tolist():
            for x in np.unique(columns // width).tolist():
                yield (sample * down + y) * across + x


def read_segment(file: BinaryIO, offset: int, count: int) -> bytes | None:
    """Return the bytes of a strip or tile; None of one that was never written.

    Raises
    ------
    ValueError
        If the file ends before it.
    """
    if not count:
        return None
    file.seek(offset)
    data = file.read(count)
    if len(data) < count:
        raise ValueError("the file ends before its pixels do")
    return data
