"""Boxes, outlines and masks: what a script says a region is, and which pixels belong to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .errors import RegionError

if TYPE_CHECKING:
    from .regions import Box

__all__ = ["mask_at", "parse_region", "polygon_mask"]


def parse_region(
    region: Any, shape: tuple[int, int]
) -> tuple[Sequence[float], NDArray[np.float64] | None, NDArray[np.bool_] | None]:
    """Return the window of a box, of an outline or of a mask, and outline and mask if any."""
    if region is None:
        return (0, 0, *shape), None, None
    try:
        given = np.asarray(region)
        points = given.astype(float)
    except (TypeError, ValueError):
        given = points = np.zeros(0)
    if given.dtype == bool and given.shape == shape:
        if not given.any():
            raise RegionError("The mask encloses no pixel; give one that does.")
        rows, columns = (np.flatnonzero(given.any(axis=axis)) for axis in (1, 0))
        return (rows[0], columns[0], rows[-1] + 1, columns[-1] + 1), None, given
    if points.shape == (4,):
        return tuple(points), None, None
    if points.ndim == 2 and points.shape[1] == 2 and len(points) >= 3 and np.isfinite(points).all():
        return (*(points.min(axis=0) + 0.5), *(points.max(axis=0) + 0.5)), points, None
    raise RegionError(
        "A region is four numbers y0, x0, y1, x1 in pixels, at least three (row, column) "
        "vertices, or a mask of the picture's shape."
    )


def mask_at(mask: NDArray[np.bool_], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return a mask on a coarser grid: the middle pixel of each cell stands for it."""
    rows, columns = (
        ((np.arange(n) + 0.5) * (mask.shape[side] / n)).astype(int) for side, n in enumerate(shape)
    )
    found: NDArray[np.bool_] = mask if mask.shape == shape else mask[np.ix_(rows, columns)]
    return found


def polygon_mask(
    outline: NDArray[np.float64], box: Box, shape: tuple[int, int]
) -> NDArray[np.bool_]:
    """Rasterise an outline, (N, 2) in source pixels, on a grid of ``shape`` over ``box``."""
    from skimage.draw import polygon2mask

    y0, x0, y1, x1 = box
    step = np.array([(y1 - y0) / shape[0], (x1 - x0) / shape[1]])
    # Centre of grid pixel (0, 0) is half a step inside the box's edge at y0 - 0.5.
    local = (outline - (np.array([y0, x0]) - 0.5)) / step - 0.5
    mask: NDArray[np.bool_] = polygon2mask(shape, local)  # type: ignore[no-untyped-call]
    return mask
