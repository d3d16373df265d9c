"""Layers that show where the model looked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from napari.layers import Image, Layer

from ..errors import RegionError
from ..regions import Placement, Region
from ..results import Answer, Classification, Word
from .overlay_follow import follow
from .overlay_identity import (
    METADATA_KEY,
    OverlayMetadata,
    key_of,
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
    """Show where the model looked, one layer for each region.

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
        The overlay layers, in the order of the regions.

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
    question = question_of(result)
    keys = {key_of(question, r) for r in result.regions if r.placement is not None}
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
    placed = [
        (region, attention, called, _image_of(viewer, region.placement))
        for region, attention, called in zip(
            result.regions, result.attention, places_of(result), strict=True
        )
        if region.placement is not None
    ]
    present = {layer.metadata[METADATA_KEY]["key"]: layer for layer in overlays_of(viewer)}
    shown = []
    for region, attention, called, image in placed:
        metadata = metadata_of(result, region, attention, word, called)
        data = data_of(region, attention, image.ndim)
        place = place_of(image, region, data)
        old = present.get(metadata["key"])
        if old is not None:
            update_layer(old, data, place, metadata, attention, style)
            follow(viewer, old, image, region)
            shown.append(old)
            continue
        layer = new_layer(data, place, metadata, attention, style or _preferred_style())
        insert_above(viewer, layer, image, region)
        present[metadata["key"]] = layer
        shown.append(layer)
    return shown


def _preferred_style() -> OverlayStyle:
    chosen = read_preferences()
    return OverlayStyle(colormap=chosen.colormap, opacity=chosen.opacity)


def _image_of(viewer: ViewerModel, placement: Placement | None) -> Image:
    image = placement.layer() if placement is not None and placement.layer is not None else None
    if image is None or image not in viewer.layers:
        raise RegionError(
            "The image that was asked about is no longer in the viewer; add it again and repeat "
            "the question."
        )
    assert placement is not None
    if image.ndim != len(placement.plane) + 2 or not same_data(image, placement):
        raise RegionError(
            f"“{image.name}” now holds other data than was asked about; repeat the question."
        )
    return image


def insert_above(viewer: ViewerModel, layer: Image, image: Image, region: Region) -> None:
    """Add an overlay right above its image and its other overlays; it follows the image.

    Drawn shapes stay on top and can be clicked; what was selected stays selected.
    """
    index = int(viewer.layers.index(image)) + 1
    while index < len(viewer.layers) and is_overlay(viewer.layers[index]):
        index += 1
    with selection_kept(viewer):
        viewer.layers.insert(index, layer)
    follow(viewer, layer, image, region)


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
