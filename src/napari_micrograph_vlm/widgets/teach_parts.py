"""Parts of the panel that teaches: messages that are scrolled to, and trainings to go on with."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from .message_bar import MessageBar
from .panel import PlainLabel, button

__all__ = ["HeardMessages", "StoppedTrainings"]


class HeardMessages(MessageBar):
    """Says so when it has something to say: it may lie outside what is seen.

    Signals
    -------
    said()
        A message or question is shown.
    """

    said = Signal()

    def warn(self, sentence: str) -> None:
        """Show what went wrong and what to do."""
        super().warn(sentence)
        self.said.emit()

    def inform(self, sentence: str) -> None:
        """Show something that is no problem."""
        super().inform(sentence)
        self.said.emit()

    def ask(
        self, sentence: str, yes: str, no: str, then: Callable[[bool], None] | None = None
    ) -> None:
        """Put a question with two answers."""
        super().ask(sentence, yes, no, then)
        self.said.emit()


class StoppedTrainings(QFrame):
    """A line for each training that was stopped, with what can be done about it.

    Parameters
    ----------
    go_on, discard : callable
        Told the name whose button was clicked.
    """

    def __init__(self, go_on: Callable[[str], None], discard: Callable[[str], None]) -> None:
        super().__init__()
        self._go_on, self._discard = go_on, discard
        self._rows = QVBoxLayout(self)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._shown: list[tuple[str, str]] = []
        self.lines: list[QWidget] = []
        self._allowed = True
        self.hide()

    def show_all(self, found: Sequence[tuple[str, str]]) -> None:
        """Show names and sentences."""
        if list(found) == self._shown:
            return
        self._shown = list(found)
        for line in self.lines:
            line.hide()
            line.deleteLater()
        self.lines = [self._line(name, sentence) for name, sentence in found]
        self.allow(self._allowed)

    def allow(self, allowed: bool) -> None:
        """Show them, or nothing while another training is going on."""
        self._allowed = allowed
        self.setVisible(allowed and bool(self.lines))

    def _line(self, name: str, sentence: str) -> QWidget:
        made = QFrame()
        line = QHBoxLayout(made)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(PlainLabel(sentence), 1)
        for text, tip, told in (
            ("Go on", "Teach on where it was, with the settings it was begun with", self._go_on),
            ("Discard", "Delete what it has learnt so far; you are asked first", self._discard),
        ):
            one = button(text, tip)
            one.clicked.connect(lambda _, told=told: told(name))
            line.addWidget(one)
        self._rows.addWidget(made)
        return made
