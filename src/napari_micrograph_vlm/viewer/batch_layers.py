"""Keeps the lists of the batch panel in step with the viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels, Layer, Shapes
from qtpy.QtCore import QObject, Signal

from .handler_layers import is_micrograph
from .item_frame import is_frame
from .layer_sources import LookAt

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from ..widgets.batch_source import BatchSource
    from .handler_connections import Connections

__all__ = ["BatchLayers"]


class BatchLayers(QObject):
    """Lists images, the layers drawn on them, and the axes of a stack.

    Signals
    -------
    changed()
        Something else is to be looked at.
    """

    changed = Signal()

    def __init__(self, view: BatchSource, viewer: Viewer, connections: Connections) -> None:
        super().__init__()
        self._view = view
        self._viewer = viewer
        connections.add(view.changed, self._picked)
        layers = viewer.layers
        for event in (layers.events.inserted, layers.events.removed, layers.events.reordered):
            connections.listen(event, self.update)
        connections.listen(layers.events.renamed, self.update)
        active = layers.selection.active
        image = active if is_micrograph(active) else None
        if any(isinstance(layer, Shapes) and not is_frame(layer) for layer in layers):
            kind = LookAt.SHAPES
        elif any(isinstance(layer, Labels) for layer in layers):
            kind = LookAt.OBJECTS
        else:
            images = [layer for layer in layers if is_micrograph(layer)]
            shown = image or (images[-1] if images else None)
            kind = LookAt.SHAPES
            if shown is not None:
                kind = LookAt.SLICES if shown.ndim > 2 else LookAt.TILES
        view.set_kind(str(kind))
        self._fill(image)

    @property
    def look_at(self) -> LookAt:
        """What to go through."""
        return LookAt(self._view.kind)

    @property
    def image(self) -> Image | None:
        """The chosen image."""
        layer = self._find(self._view.image_key)
        return layer if isinstance(layer, Image) else None

    @property
    def drawn(self) -> Shapes | Labels | None:
        """The layer with shapes or objects, where there is to be one."""
        layer = self._find(self._view.drawn_key)
        kind = {LookAt.SHAPES: Shapes, LookAt.OBJECTS: Labels}.get(self.look_at)
        return layer if kind is not None and isinstance(layer, kind) else None

    def update(self, event: Any = None) -> None:
        """List the layers there are now."""
        before = self._view.image_key, self._view.drawn_key
        self._fill()
        if before != (self._view.image_key, self._view.drawn_key) or (
            event is not None and event.type == "renamed"
        ):
            self.changed.emit()

    def _picked(self) -> None:
        self._fill()
        self.changed.emit()

    def _fill(self, image: Layer | None = None) -> None:
        layers = list(reversed(self._viewer.layers))
        self._view.set_images(
            [(_key(one), str(one.name)) for one in layers if is_micrograph(one)],
            "" if image is None else _key(image),
        )
        kind = Labels if self.look_at is LookAt.OBJECTS else Shapes
        self._view.set_drawn(
            [
                (_key(one), str(one.name))
                for one in layers
                if isinstance(one, kind) and not is_frame(one)
            ]
        )
        chosen = self.image
        self._view.set_axes([] if chosen is None else _axes(chosen))

    def _find(self, key: str) -> Layer | None:
        return next((layer for layer in self._viewer.layers if _key(layer) == key), None)


def _axes(image: Image) -> list[tuple[int, str]]:
    """List the axes of a stack with their lengths; a single picture has none."""
    if image.ndim < 3:
        return []
    shape = (image.data[0] if image.multiscale else image.data).shape
    return [
        (axis, f"{_called(str(image.axis_labels[axis]), axis)}: {shape[axis]} slices")
        for axis in range(image.ndim)
    ]


def _called(label: str, axis: int) -> str:
    # What napari calls an axis that has no name, such as "axis -3", helps nobody.
    return f"axis {axis}" if not label or "-" in label else label


def _key(layer: Layer) -> str:
    return str(layer.unique_id)
