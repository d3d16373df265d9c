"""The pages of picture files: how many, how large, and each on its own."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import SourceError
from ..readers.micrograph import MicrographFile, read_micrograph
from ..readers.peek import like_first, page_count, page_shapes

__all__ = [
    "PagesOfTiff",
    "like_first",
    "page_count",
    "page_shapes",
    "read_page",
    "regular_file",
]


def regular_file(path: Path) -> Path:
    """Return a path that can be opened without waiting for anybody.

    Raises
    ------
    SourceError
        If there is no such file, its name is no text, or it is a pipe, a device or a folder.
    """
    try:
        kind = path.stat().st_mode
    except (OSError, ValueError) as error:
        if not _is_text(str(path)):
            raise SourceError(f"The name of {_shown(path)} is no text; rename the file.") from None
        if isinstance(error, FileNotFoundError):
            raise SourceError(f"There is no file {path}.") from None
        said = getattr(error, "strerror", None) or error
        raise SourceError(f"{path} cannot be read: {said}.") from None
    if stat.S_ISDIR(kind):
        raise SourceError(f"The folder {path} cannot be read; see to its permissions.")
    if not stat.S_ISREG(kind):
        raise SourceError(f"{path} is no regular file.")
    return path


def read_page(path: Path, page: int = 0) -> MicrographFile:
    """Read one page of a file, or one plane of a stack; its pixel size is that of the first.

    Raises
    ------
    SourceError
        If there is no such page, or it cannot be read.
    """
    return read_micrograph(regular_file(path), page)


class PagesOfTiff:
    """The pages of a file as one array; decodes the pages that are indexed.

    The file is opened anew each time, so that threads may share it. A page of another size than
    the first raises :class:`.errors.SourceError`.
    """

    def __init__(
        self,
        path: Path,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        numbers: Sequence[int] | None = None,
    ) -> None:
        self.path, self.shape, self.dtype = path, shape, dtype
        self.ndim = len(shape)
        # Not every page of the file need be one of them.
        self._numbers = np.arange(shape[0]) if numbers is None else np.asarray(numbers)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> NDArray[Any]:
        first, *rest = index if isinstance(index, tuple) else (index,)
        numbers = self._numbers[first]
        if np.ndim(numbers) == 0:
            return self._page(int(numbers), rest)
        return np.stack([self._page(int(n), rest) for n in numbers])

    def _page(self, number: int, rest: Sequence[Any]) -> NDArray[Any]:
        # Through the reader, which knows where white is 0.
        found = read_page(self.path, number)
        if found.shape != tuple(self.shape[1:3]):
            raise SourceError(
                f"Picture {number} of {self.path} is {found.shape[0]} x {found.shape[1]} pixels, "
                f"the first {self.shape[1]} x {self.shape[2]}; look at it on its own."
            )
        return np.asarray(found.array[tuple(rest) or slice(None)])


def _is_text(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _shown(path: Path) -> str:
    return os.fsencode(path).decode("utf-8", "backslashreplace")
