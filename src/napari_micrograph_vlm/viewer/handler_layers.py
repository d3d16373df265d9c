"""Keeps the lists of layers in a region picker in step with the viewer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels, Layer, Shapes
from qtpy.QtCore import QObject, Signal

from .geometry import RegionChoice
from .item_frame import is_frame
from .overlays import is_overlay

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from ..widgets.region_picker import RegionPicker
    from .handler_connections import Connections

__all__ = ["LayerLists", "choices"]

_CHOICES = {
    RegionChoice.WHOLE_LAYER: "Whole image",
    RegionChoice.SELECTED_SHAPES: "Selected shapes",
    RegionChoice.EVERY_SHAPE: "Every shape",
    RegionChoice.SELECTED_LABEL: "Selected label",
    RegionChoice.CURRENT_VIEW: "What is in view",
}

_DRAWN: dict[RegionChoice, type[Layer]] = {
    RegionChoice.SELECTED_SHAPES: Shapes,
    RegionChoice.EVERY_SHAPE: Shapes,
    RegionChoice.SELECTED_LABEL: Labels,
}
"""The kind of layer that a kind of region is drawn in."""


def choices() -> list[tuple[str, str]]:
    """Return every kind of region with the words for it."""
    return [(choice.value, text) for choice, text in _CHOICES.items()]


class LayerLists(QObject):
    """Fills the drop-down lists and follows the active layer until the user pins an image.

    Signals
    -------
    changed()
        Another image, drawn layer or kind of region is chosen.
    """

    changed = Signal()

    def __init__(
        self,
        picker: RegionPicker,
        viewer: Viewer,
        connections: Connections,
        shapes_choice: RegionChoice,
    ) -> None:
        super().__init__()
        self._picker = picker
        self._viewer = viewer
        self._shapes_choice = shapes_choice
        self._chosen_by_hand = False
        picker.set_choices(choices(), RegionChoice.WHOLE_LAYER.value)
        connections.add(picker.changed, self._picked)
        connections.add(picker.choices.activated, self._choice_picked)
        connections.add(picker.pin_toggled, self._pin_toggled)
        layers = viewer.layers
        for event in (layers.events.inserted, layers.events.removed, layers.events.reordered):
            connections.listen(event, self.update)
        connections.listen(layers.selection.events.active, self._active_changed)
        connections.listen(layers.events.renamed, self.update)
        self._choose_drawn(next((each for each in layers if _has_selection(each)), None))
        self._active_changed()

    @property
    def choice(self) -> RegionChoice:
        """The chosen kind of region."""
        return RegionChoice(self._picker.choice)

    @property
    def image(self) -> Image | None:
        """The chosen image."""
        layer = self._find(self._picker.image_key)
        return layer if isinstance(layer, Image) else None

    @property
    def drawn(self) -> Shapes | Labels | None:
        """The layer that the region is drawn in, where the kind of region needs one."""
        if self.choice not in _DRAWN:
            return None
        layer = self._find(self._picker.drawn_key)
        return layer if isinstance(layer, Shapes | Labels) else None

    def show(self, image: Layer, choice: RegionChoice, drawn: Layer | None) -> None:
        """Choose an image and a region as if the user had."""
        self._picker.set_choices(choices(), choice.value)
        self._fill(image=image, drawn=drawn)
        self.changed.emit()

    def update(self, event: Any = None) -> None:
        """List the layers there are now."""
        before = self._state()
        kind = _DRAWN.get(self.choice)
        if kind is not None and not any(
            isinstance(each, kind) and not is_frame(each) for each in self._viewer.layers
        ):
            # Nothing is left to draw in, so the next drawing may choose again.
            self._chosen_by_hand = False
            self._picker.set_choices(choices(), RegionChoice.WHOLE_LAYER.value)
        self._fill()
        if self._picker.pinned and self._picker.image_key != before[0]:
            self._picker.pin.setChecked(False)  # the pinned image is gone
        if before != self._state():
            self.changed.emit()

    def _fill(self, image: Layer | None = None, drawn: Layer | None = None) -> None:
        images = [layer for layer in self._viewer.layers if is_micrograph(layer)]
        # The topmost image is what the user sees, so it comes first.
        self._picker.set_images(_items(reversed(images)), _key(image))
        kind = _DRAWN.get(self.choice)
        self._picker.show_drawn(kind is not None)
        if kind is not None:
            fitting = [
                layer
                for layer in self._viewer.layers
                if isinstance(layer, kind) and not is_frame(layer)
            ]
            self._picker.set_drawn(_items(reversed(fitting)), _key(drawn))

    def _picked(self) -> None:
        self._fill()
        self.changed.emit()

    def _choice_picked(self) -> None:
        self._chosen_by_hand = True

    def _pin_toggled(self, pinned: bool) -> None:
        if not pinned:
            self._active_changed()

    def _active_changed(self, event: Any = None) -> None:
        before = self._state()
        active = self._viewer.layers.selection.active
        image = active if is_micrograph(active) and not self._picker.pinned else None
        drawn = active if isinstance(active, Shapes | Labels) and not is_frame(active) else None
        self._choose_drawn(drawn)
        self._fill(image, drawn)
        if self._state() != before:
            self.changed.emit()

    def _choose_drawn(self, drawn: Layer | None) -> None:
        """Who starts to draw shapes wants to ask about them, unless something else was chosen."""
        # A labels layer is as often somebody's segmentation or ground truth: never by itself.
        if self._chosen_by_hand or not isinstance(drawn, Shapes) or not drawn.visible:
            return
        if _DRAWN.get(self.choice) is not Shapes:
            self._picker.set_choices(choices(), self._shapes_choice.value)

    def _state(self) -> tuple[str, str, str]:
        return self._picker.image_key, self._picker.drawn_key, self._picker.choice

    def _find(self, key: str) -> Layer | None:
        return next((layer for layer in self._viewer.layers if _key(layer) == key), None)


def is_micrograph(layer: Any) -> bool:
    """Whether a layer is an image that one can ask about."""
    return isinstance(layer, Image) and not is_overlay(layer)


def _has_selection(layer: Layer) -> bool:
    return isinstance(layer, Shapes) and len(layer.selected_data) > 0


def _key(layer: Layer | None) -> str:
    return "" if layer is None else str(layer.unique_id)


def _items(layers: Iterable[Layer]) -> list[tuple[str, str]]:
    return [(_key(layer), str(layer.name)) for layer in layers]
