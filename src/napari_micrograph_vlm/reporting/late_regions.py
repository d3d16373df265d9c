"""Regions whose pixels are read when they are first looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import SourceError
from ..regions import Cutout, Region, clip_box

if TYPE_CHECKING:
    from ..readers.micrograph import MicrographFile

__all__ = ["LateRegion", "pixels_of_file"]


class LateRegion(Region):
    """A region that knows its place and reads its pixels once they are needed.

    To copy, change or pickle one reads its pixels.
    """

    _read: Callable[[Region], NDArray[np.float32]]

    @classmethod
    def of(cls, read: Callable[[Region], NDArray[np.float32]], **known: Any) -> LateRegion:
        """Make one.

        Parameters
        ----------
        read : callable
            Gives the pixels of this region, from 0 to 1.
        **known
            Everything else that a region has.
        """
        region = object.__new__(cls)
        for name, value in {**known, "_read": read}.items():
            object.__setattr__(region, name, value)
        return region

    @property
    def is_read(self) -> bool:
        """Whether the pixels are in memory."""
        return "pixels" in vars(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return Region, tuple(getattr(self, each.name) for each in fields(Region))

    def __getattr__(self, name: str) -> Any:
        # Called only while there is no such attribute: once, for pixels that are not read yet.
        if name != "pixels" or "_read" not in vars(self):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        pixels = self._read(self)
        object.__setattr__(self, "pixels", pixels)
        return pixels


def pixels_of_file(
    path: Path,
    region: Region,
    shape: tuple[int, ...],
    contrast: tuple[float, float] | None,
) -> NDArray[np.float32]:
    """Read the pixels of a region out of its image again.

    Parameters
    ----------
    path : Path
        The image.
    region : Region
        Where it lies.
    shape : tuple of int
        The shape that its pixels had.
    contrast : (float, float) or None
        Values shown as black and white; None: from the pixels.

    Raises
    ------
    MicrographError
        If the image is gone, damaged or another one, or shows this region only in napari.
    """
    where = region.placement
    plane = where.plane if where is not None else ()
    last = len(where.data_shape) - (len(shape) - 2) if where is not None else 0
    if len(plane) > 1 or (plane and where is not None and where.axes != (last - 2, last - 1)):
        raise SourceError(f"Open {path.name} in napari to see the pixels of this region again.")
    file = _picture(path, region.source, plane[0] if plane else 0)
    y0, x0, y1, x1 = box = clip_box(region.box, file.shape)
    if box != tuple(region.box):
        raise SourceError(f"{path.name} is smaller than when this region was looked at.")
    # As many samples as there were: a large region was not read pixel by pixel then, either.
    down, across = max((y1 - y0) // shape[0], 1), max((x1 - x0) // shape[1], 1)
    index = slice(y0 + down // 2, y1, down), slice(x0 + across // 2, x1, across)
    cutout = replace(Cutout.of_array(file.array, box), array=file.array, index=index, box=box)
    pixels = replace(cutout, average=(1, 1), contrast_limits=contrast).read().pixels
    if pixels.shape[:2] != shape[:2]:
        raise SourceError(f"{path.name} is another image than when this region was looked at.")
    return pixels


def _picture(path: Path, source: str, page: int) -> MicrographFile:
    """Return a page of a file; of one with several detectors or scenes that of the named layer."""
    from ..readers.formats import format_of
    from ..readers.micrograph import read_micrograph, read_pictures

    # Of a TIFF all but the first picture are layers with names of their own.
    if path.is_dir() or (format_of(path) is None and not source.startswith(f"{path.stem}: ")):
        return read_micrograph(path, page)
    found = read_pictures(path)
    named = [file for file in found if file.name == source]
    if len(found) > 1 and len(named) != 1:
        raise SourceError(f"Open {path.name} in napari to see the pixels of this region again.")
    return (named or found)[0].plane(page)
