"""The part of a plane that is the picture itself, without the information bar."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import Cancelled, RegionError
from ..regions import MIN_SIDE, Box, Cutout

__all__ = ["IN_BAR", "InBarError", "PictureArea", "area_for", "find_area", "may_touch_bar"]

IN_BAR = (
    "The region lies inside the information bar, which the model is not shown; draw it on the "
    "picture, or include the information bar."
)

MOST_SIDE = 16_384
"""Of a larger image nothing is read to look for a bar: no microscope writes one into a mosaic."""


class InBarError(RegionError):
    """A region with nothing of the picture in it, only information bar."""


@dataclass(frozen=True)
class PictureArea:
    """Where the picture lies in a plane that has an information bar.

    Attributes
    ----------
    box : Box
        The picture, in pixels of the plane. The bar is all beside it, along one edge.
    shape : (int, int)
        Height and width of the plane with its bar.
    """

    box: Box
    shape: tuple[int, int]

    def transposed(self) -> PictureArea:
        """Return the same for the plane with rows and columns exchanged."""
        y0, x0, y1, x1 = self.box
        return PictureArea((x0, y0, x1, y1), (self.shape[1], self.shape[0]))

    def clip(self, box: Box) -> Box:
        """Return what of a window is picture.

        Raises
        ------
        InBarError
            If that is nothing, or too thin a strip for a model.
        """
        y0, x0 = max(box[0], self.box[0]), max(box[1], self.box[1])
        y1, x1 = min(box[2], self.box[2]), min(box[3], self.box[3])
        if (y1 - y0 < MIN_SIDE and (y0, y1) != (box[0], box[2])) or (
            x1 - x0 < MIN_SIDE and (x0, x1) != (box[1], box[3])
        ):
            raise InBarError(IN_BAR)
        return y0, x0, y1, x1

    def strip(self, box: Box) -> Box | None:
        """Return what of a window is information bar; None where it holds none."""
        y0, x0, y1, x1 = box
        top, left, bottom, right = self.box
        if y1 > bottom:
            return max(y0, bottom), x0, y1, x1
        if y0 < top:
            return y0, x0, min(y1, top), x1
        if x1 > right:
            return y0, max(x0, right), y1, x1
        if x0 < left:
            return y0, x0, y1, min(x1, left)
        return None


def find_area(plane: Any) -> PictureArea | None:
    """Find the picture in a plane with an information bar; None where there is no bar.

    Parameters
    ----------
    plane : (H, W), (H, W, 3) or (H, W, 4) array-like
        Only some rows along its upper and its lower edge are read.
    """
    from .bar import find_bar, picture_rows

    shape = tuple(int(length) for length in plane.shape)
    if len(shape) not in (2, 3) or np.dtype(plane.dtype).kind not in "uif":
        return None
    if max(shape[:2]) > MOST_SIDE:
        return None
    try:
        bar = find_bar(plane)
    except Cancelled:
        raise
    except Exception:
        # Rows that cannot be read must not stop a question about others: reading those says it.
        return None
    if bar is None:
        return None
    start, stop = picture_rows(shape, bar)
    return PictureArea((start, 0, stop, shape[1]), (shape[0], shape[1]))


def area_for(plane: Any, cutouts: Iterable[Cutout]) -> PictureArea | None:
    """Find the picture in a plane where its bar may lie in one of these cutouts of it."""
    shape = (int(plane.shape[0]), int(plane.shape[1]))
    if not any(may_touch_bar(cutout.box, shape) for cutout in cutouts):
        return None
    return find_area(plane)


def may_touch_bar(box: Box, shape: tuple[int, int]) -> bool:
    """Whether a window reaches so near the upper or lower edge that a bar might lie in it."""
    from .bar.find import MOST_ROWS, MOST_SHARE

    deep = min(int(shape[0] * MOST_SHARE), MOST_ROWS) + 1
    return box[0] < deep or box[2] > shape[0] - deep
