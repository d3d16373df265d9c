"""What there is to review, as a list that stays quick with thousands of lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from qtpy.QtCore import QAbstractListModel, QModelIndex, QPointF, QRect, QSize, Qt, Signal
from qtpy.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import (
    QAbstractItemView,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
)

from .panel import mix, plain_tip

__all__ = ["Line", "ReviewList"]

_LINE = Qt.ItemDataRole.UserRole
_PAD = 5
_MARK = 18
_CENTRED = int(Qt.AlignmentFlag.AlignHCenter) | int(Qt.TextFlag.TextWordWrap)
_MIDDLE = int(Qt.AlignmentFlag.AlignVCenter)

# Okabe and Ito (2008): apart for every kind of colour vision; the marks differ as well.
AGREED = QColor(0, 158, 115)
CHANGED = QColor(230, 159, 0)
CHOSEN = QColor(63, 98, 200)


@dataclass(frozen=True)
class Line:
    """One line: what was found above where, and how sure the model is at the right.

    ``mark`` is empty, ``"agreed"`` (a person looked at it) or ``"changed"`` (and corrected it).
    """

    key: str
    title: str
    place: str
    share: str = ""
    mark: str = ""


class _Lines(QAbstractListModel):
    def __init__(self) -> None:
        super().__init__()
        self.lines: tuple[Line, ...] = ()

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: N802, B008
        return 0 if parent.isValid() else len(self.lines)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not 0 <= index.row() < len(self.lines):
            return None
        line = self.lines[index.row()]
        if role == _LINE:
            return line
        if role == Qt.ItemDataRole.DisplayRole:
            return line.title
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain_tip(f"{line.title} {line.share}\n{line.place}")
        return None

    def replace(self, lines: Sequence[Line]) -> None:
        self.beginResetModel()
        self.lines = tuple(lines)
        self.endResetModel()


class _Delegate(QStyledItemDelegate):
    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:  # noqa: N802
        return QSize(80, 2 * QFontMetrics(option.font).height() + 2 * _PAD)

    def paint(
        self, painter: QPainter | None, option: QStyleOptionViewItem, index: QModelIndex
    ) -> None:
        line = index.data(_LINE)
        if painter is None or line is None:
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect = QRect(option.rect)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, QColor(63, 98, 200, 90))
            painter.fillRect(QRect(rect.left(), rect.top(), 3, rect.height()), CHOSEN)
        elif option.state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(rect, QColor(128, 128, 128, 40))
        palette = option.widget.palette() if option.widget is not None else option.palette
        metrics = QFontMetrics(option.font)
        inner = rect.adjusted(_PAD + 4, _PAD, -_PAD - _MARK, -_PAD)
        beside = metrics.horizontalAdvance("100 %") + 8
        upper = QRect(inner.left(), inner.top(), inner.width() - beside, metrics.height())
        lower = QRect(inner.left(), upper.bottom() + 1, inner.width(), metrics.height())
        right = QRect(upper.right(), inner.top(), beside, metrics.height())
        for place, text, share, how in (
            (upper, line.title, 1.0, Qt.TextElideMode.ElideRight),
            (lower, line.place, 0.65, Qt.TextElideMode.ElideMiddle),
        ):
            painter.setPen(mix(palette, share))
            painter.drawText(place, _MIDDLE, metrics.elidedText(text, how, place.width()))
        painter.setPen(mix(palette, 1.0))
        painter.drawText(right, _MIDDLE | int(Qt.AlignmentFlag.AlignRight), line.share)
        if line.mark:
            at = QRect(inner.right() + 2, rect.top(), _MARK, rect.height()).center()
            _draw_mark(painter, QPointF(at), line.mark)
        painter.restore()


def _draw_mark(painter: QPainter, at: QPointF, mark: str) -> None:
    """Draw a tick, or a pencil's stroke where the class was corrected."""
    painter.setPen(QPen(AGREED if mark == "agreed" else CHANGED, 2.2))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    points = [(-5, 0), (-1.5, 4), (5, -5)] if mark == "agreed" else [(-5, 5), (-3, 0), (5, -5)]
    painter.drawPolyline(QPolygonF([at + QPointF(x, y) for x, y in points]))
    if mark != "agreed":
        painter.drawLine(at + QPointF(-5, 5), at + QPointF(0, 3))


class ReviewList(QListView):
    """Lines of findings.

    Signals
    -------
    chosen(str)
        The user went to a line: its key.
    """

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._lines = _Lines()
        self._hint = ""
        self.setModel(self._lines)
        self.setItemDelegate(_Delegate(self))
        self.setUniformItemSizes(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMouseTracking(True)
        self.setMinimumHeight(150)
        self.setToolTip("Choose a region to go to it; a tick: reviewed, a pencil: corrected")
        self.setAccessibleName("Regions to review")
        self.setStyleSheet("QListView { background-color: rgba(128, 128, 128, 28); }")
        self.clicked.connect(self._gone_to)
        self.activated.connect(self._gone_to)

    @property
    def lines(self) -> tuple[Line, ...]:
        """What is listed, from top to bottom."""
        return self._lines.lines

    @property
    def key(self) -> str:
        """The key of the current line; empty: none."""
        row = self.currentIndex().row()
        return self.lines[row].key if 0 <= row < len(self.lines) else ""

    def show_lines(self, lines: Sequence[Line], key: str, hint: str = "") -> None:
        """Show other lines and make one the current one, without telling anybody.

        Parameters
        ----------
        lines : sequence of Line
            From top to bottom.
        key : str
            Of the line to be the current one; none where it is not there.
        hint : str
            What to say where there is no line.
        """
        self._hint = hint
        bar = self.verticalScrollBar()
        before = 0 if bar is None else bar.value()
        if tuple(lines) != self.lines:
            self._lines.replace(lines)
            if bar is not None:
                bar.setValue(before)
        self.mark(key)

    def mark(self, key: str) -> None:
        """Make a line the current one without telling anybody."""
        row = next((i for i, line in enumerate(self.lines) if line.key == key), -1)
        index = self._lines.index(row, 0) if row >= 0 else QModelIndex()
        if index != self.currentIndex():
            self.setCurrentIndex(index)
        if row >= 0:
            self.scrollTo(index)
        viewport = self.viewport()
        if viewport is not None:
            viewport.update()

    def moveCursor(  # noqa: N802 - Qt's name
        self, action: QAbstractItemView.CursorAction, modifiers: Qt.KeyboardModifier
    ) -> QModelIndex:
        """Go along with the arrow keys."""
        index: QModelIndex = super().moveCursor(action, modifiers)
        if index.isValid() and index != self.currentIndex():
            self.setCurrentIndex(index)
            self._gone_to(index)
        return index

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802 - Qt's name
        """Say why there is nothing here."""
        super().paintEvent(event)
        surface = self.viewport()
        if not self.lines and surface is not None:
            painter = QPainter(surface)
            painter.setPen(mix(self.palette(), 0.6))
            place = surface.rect().adjusted(20, 20, -20, -20)
            painter.drawText(place, _CENTRED, self._hint)
            painter.end()

    def _gone_to(self, index: QModelIndex) -> None:
        line = index.data(_LINE)
        if line is not None:
            self.chosen.emit(line.key)
