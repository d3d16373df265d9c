"""The table of objects: sizes in physical units, each with its uncertainty."""

from __future__ import annotations

from math import sqrt
from threading import Event
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..regions import Region
from .reduction import go_on, mask_on

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COLUMNS", "POWERS", "along_skeleton", "step_of", "table_of"]

POWERS = {
    "area": 2,
    "area_error": 2,
    "equivalent_diameter": 1,
    "equivalent_diameter_error": 1,
    "length": 1,
    "length_error": 1,
}
"""Columns that are lengths or areas: the power of the unit."""

COLUMNS = ("label", *POWERS, "orientation", "aspect_ratio", "y", "x", "cut")
"""All columns of a table."""

EDGE = 0.5 / sqrt(3)
"""Standard uncertainty, in pixels, of where an edge lies: anywhere within half a pixel each way."""

_SMOOTH = 2
"""A path is the mean over so many pixels before and after: steps of a staircase add length."""

_BACK = 5
"""Pixels of a skeleton that say which way it goes at its end."""

_FINE = 0.125
"""Part of a pixel in which the rest of the way to the edge is walked."""

Mask = NDArray[np.bool_]
Step = tuple[float, float]


def step_of(region: Region, grid: tuple[int, ...] | None = None) -> Step:
    """Return height and width of one pixel of ``region.pixels`` in the region's unit.

    Parameters
    ----------
    region : Region
        Where its scale is not known, in full-resolution source pixels.
    grid : tuple of int, optional
        Rows and columns of another grid over the same area.
    """
    size = region.pixel_size or (1.0, 1.0)
    rows, columns = (region.pixels.shape if grid is None else grid)[:2]
    height, width = region.shape
    return size[0] * height / rows, size[1] * width / columns


def table_of(
    labels: NDArray[np.int32], region: Region, edge: float = 1.0, *, cancel: Event | None = None
) -> pd.DataFrame:
    """Measure labelled objects.

    Parameters
    ----------
    labels : (H, W) int32 array
        0 where there is none, on any grid over the area of the region.
    region : Region
        Whose pixel size, its uncertainty and place are used.
    edge : float
        How many pixels wide a step of the outlines is: they are as exact as half of that.
    cancel : threading.Event, optional
        Looked at before each object.

    Returns
    -------
    pandas.DataFrame
        One row an object: ``label``; ``area``, ``equivalent_diameter`` and ``length`` (the longest
        way along the skeleton, from end to end) in the region's unit, each with its standard
        uncertainty ``*_error``; ``orientation``, degrees from the picture's horizontal to the
        longer axis, counter-clockwise, above -90 to 90; ``aspect_ratio``, longer over shorter
        axis; the centre ``y``, ``x`` in full-resolution source pixels; ``cut``, whether the object
        reaches the border of the region and may go on outside.

    Raises
    ------
    Cancelled
        If ``cancel`` was set.
    """
    import pandas as pd
    from skimage.measure import regionprops_table

    if not labels.any():
        return pd.DataFrame({name: np.zeros(0, _dtype(name)) for name in COLUMNS})
    shape = labels.shape[0], labels.shape[1]
    step = step_of(region, shape)

    def edges(mask: Mask) -> int:
        go_on(cancel)
        return _edges(mask)

    def length(mask: Mask) -> float:
        return along_skeleton(mask, step)

    def axes(mask: Mask) -> NDArray[np.float64]:
        return _axes(mask, step)

    found = regionprops_table(  # type: ignore[no-untyped-call]
        labels,
        properties=("label", "num_pixels", "centroid", "area", "equivalent_diameter_area"),
        spacing=step,
        extra_properties=(edges, length, axes),
    )
    area, diameter = found["area"], found["equivalent_diameter_area"]
    scale = region.scale_error or 0.0
    # All along its edge an object may be too large, or too small, by a part of a pixel. Faces of
    # pixels are 4 / pi times as long as the outline that they follow, over all directions.
    outline = EDGE * edge * found["edges"] * np.pi / 4 / found["num_pixels"]
    relative = np.hypot(2 * scale, outline)
    places = found["centroid-0"] / step[0], found["centroid-1"] / step[1]
    centre = _in_source(region, shape, places)
    border = _border(shape, None if region.mask is None else mask_on(region.mask, shape))
    ends = (
        EDGE * edge * sqrt(step[0] ** 2 + step[1] ** 2)
    )  # two ends, each with the mean pixel's side
    return pd.DataFrame(
        {
            "label": found["label"],
            "area": area,
            "area_error": area * relative,
            "equivalent_diameter": diameter,
            "equivalent_diameter_error": diameter * relative / 2,
            "length": found["length"],
            "length_error": np.hypot(found["length"] * scale, ends),
            "orientation": found["axes-0"],
            "aspect_ratio": found["axes-1"],
            "y": centre[0],
            "x": centre[1],
            "cut": np.isin(found["label"], np.unique(labels[border])),
        }
    )[list(COLUMNS)]


def _dtype(name: str) -> Any:
    return {"label": np.int32, "cut": np.bool_}.get(name, np.float64)


def _in_source(
    region: Region,
    shape: tuple[int, int],
    places: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> list[NDArray[np.float64]]:
    """Return rows and columns of a grid in full-resolution source pixels."""
    return [
        start + (at + 0.5) * size / n - 0.5
        for start, at, size, n in zip(region.box[:2], places, region.shape, shape, strict=True)
    ]


def _border(shape: tuple[int, ...], mask: Mask | None) -> Mask:
    """Return the outermost pixels of a region."""
    from scipy.ndimage import binary_erosion

    inside = np.ones(shape, bool) if mask is None else mask
    border: Mask = inside & ~binary_erosion(inside)
    return border


def _edges(mask: Mask) -> int:
    """Count the faces between pixels of an object and others."""
    padded = np.pad(mask, 1)
    return int(sum((np.diff(padded, axis=axis) != 0).sum() for axis in (0, 1)))


def _axes(mask: Mask, step: Step) -> NDArray[np.float64]:
    """Return orientation in degrees and aspect ratio of the ellipse with the same moments."""
    at = np.argwhere(mask) * step
    # A pixel is a small rectangle, not a point: a single one has a shape, too.
    spread = np.cov(at.T, bias=True) + np.diag(np.square(step)) / 12
    values, vectors = np.linalg.eigh(spread)
    row, column = vectors[:, 1]
    angle = np.degrees(np.arctan2(-row, column)) % 180
    return np.array([angle - 180 if angle > 90 else angle, sqrt(values[1] / values[0])])


def along_skeleton(mask: Mask, step: Step) -> float:
    """Return the longest way along the skeleton of an object, from end to end.

    Parameters
    ----------
    mask : (H, W) bool array
        One object.
    step : (float, float)
        Height and width of a pixel.

    Returns
    -------
    float
        In the unit of ``step``. Side branches do not count. The skeleton ends before the object
        does: from there on straight to the edge.
    """
    from skimage.morphology import skeletonize

    padded = np.pad(mask, 1)
    points = np.argwhere(skeletonize(padded))  # type: ignore[no-untyped-call]
    if not len(points):
        points = np.argwhere(padded)[:1]
    path = _smoothed(points[_longest_path(points, step)].astype(np.float64))
    places = path * step
    if len(path) == 1:
        return _widest(padded, path[0], step)
    ends = 0.0
    for end, inner in ((0, min(_BACK, len(path) - 1)), (-1, max(-1 - _BACK, -len(path)))):
        ends += _to_edge(padded, path[end], places[end] - places[inner], step)
    return float(np.hypot(*np.diff(places, axis=0).T).sum()) + ends


def _widest(mask: Mask, place: NDArray[np.float64], step: Step) -> float:
    """Return the longest way straight through an object, past one place."""
    turns = np.arange(16) * np.pi / 16
    ways = [np.array([np.sin(turn), np.cos(turn)]) for turn in turns]
    return max(_to_edge(mask, place, w, step) + _to_edge(mask, place, -w, step) for w in ways)


def _to_edge(
    mask: Mask, place: NDArray[np.float64], towards: NDArray[np.float64], step: Step
) -> float:
    """Return how far it is from a place, in pixels, to the edge of the object in a direction."""
    short = min(step) * _FINE
    stride = towards / np.hypot(*towards) * short / np.array(step)
    count = 0
    while mask[tuple(np.floor(place + (count + 0.5) * stride + 0.5).astype(int))]:
        count += 1
    return count * short


def _longest_path(points: NDArray[np.int64], step: Step) -> list[int]:
    """Return which points of a skeleton, in order, the longest of the shortest ways visits."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import dijkstra

    index = {(int(y), int(x)): i for i, (y, x) in enumerate(points)}
    rows, columns, weights = [], [], []
    for (y, x), i in index.items():
        for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1)):
            j = index.get((y + dy, x + dx))
            if j is not None:
                rows.append(i)
                columns.append(j)
                weights.append(sqrt((dy * step[0]) ** 2 + (dx * step[1]) ** 2))
    graph = csr_array((weights, (rows, columns)), shape=(len(points), len(points)))
    start = 0
    for _ in range(2):  # the point farthest from any point is one end of the longest way
        far, before = dijkstra(graph, directed=False, indices=start, return_predecessors=True)
        start, last = int(np.argmax(np.where(np.isfinite(far), far, -1))), start
    path = [start]
    while path[-1] != last:
        path.append(int(before[path[-1]]))
    return path


def _smoothed(path: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each point as the mean over its neighbours; near an end, over as many each way."""
    sums = np.vstack([np.zeros(2), np.cumsum(path, axis=0)])
    at = np.arange(len(path))
    reach = np.minimum(np.minimum(at, at[::-1]), _SMOOTH)
    mean: NDArray[np.float64] = (sums[at + reach + 1] - sums[at - reach]) / (2 * reach + 1)[:, None]
    return mean
