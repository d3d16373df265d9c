"""One sentence for the user, with an icon, and at most one question to answer."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPolygonF
from qtpy.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from .panel import PlainLabel, button

__all__ = ["MessageBar"]

AMBER = QColor(227, 160, 8)
BLUE = QColor(90, 140, 230)


class _Mark(QWidget):
    """A small warning triangle, or a round information mark."""

    def __init__(self) -> None:
        super().__init__()
        self.colour = AMBER
        self.setFixedSize(QSize(20, 20))

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802 - Qt's name
        """Draw the mark."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.colour)
        if self.colour == AMBER:
            painter.drawPolygon(QPolygonF([QPointF(10, 1), QPointF(19.5, 18), QPointF(0.5, 18)]))
            bar, dot = QRectF(9, 6.5, 2, 6), QRectF(9, 14, 2, 2)
        else:
            painter.drawEllipse(QRectF(1, 1, 18, 18))
            bar, dot = QRectF(9, 8.5, 2, 6.5), QRectF(9, 5, 2, 2)
        painter.setBrush(QColor(20, 20, 20) if self.colour == AMBER else QColor("white"))
        painter.drawRect(bar)
        painter.drawRect(dot)
        painter.end()


class MessageBar(QFrame):
    """Hidden until there is something to say.

    Signals
    -------
    answered(bool)
        The user answered a question put by :meth:`ask` that came without ``then``.
    """

    answered = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("message_bar")
        self._mark = _Mark()
        self._then: Callable[[bool], None] | None = None
        self._label = PlainLabel()
        self._label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.yes = button("", "Go on")
        self.no = button("", "Leave everything as it is")
        self.yes.clicked.connect(lambda: self._answer(True))
        self.no.clicked.connect(lambda: self._answer(False))
        line = QHBoxLayout()
        line.setSpacing(8)
        line.addWidget(self._mark, 0, Qt.AlignmentFlag.AlignTop)
        line.addWidget(self._label, 1)
        self._buttons = QWidget()
        choices = QHBoxLayout(self._buttons)
        choices.setContentsMargins(28, 0, 0, 0)
        choices.addWidget(self.yes)
        choices.addWidget(self.no)
        choices.addStretch()
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 8, 8, 8)
        column.addLayout(line)
        column.addWidget(self._buttons)
        self.clear()

    @property
    def text(self) -> str:
        """The sentence shown; empty where there is none."""
        return "" if self.isHidden() else str(self._label.text())

    @property
    def is_asking(self) -> bool:
        """Whether a question waits for the user."""
        return not self.isHidden() and not self._buttons.isHidden()

    def clear(self) -> None:
        """Hide the bar; a question that was not answered counts as refused."""
        self._refuse()
        self._label.setText("")
        self._buttons.hide()
        self.hide()

    def warn(self, sentence: str) -> None:
        """Show what went wrong and what to do."""
        self._show(sentence, AMBER)

    def inform(self, sentence: str) -> None:
        """Show something that is no problem."""
        self._show(sentence, BLUE)

    def ask(
        self, sentence: str, yes: str, no: str, then: Callable[[bool], None] | None = None
    ) -> None:
        """Put a question with two answers.

        Parameters
        ----------
        sentence, yes, no : str
            The question and what its buttons say.
        then : callable, optional
            Told which was chosen, the second where something else is shown before: somebody may
            be waiting. Without it ``answered`` is emitted.
        """
        self._show(sentence, AMBER)
        self._then = then
        self.yes.setText(yes)
        self.no.setText(no)
        self._buttons.show()

    def _answer(self, yes: bool) -> None:
        then, self._then = self._then, None
        self.clear()
        if then is None:
            self.answered.emit(yes)
        else:
            then(yes)

    def _refuse(self) -> None:
        then, self._then = self._then, None
        if then is not None:
            then(False)

    def _show(self, sentence: str, colour: QColor) -> None:
        self._refuse()
        self._buttons.hide()
        self._label.setText(sentence)
        self._mark.colour = colour
        self._mark.update()
        red, green, blue = colour.red(), colour.green(), colour.blue()
        # A translucent tint keeps the theme's text readable on dark and on light.
        self.setStyleSheet(
            f"#message_bar {{ background-color: rgba({red}, {green}, {blue}, 45);"
            f" border-left: 3px solid rgb({red}, {green}, {blue}); border-radius: 3px; }}"
            "#message_bar > QWidget { background-color: transparent; }"
        )
        self.show()
