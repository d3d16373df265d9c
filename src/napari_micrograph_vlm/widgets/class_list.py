"""The class names to choose between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QGuiApplication, QKeyEvent, QKeySequence
from qtpy.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from .panel import button

__all__ = ["ClassList"]

_OWN = "My own list"


class _Names(QListWidget):
    """A list that takes many lines from the clipboard."""

    pasted = Signal(str)
    delete_pressed = Signal()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802 - Qt's name
        if event is not None and event.matches(QKeySequence.StandardKey.Paste):
            clipboard = QGuiApplication.clipboard()
            self.pasted.emit(clipboard.text() if clipboard is not None else "")
        elif event is not None and event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.delete_pressed.emit()
        else:
            super().keyPressEvent(event)


class ClassList(QWidget):
    """An editable list with a few lists to start from.

    Signals
    -------
    changed()
        The names are others than before.
    """

    changed = Signal()

    def __init__(self, presets: Mapping[str, Sequence[str]]) -> None:
        super().__init__()
        self._presets = {name: tuple(names) for name, names in presets.items()}
        self.preset = QComboBox()
        self.preset.setToolTip("Start from a list of class names")
        self.preset.addItems([*self._presets, _OWN])
        self.names = _Names()
        self.names.setToolTip(
            "Double-click a name to edit it; paste many at once, one on each line"
        )
        self.names.setAccessibleName("Class names")
        self.names.setFixedHeight(128)
        self.names.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.entry = QLineEdit()
        self.entry.setPlaceholderText("New class name")
        self.entry.setToolTip("Write a class name and press return")
        self.add = button("Add", "Add this name to the list")
        self.remove = button("Remove", "Remove the selected names (delete)")
        row = QHBoxLayout()
        row.addWidget(self.entry, 1)
        row.addWidget(self.add)
        row.addWidget(self.remove)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        for part in (self.preset, self.names):
            column.addWidget(part)
        column.addLayout(row)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.preset.activated.connect(self._use_preset)
        self.entry.returnPressed.connect(self._add_entry)
        self.add.clicked.connect(self._add_entry)
        self.remove.clicked.connect(self._remove_selected)
        self.names.delete_pressed.connect(self._remove_selected)
        self.names.pasted.connect(self.add_lines)
        self.names.itemChanged.connect(self._edited)
        self._use_preset()

    @property
    def labels(self) -> tuple[str, ...]:
        """The names, from top to bottom."""
        rows = (self.names.item(i) for i in range(self.names.count()))
        texts = (item.text().strip() for item in rows if item is not None)
        return tuple(text for text in texts if text)

    def set_labels(self, labels: Sequence[str]) -> None:
        """Show these names instead."""
        self.names.blockSignals(True)
        self.names.clear()
        for label in labels:
            self._append(label)
        self.names.blockSignals(False)
        self.changed.emit()

    def add_lines(self, text: str) -> None:
        """Add every line of ``text`` that is not in the list yet."""
        self.names.blockSignals(True)
        known = {label.casefold() for label in self.labels}
        for line in text.replace("\t", "\n").splitlines():
            name = line.strip().strip(",;").strip()
            if name and name.casefold() not in known:
                known.add(name.casefold())
                self._append(name)
        self.names.blockSignals(False)
        self._edited()

    def _append(self, label: str) -> None:
        item = QListWidgetItem(label)
        item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
        self.names.addItem(item)

    def _add_entry(self) -> None:
        self.add_lines(self.entry.text())
        self.entry.clear()

    def _remove_selected(self) -> None:
        for item in self.names.selectedItems():
            self.names.takeItem(self.names.row(item))
        self._edited()

    def _use_preset(self) -> None:
        names = self._presets.get(self.preset.currentText())
        if names is not None:
            self.set_labels(names)

    def _edited(self) -> None:
        self.preset.setCurrentText(_OWN)
        self.changed.emit()
