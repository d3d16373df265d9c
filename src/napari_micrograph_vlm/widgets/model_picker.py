"""Small choices: which model, where it runs, and how exact its numbers are."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QWidget

from .boxes import narrow_box, offer, value_of

__all__ = ["ModelPicker", "precision_box"]

_PRECISIONS = (
    ("", "Automatic"),
    ("32-bit", "32 bits: exact, most memory"),
    ("16-bit", "16 bits: as good, half the memory"),
    ("8-bit", "8 bits: a little worse, a quarter"),
    ("4-bit", "4 bits: worse, an eighth"),
)

_PLACES = (
    ("", "Automatic", True),
    ("cuda", "Graphics card", sys.platform != "darwin"),
    ("mps", "Apple graphics processor", sys.platform == "darwin"),
    ("cpu", "Processor", True),
)


class ModelPicker(QWidget):
    """Model, device and precision, for a panel's advanced part.

    Signals
    -------
    picked(str, str)
        The user changed ``"model"``, ``"device"`` or ``"precision"``; the value is empty for the
        default.
    outdated()
        What is shown may not be what is chosen any more; emitted from outside.
    """

    picked = Signal(str, str)
    outdated = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.model = narrow_box("Which model answers; the panel “Models” brings more of them here")
        self.device = narrow_box("Where the model runs")
        self.precision = precision_box()
        offer(self.device, [(name, label) for name, label, there in _PLACES if there])
        rows = QFormLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        for title, kind, box in (
            ("Model", "model", self.model),
            ("Run on", "device", self.device),
            ("Numbers", "precision", self.precision),
        ):
            rows.addRow(title, box)
            box.activated.connect(lambda _, kind=kind, box=box: self._picked(kind, box))

    def show_choice(
        self,
        models: Iterable[tuple[str, str]],
        model: str | None,
        device: str | None,
        precision: str | None,
    ) -> None:
        """Offer models as (name, label) and show what is chosen; None: the default."""
        offer(self.model, models)
        for box, value in (
            (self.model, model),
            (self.device, device),
            (self.precision, precision),
        ):
            _show(box, value or "")

    def _picked(self, kind: str, box: QComboBox) -> None:
        self.picked.emit(kind, value_of(box))


def precision_box() -> QComboBox:
    """Return a box to choose how exact a model's numbers are."""
    box = narrow_box(
        "How exact the model's numbers are; fewer bits need less memory and answer a little worse"
    )
    offer(box, _PRECISIONS)
    return box


def _show(box: QComboBox, value: str) -> None:
    """Choose a value, adding it where it is not offered, such as a folder of one's own."""
    box.blockSignals(True)
    if box.findData(value) < 0:
        box.addItem(value, value)
    box.setCurrentIndex(box.findData(value))
    box.blockSignals(False)
