"""Where the picture lies in the planes of image layers: found once, known again by the data."""

from __future__ import annotations

import zlib
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..readers.picture_area import PictureArea, find_area, may_touch_bar
from ..regions import Box
from ..runs.array_sources import PlaneWindow
from .handler_jobs import check_stopped

if TYPE_CHECKING:
    from napari.layers import Image

__all__ = ["INCLUDE", "PlaneAreas", "include_bar", "includes_bar"]

INCLUDE = "include_information_bar"
"""In a layer's metadata: whether the model is shown the information bar, too."""

_KEPT = 512
_SAMPLES = 64

_areas: OrderedDict[tuple[Any, ...], PictureArea | None] = OrderedDict()
_searches: dict[tuple[Any, ...], Lock] = {}
_lock = Lock()


def includes_bar(image: Image) -> bool:
    """Whether the user wants the model to see the information bar of this image."""
    return bool(image.metadata.get(INCLUDE))


def include_bar(image: Image, wish: bool) -> None:
    """Take note of that wish; ``image.events.metadata`` tells every panel."""
    if wish != includes_bar(image):
        image.metadata = {**image.metadata, INCLUDE: wish}


class _Stoppable:
    """A plane of which a stopped job reads nothing more."""

    def __init__(self, window: PlaneWindow) -> None:
        self._window = window
        self.shape, self.dtype, self.ndim = window.shape, window.dtype, window.ndim

    def __getitem__(self, index: Any) -> NDArray[Any]:
        check_stopped()
        return self._window[index]


@dataclass(frozen=True, eq=False)
class PlaneAreas:
    """Finds the picture in the planes of one array; no layer is touched.

    Attributes
    ----------
    array : array-like
        Level 0 of a layer.
    data_id : int
        Number of that array, which no other ever gets.
    axes : (int, int)
        The axes displayed as rows and as columns.
    rgb : bool
        Whether its last axis holds colours.
    """

    array: Any
    data_id: int
    axes: tuple[int, int]
    rgb: bool

    def of(self, plane: tuple[int, ...]) -> PictureArea | None:
        """Return the picture in a plane as displayed; None where there is no bar.

        In any thread but the window's: pixels may have to be read.
        """
        window = self._window(plane)
        if window is None:
            return None
        key = self._key(plane, window)
        with _lock:
            search = _searches.setdefault(key, Lock())
        with search:  # whoever asks about the same plane meanwhile waits for the first
            with _lock:
                known = key in _areas
                found = _areas.get(key)
            if not known:
                found = find_area(_Stoppable(window))
            with _lock:
                _areas[key] = found
                _areas.move_to_end(key)
                _searches.pop(key, None)
                while len(_areas) > _KEPT:
                    _areas.popitem(last=False)
        return found.transposed() if found is not None and self._is_turned else found

    def near(self, box: Box, plane: tuple[int, ...]) -> PictureArea | None:
        """Return the same for a window; nothing is read where no bar can lie in it."""
        rows, columns = (int(self.array.shape[axis]) for axis in self.axes)
        if self._is_turned:
            y0, x0, y1, x1 = box
            box, rows, columns = (x0, y0, x1, y1), columns, rows
        return self.of(plane) if may_touch_bar(box, (rows, columns)) else None

    def window(self, plane: tuple[int, ...]) -> Any:
        """Return one plane as it was taken, rows before columns, not read yet; None: no picture."""
        return self._window(plane)

    @property
    def _is_turned(self) -> bool:
        return self.axes[0] > self.axes[1]

    def _window(self, plane: tuple[int, ...]) -> PlaneWindow | None:
        last = len(self.array.shape) - self.rgb
        # A cut through the slices of a stack is no picture that a microscope wrote.
        if {*self.axes} != {last - 2, last - 1} or not hasattr(self.array, "dtype"):
            return None
        return PlaneWindow(self.array, (last - 2, last - 1), plane, self.rgb)

    def _key(self, plane: tuple[int, ...], window: PlaneWindow) -> tuple[Any, ...]:
        key = (self.data_id, plane, self.rgb)
        if not isinstance(self.array, np.ndarray) or isinstance(self.array, np.memmap):
            return key
        # A live image is changed in place, and its next frame may come without a bar.
        steps = [max(length // _SAMPLES, 1) for length in window.shape[:2]]
        sample = window[:: steps[0], :: steps[1]]
        return (*key, zlib.crc32(np.ascontiguousarray(sample).tobytes()))
