"""The pages of a file as one array."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import SourceError
from .micrograph import read_micrograph

__all__ = ["PagesOfFile"]


class PagesOfFile:
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
        found = read_micrograph(self.path, number)
        if found.shape != tuple(self.shape[1:3]):
            raise SourceError(
                f"Picture {number} of {self.path} is {found.shape[0]} x {found.shape[1]} pixels, "
                f"the first {self.shape[1]} x {self.shape[2]}; look at it on its own."
            )
        return np.asarray(found.array[tuple(rest) or slice(None)])
