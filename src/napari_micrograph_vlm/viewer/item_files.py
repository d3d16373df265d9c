"""Items that are files: found, opened as layers, and read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..regions import Region
from ..runs.items import Item
from .run_book import RunBook

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from ..readers.micrograph import MicrographFile

__all__ = ["OPENED", "as_stack", "file_of", "layer_data", "read_file_region"]

OPENED = "micrograph_vlm_opened"
"""In a layer's metadata: the source of the items that it was opened for."""

_STACKS = (".npy", ".zarr", "")


def file_of(viewer: Viewer, item: Item) -> Path | None:
    """Return the file that an item came from; None where it came from a layer."""
    journal = RunBook.of(viewer).journal
    source = {} if journal is None else journal.run.source
    if source.get("kind") in ("layer", "panel"):
        # A layer that was opened from a file can be opened again.
        return Path(source["path"]) if source.get("path") else None
    path = Path(item.source)
    return path if path.is_absolute() and item.shape_id is None else None


def layer_data(path: Path, item: Item) -> tuple[Any, dict[str, Any], str]:
    """Open the file of an item as napari layer data (in a worker).

    Raises
    ------
    SourceError
        If it is gone or cannot be read.
    """
    if path.suffix.lower() in _STACKS:
        from ..runs.stack_source import open_stack

        array, kind = open_stack(path), "image"
        if not hasattr(array, "ndim"):
            array = np.asarray(array)
        keywords: dict[str, Any] = {"metadata": {"path": str(path)}}
    else:
        array, keywords, kind = as_stack(path, len(item.plane)).to_layer()
    keywords = {**keywords, "name": path.name}
    keywords["metadata"] = {**keywords["metadata"], OPENED: item.source}
    return array, keywords, kind


def as_stack(path: Path, axes: int) -> MicrographFile:
    """Read a file so that a run's numbers of its planes are the indices of its outer axes.

    Parameters
    ----------
    path : Path
        The file.
    axes : int
        How many numbers a plane has: none, one for pages, or one for each axis of a stack.

    Raises
    ------
    SourceError
        If it is gone or cannot be read.
    """
    from ..readers.micrograph import Axis, read_micrograph
    from ..readers.pages import PagesOfFile
    from ..readers.peek import page_count

    if axes == 0:
        return read_micrograph(path, 0)
    file = read_micrograph(path)
    count = page_count(path)
    if len(file.outer) == axes and (axes > 1 or file.planes == count):
        return file
    plane = file.plane(0)
    shape = (count, *(int(n) for n in plane.array.shape))
    pages = PagesOfFile(path, shape, np.dtype(plane.array.dtype))
    return replace(plane, array=pages, outer=(Axis("page", count),), levels=(), name=path.stem)


def read_file_region(path: Path, item: Item, *, include_bar: bool = True) -> Region:
    """Read the pixels of an item of a file (in a worker).

    ``include_bar`` says whether information bars were looked at, too: they count for brightness.

    Raises
    ------
    MicrographError
        If the file is gone, cannot be read or is smaller than it was.
    """
    from ..readers.micrograph import read_micrograph
    from ..readers.picture_area import find_area
    from ..runs.array_sources import read_plane
    from ..runs.tiles import levels_of

    file = read_micrograph(path, item.plane[0] if item.plane else 0)
    # A tile is as bright as it was: by what the whole picture holds.
    area = None if include_bar or item.box is None else find_area(file.array)
    levels = None if item.box is None else levels_of(file.array, file.is_rgb, area)
    return read_plane(
        file.array,
        item,
        contrast_limits=None if levels is None else levels.limits,
        **file.told,
    )
