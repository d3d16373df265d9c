"""Brings an answer back into the viewer: its image, slice, region, and where the model looked."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image, Labels, Layer, Shapes

from ..errors import MicrographError
from ..frames.cutouts import are_frames
from ..regions import Placement, Region
from ..results import Answer, Classification, Word
from .geometry import RegionChoice, plan_regions
from .overlays import OverlayStyle, hide_overlays, overlays_of, show_overlay, show_word
from .preferences import Preferences
from .region_shapes import shape_indices
from .region_view import ViewState
from .region_window import same_data
from .transforms import PlaneTransform

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from .handler_layers import LayerLists

__all__ = [
    "Back",
    "bring_back",
    "clear_overlay",
    "frame_shown",
    "go_to_region",
    "image_of",
    "point_out",
    "point_out_word",
    "show_in_turn",
    "style_of",
]


class Back(Enum):
    """How much of an answer's place could be brought back, with a sentence for the user."""

    REGION = ""
    IMAGE = "The region of this answer is gone."
    NOTHING = "The image of this answer is no longer open."


def style_of(preferences: Preferences) -> OverlayStyle:
    """Return how the user wants overlays to look."""
    return OverlayStyle(colormap=preferences.colormap, opacity=preferences.opacity)


def clear_overlay(viewer: Viewer) -> None:
    """Hide every overlay; nothing is lost."""
    hide_overlays(viewer)


def point_out(viewer: Viewer, answer: Answer, preferences: Preferences | None = None) -> None:
    """Show where the model looked for this answer, and hide all other overlays.

    Parameters
    ----------
    preferences : Preferences, optional
        Without them an overlay that exists keeps the look the user gave it.
    """
    hide_overlays(viewer)
    show_overlay(viewer, answer, None if preferences is None else style_of(preferences))


def show_in_turn(
    viewer: Viewer,
    result: Answer | Classification | None,
    style: OverlayStyle | None,
    before: Image | None,
) -> Image | None:
    """Show one overlay, and remove the one that was made for the item before.

    Five hundred items must not fill the layer list with five hundred.

    Returns
    -------
    napari.layers.Image or None
        The overlay, where it was made here: to be given as ``before`` the next time.
    """
    hide_overlays(viewer)
    made: Image | None = None
    if result is not None:
        there = overlays_of(viewer)
        (overlay,) = show_overlay(viewer, result, style)
        made = overlay if overlay is before or overlay not in there else None
    if before is not None and before is not made and before in viewer.layers:
        viewer.layers.remove(before)
    return made


def point_out_word(viewer: Viewer, answer: Answer, word: Word | None) -> None:
    """Show where the model looked for one word; None: for the whole answer."""
    show_word(viewer, answer, word)


def image_of(viewer: Viewer, region: Region) -> Image | None:
    """Return the image a region lies on, if the viewer still has it with the same data."""
    placement = region.placement
    layer = placement.layer() if placement is not None and placement.layer is not None else None
    if placement is None or not isinstance(layer, Image) or layer not in viewer.layers:
        return None
    return layer if same_data(layer, placement) else None


def bring_back(viewer: Viewer, regions: Sequence[Region], layers: LayerLists | None = None) -> Back:
    """Show the slice of regions, select their shapes and choose them in the panel.

    Parameters
    ----------
    layers : LayerLists, optional
        The panel's lists; without them selection, choice and camera stay as they are.

    Returns
    -------
    Back
        ``REGION`` only if a question asked now would be about these regions again.
    """
    image = image_of(viewer, regions[0]) if regions else None
    places = [region.placement for region in regions if region.placement is not None]
    if image is None or not places:
        return Back.NOTHING
    if are_frames(regions):
        places = places[:1]  # one region, followed through its slices
    _go_to(viewer, image, places[0])
    if layers is None:
        return Back.IMAGE
    choice, drawn = _find_drawn(viewer, [place.shape_id for place in places])
    if choice is None:
        return Back.IMAGE
    if choice is RegionChoice.CURRENT_VIEW:
        _look_at(viewer, image, places[0])
    layers.show(image, choice, drawn)
    return Back.REGION if _is_there(viewer, image, choice, drawn, places) else Back.IMAGE


def go_to_region(viewer: Viewer, region: Region) -> None:
    """Move the sliders to the slice of a region, if its image is still there."""
    image = image_of(viewer, region)
    if image is not None and region.placement is not None:
        _go_to(viewer, image, region.placement)


def frame_shown(viewer: Viewer, regions: Sequence[Region]) -> int:
    """Return which of some frames is the slice that the viewer shows; -1: none."""
    image = image_of(viewer, regions[0]) if regions else None
    if image is None or viewer.dims.ndisplay != 2:
        return -1
    try:
        transform = PlaneTransform.of(image, ViewState.of(viewer))
        point = np.asarray(viewer.dims.point, float)[None]
        here = tuple(int(i) for i in transform.planes_at(point)[0])
    except MicrographError:
        return -1
    for number, region in enumerate(regions):
        place = region.placement
        if place is not None and place.axes == transform.axes and place.plane == here:
            return number
    return -1


def _is_there(
    viewer: Viewer,
    image: Image,
    choice: RegionChoice,
    drawn: Layer | None,
    places: Sequence[Placement],
) -> bool:
    """Whether the regions lie where they lay: a layer may have been moved on the other."""
    if choice is RegionChoice.SELECTED_LABEL:
        return True  # to know, all labels would have to be read
    try:
        # With the bar: only outlines are compared, and to find it rows may have to be read.
        cutouts = plan_regions(viewer, image, choice, drawn=drawn, include_bar=True)()
    except MicrographError:
        return False
    now = [cutout.placement for cutout in cutouts if cutout.placement is not None]
    if choice is RegionChoice.CURRENT_VIEW:
        return now[0].plane == places[0].plane  # the window may have another shape now
    return len(now) == len(places) and all(
        new.axes == old.axes
        and new.plane == old.plane
        and new.outline.shape == old.outline.shape
        and np.allclose(new.outline, old.outline, atol=0.01)
        for new, old in zip(now, places, strict=True)
    )


def _look_at(viewer: Viewer, image: Image, placement: Placement) -> None:
    """Move the camera so that the view shows the outline, as large as fits."""
    view = ViewState.of(viewer)
    points = PlaneTransform.of(image, view).to_canvas(placement.outline)
    low, high = points.min(axis=0), points.max(axis=0)
    camera = viewer.scene.camera
    size = np.asarray(viewer.canvas.viewbox_size(viewer.layers), float)
    camera.center = (*camera.center[:-2], *((low + high) / 2).tolist())
    camera.zoom = float((size / np.maximum(high - low, 1e-12)).min())


def _find_drawn(
    viewer: Viewer, ids: Sequence[str | None]
) -> tuple[RegionChoice | None, Layer | None]:
    """Return the kind of region and its layer; None where what was drawn is gone."""
    first = ids[0] or ""
    kind, _, rest = first.partition(":")
    if kind == "layer":
        return RegionChoice.WHOLE_LAYER, None
    if kind == "view":
        return RegionChoice.CURRENT_VIEW, None
    for layer in viewer.layers:
        if isinstance(layer, Shapes):
            found = [i for i in shape_indices(layer, ids) if i is not None]
            if len(found) == len(ids):
                layer.selected_data = set(found)
                return RegionChoice.SELECTED_SHAPES, layer
        if isinstance(layer, Labels) and kind == "label" and str(layer.unique_id) in rest:
            label = rest.rpartition(":")[2]
            if label.isdecimal():
                layer.selected_label = int(label)
            return RegionChoice.SELECTED_LABEL, layer
    return None, None


def _go_to(viewer: Viewer, image: Image, placement: Placement) -> None:
    if viewer.dims.ndisplay != 2:
        viewer.dims.ndisplay = 2
    shift = viewer.dims.ndim - image.ndim
    wanted = tuple(axis + shift for axis in placement.axes)
    if tuple(viewer.dims.order[-2:]) != wanted:
        others = tuple(axis for axis in viewer.dims.order if axis not in wanted)
        viewer.dims.order = (*others, *wanted)
    transform = PlaneTransform.of(image, ViewState.of(viewer))
    if not transform.hidden:
        return
    world = transform.hidden_matrix @ placement.plane + transform.hidden_offset
    for axis, value in zip(transform.hidden_world, world, strict=True):
        viewer.dims.set_point(axis, float(value))
