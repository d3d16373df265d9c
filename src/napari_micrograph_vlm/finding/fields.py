"""Where one looks: planes that are read window by window, and files that hold them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import MicrographError, RegionError, SourceError
from ..readers.picture_area import find_area
from ..regions import Box, Cutout, Region, clip_box

__all__ = [
    "Field",
    "FieldSource",
    "Fields",
    "Folder",
    "field_of",
    "field_of_file",
    "fields_of",
    "read_window",
]

_PATCH = 128
_PERCENTILES = (0.2, 99.8)


@dataclass(frozen=True, eq=False)
class Field:
    """A plane that is looked through, read window by window.

    Attributes
    ----------
    name : str
        Of the file or layer.
    shape : (int, int)
        Rows and columns in full-resolution pixels.
    cut : callable
        ``cut(box)`` gives the cutout of a window within the plane; nothing is read yet.
    plane : tuple of int
        Index on the axes that are not rows and columns, such as the slice of a stack.
    path : Path or None
        The file.
    key : hashable or None
        Equal for the same pixels, so that what was seen of them can be remembered; None: nobody
        knows.
    """

    name: str
    shape: tuple[int, int]
    cut: Callable[[Box], Cutout]
    plane: tuple[int, ...] = ()
    path: Path | None = None
    key: Hashable | None = None

    def same_as(self, other: Field) -> bool:
        """Whether both are the same picture."""
        return self is other or (self.key is not None and self.key == other.key)


class Fields(Protocol):
    """Fields one after the other: each is opened when it comes up."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Field]: ...


FieldSource = Any
"""A path (file or folder), an array, a region, a field, or a sequence of any of them."""


def field_of(
    array: Any,
    name: str = "array",
    *,
    pixel_size: tuple[float, float] | None = None,
    unit: str = "pixel",
    path: Path | None = None,
    key: Hashable | None = None,
    **told: Any,
) -> Field:
    """Return an array as a field; every window gets the same contrast limits.

    An information bar below the picture is left out.

    Parameters
    ----------
    array : (H, W), (H, W, 3) or (H, W, 4) array-like
        May be lazy (dask, zarr): only windows are indexed.
    **told
        Further fields of the :class:`.regions.Cutout`, such as ``instrument``.

    Raises
    ------
    RegionError
        If it is no 2-D picture.
    """
    whole = Cutout.of_array(array, source=name, pixel_size=pixel_size, unit=unit, **told)
    area = find_area(array)
    inside = (0, 0, *array.shape[:2]) if area is None else area.box
    whole = replace(whole, contrast_limits=_limits(array, inside))

    def cut(box: Box) -> Cutout:
        y0, x0, y1, x1 = box
        return replace(whole, index=(slice(y0, y1), slice(x0, x1)), box=box, average=(1, 1))

    # Rows are counted from above, so only a bar below can go.
    below = area is not None and area.box[:2] == (0, 0)
    height, width = area.box[2:] if area is not None and below else array.shape[:2]
    return Field(name, (int(height), int(width)), cut, path=path, key=key)


def fields_of(source: FieldSource) -> Fields:
    """Return every plane of a source.

    Raises
    ------
    MicrographError
        If something in it is no micrograph.
    """
    if isinstance(source, Field):
        return [source]
    if isinstance(source, Folder):
        return source
    if isinstance(source, Region):
        pixels, name = source.pixels, source.source
        return [field_of(pixels, name, pixel_size=source.pixel_size, unit=source.unit)]
    if isinstance(source, (str, PathLike)):
        path = Path(source).expanduser()
        return Folder(path) if path.is_dir() else [field_of_file(path, n) for n in _pages(path)]
    if hasattr(source, "shape") and hasattr(source, "dtype"):
        return _planes_of(source)
    if isinstance(source, Iterable):
        return [where for one in source for where in fields_of(one)]
    raise SourceError(f"A {type(source).__name__} is no micrograph; give an array or a path.")


class Folder:
    """The micrographs of a folder and the folders in it, by name, and all pages of each.

    Each is opened when it comes up; what is hidden is passed over.

    Parameters
    ----------
    path : Path
        The folder.

    Attributes
    ----------
    skipped : list of str
        Why files that came up could not be read, one sentence each.

    Raises
    ------
    SourceError
        If there is no picture in it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        from ..runs.folders import pictures_in

        self.paths = sorted(one for one in pictures_in(path) if one.is_file())
        self.skipped: list[str] = []
        self._count: int | None = None
        if not self.paths:
            raise SourceError(
                f"There is no TIFF, PNG or JPEG file in {path}; choose another folder."
            )

    def __len__(self) -> int:
        if self._count is None:
            self._count = sum(len(_pages(path)) for path in self.paths)
        return self._count

    def __iter__(self) -> Iterator[Field]:
        self.skipped.clear()
        for path in self.paths:
            for number in _pages(path):
                try:
                    yield field_of_file(path, number)
                except MicrographError as error:
                    self.skipped.append(str(error))


def read_window(field: Field, y0: int, x0: int, side: int) -> Region | None:
    """Read a square window that may reach over the field's edge, where it is mirrored.

    Returns
    -------
    Region or None
        Its box is the window asked for; None where there is nothing to see.
    """
    box = clip_box((y0, x0, y0 + side, x0 + side), field.shape)
    try:
        region = field.cut(box).read()
    except RegionError:
        return None
    return _padded(region, box, (y0, x0, y0 + side, x0 + side))


def _padded(region: Region, inner: Box, outer: Box) -> Region:
    pixels: NDArray[np.float32] = region.pixels
    # Source pixels on one pixel: above 1 where a coarser level of a pyramid was read.
    steps = [(region.box[s + 2] - region.box[s]) / pixels.shape[s] for s in (0, 1)]
    before = [round((inner[s] - outer[s]) / steps[s]) for s in (0, 1)]
    after = [round((outer[s + 2] - inner[s + 2]) / steps[s]) for s in (0, 1)]
    if any(before) or any(after):
        widths = [(before[0], after[0]), (before[1], after[1])] + [(0, 0)] * (pixels.ndim - 2)
        pixels = np.pad(pixels, widths, mode="symmetric")
    return replace(region, pixels=pixels, box=outer, mask=None)


def _pages(path: Path) -> Sequence[int | None]:
    """Return the number of every page of a file; None: it is the only one."""
    from ..readers.peek import page_count

    count = page_count(path)
    return range(count) if count > 1 else (None,)


def _planes_of(array: Any) -> list[Field]:
    """Return every plane of an array as a field."""
    shape = tuple(map(int, array.shape))
    if len(shape) < 3 or (len(shape) == 3 and shape[-1] in (3, 4)):
        return [field_of(array)]
    from ..runs.array_sources import PlaneWindow

    rgb = shape[-1] in (3, 4)
    axes = len(shape) - 2 - rgb, len(shape) - 1 - rgb
    return [
        replace(field_of(PlaneWindow(array, axes, plane, rgb)), plane=plane)
        for plane in np.ndindex(shape[: axes[0]])
    ]


def field_of_file(path: Path, page: int | None = None) -> Field:
    """Return one page of a file; None: the first, of a file that may have others."""
    from ..readers.micrograph import read_micrograph

    file = read_micrograph(path, page or 0)
    known = path.stat()
    found = field_of(
        file.array,
        file.name,
        **file.told,
        path=file.path,
        key=(str(path.resolve()), known.st_mtime_ns, known.st_size, page or 0),
    )
    return found if page is None else replace(found, plane=(page,))


def _limits(array: Any, inside: Box) -> tuple[float, float] | None:
    """Contrast limits from nine patches of a box: a lazy array is never read as a whole."""
    dtype = np.dtype(array.dtype)
    if dtype in (np.dtype(np.uint8), np.dtype(bool)):
        return None
    starts: list[Sequence[int]] = [
        sorted({low, max((low + high - _PATCH) // 2, low), max(high - _PATCH, low)})
        for low, high in zip(inside[:2], inside[2:], strict=True)
    ]
    patches = [
        np.asarray(array[y : min(y + _PATCH, inside[2]), x : min(x + _PATCH, inside[3])]).ravel()
        for y in starts[0]
        for x in starts[1]
    ]
    values = np.concatenate(patches)
    values = values[np.isfinite(values)]
    if not len(values) or values.min() == values.max():
        return None
    if len(array.shape) == 3:
        return 0.0, 1.0 if values.max() <= 1 else float(values.max())
    low, high = np.percentile(values, _PERCENTILES)
    return float(low), float(high)
