"""The layer that shows what differs from a reference."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from napari.utils import Colormap

from ..finding.difference import Difference
from .geometry import overlay_kwargs
from .handler_show import image_of
from .overlay_follow import follow
from .overlay_identity import METADATA_KEY
from .overlays import is_overlay, selection_kept

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["NAME", "difference_map", "difference_of", "show_difference"]

NAME = "difference"

DARKER, BRIGHTER = (0.0, 0.447, 0.698), (0.902, 0.624, 0.0)
"""Okabe and Ito's blue and orange, told apart by everyone."""

_CLEAR, _FULL = 0.12, 0.7
"""Shares of the limit at which colour begins and is complete."""


def show_difference(viewer: Viewer, found: Difference) -> Image | None:
    """Show a difference exactly on its region, in place of the one shown there before.

    Returns
    -------
    napari.layers.Image or None
        The layer; None where the region's image is gone or holds other data.
    """
    region = found.region
    image = image_of(viewer, region)
    if image is None or region.placement is None:
        return None
    placement = region.placement
    old = difference_of(viewer, image)
    if old is not None:
        viewer.layers.remove(old)
    values = found.values.T if placement.axes[0] > placement.axes[1] else found.values
    hidden = tuple(axis for axis in range(image.ndim) if axis not in placement.axes)
    layer = Image(
        np.ascontiguousarray(np.expand_dims(values, hidden)),
        name=NAME,
        colormap=difference_map(),
        contrast_limits=found.limits,
        blending="translucent",
        metadata={METADATA_KEY: _metadata(image, found)},
        **overlay_kwargs(image, placement, region.box, found.values.shape),
    )
    index = int(viewer.layers.index(image)) + 1
    while index < len(viewer.layers) and is_overlay(viewer.layers[index]):
        index += 1
    with selection_kept(viewer):
        viewer.layers.insert(index, layer)
    follow(viewer, layer, image, region)
    return layer


def difference_of(viewer: Viewer, image: Image) -> Image | None:
    """Return the difference that is shown on an image, if there is one."""
    for layer in viewer.layers:
        if isinstance(layer, Image) and is_overlay(layer):
            metadata = layer.metadata[METADATA_KEY]
            if metadata["key"] == f"difference|{image.unique_id}":
                return layer
    return None


@lru_cache(maxsize=1)
def difference_map() -> Colormap:
    """Return blue for darker, orange for brighter, and nothing where both are alike."""
    values = np.linspace(-1, 1, 257)
    colours = np.where(values[:, None] < 0, DARKER, BRIGHTER)
    ramp = np.clip((np.abs(values) - _CLEAR) / (_FULL - _CLEAR), 0, 1)
    alpha = ramp * ramp * (3 - 2 * ramp)
    return Colormap(
        np.column_stack([colours, 0.85 * alpha]),
        name="darker blue, brighter orange",
        display_name="darker blue, brighter orange",
        nan_color=np.zeros(4),
    )


def _metadata(image: Image, found: Difference) -> dict[str, Any]:
    return {
        "key": f"difference|{image.unique_id}",
        "question": NAME,
        "answer": str(found),
        "place": "",
        "word": None,
        "model": "",
        "method": NAME,
        "focus": 1.0,
        "region": found.region.to_dict(),
    }
