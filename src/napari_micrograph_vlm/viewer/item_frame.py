"""The thin frame round the item that Review or Results shows."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Shapes
from numpy.typing import NDArray

from ..regions import Box, Placement
from .overlays import selection_kept

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["is_frame", "remove_frame", "show_frame"]

NAME = "current item"
COLOUR = "#e69f00"
"""Okabe and Ito's orange: seen on dark and on light."""

_KEY = "micrograph_vlm_current_item"
_TRANSFORM = ("scale", "translate", "rotate", "shear", "affine", "units")
_THIN = 150
"""The longer side of a region is so many widths of the line."""


def is_frame(layer: Any) -> bool:
    """Whether a layer is the frame, and nothing that a person drew."""
    return isinstance(layer, Shapes) and _KEY in layer.metadata


def show_frame(viewer: ViewerModel, image: Image, box: Box, placement: Placement) -> Shapes:
    """Draw the frame round a box of an image, in place of where it was before.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        Gets one layer for it; what is selected stays selected.
    image : napari.layers.Image
        What the box lies on.
    box : Box
        Rows and columns of the plane.
    placement : Placement
        Slice and axes of the image.
    """
    corners = _corners(box, placement, image.ndim)
    width = max(box[2] - box[0], box[3] - box[1]) / _THIN
    layer = next((one for one in viewer.layers if is_frame(one)), None)
    if layer is not None and (layer.ndim != image.ndim or layer.nshapes != 1):
        viewer.layers.remove(layer)
        layer = None
    if layer is None:
        layer = Shapes(
            [corners],
            shape_type="rectangle",
            name=NAME,
            face_color="transparent",
            edge_color=COLOUR,
            edge_width=width,
            opacity=1.0,
            axis_labels=image.axis_labels,
            metadata={_KEY: True},
            **{name: getattr(image, name) for name in _TRANSFORM},
        )
        with selection_kept(viewer):
            viewer.layers.append(layer)
    else:
        for name in _TRANSFORM:
            value = getattr(image, name)
            if not np.array_equal(np.asarray(getattr(layer, name)), np.asarray(value)):
                setattr(layer, name, value)
        layer.data = [corners]
        layer.edge_width = [width]
    layer.selected_data = set()
    layer.editable = False
    return layer


def remove_frame(viewer: ViewerModel) -> None:
    """Take the frame away, where there is one."""
    for layer in [one for one in viewer.layers if is_frame(one)]:
        with suppress(RuntimeError):  # Qt may be deleting the window
            viewer.layers.remove(layer)


def _corners(box: Box, placement: Placement, ndim: int) -> NDArray[np.float64]:
    y0, x0, y1, x1 = box
    rows, columns = placement.axes
    corners = np.zeros((4, ndim))
    corners[:, [axis for axis in range(ndim) if axis not in placement.axes]] = placement.plane
    corners[:, rows] = np.array([y0, y0, y1, y1]) - 0.5
    corners[:, columns] = np.array([x0, x1, x1, x0]) - 0.5
    return corners
