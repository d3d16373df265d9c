"""Which frames of a stack or time series to look at together."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QGridLayout, QLabel, QLineEdit, QSpinBox, QWidget

from .boxes import Item, narrow_box, offer, value_of

__all__ = ["FramesBox"]

SHOWN, EVENLY, NAMED = "shown", "evenly", "named"

_MODES = (
    (SHOWN, "Only the slice shown"),
    (EVENLY, "Several, evenly"),
    (NAMED, "These:"),
)
_USUAL, _MOST = 8, 25


class FramesBox(QWidget):
    """A drop-down list, and beside it how many frames, or which, and along which axis.

    It is hidden for images of two axes.

    Signals
    -------
    changed()
        The user wants other frames.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.modes = narrow_box(
            "Ask about one slice, or about several slices or time points at once"
        )
        offer(self.modes, _MODES, SHOWN)
        self.count = QSpinBox()
        self.count.setRange(2, _MOST)
        self.count.setValue(_USUAL)
        self.count.setKeyboardTracking(False)
        self.count.setToolTip(
            "How many frames: evenly spaced, the first and the last among them; fewer are seen "
            "in more detail"
        )
        self.named = QLineEdit()
        self.named.setPlaceholderText("3, 8, 20-40")
        self.named.setToolTip(
            "Which frames, by their slider positions: numbers and ranges; 0-90:10 is every tenth"
        )
        self.axes = narrow_box("The slider that the frames lie along", least=5)
        self._label = QLabel("Frames")
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(6)
        grid.setColumnStretch(1, 2)
        grid.setColumnStretch(2, 1)
        grid.addWidget(self._label, 0, 0)
        grid.addWidget(self.modes, 0, 1)
        grid.addWidget(self.count, 0, 2)
        grid.addWidget(self.named, 0, 2)
        grid.addWidget(self.axes, 1, 1, 1, 2)
        self.modes.activated.connect(self._chosen)
        self.axes.activated.connect(self.changed)
        self.count.valueChanged.connect(self.changed)
        self.named.editingFinished.connect(self.changed)
        self.set_axes(())

    @property
    def mode(self) -> str:
        """``"shown"``, ``"evenly"`` or ``"named"``."""
        return value_of(self.modes)

    @property
    def axis_key(self) -> str:
        """Key of the axis that frames lie along."""
        return value_of(self.axes)

    @property
    def text(self) -> str:
        """Which frames the user wants, as a text."""
        return f"{self.count.value()} evenly" if self.mode == EVENLY else self.named.text()

    def set_axes(self, axes: Sequence[Item]) -> None:
        """List the axes that frames can lie along; without any there are no frames."""
        offer(self.axes, axes)
        self.setVisible(bool(axes))
        self._show_parts()

    def show_frames(self, text: str, axis_key: str = "") -> None:
        """Show frames as if the user had named them; with an empty text only the slice shown."""
        offer(self.modes, _MODES, NAMED if text else SHOWN)
        if text:
            self.named.setText(text)
        if self.axes.findData(axis_key) >= 0:
            self.axes.setCurrentIndex(self.axes.findData(axis_key))
        self._show_parts()

    def _chosen(self) -> None:
        self._show_parts()
        if self.mode == NAMED:
            self.named.setFocus()
        if self.mode != NAMED or self.named.text():
            self.changed.emit()

    def _show_parts(self) -> None:
        self.count.setVisible(self.mode == EVENLY)
        self.named.setVisible(self.mode == NAMED)
        self.axes.setVisible(self.mode != SHOWN and self.axes.count() > 1)
