"""From what somebody names to a source: a folder, a file, an array, with what is to be cut out."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import SourceError
from .array_sources import ArraySource
from .folder_source import FolderSource
from .items import Source
from .labels_source import LabelsSource
from .stack_source import StackSource, open_told
from .tiles import Tiles

__all__ = ["source_of", "tiles_of"]

OVERLAP = 1 / 8
"""Of tiles whose overlap nobody named, as a share of their side."""


def tiles_of(side: int | None, overlap: int | None = None) -> Tiles | None:
    """Return tiles of a side in pixels; None where none are wanted.

    Raises
    ------
    SourceError
        If there is an overlap without a side, or tiles cannot be so.
    """
    if side is None:
        if overlap is not None:
            raise SourceError("An overlap belongs to tiles; give their side, too.")
        return None
    return Tiles(side, round(side * OVERLAP) if overlap is None else overlap)


def source_of(
    source: Any,
    *,
    pattern: str = "**/*",
    tiles: Tiles | None = None,
    axis: int | None = None,
    regions: Sequence[Any] | None = None,
    objects: Any = None,
    include_bar: bool = False,
) -> Source:
    """Return a source.

    Parameters
    ----------
    source : path, array or Source
        A folder of pictures, a file, an array, or a source, which is returned as it is.
    pattern : str
        Which files of a folder.
    tiles : Tiles, optional
        Cuts every picture into tiles.
    axis : int, optional
        Goes through an array or a file slice by slice along this axis.
    regions : sequence, optional
        Boxes ``(y0, x0, y1, x1)`` or (N, 2) vertices on an array or a file.
    objects : array of int, optional
        Labels of an array or a file: every object is a region.
    include_bar : bool
        Whether information bars are looked at, too; else they are left out.

    Raises
    ------
    SourceError
        If it is none of these, or what is to be cut out contradicts itself.
    """
    parts = {"axis": axis, "regions": regions, "objects": objects}
    named = [name for name, value in parts.items() if value is not None]
    if hasattr(source, "items") and hasattr(source, "read") and hasattr(source, "to_dict"):
        if named or tiles is not None:
            raise SourceError("This source says itself what is cut out of it; leave the rest out.")
        found: Source = source
        return found
    if len(named) > 1 or (tiles is not None and named and named != ["axis"]):
        raise SourceError("Give one of axis, regions, objects and tiles, or axis with tiles.")
    if isinstance(source, (str, PathLike)):
        path = Path(source).expanduser()
        if not named and not _is_array_file(path):
            return FolderSource(path, pattern, tiles, include_bar=include_bar)
        if axis is not None:
            return StackSource(path, axis, tiles=tiles, include_bar=include_bar)
        array, place = _picture(path)
        place["include_bar"] = include_bar
        return _of_array(array, tiles, regions, objects, place)
    if not hasattr(source, "shape") or not hasattr(source, "dtype"):
        raise SourceError(
            f"A {type(source).__name__} cannot be gone through; give a folder, a file or an array. "
            "Layers are gone through in the panel Batch."
        )
    if axis is not None:
        return StackSource(source, axis, tiles=tiles, include_bar=include_bar)
    return _of_array(source, tiles, regions, objects, {"include_bar": include_bar})


def _of_array(
    array: Any,
    tiles: Tiles | None,
    regions: Sequence[Any] | None,
    objects: Any,
    options: dict[str, Any],
) -> Source:
    if objects is not None:
        return LabelsSource(array, objects, **options)
    if regions is None:
        return ArraySource(array, tiles=tiles, **options)
    if all(np.shape(one) == (4,) for one in regions):
        return ArraySource(array, regions, **options)
    return ArraySource(array, outlines=regions, **options)


def _picture(path: Path) -> tuple[Any, dict[str, Any]]:
    """Return what a file holds, and its name and pixel size."""
    name = str(path.absolute())
    if _is_array_file(path):
        array, told = open_told(path)
        return array, {"name": name, **told}
    from ..readers.micrograph import read_micrograph

    file = read_micrograph(path, 0)
    return file.array, {"name": name, **file.told}


def _is_array_file(path: Path) -> bool:
    return path.suffix.lower() in (".npy", ".zarr")
