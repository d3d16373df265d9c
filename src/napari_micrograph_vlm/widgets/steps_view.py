"""The steps of a reasoned answer, folded away until they are wanted."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QWidget

from .fold import Fold
from .panel import PlainLabel, button

__all__ = ["StepsView"]


class _Line(QWidget):
    """A step: its number, which is a button, and its text."""

    def __init__(self, number: int, text: str) -> None:
        super().__init__()
        self.number: QPushButton = button(
            str(number), "Show where the model looked in this step; again: for the whole answer"
        )
        self.number.setCheckable(True)
        self.number.setFixedWidth(30)
        self.number.setAccessibleName(f"Step {number}")
        label = PlainLabel(text, small=True)
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.number, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(label, 1)


class StepsView(Fold):
    """Hidden where an answer has no steps.

    Signals
    -------
    step_chosen(int)
        The user wants to see where the model looked in a step; -1: for the whole answer.
    """

    step_chosen = Signal(int)

    def __init__(self) -> None:
        super().__init__("", "Show how the model came to its answer, step by step")
        self.lines: list[_Line] = []
        self.show_steps(())

    def show_steps(self, texts: Sequence[str]) -> None:
        """Show these steps, folded."""
        for line in self.lines:
            line.setParent(None)
            line.deleteLater()
        self.lines = [_Line(number, text) for number, text in enumerate(texts, start=1)]
        for index, line in enumerate(self.lines):
            line.number.clicked.connect(lambda checked, i=index: self._clicked(i, checked))
            self.add(line)
        self.title.setText("1 step" if len(texts) == 1 else f"{len(texts)} steps")
        self.title.setChecked(False)
        self.setVisible(bool(texts))

    def choose(self, index: int) -> None:
        """Mark a step without telling anybody; -1 marks none."""
        for i, line in enumerate(self.lines):
            line.number.setChecked(i == index)

    def _clicked(self, index: int, checked: bool) -> None:
        self.choose(index if checked else -1)
        self.step_chosen.emit(index if checked else -1)
