"""Which image, and which part of it."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QGridLayout, QLabel, QSizePolicy, QWidget

from .boxes import Item, narrow_box, offer, value_of
from .panel import button

__all__ = ["RegionPicker"]


class RegionPicker(QWidget):
    """Three drop-down lists: image, region, and the layer the region is drawn in.

    Signals
    -------
    changed()
        The user chose something else.
    pin_toggled(bool)
        The user pinned the image, or let it follow the active layer again.
    """

    changed = Signal()
    pin_toggled = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self.images = narrow_box("The image to look at")
        self.pin = button("Pin", "Keep this image, whichever layer is active")
        self.pin.setCheckable(True)
        self.pin.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.choices = narrow_box("Which part of the image to look at")
        self.drawn = narrow_box("The layer whose shapes or labels mark the region")
        self._drawn_label = QLabel("Drawn in")
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(6)
        grid.setColumnStretch(1, 1)
        grid.addWidget(QLabel("Image"), 0, 0)
        grid.addWidget(self.images, 0, 1)
        grid.addWidget(self.pin, 0, 2)
        grid.addWidget(QLabel("Look at"), 1, 0)
        grid.addWidget(self.choices, 1, 1, 1, 2)
        grid.addWidget(self._drawn_label, 2, 0)
        grid.addWidget(self.drawn, 2, 1, 1, 2)
        self.images.activated.connect(self._image_chosen)
        self.choices.activated.connect(self.changed)
        self.drawn.activated.connect(self.changed)
        self.pin.toggled.connect(self._show_pin)
        self.pin.clicked.connect(self.pin_toggled)
        self.show_drawn(False)

    @property
    def image_key(self) -> str:
        """Key of the chosen image; empty where there is none."""
        return value_of(self.images)

    @property
    def choice(self) -> str:
        """Key of the chosen kind of region."""
        return value_of(self.choices)

    @property
    def drawn_key(self) -> str:
        """Key of the chosen drawn layer; empty where there is none."""
        return value_of(self.drawn)

    @property
    def pinned(self) -> bool:
        """Whether the image stays when another layer becomes active."""
        return bool(self.pin.isChecked())

    def set_images(self, items: Sequence[Item], current: str = "") -> None:
        """List the images; ``current`` is chosen where it is among them."""
        offer(self.images, items, current or None, nothing="no image is open")
        self.pin.setEnabled(bool(items))

    def set_choices(self, items: Sequence[Item], current: str = "") -> None:
        """List the kinds of region."""
        offer(self.choices, items, current or None)

    def set_drawn(self, items: Sequence[Item], current: str = "") -> None:
        """List the layers that regions can be drawn in."""
        offer(self.drawn, items, current or None, nothing="no such layer: add one")

    def show_drawn(self, visible: bool) -> None:
        """Show the drawn layer only where the kind of region needs one."""
        self.drawn.setVisible(visible)
        self._drawn_label.setVisible(visible)

    def _image_chosen(self) -> None:
        # Whoever chooses an image by hand wants to keep it.
        if not self.pin.isChecked():
            self.pin.setChecked(True)
            self.pin_toggled.emit(True)
        self.changed.emit()

    def _show_pin(self, pinned: bool) -> None:
        self.pin.setText("Pinned" if pinned else "Pin")
