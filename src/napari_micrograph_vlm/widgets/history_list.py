"""Earlier questions and their answers."""

from __future__ import annotations

from qtpy.QtCore import QModelIndex, QRect, QSize, Qt, Signal
from qtpy.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent
from qtpy.QtWidgets import (
    QAbstractItemView,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
)

from .panel import mix, plain_tip

__all__ = ["HistoryList"]

_ANSWER = Qt.ItemDataRole.UserRole
_PAD = 6
_CENTRED = int(Qt.AlignmentFlag.AlignHCenter) | int(Qt.TextFlag.TextWordWrap)


class _TwoLines(QStyledItemDelegate):
    """Question above answer, each on one line and cut where it is too long."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:  # noqa: N802
        return QSize(80, 2 * QFontMetrics(option.font).height() + 2 * _PAD)

    def paint(
        self, painter: QPainter | None, option: QStyleOptionViewItem, index: QModelIndex
    ) -> None:
        if painter is None:
            return
        painter.save()
        rect = QRect(option.rect)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, QColor(63, 98, 200, 90))
            painter.fillRect(QRect(rect.left(), rect.top(), 3, rect.height()), QColor(63, 98, 200))
        elif option.state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(rect, QColor(128, 128, 128, 40))
        inner = rect.adjusted(_PAD + 4, _PAD, -_PAD, -_PAD)
        line = QFontMetrics(option.font).height()
        palette = option.widget.palette() if option.widget is not None else option.palette
        for i, (role, share) in enumerate(((Qt.ItemDataRole.DisplayRole, 0.65), (_ANSWER, 1.0))):
            font = option.font
            font.setBold(False)
            painter.setFont(font)
            painter.setPen(mix(palette, share))
            text = " ".join(str(index.data(role) or "").split())
            cut = QFontMetrics(font).elidedText(text, Qt.TextElideMode.ElideRight, inner.width())
            place = QRect(inner.left(), inner.top() + i * line, inner.width(), line)
            painter.drawText(place, int(Qt.AlignmentFlag.AlignVCenter), cut)
        painter.restore()


class HistoryList(QListWidget):
    """The newest question comes first.

    Signals
    -------
    entry_chosen(int)
        The user chose an entry: its number in the order of asking.
    """

    entry_chosen = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.setItemDelegate(_TwoLines(self))
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMouseTracking(True)
        self.setToolTip("Choose an answer to see its region and where the model looked")
        self.setAccessibleName("Earlier questions")
        self.setMinimumHeight(96)
        self.setStyleSheet("QListWidget { background-color: rgba(128, 128, 128, 28); }")
        self.itemClicked.connect(self._clicked)
        self.itemActivated.connect(self._clicked)

    def add(self, question: str, answer: str) -> int:
        """Add an entry and return its number."""
        item = QListWidgetItem(question)
        self.insertItem(0, item)
        number = int(self.count()) - 1
        self.change(number, answer)
        return number

    def change(self, number: int, answer: str) -> None:
        """Show another answer for entry ``number``."""
        item = self.item(self.count() - 1 - number)
        if item is not None:
            item.setData(_ANSWER, answer)
            item.setToolTip(plain_tip(f"{item.text()}\n{answer}"))

    def answer_of(self, number: int) -> str:
        """Return what is shown as the answer of entry ``number``."""
        item = self.item(self.count() - 1 - number)
        return str(item.data(_ANSWER)) if item is not None else ""

    def mark(self, number: int) -> None:
        """Show which entry is shown, without telling anybody; -1: none."""
        self.setCurrentRow(self.count() - 1 - number if number >= 0 else -1)

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802 - Qt's name
        """Say what will be here while nothing is."""
        super().paintEvent(event)
        surface = self.viewport()
        if self.count() == 0 and surface is not None:
            painter = QPainter(surface)
            painter.setPen(mix(self.palette(), 0.6))
            place = surface.rect().adjusted(20, 20, -20, -20)
            text = "Questions and answers will be listed here."
            painter.drawText(place, _CENTRED, text)
            painter.end()

    def _clicked(self, item: QListWidgetItem) -> None:
        self.entry_chosen.emit(self.count() - 1 - self.row(item))
