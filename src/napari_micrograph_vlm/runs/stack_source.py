"""Slices of a stack along any axis: an array, or a file on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..errors import SourceError, one_line
from ..readers.micrograph import MicrographFile, read_micrograph
from ..readers.zarr_documents import is_zarr
from .array_sources import ArraySource
from .contents import file_state
from .tiles import Tiles

__all__ = ["StackSource", "open_stack", "open_told"]


class StackSource(ArraySource):
    """Slices of a stack.

    Parameters
    ----------
    stack : path or array-like
        A TIFF of several pages, an ``.npy`` file, a zarr folder, or an array of three or more
        axes. Of a file only the slices that are needed are read, where it allows that.
    axis : int
        The axis to go along; of more than three, those that are left but the last two are gone
        along, too.
    tiles : Tiles, optional
        Cuts every slice into tiles.
    **options
        As for :class:`ArraySource`.

    Raises
    ------
    SourceError
        If the file cannot be read, or there is no such axis.
    """

    kind = "stack"

    def __init__(
        self, stack: Any, axis: int = 0, *, tiles: Tiles | None = None, **options: Any
    ) -> None:
        self.path: Path | None = None
        told: dict[str, Any] = {}
        if isinstance(stack, (str, Path)):
            self.path = Path(stack).expanduser().absolute()
            options.setdefault("name", str(self.path))
            stack, told = open_told(self.path)
        shape = np.shape(stack)
        rgb = options.get("rgb")
        if rgb is None:  # a stack of three or four columns is none of colours
            rgb = len(shape) > 3 and shape[-1] in (3, 4)
        dimensions = len(shape) - bool(rgb)
        if dimensions < 3:
            raise SourceError(f"A stack has at least 3 axes, but this has shape {tuple(shape)}.")
        if not -dimensions <= axis < dimensions:
            raise SourceError(f"There is no axis {axis} in a stack of shape {tuple(shape)}.")
        if axis % dimensions < dimensions - 2:
            for name, value in told.items():
                options.setdefault(name, value)
        left = [one for one in range(dimensions) if one != axis % dimensions]
        options.update(rgb=rgb, axes=(left[-2], left[-1]))
        super().__init__(stack, tiles=tiles, **options)
        self.axis = axis % dimensions

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        if self.path is not None:
            del state["array"]  # opened anew where it arrives
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if self.path is not None:
            self.array = open_stack(self.path)

    def to_dict(self) -> dict[str, Any]:
        """Return what tells this stack from others, ready for JSON."""
        # A few patches do not show everything that changes in a file.
        state = file_state(self.path) if self.path is not None else ""
        return {**super().to_dict(), "axis": self.axis, "state": state}


def open_stack(path: Path) -> Any:
    """Open the array that a file holds, without reading it where that can be.

    Raises
    ------
    SourceError
        If there is no such file, or no array in it.
    """
    return open_told(path)[0]


def open_told(path: Path) -> tuple[Any, dict[str, Any]]:
    """Open the array that a file holds, with what it says of its pixels and its instrument.

    Returns
    -------
    (array-like, dict)
        The array, not read where that can be; the rest as fields of a cutout.

    Raises
    ------
    SourceError
        As :func:`open_stack`.
    """
    if not path.exists():
        raise SourceError(f"There is no file {path}.")
    try:
        if path.suffix.lower() == ".npy":
            return np.load(path, mmap_mode="r", allow_pickle=False), {}
        file = _file(path)
        return file.array, file.told
    except SourceError:
        raise
    except Exception as error:
        # Each library meets a broken file with exceptions of its own.
        raise SourceError(f"{path} holds no stack that can be read: {one_line(error)}.") from None


def _file(path: Path) -> MicrographFile:
    if not path.is_dir() or path.suffix.lower() == ".zarr":
        return read_micrograph(path)
    if is_zarr(path):  # under any name
        from ..readers.zarr_files import read

        return read(path)
    from ..readers.folder import read_folder

    return read_folder(path)
