"""Frames of arrays and files shown as one stack of their own."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..frames.choosing import name_together
from ..regions import Placement, Region
from .region_window import data_kept

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["are_loose_frames", "on_own_stack"]

_SHOWN = "micrograph_vlm_frames"


def are_loose_frames(regions: Sequence[Region]) -> bool:
    """Whether regions are frames of one window that lie on no layer yet."""
    return (
        len(regions) > 1
        and all(one.label for one in regions)
        and all(one.placement is None or one.placement.layer is None for one in regions)
        and len({(one.box, one.pixels.shape) for one in regions}) == 1
    )


def on_own_stack(viewer: ViewerModel, regions: Sequence[Region]) -> tuple[Region, ...]:
    """Show frames as one image layer, in their order, and place them on it."""
    pixels = np.stack([one.pixels for one in regions])
    known = tuple(one.label for one in regions), regions[0].source, regions[0].box
    image = next(
        (
            layer
            for layer in viewer.layers
            if layer.metadata.get(_SHOWN) == known and np.array_equal(layer.data, pixels)
        ),
        None,
    )
    if image is None:
        added = viewer.add_image(**_layer_arguments(pixels, regions), metadata={_SHOWN: known})
        image = viewer.layers[viewer.layers.index(added)]
    height, width = pixels.shape[1:3]
    outline = np.array([[0, 0], [0, width], [height, width], [height, 0]]) - 0.5
    layer, kept = weakref.ref(image), data_kept(image)
    return tuple(
        replace(
            one,
            box=(0, 0, height, width),
            placement=Placement((1, 2), (number,), outline, layer, **kept),
        )
        for number, one in enumerate(regions)
    )


def _layer_arguments(pixels: Any, regions: Sequence[Region]) -> dict[str, Any]:
    first = regions[0]
    size = np.array(first.pixel_size or (1.0, 1.0))
    steps = np.array(first.shape) / pixels.shape[1:3]
    start = (np.array(first.box[:2]) - 0.5 + steps / 2) * size
    return {
        "data": pixels,
        "name": f"{first.source} ({name_together([one.label for one in regions])})",
        "rgb": first.is_rgb,
        "contrast_limits": (0.0, 1.0),
        "scale": (1.0, *(size * steps)),
        "translate": (0.0, *start),
        "units": ("pixel", first.unit, first.unit),
    }
