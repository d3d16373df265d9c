"""What an index asks of an array that is not in memory."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Selection", "select"]


@dataclass(frozen=True)
class Selection:
    """What is wanted of one axis.

    Attributes
    ----------
    start, stop : int
        The stretch that holds all of it.
    indices : sequence of int
        What is wanted of it, in its order.
    within : int, slice or int array
        Index that takes it out of the stretch.
    """

    start: int
    stop: int
    indices: Any
    within: Any

    @property
    def length(self) -> int:
        """Length of the stretch."""
        return self.stop - self.start

    @property
    def listed(self) -> int | slice:
        """Index that takes it out of an axis that holds only ``indices``."""
        return 0 if isinstance(self.within, int) else slice(None)


def select(index: Any, shape: tuple[int, ...]) -> list[Selection]:
    """Return what an index asks of each axis.

    Parameters
    ----------
    index : int, slice, Ellipsis, int sequence or a tuple of them
        At most one sequence.
    shape : tuple of int
        Of the array; its last axes are rows, columns and, if there are, colours.

    Raises
    ------
    IndexError
        If it points outside, or is of another kind.
    """
    parts = list(index) if isinstance(index, tuple) else [index]
    dots = [i for i, part in enumerate(parts) if part is Ellipsis]
    if len(dots) > 1 or len(parts) - len(dots) > len(shape):
        raise IndexError("too many indices")
    at = dots[0] if dots else len(parts)
    missing = len(shape) - (len(parts) - len(dots))
    parts[at : at + len(dots)] = [slice(None)] * missing
    if sum(not isinstance(part, slice) and np.ndim(part) > 0 for part in parts) > 1:
        raise IndexError("only one sequence of indices at a time")
    return [_of_axis(part, int(length)) for part, length in zip(parts, shape, strict=True)]


def _of_axis(part: Any, length: int) -> Selection:
    if isinstance(part, slice):
        wanted = range(*part.indices(length))
        if not wanted:
            return Selection(0, 0, wanted, slice(0, 0))
        start, stop = min(wanted[0], wanted[-1]), max(wanted[0], wanted[-1]) + 1
        return Selection(start, stop, wanted, slice(None, None, wanted.step))
    if np.ndim(part) == 0:
        number = operator.index(part)
        number += length if number < 0 else 0
        if not 0 <= number < length:
            raise IndexError(f"index {number} is out of {length}")
        return Selection(number, number + 1, range(number, number + 1), 0)
    numbers = np.asarray(part)
    if numbers.dtype == bool or numbers.ndim != 1:
        raise IndexError("indices are whole numbers in one row")
    numbers = np.where(numbers < 0, numbers + length, numbers).astype(int)
    if not numbers.size:
        return Selection(0, 0, numbers, numbers)
    if numbers.min() < 0 or numbers.max() >= length:
        raise IndexError(f"an index is out of {length}")
    start, stop = int(numbers.min()), int(numbers.max()) + 1
    return Selection(start, stop, numbers, numbers - start)
