"""How wrong a model is while it learns, drawn as it comes."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPalette, QPen, QPolygonF
from qtpy.QtWidgets import QWidget

from .panel import mix

__all__ = ["LossCurve"]

_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 10, 22, 20
# Of Okabe and Ito: told apart by everybody, on dark and on light.
_LEARNT, _HELD = QColor(86, 180, 233), QColor(230, 159, 0)

Point = tuple[float, float]


class LossCurve(QWidget):
    """Two lines over the steps: answers learnt from, and answers held out."""

    def __init__(self) -> None:
        super().__init__()
        self.learnt: list[Point] = []
        self.held: list[Point] = []
        self._steps = 1
        self.setMinimumHeight(150)
        self.setToolTip(
            "How wrong the model is, lower is better: thin line, answers it learns from; thick "
            "line with dots, answers held out to measure by"
        )
        self.setAccessibleName("Loss over the steps")

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return the size it is drawn for."""
        return QSize(340, 150)

    def clear(self) -> None:
        """Begin anew."""
        self.learnt, self.held = [], []
        self.update()

    def add(self, step: int, steps: int, loss: float, validation: float) -> None:
        """Take the losses at a step; of values that are no numbers, and old ones, nothing."""
        self._steps = max(steps, 1)
        for points, value in ((self.learnt, loss), (self.held, validation)):
            if isfinite(value) and (not points or points[-1][1] != value):
                points.append((float(step), value))
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802 - Qt's name
        """Draw axes and lines."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        dim = mix(self.palette(), 0.68)
        font = painter.font()
        font.setPointSizeF(8)
        painter.setFont(font)
        area = QRectF(self.rect()).adjusted(_LEFT, _TOP, -_RIGHT, -_BOTTOM)
        most = _round_up(max((value for _, value in (*self.learnt, *self.held)), default=1.0))
        for part in (0.0, 0.5, 1.0):
            y = area.bottom() - part * area.height()
            painter.setPen(QPen(mix(self.palette(), 0.2), 1))
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            painter.setPen(dim)
            box = QRectF(0, y - 8, _LEFT - 6, 16)
            painter.drawText(box, Qt.AlignmentFlag.AlignRight, f"{part * most:.3g}")
        below = QRectF(area.left(), area.bottom() + 3, area.width(), 16)
        painter.drawText(below, Qt.AlignmentFlag.AlignLeft, "0")
        painter.drawText(below, Qt.AlignmentFlag.AlignHCenter, "step")
        painter.drawText(below, Qt.AlignmentFlag.AlignRight, f"{self._steps}")
        for points, colour, wide in ((self.learnt, _LEARNT, 1.2), (self.held, _HELD, 2.2)):
            self._draw(painter, area, points, most, colour, wide)
        self._key(painter)
        painter.end()

    def _draw(
        self,
        painter: QPainter,
        area: QRectF,
        points: Sequence[Point],
        most: float,
        colour: QColor,
        wide: float,
    ) -> None:
        line = [
            QPointF(
                area.left() + area.width() * min(step / self._steps, 1),
                area.bottom() - area.height() * value / most,
            )
            for step, value in points
        ]
        painter.setPen(QPen(colour, wide))
        painter.drawPolyline(QPolygonF(line))
        if points is self.held or len(line) == 1:
            painter.setBrush(colour)
            for point in line:
                painter.drawEllipse(point, 2.5, 2.5)

    def _key(self, painter: QPainter) -> None:
        x = 4.0
        for text, colour, wide in (
            ("answers learnt from", _LEARNT, 1.2),
            ("answers held out", _HELD, 2.2),
        ):
            painter.setPen(QPen(colour, wide))
            painter.drawLine(QPointF(x, 10), QPointF(x + 16, 10))
            painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
            painter.drawText(QPointF(x + 21, 14), text)
            x += 34 + painter.fontMetrics().horizontalAdvance(text)


def _round_up(value: float) -> float:
    """Return the next round number."""
    unit = 10.0 ** (len(str(int(value))) - 1) if value >= 1 else 0.1
    return next((f * unit for f in (1, 2, 3, 4, 5, 6, 8) if f * unit >= value), 10 * unit)
