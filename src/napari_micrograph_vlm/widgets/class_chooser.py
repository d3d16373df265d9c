"""The right class of a region, by a number, a click or a few letters."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QEvent, QObject, QSize, Qt, Signal
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import (
    QAbstractItemView,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from .panel import PlainLabel, plain_tip

__all__ = ["NUMBERED", "ClassChooser"]

NUMBERED = 9
"""How many classes have a number key."""

_SHOWN = 6
_NAME = Qt.ItemDataRole.UserRole


class ClassChooser(QWidget):
    """Lists classes; where there are many, a field finds them by letters.

    Signals
    -------
    chosen(str)
        The user gave this class.
    """

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.names: tuple[str, ...] = ()
        self.title = PlainLabel("Another class", dim=True, small=True)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Find a class")
        self.search.setToolTip("Write a few letters of a class; return takes the first one listed")
        self.search.setClearButtonEnabled(True)
        self.list = QListWidget()
        self.list.setToolTip("Click the class that this region really shows")
        self.list.setAccessibleName("Classes")
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.list.setUniformItemSizes(True)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setStyleSheet("QListWidget { background-color: rgba(128, 128, 128, 28); }")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        for part in (self.title, self.search, self.list):
            column.addWidget(part)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.search.textChanged.connect(self._filter)
        self.search.returnPressed.connect(self._take_first)
        self.search.installEventFilter(self)
        self.list.itemClicked.connect(self._clicked)
        self.list.itemActivated.connect(self._clicked)
        self.set_names(())

    def set_names(self, names: Sequence[str]) -> None:
        """Offer these classes."""
        if self.names == tuple(names) and self.list.count():
            return
        self.names = tuple(names)
        self.list.clear()
        line = self.fontMetrics().height() + 5
        for i, name in enumerate(self.names):
            text = f"{i + 1}   {name}" if i < NUMBERED else f"     {name}"
            item = QListWidgetItem(text)
            item.setData(_NAME, name)
            item.setToolTip(plain_tip(name))
            item.setSizeHint(QSize(80, line))
            self.list.addItem(item)
        self.search.setVisible(len(self.names) > NUMBERED)
        self.search.clear()
        shown = min(max(len(self.names), 1), NUMBERED if len(self.names) <= NUMBERED else _SHOWN)
        self.list.setFixedHeight(line * shown + 6)
        self.setVisible(bool(self.names))

    def show_current(self, name: str) -> None:
        """Set the class that counts now apart."""
        for i in range(self.list.count()):
            item = self.list.item(i)
            if item is not None:
                font = item.font()
                font.setBold(item.data(_NAME) == name)
                item.setFont(font)

    def set_title(self, text: str) -> None:
        """Say which keys give the classes."""
        self.title.setText(text)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """Leave the field with escape."""
        if (
            watched is self.search
            and isinstance(event, QKeyEvent)
            and event.type() == QEvent.Type.KeyPress
            and event.key() == Qt.Key.Key_Escape
        ):
            self.search.clear()
            self.list.setFocus()
            return True
        return bool(super().eventFilter(watched, event))

    def _filter(self, text: str) -> None:
        wanted = text.strip().casefold()
        for i in range(self.list.count()):
            item = self.list.item(i)
            if item is not None:
                item.setHidden(wanted not in str(item.data(_NAME)).casefold())

    def _take_first(self) -> None:
        items = (self.list.item(i) for i in range(self.list.count()))
        first = next((one for one in items if one is not None and not one.isHidden()), None)
        if first is not None and self.search.text().strip():
            self._clicked(first)

    def _clicked(self, item: QListWidgetItem) -> None:
        name = str(item.data(_NAME))
        self.search.clear()
        self.list.setFocus()  # so that number keys are keys again, and no text
        self.chosen.emit(name)
