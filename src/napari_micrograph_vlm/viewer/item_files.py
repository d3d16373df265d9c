"""Items that are files: found, opened as layers, and read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..regions import Region
from ..runs.items import Item
from .run_book import RunBook

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["OPENED", "file_of", "layer_data", "read_file_region"]

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
    from ..readers.micrograph import read_micrograph

    file = read_micrograph(path) if path.suffix.lower() not in _STACKS else None
    if file is not None and (file.pages == 1 or not item.plane):
        array, keywords, kind = file.to_layer()
    else:
        from ..runs.stack_source import open_stack

        array, kind = open_stack(path), "image"
        if not hasattr(array, "ndim"):
            array = np.asarray(array)
        keywords = {"metadata": {"path": str(path)}}
        if file is not None and file.pixel_size is not None:
            more = array.ndim - 2
            keywords["scale"] = (*(1.0,) * more, *file.pixel_size)
            keywords["units"] = (*("pixel",) * more, file.unit, file.unit)
    keywords = {**keywords, "name": path.name}
    keywords["metadata"] = {**keywords["metadata"], OPENED: item.source}
    return array, keywords, kind


def read_file_region(path: Path, item: Item) -> Region:
    """Read the pixels of an item of a file (in a worker).

    Raises
    ------
    MicrographError
        If the file is gone, cannot be read or is smaller than it was.
    """
    from ..runs.array_sources import read_plane
    from ..runs.pages import read_page
    from ..runs.tiles import levels_of

    file = read_page(path, item.plane[0] if item.plane else 0)
    # A tile is as bright as it was: by what the whole picture holds.
    levels = None if item.box is None else levels_of(file.array, file.is_rgb)
    return read_plane(
        file.array,
        item,
        contrast_limits=None if levels is None else levels.limits,
        pixel_size=file.pixel_size,
        unit=file.unit,
    )
