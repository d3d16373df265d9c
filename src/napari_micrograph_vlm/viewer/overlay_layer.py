"""One overlay layer: made anew, or brought up to date in place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Image, Layer

from ..regions import Placement, Region
from ..results import AttentionMap
from .geometry import overlay_kwargs
from .overlay_identity import METADATA_KEY, OverlayMetadata, name_of
from .overlay_picture import fading_colormap, smooth_map

__all__ = [
    "OverlayStyle",
    "data_of",
    "data_on",
    "move_layer",
    "new_layer",
    "place_of",
    "update_layer",
]


@dataclass(frozen=True)
class OverlayStyle:
    """How overlays look.

    Attributes
    ----------
    colormap : str
        Name of a napari colour map; it fades to transparent where attention is low.
    opacity : float
        Of the overlay layer, 0 to 1.
    blending : str
        napari's blending mode.
    """

    colormap: str = "magma"
    opacity: float = 0.6
    blending: str = "translucent"


def new_layer(
    data: Any,
    place: dict[str, Any],
    metadata: OverlayMetadata,
    attention: AttentionMap,
    style: OverlayStyle,
) -> Image:
    """Return a layer that is not in a viewer yet."""
    return Image(
        data,
        name=name_of(metadata, attention),
        colormap=fading_colormap(style.colormap),
        contrast_limits=(0.0, 1.0),
        opacity=style.opacity,
        blending=style.blending,
        interpolation2d="linear",
        metadata={METADATA_KEY: metadata},
        **place,
    )


def update_layer(
    layer: Image,
    data: Any,
    place: dict[str, Any],
    metadata: OverlayMetadata,
    attention: AttentionMap,
    style: OverlayStyle | None,
) -> None:
    """Show another map; without a style the layer keeps what the user made of it."""
    if layer.data.shape == data.shape and np.allclose(layer.scale, place["scale"]):
        # Written in place: napari then only uploads it again, without new extents and sliders.
        layer.data[...] = data
        layer.refresh(extent=False)
    else:
        layer.data = data
    move_layer(layer, place)
    layer.metadata[METADATA_KEY] = metadata
    name = name_of(metadata, attention)
    if layer.name != name:
        layer.name = name
    if style is not None:
        layer.colormap = fading_colormap(style.colormap)
        layer.opacity = style.opacity
        layer.blending = style.blending
    if not layer.visible:
        layer.visible = True


def move_layer(layer: Layer, place: dict[str, Any]) -> None:
    """Set what differs: each change makes napari compute extents and sliders again."""
    for name, value in place.items():
        if not np.array_equal(np.asarray(getattr(layer, name)), np.asarray(value)):
            setattr(layer, name, value)


def data_of(region: Region, attention: AttentionMap, ndim: int) -> Any:
    """Return the picture of a map with as many axes as its image layer."""
    assert region.placement is not None
    return data_on(smooth_map(attention, region.mask), region.placement, ndim)


def data_on(picture: Any, placement: Placement, ndim: int) -> Any:
    """Return a picture of a region as the data of a layer that lies on its image.

    Parameters
    ----------
    picture : (h, w) array
        Rows and columns of the region.
    ndim : int
        Axes of the image layer.

    Returns
    -------
    array of ``ndim`` axes
        The picture along the placement's axes, length 1 along all others.
    """
    if placement.axes[0] > placement.axes[1]:
        picture = picture.T
    hidden = tuple(axis for axis in range(ndim) if axis not in placement.axes)
    return np.ascontiguousarray(np.expand_dims(picture, hidden))


def place_of(image: Image, region: Region, data: Any) -> dict[str, Any]:
    """Return where ``data`` must lie on the image layer."""
    placement = region.placement
    assert placement is not None
    rows, columns = placement.axes
    return overlay_kwargs(image, placement, region.box, (data.shape[rows], data.shape[columns]))
