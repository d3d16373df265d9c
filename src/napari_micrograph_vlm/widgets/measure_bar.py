"""Under an answer: measure what it is about, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QPainter, QPaintEvent, QPolygonF
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from .panel import PlainLabel, button, plain_tip, progress_line
from .trust_badge import DOUBT

__all__ = ["MeasureBar", "SizeWarning"]

MEASURE_TIP = (
    "Outline what the answer is about, starting from where the model looked, and measure it: area, "
    "diameter, length, direction; of a stack, in every frame that was asked about. The outlines "
    "become a layer on the image, the sizes its table"
)
TABLE_TIP = "Save the sizes of all objects as a table: CSV, JSON or Parquet"
WARNING_TIP = (
    "Every size that the answer names is compared with the region: nothing in it is longer than "
    "from corner to corner, and nothing smaller than half a pixel can be seen"
)


class MeasureBar(QWidget):
    """Hidden until there is an answer.

    Signals
    -------
    measure_wanted()
        The user wants what the answer is about to be measured.
    table_wanted()
        The user wants the sizes as a file.
    """

    measure_wanted = Signal()
    table_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.measure = button("Measure", MEASURE_TIP)
        self.table = button("Save sizes…", TABLE_TIP)
        self.summary = PlainLabel(small=True)
        self.summary.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.progress = progress_line("Objects are being outlined and measured")
        row = QHBoxLayout()
        row.addWidget(self.measure)
        row.addWidget(self.table)
        row.addStretch()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(row)
        column.addWidget(self.progress)
        column.addWidget(self.summary)
        self.measure.clicked.connect(lambda: self.measure_wanted.emit())
        self.table.clicked.connect(lambda: self.table_wanted.emit())
        self.clear()

    def clear(self) -> None:
        """Show nothing: there is no answer."""
        self.show_sizes("", False)
        self.hide()

    def show_busy(self) -> None:
        """Show that objects are being measured."""
        self.show_sizes("", False)
        self.measure.setEnabled(False)
        self.progress.show()

    def show_sizes(self, summary: str, can_save: bool) -> None:
        """Show what was measured; empty: nothing yet.

        Parameters
        ----------
        summary : str
            What was found in each region, and how exact it is.
        can_save : bool
            Whether there are sizes to save.
        """
        self.progress.hide()
        self.measure.setEnabled(True)
        self.summary.setText(summary)
        self.summary.setVisible(bool(summary))
        self.table.setVisible(can_save)
        self.show()


class _Triangle(QWidget):
    """A small warning mark."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedSize(QSize(16, 16))

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802 - Qt's name
        """Draw the mark."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(DOUBT)
        painter.drawPolygon(QPolygonF([QPointF(8, 1), QPointF(15.5, 15), QPointF(0.5, 15)]))
        painter.setBrush(Qt.GlobalColor.black)
        painter.drawRect(QRectF(7.2, 5.5, 1.6, 5))
        painter.drawRect(QRectF(7.2, 12, 1.6, 1.6))
        painter.end()


class SizeWarning(QWidget):
    """Under an answer: which of its sizes cannot be true; hidden where all can."""

    def __init__(self) -> None:
        super().__init__()
        self.text = PlainLabel(small=True)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(_Triangle(), 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self.text, 1)
        self.setToolTip(plain_tip(WARNING_TIP))
        self.show_sentences(())

    def show_sentences(self, sentences: Sequence[str]) -> None:
        """Show what cannot be true, a sentence each."""
        text = "\n".join(sentences)
        self.text.setText(text)
        self.setAccessibleName(text)
        self.setVisible(bool(text))
