"""HDF5 files that a library leaves open are closed again.

RosettaSciIO keeps them open for lazy arrays, and an array that was read lets go of its file only
when Python tidies up. Until then nobody could write, rename or, on Windows, delete it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["Handles", "handles_closed"]


class Handles:
    """The handles that are opened within a block.

    Attributes
    ----------
    keep : bool
        Whether they stay open, because an array still reads from the file.
    """

    def __init__(self) -> None:
        self.keep = False


@contextmanager
def handles_closed(path: Path, *, hdf5: bool = True) -> Iterator[Handles]:
    """Close what is opened of an HDF5 file within the block, whatever happens there.

    Parameters
    ----------
    path : Path
        The file. Nobody else may open it meanwhile.
    hdf5 : bool
        Whether it is such a file at all.
    """
    handles = Handles()
    if not hdf5:
        yield handles
        return
    before = set(_open_handles(path))
    try:
        yield handles
    finally:
        if not handles.keep:
            for number, handle in _open_handles(path).items():
                while number not in before and handle.valid:
                    import_module("h5py").h5i.dec_ref(handle)


def _open_handles(path: Path) -> dict[int, Any]:
    """Return the open handles of a file and of what is in it, by their numbers."""
    h5f: Any = import_module("h5py").h5f
    name = os.fsencode(path)
    # A data set keeps its file open, also where the file's own handle is gone.
    kinds = h5f.OBJ_FILE | h5f.OBJ_GROUP | h5f.OBJ_DATASET
    listed = h5f.get_obj_ids(h5f.OBJ_ALL, kinds)
    return {handle.id: handle for handle in listed if h5f.get_name(handle) == name}
