"""Layers that show where the model looked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels, Layer

from ..errors import RegionError
from ..regions import Placement, Region
from ..results import Answer, Classification, Word
from .overlay_follow import follow
from .overlay_frames import FrameMaps, Group, groups_of, number_along
from .overlay_identity import (
    MEASURED_KEY,
    METADATA_KEY,
    OverlayMetadata,
    metadata_of,
    places_of,
    question_of,
)
from .overlay_layer import OverlayStyle, data_of, new_layer, place_of, update_layer
from .preferences import read_preferences
from .region_view import unwrapped
from .region_window import same_data

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = [
    "OverlayMetadata",
    "OverlayStyle",
    "hide_overlays",
    "image_under",
    "insert_above",
    "is_overlay",
    "overlay_named",
    "overlays_of",
    "remove_overlays",
    "selection_kept",
    "show_overlay",
    "show_word",
]


def show_overlay(
    viewer: ViewerModel, result: Answer | Classification, style: OverlayStyle | None = None
) -> list[Image]:
    """Show where the model looked, one layer for each region, and one for all frames of a stack.

    A layer that shows the same question about the same place is updated instead of adding
    another. Selection, camera and sliders stay as they are. From then on a layer follows its
    image when that is scaled or moved.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        The viewer that holds the image layers.
    result : Answer or Classification
        Its regions without a placement (from files and arrays) are left out.
    style : OverlayStyle, optional
        Without it new layers look as set in the preferences, and updated ones keep their look.

    Returns
    -------
    list of napari.layers.Image
        The overlay layers, in the order of the regions. That of a stack's frames shows in each
        slice the map of that frame, and nothing in slices that were not looked at.

    Raises
    ------
    RegionError
        If an image layer has been removed or holds other data since.
    """
    return _show(viewer, result, None, style)


def show_word(viewer: ViewerModel, answer: Answer, word: Word | None) -> list[Image]:
    """Show the map of one word, or with None of the whole answer, on the same layers.

    Raises
    ------
    RegionError
        As :func:`show_overlay`.
    """
    if word is None:
        return _show(viewer, answer, None, None)
    text = answer.text[word.start : word.stop]
    return _show(viewer, answer.at_word(word), text, None)


def overlays_of(viewer: ViewerModel, result: Answer | Classification | None = None) -> list[Image]:
    """Return the overlay layers of one result, or all overlays of the viewer."""
    layers = [layer for layer in viewer.layers if is_overlay(layer)]
    if result is None:
        return layers
    keys = {group.key for group in groups_of(result, question_of(result))}
    return [layer for layer in layers if layer.metadata[METADATA_KEY]["key"] in keys]


def hide_overlays(viewer: ViewerModel, result: Answer | Classification | None = None) -> None:
    """Make the overlays of one result, or all, invisible; showing them again brings them back."""
    for layer in overlays_of(viewer, result):
        layer.visible = False


def remove_overlays(viewer: ViewerModel, result: Answer | Classification | None = None) -> None:
    """Remove the overlays of one result, or all."""
    for layer in overlays_of(viewer, result):
        viewer.layers.remove(layer)


def is_overlay(layer: Layer) -> bool:
    """Whether a layer is one of these overlays and no micrograph."""
    return isinstance(layer, Image) and METADATA_KEY in layer.metadata


def _show(
    viewer: ViewerModel,
    result: Answer | Classification,
    word: str | None,
    style: OverlayStyle | None,
) -> list[Image]:
    viewer = unwrapped(viewer)
    names = places_of(result)
    groups = groups_of(result, question_of(result))
    images = [image_under(viewer, result.regions[group.rows[0]].placement) for group in groups]
    present = {layer.metadata[METADATA_KEY]["key"]: layer for layer in overlays_of(viewer)}
    shown = []
    for group, image in zip(groups, images, strict=True):
        region = result.regions[group.rows[0]]
        # The one that singles out most tells whether there is anything to see at all.
        attention = max((result.attention[row] for row in group.rows), key=lambda one: one.focus)
        metadata = metadata_of(result, region, attention, word, group.place or names[group.rows[0]])
        metadata["key"] = group.key
        data = _data_of(result, group, image.ndim)
        place = place_of(image, region, data)
        old = present.get(group.key)
        if old is not None:
            update_layer(old, data, place, metadata, attention, style)
            follow(viewer, old, image, region)
            shown.append(old)
            continue
        layer = new_layer(data, place, metadata, attention, style or _preferred_style())
        insert_above(viewer, layer, image, region)
        present[group.key] = layer
        shown.append(layer)
    return shown


def _data_of(result: Answer | Classification, group: Group, ndim: int) -> Any:
    """Return the picture of a map, or the pictures of a stack's frames."""
    pictures = [data_of(result.regions[row], result.attention[row], ndim) for row in group.rows]
    if group.axis is None:
        return pictures[0]
    numbers = [number_along(result.regions[row], group.axis) for row in group.rows]
    return FrameMaps(dict(zip(numbers, pictures, strict=True)), group.axis)


def _preferred_style() -> OverlayStyle:
    chosen = read_preferences()
    return OverlayStyle(colormap=chosen.colormap, opacity=chosen.opacity)


def image_under(
    viewer: ViewerModel, placement: Placement | None, done: str = "asked about"
) -> Image:
    """Return the image that a region was cut from.

    Parameters
    ----------
    done : str
        What was done with it, as the errors say it.

    Raises
    ------
    RegionError
        If it is no longer in the viewer, or holds other data.
    """
    image = placement.layer() if placement is not None and placement.layer is not None else None
    if placement is None or not isinstance(image, Image) or image not in viewer.layers:
        raise RegionError(
            f"The image that was {done} is no longer in the viewer; add it again and repeat "
            "the question."
        )
    if image.ndim != len(placement.plane) + 2 or not same_data(image, placement):
        raise RegionError(
            f"“{image.name}” now holds other data than was {done}; repeat the question."
        )
    return image


def insert_above(viewer: ViewerModel, layer: Image | Labels, image: Image, region: Region) -> None:
    """Add a layer right above its image and what else lies on it; it follows the image.

    Drawn shapes stay on top and can be clicked; what was selected stays selected.
    """
    index = int(viewer.layers.index(image)) + 1
    while index < len(viewer.layers) and _lies_on(viewer.layers[index]):
        index += 1
    with selection_kept(viewer):
        viewer.layers.insert(index, layer)
    follow(viewer, layer, image, region)


def _lies_on(layer: Layer) -> bool:
    return METADATA_KEY in layer.metadata or MEASURED_KEY in layer.metadata


def overlay_named(viewer: ViewerModel, key: str) -> Image | None:
    """Return the overlay with a key, if there is one."""
    for layer in viewer.layers:
        if is_overlay(layer) and layer.metadata[METADATA_KEY]["key"] == key:
            found: Image = layer
            return found
    return None


@contextmanager
def selection_kept(viewer: ViewerModel) -> Iterator[None]:
    """Keep what the user had selected, so that drawing goes on where it was.

    A new layer is made active by napari; nobody is told, since it is undone at once. Telling
    would end a shape that is being drawn, and costs as much as adding the layer.
    """
    selection = viewer.layers.selection
    active, chosen = selection.active, set(selection)
    with selection.events.blocker_all():
        yield
        selection.active = active
        selection.update(chosen)
        selection.intersection_update(chosen)
