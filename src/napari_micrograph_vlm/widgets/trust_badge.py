"""Under an answer: how far it can be trusted, and a button that looks closer."""

from __future__ import annotations

from qtpy.QtCore import QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from .panel import PlainLabel, button, plain_tip, progress_line

__all__ = ["TrustBadge"]

# Okabe and Ito (2008): apart for every kind of colour vision; the shapes differ as well.
DOUBT = QColor(230, 159, 0)
FINE = QColor(0, 114, 178)
UNKNOWN = QColor(128, 128, 128)

LOOKS = {
    "blind": (
        "May be a guess",
        "The question was asked again about an empty grey picture, and the answer was the same. "
        "So it may come from habit and not from this picture. (Where there really is nothing to "
        "see, “no” is the right answer to both.)",
    ),
    "unstable": (
        "Unsteady",
        "The question was asked again about the same picture moved a little (3 % of its side), and "
        "the answer was another. A sure answer does not depend on so little.",
    ),
    "unfocused": (
        "No clear focus",
        "The map is nearly even: it does not tell where the answer comes from. The answer itself "
        "may still be right.",
    ),
    "none": (
        "No doubt found",
        "Asked about an empty grey picture the model answers otherwise, moving the picture "
        "a little changes nothing, and the map singles something out. That does not prove the "
        "answer right.",
    ),
}
"""Title and tool tip of each result."""

VERIFY_TIP = (
    "Cover one part of the picture after the other and see where that makes the answer less "
    "likely; slower, but independent of the map"
)
CHECK_TIP = "Ask twice more: about an empty picture, and about this one moved a little"
SHOWN_TIP = "Show on the image which covered parts mattered, instead of where the model looked"


class _Mark(QWidget):
    """A triangle for doubt, a disc with a tick for none, a ring while nothing is known."""

    def __init__(self) -> None:
        super().__init__()
        self.colour = UNKNOWN
        self.setFixedSize(QSize(18, 18))

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802 - Qt's name
        """Draw the mark."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.colour)
        if self.colour == DOUBT:
            painter.drawPolygon(QPolygonF([QPointF(9, 1), QPointF(17.5, 16.5), QPointF(0.5, 16.5)]))
            painter.setBrush(QColor(20, 20, 20))
            painter.drawRect(QRectF(8.1, 6, 1.8, 5.5))
            painter.drawRect(QRectF(8.1, 12.8, 1.8, 1.8))
        elif self.colour == FINE:
            painter.drawEllipse(QRectF(1, 1, 16, 16))
            painter.setPen(QPen(QColor("white"), 2))
            painter.drawPolyline(QPolygonF([QPointF(5, 9.5), QPointF(8, 12.5), QPointF(13, 6)]))
        else:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(self.colour, 2))
            painter.drawEllipse(QRectF(2, 2, 14, 14))
        painter.end()


class TrustBadge(QWidget):
    """Hidden until there is an answer.

    Signals
    -------
    check_wanted()
        The user wants the answer to be checked.
    verify_wanted()
        The user wants parts of the picture to be covered.
    verify_stopped()
        The user does not want to wait for that any longer.
    covered_shown(bool)
        The user wants to see which covered parts mattered, or the map again.
    """

    check_wanted = Signal()
    verify_wanted = Signal()
    verify_stopped = Signal()
    covered_shown = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self.mark = _Mark()
        self.title = PlainLabel(small=True)
        self.title.setStyleSheet("QLabel { font-weight: 600; font-size: 8pt; }")
        self.sentence = PlainLabel(dim=True, small=True)
        self.check = button("Check", CHECK_TIP)
        self.verify = button("Verify", VERIFY_TIP)
        self.progress = progress_line("Parts of the picture covered so far")
        self.result = PlainLabel(dim=True, small=True)
        self.covered = button("Show parts", SHOWN_TIP)
        self.covered.setCheckable(True)
        self._lay_out()
        self.check.clicked.connect(lambda: self.check_wanted.emit())
        self._verifying = False
        self.verify.clicked.connect(self._verify_clicked)
        self.covered.clicked.connect(self.covered_shown)
        self.clear()

    def clear(self) -> None:
        """Show nothing."""
        self.hide_agreement()
        self.check.setEnabled(True)
        self.check.setToolTip(plain_tip(CHECK_TIP))
        self.hide()

    def show_unchecked(self) -> None:
        """Show that the answer was not checked; the user may want it."""
        self._show(UNKNOWN, "Not checked", "", CHECK_TIP)
        self.check.show()

    def show_checking(self) -> None:
        """Show that the answer is being checked."""
        self._show(UNKNOWN, "Checking…", "", CHECK_TIP)

    def show_trust(self, kind: str, sentence: str) -> None:
        """Show what was found: ``kind`` is one of :data:`LOOKS`."""
        title, tip = LOOKS[kind]
        self._show(FINE if kind == "none" else DOUBT, title, sentence, tip)

    def show_verifying(self, done: int, parts: int) -> None:
        """Show how many parts have been covered."""
        self._verifying = True
        self.verify.setText("Stop")
        self.verify.setToolTip("Cover no more parts; what was found so far is dropped")
        self.progress.setRange(0, parts)
        self.progress.setValue(done)
        self.progress.show()
        self._said("Covering parts of the picture…")
        self.result.setToolTip(plain_tip(VERIFY_TIP))

    def show_agreement(self, sentence: str, tip: str, can_show: bool) -> None:
        """Show what covering parts has told; ``can_show``: whether to offer the parts."""
        self.hide_agreement()
        self._said(sentence)
        self.result.setToolTip(plain_tip(tip))
        self.covered.setVisible(can_show)

    def forbid(self, check: str = "", verify: str = "") -> None:
        """Grey buttons out and say why; empty: the button stays as it is."""
        for part, why in ((self.check, check), (self.verify, verify)):
            if why:
                part.setEnabled(False)
                part.setToolTip(plain_tip(why))

    def hide_agreement(self) -> None:
        """Show no result of covering parts."""
        self._verifying = False
        self.verify.setEnabled(True)
        self.verify.setText("Verify")
        self.verify.setToolTip(plain_tip(VERIFY_TIP))
        self.progress.hide()
        self.covered.setChecked(False)
        self.covered.hide()
        self._said("")

    def _verify_clicked(self) -> None:
        (self.verify_stopped if self._verifying else self.verify_wanted).emit()

    def _said(self, sentence: str) -> None:
        self.result.setText(sentence)
        self.result.setVisible(bool(sentence))

    def _show(self, colour: QColor, title: str, sentence: str, tip: str) -> None:
        self.check.hide()
        self.mark.colour = colour
        self.mark.update()
        self.title.setText(title)
        self.sentence.setText(sentence)
        self.sentence.setVisible(bool(sentence))
        for part in (self.mark, self.title, self.sentence):
            part.setToolTip(plain_tip(tip))
        self.setAccessibleName(f"{title}. {sentence}".strip())
        self.show()

    def _lay_out(self) -> None:
        words = QVBoxLayout()
        words.setSpacing(1)
        words.addWidget(self.title)
        words.addWidget(self.sentence)
        line = QHBoxLayout()
        line.setSpacing(8)
        line.addWidget(self.mark, 0, Qt.AlignmentFlag.AlignTop)
        line.addLayout(words, 1)
        line.addWidget(self.check, 0, Qt.AlignmentFlag.AlignTop)
        line.addWidget(self.verify, 0, Qt.AlignmentFlag.AlignTop)
        told = QHBoxLayout()
        told.addWidget(self.result, 1)
        told.addWidget(self.covered, 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(line)
        column.addWidget(self.progress)
        column.addLayout(told)
