"""The panel in which a person goes through what the model found."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QPixmap
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QVBoxLayout,
)

from .bars import Bars
from .class_chooser import ClassChooser
from .message_bar import MessageBar
from .panel import Panel, PlainLabel, button, primary_button, progress_line
from .review_list import Line, ReviewList

__all__ = ["ReviewView"]

_ORDERS = (
    ("Uncertain first", "uncertain", "Where the model hesitates most comes first"),
    ("Strongest first", "strongest", "Where the model is surest comes first"),
    ("As listed", "listed", "In the order the run went through them"),
)

_TIPS = {
    "next": "Go to the next region",
    "previous": "Go to the region before",
    "accept": "The class is right: record that, and go on",
    "undo": "Take back the last accept or correction",
}


class ReviewView(Panel):
    """A list, the current region, and what to say of it.

    Signals
    -------
    chosen(str)
        The user went to a line of the list: its key.
    next_wanted(), previous_wanted(), accepted(), undone()
        The buttons of these names.
    corrected(str)
        The user gave the region this class.
    arranged()
        The user wants another order, or other lines; see :attr:`order`, :attr:`hides_reviewed`.
    """

    chosen = Signal(str)
    next_wanted = Signal()
    previous_wanted = Signal()
    accepted = Signal()
    undone = Signal()
    corrected = Signal(str)
    arranged = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.run = PlainLabel(dim=True, small=True)
        self.orders = QComboBox()
        self.orders.setToolTip("What comes first")
        for i, (text, data, tip) in enumerate(_ORDERS):
            self.orders.addItem(text, data)
            self.orders.setItemData(i, tip, Qt.ItemDataRole.ToolTipRole)
        self.hide_reviewed = QCheckBox("Hide reviewed")
        self.hide_reviewed.setToolTip("List only what nobody has looked at yet")
        self.list = ReviewList()
        self.messages = MessageBar()
        self.picture = QLabel()
        self.picture.setFixedSize(QSize(112, 112))
        self.picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.picture.setToolTip("The region")
        self.title = PlainLabel()
        self.title.setStyleSheet("QLabel { font-size: 12pt; font-weight: 600; }")
        self.by = PlainLabel(dim=True, small=True)
        self.place = PlainLabel(dim=True, small=True)
        self.bars = Bars()
        self.said = PlainLabel()
        self.said.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.previous = button("Previous", _TIPS["previous"])
        self.next = button("Next", _TIPS["next"])
        self.undo = button("Undo", _TIPS["undo"])
        self.accept = primary_button("Accept", _TIPS["accept"])
        self.classes = ClassChooser()
        self.progress = progress_line("How many of all regions were reviewed")
        self.progress_label = PlainLabel()
        self.accuracy = PlainLabel(dim=True, small=True)
        self.accuracy.setToolTip(
            "A class counts as right where it was accepted; “unknown” counts neither way"
        )
        self._lay_out()
        self.orders.activated.connect(self.arranged)
        self.hide_reviewed.toggled.connect(self.arranged)
        self.list.chosen.connect(self.chosen)
        self.next.clicked.connect(self.next_wanted)
        self.previous.clicked.connect(self.previous_wanted)
        self.accept.clicked.connect(self.accepted)
        self.undo.clicked.connect(self.undone)
        self.classes.chosen.connect(self.corrected)
        self.allow_undo(False)
        self.show_nothing()
        self.show_progress(0, 0)

    @property
    def order(self) -> str:
        """What comes first: ``"uncertain"``, ``"strongest"`` or ``"listed"``."""
        return str(self.orders.currentData())

    @property
    def hides_reviewed(self) -> bool:
        """Whether what was reviewed is left out."""
        return bool(self.hide_reviewed.isChecked())

    def show_lines(self, lines: Sequence[Line], key: str, hint: str) -> None:
        """List lines; ``hint`` says why there is none."""
        self.list.show_lines(lines, key, hint)
        self._allow()

    def show_nothing(self) -> None:
        """Show no region."""
        self._card.hide()
        self.list.mark("")
        self._allow()

    def show_item(
        self,
        *,
        picture: bytes,
        title: str,
        by: str,
        place: str,
        bars: Sequence[tuple[str, float]],
        threshold: float,
        said: str,
        accepts: str,
    ) -> None:
        """Show a region.

        Parameters
        ----------
        picture : bytes
            A JPEG; may be empty.
        title, by, place : str
            The class that counts or the answer, whose it is, and where the region lies.
        bars : sequence of (str, float)
            Classes with their probabilities, most probable first.
        threshold : float
            Below it a class is called unknown.
        said : str
            Questions and answers, as plain text.
        accepts : str
            What the accept button accepts; empty: nothing can be accepted.
        """
        pixmap = QPixmap()
        if picture and pixmap.loadFromData(picture):
            size = self.picture.size()
            kind = Qt.AspectRatioMode.KeepAspectRatio
            smooth = Qt.TransformationMode.SmoothTransformation
            self.picture.setPixmap(pixmap.scaled(size, kind, smooth))
        else:
            self.picture.setText("No picture")
        self.title.setText(title)
        self.by.setText(by)
        self.place.setText(place)
        self.bars.set_rows(bars, threshold)
        self.bars.setVisible(bool(bars))
        self.said.setText(said)
        self.said.setVisible(bool(said))
        self._card.show()
        self._allow()
        self.accept.setEnabled(bool(accepts))

    def allow_undo(self, allowed: bool) -> None:
        """Let the user take something back, where there is something to take back."""
        self.undo.setEnabled(allowed)

    def show_progress(self, done: int, total: int, accuracy: str = "") -> None:
        """Show how far the review has come, and how often the model was right."""
        self.progress.setRange(0, max(total, 1))
        self.progress.setValue(done)
        self.progress_label.setText(f"{done} of {total} reviewed" if total else "")
        self.accuracy.setText(accuracy)
        self.progress.setVisible(bool(total))
        self.accuracy.setVisible(bool(accuracy))

    def show_keys(self, keys: dict[str, str]) -> None:
        """Name the key of each button, by the button's name; empty: it has none."""
        for name, tip in _TIPS.items():
            key = keys.get(name, "")
            getattr(self, name).setToolTip(f"{tip} ({key})" if key else tip)
        first, last = keys.get("first class", ""), keys.get("last class", "")
        words = "The right class: 1 to 9 in this panel" if last else "The right class"
        if len(self.classes.names) < 9 and last:
            words = f"The right class: 1 to {len(self.classes.names)} in this panel"
        if first and last:
            words += f", {first} to {last} anywhere"
        self.classes.set_title(words)

    def _allow(self) -> None:
        current = not self._card.isHidden()
        self.previous.setEnabled(bool(self.list.lines))
        self.next.setEnabled(bool(self.list.lines))
        self.accept.setEnabled(current)
        self.classes.setEnabled(current)

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.addWidget(self.orders, 1)
        top.addWidget(self.hide_reviewed)
        self._card = QFrame()
        card = QVBoxLayout(self._card)
        card.setContentsMargins(0, 0, 0, 0)
        card.setSpacing(6)
        head = QHBoxLayout()
        head.setSpacing(10)
        head.addWidget(self.picture, 0, Qt.AlignmentFlag.AlignTop)
        beside = QVBoxLayout()
        beside.setSpacing(3)
        for part in (self.title, self.by, self.place):
            beside.addWidget(part)
        beside.addStretch()
        head.addLayout(beside, 1)
        card.addLayout(head)
        card.addWidget(self.bars)
        card.addWidget(self.said)
        buttons = QHBoxLayout()
        buttons.setSpacing(6)
        for one in (self.previous, self.next, self.undo, self.accept):
            # As narrow as their words, where the dock is narrow.
            one.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
            one.setMinimumWidth(one.fontMetrics().horizontalAdvance(one.text()) + 16)
            buttons.addWidget(one)
        for widget in (self.run, self.progress_label, self.progress, self.accuracy):
            self.column.addWidget(widget)
        self.column.addLayout(top)
        self.column.addWidget(self.list, 1)
        self.column.addWidget(self.messages)
        self.column.addWidget(self._card)
        self.column.addLayout(buttons)
        self.column.addWidget(self.classes)
