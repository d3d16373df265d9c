"""Brings an answer back into the viewer: its image, slice, region, and where the model looked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from napari.layers import Image, Labels, Layer, Shapes

from ..regions import Placement, Region
from ..results import Answer, Word
from .geometry import RegionChoice
from .overlays import OverlayStyle, hide_overlays, show_overlay, show_word
from .preferences import Preferences
from .region_shapes import shape_index
from .region_view import ViewState
from .transforms import PlaneTransform

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from .handler_layers import LayerLists

__all__ = ["bring_back", "clear_overlay", "image_of", "point_out", "point_out_word", "style_of"]


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


def point_out_word(viewer: Viewer, answer: Answer, word: Word | None) -> None:
    """Show where the model looked for one word; None: for the whole answer."""
    show_word(viewer, answer, word)


def image_of(viewer: Viewer, region: Region) -> Image | None:
    """Return the image a region lies on, if the viewer still has it."""
    reference = region.placement.layer if region.placement is not None else None
    layer = reference() if reference is not None else None
    return layer if isinstance(layer, Image) and layer in viewer.layers else None


def bring_back(viewer: Viewer, regions: Sequence[Region], layers: LayerLists | None = None) -> bool:
    """Show the slice of regions, select their shapes and choose them in the panel.

    Parameters
    ----------
    layers : LayerLists, optional
        The panel's lists; without them selection and choice stay as they are.

    Returns
    -------
    bool
        False if the image is no longer there; nothing is changed then.
    """
    image = image_of(viewer, regions[0]) if regions else None
    if image is None or regions[0].placement is None:
        return False
    _go_to(viewer, image, regions[0].placement)
    if layers is None:
        return True
    ids = [region.placement.shape_id for region in regions if region.placement is not None]
    choice, drawn = _find_drawn(viewer, ids)
    if choice is not None:
        layers.show(image, choice, drawn)
    return True


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
            found = {shape_index(layer, each) for each in ids} - {None}
            if found:
                layer.selected_data = found
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
