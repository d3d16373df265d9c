"""A folder of slices as one stack."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import SourceError
from .formats import suffixes_read
from .indexing import select
from .limits import ordinary_path
from .micrograph import Axis, MicrographFile, read_micrograph
from .peek import Glance, glance, native

__all__ = ["FolderStack", "read_folder", "slices_in"]


def read_folder(path: str | Path) -> MicrographFile:
    """Read a folder of slices as a stack; each slice is read where it is indexed.

    Parameters
    ----------
    path : path
        The folder. Its pictures are the slices, in the order of the numbers in their names;
        hidden files, other files and folders in it are left out.

    Returns
    -------
    MicrographFile
        With the pixel size and the instrument of the first slice.

    Raises
    ------
    SourceError
        If there is no such folder, no picture in it, they differ in size or in the type of their
        pixels, or hold stacks.
    """
    path = ordinary_path(path)
    slices = slices_in(path)
    first = read_micrograph(slices[0])
    like = Glance((first.shape,) * first.pages, native(first.array.dtype))
    for file in slices:
        _check_slice(path, file, slices[0], like)
    some = {slices[len(slices) // 2], slices[-1]}
    rgb = first.is_rgb or any(read_micrograph(file, 0).is_rgb for file in some)
    array = FolderStack(slices, first.shape, np.dtype(first.array.dtype), rgb=rgb)
    return replace(
        first,
        array=array,
        name=path.resolve().name or str(path),
        path=path,
        pages=len(slices),
        outer=(Axis("slice", len(slices)),),
        levels=(),
    )


def _check_slice(path: Path, file: Path, first: Path, like: Glance) -> None:
    """See that a file is one picture like the first."""
    found = like if file == first else glance(file)
    if found is None:
        read = read_micrograph(file)  # says what is wrong with it
        found = Glance((read.shape,) * read.pages, native(read.array.dtype))
    if found.pages > 1:
        raise SourceError(
            f"{file} holds {found.pages} pictures; a folder of slices has one in each file."
        )
    if found.shape != like.shape:
        raise SourceError(
            f"{file.name} is {_size(found.shape)} pixels and {first.name} {_size(like.shape)}; "
            f"the slices in {path} must have one size."
        )
    if found.dtype != like.dtype:
        raise SourceError(
            f"The pixels of {file.name} are {found.dtype} and those of {first.name} {like.dtype}; "
            f"save the slices in {path} with one type of pixels."
        )


def slices_in(path: Path) -> list[Path]:
    """Return the pictures of a folder, in the order of the numbers in their names.

    Raises
    ------
    SourceError
        If there is no such folder, or no picture in it.
    """
    try:
        found = [file for file in path.iterdir() if _is_slice(file)]
    except NotADirectoryError:
        raise SourceError(f"{path} is a file; choose the folder that it is in.") from None
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror or error}.") from None
    if not found:
        raise SourceError(f"The folder {path} holds no pictures; choose one with slices in it.")
    return sorted(found, key=lambda file: _natural(file.name))


def _is_slice(file: Path) -> bool:
    ours = not file.name.startswith(".") and file.name.lower().endswith(suffixes_read())
    # The pictures of an .emi file are in the .ser files beside it.
    return ours and file.suffix.lower() != ".emi" and file.is_file()


def _natural(name: str) -> tuple[list[tuple[int, int | str]], str]:
    """Return a key that puts 2 before 10."""
    parts = re.split(r"(\d+)", name.lower())
    return [(0, int(p)) if p.isdecimal() else (1, p) for p in parts if p], name


def _size(shape: tuple[int, int]) -> str:
    return f"{shape[0]} x {shape[1]}"


class FolderStack:
    """Pictures of one size as one array; reads the files that are indexed.

    Parameters
    ----------
    files : sequence of Path
        The slices.
    shape : (int, int)
        Height and width of each.
    dtype : dtype
        Of the pixels.
    rgb : bool
        Whether some are coloured.
    """

    def __init__(
        self, files: Sequence[Path], shape: tuple[int, int], dtype: np.dtype[Any], *, rgb: bool
    ) -> None:
        self.files = tuple(files)
        self.shape: tuple[int, ...] = (len(self.files), *shape, *((3,) if rgb else ()))
        self.dtype = dtype
        self.ndim = len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> NDArray[Any]:
        which, *rest = select(index, self.shape)
        stretch = tuple(slice(one.start, one.stop) for one in rest)
        within = tuple(one.within for one in rest)
        found: NDArray[Any]
        if isinstance(which.within, int):
            found = self._slice(which.start, stretch)[within]
            return found
        sides = [one.stop - one.start for one in rest]
        stack = np.empty((len(which.indices), *sides), self.dtype)
        for i, number in enumerate(which.indices):
            stack[i] = self._slice(int(number), stretch)
        found = stack[(slice(None), *within)]
        return found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[...], dtype)

    def _slice(self, number: int, stretch: tuple[slice, ...]) -> NDArray[Any]:
        file = self.files[number]
        found = read_micrograph(file, 0)
        if found.shape != self.shape[1:3] or native(found.array.dtype) != native(self.dtype):
            raise SourceError(f"{file} has changed since the folder was opened; open it again.")
        part: NDArray[Any] = np.asarray(found.array[stretch[:2]])
        if self.ndim == 4:
            part = part if part.ndim == 3 else np.repeat(part[..., None], 3, axis=-1)
            part = part[..., stretch[2]]
        elif part.ndim == 3:
            part = part.mean(axis=-1)
        return part.astype(self.dtype, copy=False)
