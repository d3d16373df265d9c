"""Overlays that move with their image."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Layer

from ..regions import Box, Placement, Region
from .geometry import overlay_kwargs
from .overlay_identity import MEASURED_KEY
from .overlay_layer import move_layer
from .region_window import same_data

if TYPE_CHECKING:
    from napari.components import LayerList, ViewerModel

__all__ = ["follow"]

_EVENTS = ("scale", "translate", "rotate", "shear", "affine", "units")

_followers: weakref.WeakKeyDictionary[Layer, _Follower] = weakref.WeakKeyDictionary()


def follow(viewer: ViewerModel, overlay: Layer, image: Image, region: Region) -> None:
    """Keep an overlay on its region when the image is scaled or moved, such as calibrated.

    It ends when either is removed from the viewer; neither is kept alive. Measured objects are
    hidden, not lost, when their image is removed or gets other data.
    """
    old = _followers.pop(overlay, None)
    if old is not None:
        old.stop()
    assert region.placement is not None
    _followers[overlay] = _Follower(viewer.layers, overlay, image, region.placement, region.box)


class _Follower:
    """Listens to one image for one overlay. napari's events hold it weakly, and it the layers."""

    def __init__(
        self, layers: LayerList, overlay: Layer, image: Image, placement: Placement, box: Box
    ) -> None:
        self._layers = weakref.ref(layers)
        self._overlay = weakref.ref(overlay)
        self._image = weakref.ref(image)
        self._placement = placement
        self._box = box
        for name in _EVENTS:
            image.events[name].connect(self._move)
        image.events.data.connect(self._hide)
        layers.events.removed.connect(self._removed)

    def stop(self) -> None:
        """Listen no more."""
        image, layers = self._image(), self._layers()
        if image is not None:
            for name in _EVENTS:
                image.events[name].disconnect(self._move)
            image.events.data.disconnect(self._hide)
        if layers is not None:
            layers.events.removed.disconnect(self._removed)

    def _move(self, event: Any = None) -> None:
        image, overlay, placement = self._image(), self._overlay(), self._placement
        if image is None or overlay is None or not same_data(image, placement):
            return
        rows, columns = (overlay.data.shape[axis] for axis in placement.axes)
        move_layer(overlay, overlay_kwargs(image, placement, self._box, (rows, columns)))

    def _hide(self, event: Any = None) -> None:
        image, overlay = self._image(), self._overlay()
        if image is None or overlay is None or MEASURED_KEY not in overlay.metadata:
            return
        if not same_data(image, self._placement):
            overlay.visible = False

    def _removed(self, event: Any) -> None:
        overlay = self._overlay()
        if event.value is overlay or event.value is self._image():
            self.stop()
            if overlay is not None:
                _followers.pop(overlay, None)
                if event.value is not overlay and MEASURED_KEY in overlay.metadata:
                    overlay.visible = False
