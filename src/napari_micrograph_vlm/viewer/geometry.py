"""From what the user drew to regions, and from a region back to its place on the layer."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Shapes

from ..errors import RegionError, SourceError
from ..regions import Box, Cutout, Placement
from ..windows import LONGEST
from .region_labels import LabelSnapshot
from .region_shapes import ShapesSnapshot, is_aligned
from .region_view import ViewState
from .region_viewers import remember
from .region_window import ImageSnapshot
from .transforms import Floats, local_matrix

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = [
    "LONGEST",
    "MARGIN",
    "Plan",
    "RegionChoice",
    "overlay_kwargs",
    "plan_in_view",
    "plan_outline",
    "plan_regions",
]

Plan = Callable[[], list[Cutout]]
"""Made in the GUI thread, called in another one: gives the cutouts, one for each region."""

MARGIN = 8.0
"""Image pixels on either side of a line or path that belong to its region."""


class RegionChoice(StrEnum):
    """What a question is about."""

    WHOLE_LAYER = "Whole layer"
    SELECTED_SHAPES = "Selected shapes"
    EVERY_SHAPE = "Every shape"
    SELECTED_LABEL = "Selected label"
    CURRENT_VIEW = "Current view"


def plan_regions(
    viewer: ViewerModel,
    image: Image | None,
    choice: RegionChoice,
    *,
    drawn: Shapes | Labels | None = None,
    margin: float = MARGIN,
    longest: int = LONGEST,
    include_bar: bool | None = None,
) -> Plan:
    """Take a snapshot of what the user means; the work is left to the returned callable.

    Call it in the GUI thread and the result in a worker thread: the result touches no layer.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        Its slice, display order, units and camera count.
    image : napari.layers.Image or None
        The micrograph. Colour, contrast limits, gamma and an inverted colour map are followed,
        so that the model sees what the user sees.
    choice : RegionChoice
        What the question is about.
    drawn : napari.layers.Shapes or napari.layers.Labels, optional
        The layer that holds the shapes or the label; may have another transform, other units
        and fewer axes than the image.
    margin : float
        Image pixels on either side of a line or path that belong to its region.
    longest : int
        Of a pyramid, the coarsest level is read that leaves this many pixels on the longest
        side of the region.
    include_bar : bool, optional
        Whether regions may hold the information bar; what the user chose for this image by
        default.

    Returns
    -------
    callable
        ``() -> list of Cutout``, one for each region, in the order of the shapes. It raises
        RegionError for what only a look at each shape or at the labels can tell (outside the
        image, across slices, label not in the slice). A polygon that crosses itself is filled
        by the even-odd rule.

    Raises
    ------
    RegionError
        At once if there is nothing drawn or selected, the viewer displays three dimensions, or a
        transform mixes displayed and hidden axes.
    SourceError
        At once if there is no micrograph in the viewer.
    """
    if image is None or not isinstance(image, Image):
        raise SourceError("Open a micrograph and choose its image layer first.")
    if image not in viewer.layers:
        raise SourceError(
            f"“{image.name}” is no longer in the viewer; choose an image layer that is."
        )
    if drawn is not None and drawn not in viewer.layers:
        raise RegionError(
            f"“{drawn.name}” is no longer in the viewer; choose a layer with shapes that is."
        )
    remember(viewer)
    view = ViewState.of(viewer)
    return plan_in_view(
        view,
        image,
        choice,
        drawn=drawn,
        margin=margin,
        longest=longest,
        include_bar=include_bar,
    )


def plan_in_view(
    view: ViewState,
    image: Image,
    choice: RegionChoice,
    *,
    drawn: Shapes | Labels | None = None,
    margin: float = MARGIN,
    longest: int = LONGEST,
    include_bar: bool | None = None,
) -> Plan:
    """Do as :func:`plan_regions` with a snapshot of the viewer instead of a viewer."""
    snapshot = ImageSnapshot.of(image, view, include_bar=include_bar)
    if choice is RegionChoice.WHOLE_LAYER:
        height, width = snapshot.plane_shape
        corners = _corners(-0.5, -0.5, height - 0.5, width - 0.5)
        return _one_outline(snapshot, corners, "layer", longest)
    if choice is RegionChoice.CURRENT_VIEW:
        if view.corners is None:
            raise RegionError("There is no window, so there is no current view; draw a region.")
        corners = snapshot.transform.from_canvas(view.corners)
        return _one_outline(snapshot, corners, "view", longest)
    if choice is RegionChoice.SELECTED_LABEL:
        if not isinstance(drawn, Labels):
            raise RegionError("Choose a labels layer and pick a label in it first.")
        label = LabelSnapshot.of(drawn, view)
        return lambda: label.cutouts(snapshot, longest)
    shapes = ShapesSnapshot.of(*_wanted_shapes(drawn, choice), view)
    return lambda: shapes.cutouts(snapshot, margin, longest)


def plan_outline(
    view: ViewState,
    image: Image,
    vertices: Floats,
    *,
    longest: int = LONGEST,
    include_bar: bool | None = None,
) -> Plan:
    """Plan one region whose outline, (N, 2), is given in data coordinates of the image."""
    snapshot = ImageSnapshot.of(image, view, include_bar=include_bar)
    return _one_outline(snapshot, vertices, "outline", longest)


def overlay_kwargs(
    layer: Image, placement: Placement, box: Box, grid_shape: tuple[int, int]
) -> dict[str, Any]:
    """Return where a map must lie to cover ``box`` of the layer's plane exactly.

    Parameters
    ----------
    layer : napari.layers.Image
        The layer that the region was cut from.
    placement : Placement
        Its axes and plane.
    box : Box
        Window in level-0 pixels of that plane.
    grid_shape : (int, int)
        Rows and columns of the map.

    Returns
    -------
    dict
        Arguments for ``napari.layers.Image``, whose data must have as many axes as ``layer``:
        the map along ``placement.axes``, length 1 along all others.
    """
    steps = np.ones(layer.ndim)
    start = np.zeros(layer.ndim)
    hidden = (axis for axis in range(layer.ndim) if axis not in placement.axes)
    for axis, i in zip(hidden, placement.plane, strict=True):
        start[axis] = i
    for side, axis in enumerate(placement.axes):
        steps[axis] = (box[side + 2] - box[side]) / grid_shape[side]
        # The centre of the first cell lies half a cell inside the edge of the box.
        start[axis] = box[side] - 0.5 + steps[axis] / 2
    return {
        # rotate @ shear @ diag(scale): a diagonal factor from the right only scales the scale.
        "scale": layer.scale * steps,
        "translate": layer.translate + local_matrix(layer) @ start,
        "rotate": layer.rotate,
        "shear": layer.shear,
        "affine": layer.affine,
        "units": layer.units,
        "axis_labels": layer.axis_labels,
    }


def _wanted_shapes(drawn: Shapes | Labels | None, choice: RegionChoice) -> tuple[Shapes, list[int]]:
    if isinstance(drawn, Labels):
        raise RegionError(
            f"“{drawn.name}” is a labels layer; choose “{RegionChoice.SELECTED_LABEL}” or a "
            "shapes layer."
        )
    if not isinstance(drawn, Shapes):
        raise RegionError("Add a shapes layer and draw a region on the micrograph first.")
    if drawn.nshapes == 0:
        raise RegionError(f"“{drawn.name}” is empty; draw a region on the micrograph first.")
    if choice is RegionChoice.EVERY_SHAPE:
        return drawn, list(range(drawn.nshapes))
    chosen = sorted(int(i) for i in drawn.selected_data)
    if not chosen:
        raise RegionError(
            f"No shape of “{drawn.name}” is selected; click one with the select tool (press S)."
        )
    return drawn, chosen


def _one_outline(snapshot: ImageSnapshot, outline: Floats, kind: str, longest: int) -> Plan:
    # The slice is looked up now, so that a wrong slider position is told at once.
    plane = snapshot.plane_at(snapshot.point[None])
    layer = snapshot.layer()
    shape_id = f"{kind}:{layer.unique_id}" if layer is not None else kind

    def plan() -> list[Cutout]:
        bounds = np.concatenate([outline.min(axis=0), outline.max(axis=0)])
        masked = not is_aligned(outline)
        return [
            snapshot.cutout(
                bounds.tolist(),
                outline,
                plane=plane,
                masked=masked,
                shape_id=shape_id,
                longest=longest,
            )
        ]

    return plan


def _corners(y0: float, x0: float, y1: float, x1: float) -> Floats:
    return np.array([[y0, x0], [y0, x1], [y1, x1], [y1, x0]], float)
