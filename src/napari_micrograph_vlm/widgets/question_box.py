"""Where the question is written."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QStringListModel, Qt, Signal
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QCompleter, QLineEdit, QSizePolicy, QVBoxLayout, QWidget
from superqt import QFlowLayout

from .panel import button, plain_tip

__all__ = ["QuestionBox"]

CHIPS = 4
"""Most suggestions shown at a time."""


class _Line(QLineEdit):
    """A line that remembers what was asked, with the up and down keys."""

    def __init__(self) -> None:
        super().__init__()
        self.past: list[str] = []
        self._at = 0
        self._draft = ""

    def remember(self, text: str) -> None:
        if text in self.past:
            self.past.remove(text)
        self.past.append(text)
        self._at = len(self.past)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802 - Qt's name
        if event is not None and event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self._step(-1 if event.key() == Qt.Key.Key_Up else 1)
            return
        super().keyPressEvent(event)

    def _step(self, by: int) -> None:
        if self._at == len(self.past):
            self._draft = self.text()
        at = min(max(self._at + by, 0), len(self.past))
        if at != self._at:
            self._at = at
            self.setText(self.past[at] if at < len(self.past) else self._draft)


class QuestionBox(QWidget):
    """A line to write in, with suggestions under it.

    Signals
    -------
    submitted()
        The user pressed return or clicked a suggestion.
    """

    submitted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.line = _Line()
        self.line.setPlaceholderText("Ask about this region…")
        self.line.setToolTip("Write a question and press return; up and down bring back old ones")
        self.line.setAccessibleName("Question")
        self.line.setStyleSheet("QLineEdit { padding: 5px 7px; font-size: 10pt; }")
        self.line.returnPressed.connect(self.submitted)
        self._model = QStringListModel()
        completer = QCompleter(self._model, self.line)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        self.line.setCompleter(completer)
        self._suggestions: tuple[str, ...] = ()
        self._chips = QWidget()
        self._flow = QFlowLayout(self._chips)
        self._flow.setContentsMargins(0, 0, 0, 0)
        self._flow.setHorizontalSpacing(5)
        self._flow.setVerticalSpacing(5)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self._chips.setSizePolicy(policy)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self.line)
        column.addWidget(self._chips)

    @property
    def text(self) -> str:
        """The question, without blanks around it."""
        return str(self.line.text()).strip()

    def set_suggestions(self, suggestions: Sequence[str]) -> None:
        """Offer questions, best first."""
        if tuple(suggestions) == self._suggestions:
            return
        self._suggestions = tuple(suggestions)
        while (item := self._flow.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.deleteLater()
        for question in self._suggestions[:CHIPS]:
            short = question if len(question) <= 42 else question[:41].rstrip() + "…"
            chip = button(short, plain_tip(f"Ask: {question}"))
            chip.setStyleSheet(
                "QPushButton { border-radius: 9px; padding: 3px 9px; font-size: 8pt; }"
            )
            chip.clicked.connect(lambda _=False, q=question: self._use(q))
            self._flow.addWidget(chip)
        self._update_completions()

    def remember(self, text: str) -> None:
        """Let the up key and the completions bring ``text`` back."""
        self.line.remember(text)
        self._update_completions()

    def _use(self, question: str) -> None:
        self.line.setText(question)
        self.submitted.emit()

    def _update_completions(self) -> None:
        known = dict.fromkeys([*reversed(self.line.past), *self._suggestions])
        self._model.setStringList(list(known))
