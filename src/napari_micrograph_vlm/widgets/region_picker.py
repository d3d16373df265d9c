"""Which image, and which part of it."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QGridLayout, QLabel, QSizePolicy, QWidget

from .panel import button, plain_tip

__all__ = ["RegionPicker"]

Item = tuple[str, str]
"""A key, which means nothing here, and the text to show for it."""


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
        self.images = _combo("The image to look at")
        self.pin = button("Pin", "Keep this image, whichever layer is active")
        self.pin.setCheckable(True)
        self.pin.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.choices = _combo("Which part of the image to look at")
        self.drawn = _combo("The layer whose shapes or labels mark the region")
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
        return str(self.images.currentData() or "")

    @property
    def choice(self) -> str:
        """Key of the chosen kind of region."""
        return str(self.choices.currentData() or "")

    @property
    def drawn_key(self) -> str:
        """Key of the chosen drawn layer; empty where there is none."""
        return str(self.drawn.currentData() or "")

    @property
    def pinned(self) -> bool:
        """Whether the image stays when another layer becomes active."""
        return bool(self.pin.isChecked())

    def set_images(self, items: Sequence[Item], current: str = "") -> None:
        """List the images; ``current`` is chosen where it is among them."""
        _fill(self.images, items, current or self.image_key)
        self.images.setPlaceholderText("" if items else "no image is open")
        self.images.setEnabled(bool(items))
        self.pin.setEnabled(bool(items))

    def set_choices(self, items: Sequence[Item], current: str = "") -> None:
        """List the kinds of region."""
        _fill(self.choices, items, current or self.choice)

    def set_drawn(self, items: Sequence[Item], current: str = "") -> None:
        """List the layers that regions can be drawn in."""
        _fill(self.drawn, items, current or self.drawn_key)
        self.drawn.setPlaceholderText("" if items else "no such layer: add one")
        self.drawn.setEnabled(bool(items))

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


def _combo(tip: str) -> QComboBox:
    combo = QComboBox()
    combo.setToolTip(tip)
    # A long file name must not widen the dock.
    combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    combo.setMinimumContentsLength(8)
    combo.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return combo


def _fill(combo: QComboBox, items: Sequence[Item], current: str) -> None:
    combo.blockSignals(True)
    combo.clear()
    for key, text in items:
        combo.addItem(text, key)
        combo.setItemData(combo.count() - 1, plain_tip(text), Qt.ItemDataRole.ToolTipRole)
    index = combo.findData(current)
    combo.setCurrentIndex(index if index >= 0 else (0 if items else -1))
    combo.blockSignals(False)
