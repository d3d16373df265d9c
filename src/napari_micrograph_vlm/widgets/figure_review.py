"""The panel in which a person accepts, rejects or corrects texts about figures."""

from __future__ import annotations

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QKeyEvent, QPixmap, QResizeEvent
from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QPlainTextEdit, QSizePolicy, QVBoxLayout

from .boxes import narrow_box, offer, value_of
from .message_bar import MessageBar
from .panel import Panel, PlainLabel, button, primary_button, progress_line

__all__ = ["FigureReviewView", "WordsField"]

FILTERS = (
    ("open", "Not reviewed yet"),
    ("", "All texts"),
    ("accepted", "Accepted"),
    ("rejected", "Rejected"),
)

_TIPS = {
    "previous": "Go to the text before",
    "next": "Go to the next text",
    "undo": "Take back what was said last",
    "reject": "Caption and picture do not bear it out: leave it out, and go on",
    "accept": "It holds, in the words that stand here: keep it, and go on",
}
_FIELD = """
QPlainTextEdit { border: 1px solid rgba(128, 128, 128, 120); border-radius: 4px;
  background-color: rgba(128, 128, 128, 35); }
QPlainTextEdit:focus { border-color: #5277e0; }
"""

_STATES = {"open": "Not reviewed yet", "accepted": "Accepted", "rejected": "Rejected"}


class WordsField(QPlainTextEdit):
    """Words that can be changed, as high as they need, up to a limit.

    Signals
    -------
    finished()
        Ctrl+Enter: the words are right.
    left()
        Escape: back to the keys of the panel.
    """

    finished = Signal()
    left = Signal()

    def __init__(self, tip: str, lines: int) -> None:
        super().__init__()
        self.setToolTip(tip)
        self.setTabChangesFocus(True)
        self.setStyleSheet(_FIELD)
        self.setFixedHeight(self.fontMetrics().lineSpacing() * lines + 14)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802 - Qt's name
        """Tell of Ctrl+Enter and Escape."""
        if event is None:
            return
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if enter and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.finished.emit()
        elif event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        else:
            super().keyPressEvent(event)


class _Picture(QLabel):
    """A picture as wide as the panel."""

    def __init__(self) -> None:
        super().__init__()
        self._pixmap = QPixmap()
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setMinimumSize(QSize(80, 60))
        self.setFixedHeight(230)
        self.setToolTip("The figure")

    def show_jpeg(self, data: bytes, hint: str) -> None:
        """Show a picture; ``hint`` where there is none."""
        self._pixmap = QPixmap()
        if data:
            self._pixmap.loadFromData(data)
        if self._pixmap.isNull():
            self.setText(hint)
        else:
            self._fit()

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802 - Qt's name
        """Fit the picture into the new width."""
        super().resizeEvent(event)
        if not self._pixmap.isNull():
            self._fit()

    def _fit(self) -> None:
        kind = Qt.AspectRatioMode.KeepAspectRatio
        smooth = Qt.TransformationMode.SmoothTransformation
        self.setPixmap(self._pixmap.scaled(self.size(), kind, smooth))


class FigureReviewView(Panel):
    """A figure, its caption, one text about it, and what to say of it.

    Signals
    -------
    folder_wanted(), layer_wanted(), previous_wanted(), next_wanted(), undone()
        The buttons of these names.
    accepted(), rejected()
        Said of the words that stand in :attr:`words`.
    filtered()
        The user wants other texts; see :attr:`wanted`.
    typed()
        :attr:`words` are others now.
    """

    folder_wanted = Signal()
    layer_wanted = Signal()
    previous_wanted = Signal()
    next_wanted = Signal()
    undone = Signal()
    accepted = Signal()
    rejected = Signal()
    filtered = Signal()
    typed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.folder = PlainLabel(dim=True, small=True)
        self.open = button(
            "Open folder…", "Choose a folder of figures, made by `data figures` and `data refine`"
        )
        self.filters = narrow_box("Which texts to go through")
        offer(self.filters, FILTERS, "open")
        self.progress = progress_line("How many of all texts were reviewed")
        self.progress_label = PlainLabel()
        self.messages = MessageBar()
        self.picture = _Picture()
        self.where = PlainLabel(dim=True, small=True)
        self.where.setToolTip("Where the figure is from")
        self.caption = QPlainTextEdit()
        self.caption.setReadOnly(True)
        self.caption.setToolTip("The caption as it stands in the paper")
        self.caption.setFixedHeight(self.caption.fontMetrics().lineSpacing() * 5 + 14)
        self.layer = button("Show as layer", "Open the figure as an image layer, to look closer")
        self.kind = PlainLabel()
        self.kind.setStyleSheet("QLabel { font-weight: 600; }")
        self.state = PlainLabel(dim=True, small=True)
        self.asked = WordsField("The question; change it where it could be put better", 2)
        self.said = WordsField(
            "The text, or the answer; change it where it is not quite right "
            "(Ctrl+Enter accepts, Esc leaves the field)",
            6,
        )
        self.previous = button("Previous", _TIPS["previous"])
        self.next = button("Next", _TIPS["next"])
        self.undo = button("Undo", _TIPS["undo"])
        self.reject = button("Reject", _TIPS["reject"])
        self.accept = primary_button("Accept", _TIPS["accept"])
        self._lay_out()
        for signal, told in (
            (self.open.clicked, self.folder_wanted),
            (self.layer.clicked, self.layer_wanted),
            (self.previous.clicked, self.previous_wanted),
            (self.next.clicked, self.next_wanted),
            (self.undo.clicked, self.undone),
            (self.reject.clicked, self.rejected),
            (self.accept.clicked, self.accepted),
            (self.filters.activated, self.filtered),
            (self.asked.textChanged, self.typed),
            (self.said.textChanged, self.typed),
            (self.asked.finished, self.accepted),
            (self.said.finished, self.accepted),
        ):
            signal.connect(told)
        for field in (self.asked, self.said):
            field.left.connect(self.setFocus)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.allow_undo(False)
        self.show_folder("")
        self.show_progress(0, 0, "")
        self.show_nothing()

    @property
    def wanted(self) -> str:
        """Which texts: ``"open"``, ``"accepted"``, ``"rejected"``, or empty for all."""
        return value_of(self.filters)

    @property
    def words(self) -> tuple[str, str]:
        """The question and the text as they stand in the fields now."""
        return self.asked.toPlainText(), self.said.toPlainText()

    def show_folder(self, name: str) -> None:
        """Name the folder; empty: none is open."""
        self.folder.setText(name or "No folder of figures is open.")
        self.filters.setEnabled(bool(name))

    def show_progress(self, done: int, total: int, words: str) -> None:
        """Show how far the review has come; ``words`` say what was accepted."""
        self.progress.setRange(0, max(total, 1))
        self.progress.setValue(done)
        self.progress_label.setText(f"{done} of {total} reviewed{words}" if total else "")
        self.progress.setVisible(bool(total))
        self.progress_label.setVisible(bool(total))

    def show_nothing(self) -> None:
        """Show no text."""
        self._card.hide()
        self._allow(False)

    def show_text(
        self,
        *,
        kind: str,
        rests: str,
        where: str,
        caption: str,
        asked: str | None,
        said: str,
        state: str,
    ) -> None:
        """Show a text.

        Parameters
        ----------
        kind, rests : str
            What it is and which of how many; what it rests on.
        where, caption : str
            Of the figure.
        asked : str or None
            The question; None where there is none.
        said : str
            The text.
        state : str
            ``"open"``, ``"accepted"`` or ``"rejected"``.
        """
        self.kind.setText(kind)
        self.where.setText(where)
        self.caption.setPlainText(caption)
        self.asked.setVisible(asked is not None)
        self.asked.setPlainText(asked or "")
        self.said.setPlainText(said)
        self.state.setText(f"{_STATES.get(state, state)}. {rests}")
        self._card.show()
        self._allow(True)

    def show_picture(self, data: bytes, hint: str = "") -> None:
        """Show the figure, a JPEG; ``hint`` says why there is none."""
        self.picture.show_jpeg(data, hint)

    def allow_undo(self, allowed: bool) -> None:
        """Let the user take something back, where there is something to take back."""
        self.undo.setEnabled(allowed)

    def show_keys(self, keys: dict[str, str]) -> None:
        """Name the key of each button, by the button's name; empty: it has none."""
        for name, tip in _TIPS.items():
            key = keys.get(name, "")
            getattr(self, name).setToolTip(f"{tip} ({key})" if key else tip)

    def _allow(self, current: bool) -> None:
        for one in (self.previous, self.next, self.reject, self.accept, self.layer):
            one.setEnabled(current)

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.addWidget(self.folder, 1)
        top.addWidget(self.open)
        self._card = QFrame()
        card = QVBoxLayout(self._card)
        card.setContentsMargins(0, 0, 0, 0)
        card.setSpacing(6)
        origin = QHBoxLayout()
        origin.addWidget(self.where, 1)
        origin.addWidget(self.layer)
        card.addWidget(self.picture)
        card.addLayout(origin)
        card.addWidget(self.caption)
        card.addWidget(self.kind)
        card.addWidget(self.state)
        card.addWidget(self.asked)
        card.addWidget(self.said)
        buttons = QHBoxLayout()
        buttons.setSpacing(6)
        for one in (self.previous, self.next, self.undo, self.reject, self.accept):
            # As narrow as their words, where the dock is narrow.
            one.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
            one.setMinimumWidth(one.fontMetrics().horizontalAdvance(one.text()) + 16)
            buttons.addWidget(one)
        self.column.addLayout(top)
        self.column.addWidget(self.filters)
        self.column.addWidget(self.progress_label)
        self.column.addWidget(self.progress)
        self.column.addWidget(self.messages)
        self.column.addWidget(self._card)
        self.column.addLayout(buttons)
        self.column.addStretch(1)
