"""The question above an answer, whose words can be clicked where the model recorded them."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QEvent
from qtpy.QtGui import QHelpEvent
from qtpy.QtWidgets import QToolTip

from .answer_text import AnswerText, WordSpan
from .panel import mix

__all__ = ["QuestionText"]

_TIP = "What was asked"
_WORDS_TIP = "Click a word of the question to see where the model looked when it read it"


class QuestionText(AnswerText):
    """Steps back behind the answer; without words nothing in it can be clicked."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Question")
        self._style = ""
        self._restyle()

    def text(self) -> str:
        """Return what is shown."""
        return str(self.toPlainText())

    def set_text(self, text: str, words: Sequence[WordSpan] = ()) -> None:
        """Show ``text`` letter for letter; ``words`` as for an answer."""
        super().set_text(text, words)
        self.setToolTip(_WORDS_TIP if self._words else _TIP)

    def viewportEvent(self, event: QEvent | None) -> bool:  # noqa: N802 - Qt's name
        """Show the tool tip; a word of a question has no probability."""
        if isinstance(event, QHelpEvent):
            QToolTip.showText(event.globalPos(), self.toolTip(), self)
            return True
        return super().viewportEvent(event)

    def _fit(self) -> None:
        self._page.setTextWidth(self._surface.width())
        wanted = int(self._page.size().height()) + 2
        if wanted != self.height():
            self.setFixedHeight(wanted)

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802 - Qt's name
        """Follow the theme."""
        super().changeEvent(event)
        if event is not None and event.type() in (
            QEvent.Type.StyleChange,
            QEvent.Type.ParentChange,
        ):
            self._restyle()

    def _restyle(self) -> None:
        parent = self.parentWidget()
        if parent is None:
            return
        colour = mix(parent.palette(), 0.68).name()
        style = f"QTextEdit {{ font-size: 9pt; background: transparent; color: {colour}; }}"
        if style != self._style:
            self._style = style
            self.setStyleSheet(style)
