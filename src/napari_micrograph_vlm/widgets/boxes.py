"""Drop-down lists whose texts have keys, and numbers in per cent."""

from __future__ import annotations

from collections.abc import Iterable

from qtpy.QtCore import QLocale, Qt
from qtpy.QtGui import QValidator
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QSizePolicy

from .panel import plain_tip

__all__ = ["DecimalBox", "Item", "narrow_box", "offer", "percent_box", "value_of"]

Item = tuple[str, str]
"""A key, which means nothing here, and the text to show for it."""


class DecimalBox(QDoubleSpinBox):
    """A box for a number in which both the point and the comma are decimal marks.

    Qt takes one of them, by the computer's language, for a mark of thousands and passes over it:
    0,5 would be 5.
    """

    def __init__(self) -> None:
        super().__init__()
        plain = QLocale.c()
        plain.setNumberOptions(
            QLocale.NumberOption.OmitGroupSeparator | QLocale.NumberOption.RejectGroupSeparator
        )
        self.setLocale(plain)

    def validate(self, text: str | None, place: int) -> tuple[QValidator.State, str, int]:
        """Judge what is typed, with its commas as points."""
        state, _text, place = super().validate((text or "").replace(",", "."), place)
        return state, text or "", place

    def valueFromText(self, text: str | None) -> float:  # noqa: N802 - Qt's name
        """Return the number that was typed."""
        return float(super().valueFromText((text or "").replace(",", ".")))


def narrow_box(tip: str, least: int = 8) -> QComboBox:
    """Return a drop-down list that a long name does not make wider than ``least`` letters."""
    box = QComboBox()
    box.setToolTip(tip)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(least)
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return box


def offer(
    box: QComboBox, items: Iterable[Item], current: str | None = None, *, nothing: str | None = None
) -> None:
    """List (key, text) pairs without telling anybody.

    Parameters
    ----------
    current : str, optional
        The key that is chosen where it is among them, else the first; by default it stays.
    nothing : str, optional
        What is written where there are none; the list is greyed then.
    """
    current = value_of(box) if current is None else current
    box.blockSignals(True)
    box.clear()
    for key, text in items:
        box.addItem(text, key)
        box.setItemData(box.count() - 1, plain_tip(text), Qt.ItemDataRole.ToolTipRole)
    box.setCurrentIndex(max(box.findData(current), 0) if box.count() else -1)
    if nothing is not None:
        box.setPlaceholderText("" if box.count() else nothing)
        box.setEnabled(bool(box.count()))
    box.blockSignals(False)


def value_of(box: QComboBox) -> str:
    """Return the key of the chosen item; empty where there is none."""
    return str(box.currentData() or "")


def percent_box(tip: str) -> QDoubleSpinBox:
    """Return a box for a share, from 0 to 100 %."""
    box = QDoubleSpinBox()
    box.setRange(0, 100)
    box.setDecimals(0)
    box.setSingleStep(5)
    box.setSuffix(" %")
    box.setToolTip(tip)
    return box
