"""Where an item lies on a layer, and the window of the layer's data that it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image, Labels, Shapes
from numpy.typing import NDArray

from ..errors import MicrographError, RegionError
from ..regions import Box, Cutout, polygon_mask
from ..runs.items import Item
from .geometry import LONGEST, MARGIN
from .item_files import OPENED
from .overlays import is_overlay
from .region_labels import LabelSnapshot
from .region_shapes import ShapesSnapshot, is_aligned, shape_index
from .region_view import ViewState
from .region_window import ImageSnapshot, same_data
from .run_book import RunBook
from .transforms import PlaneTransform

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.viewer import Viewer

__all__ = ["axes_of", "cutout_in", "layer_of", "mask_on", "view_along"]

_MASK_SIDE = 512
"""Samples on a mask's longer side: enough for an overlay."""


def layer_of(viewer: Viewer, item: Item) -> Image | None:
    """Return the image layer that an item lies on, if it is in the viewer.

    By the place that is known of it, else by its name or the path of its file.
    """
    placement = RunBook.of(viewer).places.get(item.key)
    if placement is not None and placement.layer is not None:
        layer = placement.layer()
        if isinstance(layer, Image) and layer in viewer.layers:
            return layer
    images = [one for one in viewer.layers if isinstance(one, Image) and not is_overlay(one)]
    for one in images:
        if str(one.name) == item.source or item.source in _paths_of(one):
            return one
    return None


def axes_of(viewer: Viewer, image: Image, item: Item) -> tuple[int, int]:
    """Return the data axes that are an item's rows and columns."""
    book = RunBook.of(viewer)
    placement = book.places.get(item.key)
    if placement is not None:
        return placement.axes
    source = {} if book.journal is None else book.journal.run.source
    given = source.get("axes")
    if given is not None and len(given) == 2 and max(given) < image.ndim:
        return int(given[0]), int(given[1])
    axis = source.get("axis")
    if isinstance(axis, int) and image.ndim == 3 and len(item.plane) == 1:
        left = [one for one in range(3) if one != axis % 3]
        return left[0], left[1]
    return image.ndim - 2, image.ndim - 1


def cutout_in(viewer: Viewer, image: Image, item: Item) -> Callable[[], Cutout]:
    """Take note of an item's place on a layer; the result may be called in any thread.

    Raises
    ------
    RegionError
        At once where the layer holds other data than was looked at, or has no such slice.
    """
    item = RunBook.of(viewer).now(item)
    known = RunBook.of(viewer).places.get(item.key)
    if known is not None and not same_data(image, known):
        raise RegionError(
            f"“{image.name}” now holds other data than was looked at; start the run again."
        )
    axes = axes_of(viewer, image, item)
    hidden = [axis for axis in range(image.ndim) if axis not in axes]
    if len(item.plane) != len(hidden) or any(
        not 0 <= i < image.data.shape[axis] if not image.multiscale else False
        for i, axis in zip(item.plane, hidden, strict=False)
    ):
        raise RegionError(f"“{image.name}” has no such slice any more; open the right image.")
    view = view_along(viewer, image, axes)
    snapshot = ImageSnapshot.of(image, view, include_bar=True)
    height, width = snapshot.plane_shape
    box = item.place or (0, 0, height, width)
    without = ImageSnapshot.of(image, view, include_bar=False)
    drawn = (_drawn(viewer, item, one, view) for one in (snapshot, without))
    exact = [one for one in drawn if one is not None]

    def plan() -> Cutout:
        # Whichever it was: the run may have left out the information bar or not.
        for now in exact:
            try:
                (cutout,) = now()
            except MicrographError:
                continue
            at = cutout.placement
            # It counts only where it still lies where it lay.
            if at is not None and at.plane == item.plane and cutout.box == box:
                return cutout
        return _recorded(snapshot, item, box)

    return plan


def mask_on(cutout: Cutout, box: Box) -> NDArray[np.bool_] | None:
    """Return the mask of a cutout on a coarse grid over ``box``; None where all belongs to it."""
    sides = np.array([box[2] - box[0], box[3] - box[1]])
    rows, columns = np.maximum(sides * min(_MASK_SIDE / sides.max(), 1), 1).astype(int).tolist()
    mask = None
    if cutout.outline is not None:
        mask = polygon_mask(cutout.outline, box, (rows, columns))
    elif cutout.mask_of is not None:
        mask = cutout.mask_of((rows, columns))
    return None if mask is None or mask.all() or not mask.any() else mask


def _recorded(snapshot: ImageSnapshot, item: Item, box: Box) -> Cutout:
    y0, x0, y1, x1 = box
    if item.outline is None:
        outline = np.array([[y0, x0], [y0, x1], [y1, x1], [y1, x0]], float) - 0.5
    else:
        outline = np.array(item.outline, float)
    masked = item.outline is not None and item.label is None and not is_aligned(outline)
    return snapshot.cutout(
        [y0 - 0.5, x0 - 0.5, y1 - 0.5, x1 - 0.5],
        outline,
        plane=item.plane,
        masked=masked,
        shape_id=item.shape_id or "item",
        longest=LONGEST,
    )


def _drawn(
    viewer: ViewerModel, item: Item, snapshot: ImageSnapshot, view: ViewState
) -> Callable[[], list[Cutout]] | None:
    """Find the shape or label that an item was; None where it is gone."""
    kind = (item.shape_id or "").partition(":")[0]
    for layer in viewer.layers:
        if kind == "shape" and isinstance(layer, Shapes):
            index = shape_index(layer, item.shape_id)
            if index is not None:
                shapes = ShapesSnapshot.of(layer, [index], view)
                return lambda: shapes.cutouts(snapshot, MARGIN, LONGEST)
        if kind == "label" and isinstance(layer, Labels) and item.label is not None:
            shape_id = f"label:{layer.unique_id}:{item.label}"
            if shape_id == item.shape_id:
                array = layer.data[0] if layer.multiscale else layer.data
                transform = PlaneTransform.of(layer, view)
                label = LabelSnapshot(array, item.label, layer.name, shape_id, transform)
                return lambda: label.cutouts(snapshot, LONGEST)
    return None


def view_along(viewer: ViewerModel, image: Image, axes: tuple[int, int]) -> ViewState:
    """Return the viewer's state as if it displayed two axes of a layer."""
    shift = viewer.dims.ndim - image.ndim
    wanted = tuple(axis + shift for axis in axes)
    others = tuple(axis for axis in viewer.dims.order if axis not in wanted)
    point = np.asarray(viewer.dims.point, float)
    return ViewState((*others, *wanted), point, viewer.layers.units, None)


def _paths_of(image: Image) -> set[str]:
    paths = {
        image.metadata.get("path"),
        image.metadata.get(OPENED),
        getattr(image.source, "path", None),
    }
    return {str(path) for path in paths if path}
