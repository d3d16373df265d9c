"""An answer whose words can be clicked."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan

from qtpy.QtCore import QEvent, QPoint, Qt, Signal
from qtpy.QtGui import (
    QColor,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPalette,
    QResizeEvent,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
)
from qtpy.QtWidgets import QFrame, QTextEdit, QToolTip, QWidget

__all__ = ["AnswerText", "WordSpan"]

WordSpan = tuple[int, int, float]
"""Start and end of a word in the text, and its probability."""

SHADE = QColor(86, 180, 233, 70)
"""Behind what is from somewhere else: Okabe and Ito's sky blue, thin enough to read through."""

UNSURE = 0.5
"""Words less probable than this get a dotted line."""


class AnswerText(QTextEdit):
    """Read-only plain text; a click on a word, or the left and right keys, choose one.

    Signals
    -------
    word_clicked(int)
        Index of the chosen word, or -1 for the whole answer.
    """

    word_clicked = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.setReadOnly(True)
        self.setAcceptRichText(False)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._surface.setMouseTracking(True)
        self.setStyleSheet("QTextEdit { font-size: 11pt; border-radius: 3px; }")
        self.setToolTip("Click a word to see where the model looked for it")
        self.setAccessibleName("Answer")
        self._words: tuple[WordSpan, ...] = ()
        self._shaded: tuple[tuple[int, int], ...] = ()
        self._chosen = -1
        self._page.contentsChanged.connect(self._fit)
        self._fit()

    @property
    def _surface(self) -> QWidget:
        surface = self.viewport()
        assert surface is not None
        return surface

    @property
    def _page(self) -> QTextDocument:
        page = self.document()
        assert page is not None
        return page

    @property
    def chosen(self) -> int:
        """Index of the chosen word; -1: the whole answer."""
        return self._chosen

    def set_text(self, text: str, words: Sequence[WordSpan] = ()) -> None:
        """Show ``text`` letter for letter; without ``words`` nothing can be clicked."""
        self._words = tuple(words)
        self._shaded = ()
        self.setPlainText(text)
        self.choose(-1)

    def add_text(self, piece: str) -> None:
        """Write ``piece`` at the end."""
        cursor = self.textCursor()
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.insertText(piece)

    def shade(self, spans: Sequence[tuple[int, int]]) -> None:
        """Shade parts of the text, (start, end): what is from somewhere else."""
        self._shaded = tuple(spans)
        self.choose(self._chosen)

    def choose(self, index: int) -> None:
        """Mark a word without telling anybody; -1 marks none."""
        self._chosen = index if 0 <= index < len(self._words) else -1
        marks = []
        for start, stop in self._shaded:
            look = QTextCharFormat()
            look.setBackground(SHADE)
            marks.append(self._mark(start, stop, look))
        for i, (start, stop, probability) in enumerate(self._words):
            look = QTextCharFormat()
            if i == self._chosen:
                look.setBackground(QColor(63, 98, 200))
                look.setForeground(QColor("white"))
            elif probability < UNSURE:
                look.setUnderlineStyle(QTextCharFormat.UnderlineStyle.DotLine)
                look.setUnderlineColor(self.palette().color(QPalette.ColorRole.Text))
            else:
                continue
            marks.append(self._mark(start, stop, look))
        self.setExtraSelections(marks)

    def _mark(self, start: int, stop: int, look: QTextCharFormat) -> QTextEdit.ExtraSelection:
        mark = QTextEdit.ExtraSelection()
        cursor = QTextCursor(self._page)
        cursor.setPosition(_units(self.toPlainText(), start))
        cursor.setPosition(_units(self.toPlainText(), stop), QTextCursor.MoveMode.KeepAnchor)
        mark.cursor = cursor
        mark.format = look
        return mark

    def word_at(self, point: QPoint) -> int:
        """Index of the word at ``point`` of the viewport; -1 where there is none."""
        text = self.toPlainText()
        for i, (start, stop, _) in enumerate(self._words):
            cursor = QTextCursor(self._page)
            cursor.setPosition(_units(text, start))
            first = self.cursorRect(cursor)
            cursor.setPosition(_units(text, stop))
            last = self.cursorRect(cursor)
            if first.top() != last.top():  # broken over two lines
                last = first.adjusted(0, 0, self._surface.width(), 0)
            inside = first.left() <= point.x() < last.right()
            if inside and first.top() <= point.y() <= first.bottom():
                return i
        return -1

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802 - Qt's name
        """Choose the word under the mouse; a second click shows the whole answer again."""
        super().mouseReleaseEvent(event)
        if event is None or self.textCursor().hasSelection() or not self._words:
            return
        index = self.word_at(event.position().toPoint())
        self._click(-1 if index == self._chosen else index)

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802 - Qt's name
        """Show a hand over words."""
        super().mouseMoveEvent(event)
        if event is not None:
            over = self.word_at(event.position().toPoint()) >= 0
            shape = Qt.CursorShape.PointingHandCursor if over else Qt.CursorShape.IBeamCursor
            self._surface.setCursor(shape)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802 - Qt's name
        """Walk through the words with left and right; escape shows the whole answer."""
        if event is not None and self._words:
            key, last = event.key(), len(self._words) - 1
            if key == Qt.Key.Key_Escape:
                return self._click(-1)
            if key == Qt.Key.Key_Right:
                return self._click(min(self._chosen + 1, last))
            if key == Qt.Key.Key_Left:
                return self._click(max(self._chosen - 1, -1))
        super().keyPressEvent(event)
        return None

    def viewportEvent(self, event: QEvent | None) -> bool:  # noqa: N802 - Qt's name
        """Say how sure the model was of the word under the mouse."""
        if isinstance(event, QHelpEvent):
            index = self.word_at(event.pos())
            if index >= 0:
                sure = f"{self._words[index][2]:.0%} sure; "
                sure = "" if isnan(self._words[index][2]) else sure
                sure += "click to see where the model looked"
                QToolTip.showText(event.globalPos(), sure, self)
                return True
        handled: bool = super().viewportEvent(event)
        return handled

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802 - Qt's name
        """Grow with the text."""
        super().resizeEvent(event)
        self._fit()

    def _click(self, index: int) -> None:
        self.choose(index)
        self.word_clicked.emit(self._chosen)

    def _fit(self) -> None:
        self._page.setTextWidth(self._surface.width())
        wanted = int(self._page.size().height()) + 12
        if wanted != self.height():
            self.setFixedHeight(max(wanted, 34))


def _units(text: str, index: int) -> int:
    """Position in UTF-16 units, which is how Qt counts, of a character of ``text``."""
    return len(text[:index].encode("utf-16-le")) // 2
