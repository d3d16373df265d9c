"""Probabilities as horizontal bars."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QRectF, QSize, Qt
from qtpy.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent
from qtpy.QtWidgets import QSizePolicy, QWidget

from .panel import mix

__all__ = ["Bars"]

# Okabe and Ito (2008): blue and orange stay apart for every kind of colour vision.
BEST = QColor(0, 114, 178)
UNSURE = QColor(230, 159, 0)
OTHER = QColor(128, 128, 128, 140)

_ROW = 24
_NAMES = 0.42


class Bars(QWidget):
    """Name, bar and percentage of each class, most probable first."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: tuple[tuple[str, float], ...] = ()
        self._threshold = 0.0
        self.setToolTip("How probable each class is; the line marks the threshold")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.set_rows(())

    def set_rows(self, rows: Sequence[tuple[str, float]], threshold: float = 0.0) -> None:
        """Show (name, probability) pairs, and the threshold where it is above 0."""
        self.rows = tuple(rows)
        self._threshold = threshold
        words = ", ".join(f"{name} {probability:.0%}" for name, probability in self.rows)
        self.setAccessibleDescription(words)
        self.setFixedHeight(max(_ROW * len(self.rows), 1))
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """As high as the rows need."""
        return QSize(200, _ROW * max(len(self.rows), 1))

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802 - Qt's name
        """Draw the bars."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        metrics = QFontMetrics(self.font())
        percent = metrics.horizontalAdvance("100 %") + 6
        left = self.width() * _NAMES
        room = max(self.width() - left - percent, 1.0)
        text = mix(self.palette(), 1.0)
        for i, (name, probability) in enumerate(self.rows):
            top = i * _ROW
            painter.setPen(text)
            cut = metrics.elidedText(name, Qt.TextElideMode.ElideRight, int(left) - 8)
            middle = int(Qt.AlignmentFlag.AlignVCenter)
            painter.drawText(QRectF(0, top, left - 8, _ROW), middle, cut)
            right = middle | int(Qt.AlignmentFlag.AlignRight)
            share = QRectF(self.width() - percent, top, percent, _ROW)
            painter.drawText(share, right, f"{100 * probability:.0f} %")
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(mix(self.palette(), 0.12))
            painter.drawRoundedRect(QRectF(left, top + 6, room, _ROW - 12), 3, 3)
            painter.setBrush(self._colour(i, probability))
            painter.drawRoundedRect(QRectF(left, top + 6, room * probability, _ROW - 12), 3, 3)
        if self._threshold > 0 and self.rows:
            at = left + room * self._threshold
            painter.setPen(mix(self.palette(), 0.7))
            painter.drawLine(int(at), 2, int(at), _ROW * len(self.rows) - 2)
        painter.end()

    def _colour(self, rank: int, probability: float) -> QColor:
        if rank:
            return OTHER
        return BEST if probability >= self._threshold else UNSURE
