"""All objects of a labels image, each as a region of the image it belongs to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import RegionError, SourceError
from ..regions import MIN_SIDE, Box, Region
from .array_sources import ArraySource, PlaneWindow, as_array, box_text, read_plane
from .contents import labels_contents
from .items import Item

__all__ = ["LabelsSource", "object_boxes"]


class LabelsSource(ArraySource):
    """Objects of a labels image, with a margin around each.

    Parameters
    ----------
    array : array-like
        The image.
    labels : array-like of int
        Number of the object that each pixel belongs to; 0 is none,
        and a negative one is an object. As large as the image, without
        its colours; of a stack, every slice is looked at on its own.
    margin : int
        Pixels around an object that are shown, too.
    masked : bool
        Whether the object's own pixels are the region, else all of the box.
    **options
        As for :class:`ArraySource`.

    Raises
    ------
    SourceError
        If image and labels do not belong together.
    """

    kind = "labels"

    def __init__(
        self,
        array: Any,
        labels: Any,
        *,
        margin: int = 8,
        masked: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(array, **options)
        labels = as_array(labels, "Labels")
        if np.dtype(labels.dtype).kind not in "biu":
            raise SourceError(
                f"Labels are whole numbers, one for each object, not {labels.dtype}; convert them."
            )
        if tuple(np.shape(labels)) != self._shape:
            raise SourceError(
                f"The labels have shape {tuple(np.shape(labels))}, but the image has "
                f"{self._shape}; give labels of that image."
            )
        self.labels, self.margin, self.masked = labels, margin, masked

    def items(self) -> Iterator[Item]:
        """List the objects of every plane by number."""
        for plane_item in super().items():
            where = self._labels_of(plane_item.plane)
            for label, box in object_boxes(where):
                wide = self._with_margin(box)
                # The box, too: an object that has moved is another one.
                key = f"{plane_item.key}:{label}[{box_text(wide)}]"
                yield Item(key, self.name, plane_item.plane, wide, label=label)

    def read(self, item: Item) -> Region:
        """Read an object."""
        if item.box is None:
            raise RegionError(f"{item.key} names no object.")
        box, left_out = item.box, None
        area = self._area_for(item)
        if area is not None:
            box, left_out = area.clip(item.box), area.strip(item.box)
            item = replace(item, seen=box)
        y0, x0, y1, x1 = box
        mask_of = None
        if self.masked:
            part = self._labels_of(item.plane, (slice(y0, y1), slice(x0, x1)))
            where: NDArray[np.bool_] = part == np.asarray(item.label)

            def mask_of(_shape: tuple[int, int]) -> NDArray[np.bool_]:
                return where

        return read_plane(
            self._window(item.plane),
            item,
            contrast_limits=self.contrast_limits,
            pixel_size=self.pixel_size,
            unit=self.unit,
            mask_of=mask_of,
            left_out=left_out,
            **self.told,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return what tells these objects from others, ready for JSON."""
        labels = labels_contents(self.labels)
        own = {"labels": labels, "margin": self.margin, "masked": self.masked}
        return {**super().to_dict(), **own}

    def _labels_of(
        self, plane: tuple[int, ...], index: tuple[slice, slice] = (slice(None), slice(None))
    ) -> NDArray[Any]:
        return PlaneWindow(self.labels, self.axes, plane, False)[index]

    def _with_margin(self, box: Box) -> Box:
        """Widen a box by the margin, and to what a model needs; it stays on the image."""
        wide: list[int] = []
        for low, high, length in zip(box[:2], box[2:], self.plane_shape, strict=True):
            more = max(self.margin, -(-(MIN_SIDE - (high - low)) // 2))
            start, stop = max(low - more, 0), min(high + more, length)
            # At an edge the other side gives what is missing.
            start = max(min(start, stop - MIN_SIDE), 0)
            wide += [start, min(max(stop, start + MIN_SIDE), length)]
        return wide[0], wide[2], wide[1], wide[3]


def object_boxes(labels: NDArray[Any]) -> Iterator[tuple[int, Box]]:
    """List number and window of every object.

    Parameters
    ----------
    labels : (H, W) int array
        0 is no object, every other number is one. Numbers may be large, sparse and negative.
    """
    from scipy.ndimage import find_objects

    numbers, dense = np.unique(labels, return_inverse=True)
    # Counted anew from 1: memory is taken for every number up to the largest.
    dense = dense.reshape(labels.shape) + 1
    for number, place in zip(numbers, find_objects(dense), strict=True):
        if number == 0:
            continue
        rows, columns = place
        yield int(number), (rows.start, columns.start, rows.stop, columns.stop)
