"""The pixels that the model is given, and what it cannot see in them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QImage, QPainter, QPaintEvent
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from .panel import PlainLabel, mix

__all__ = ["PixelView", "Thumbnail"]

Tile = tuple[NDArray[np.uint8], tuple[float, float, float, float]]
"""Pixels, (h, w, 3), and their place: y0, x0, y1, x1 as fractions of the region."""

_DETAIL = (
    ("Detail: automatic", None, "Look closer where a large region would lose too much detail"),
    ("Detail: whole only", False, "Look at the region once, as a whole: fastest"),
    ("Detail: look closer", True, "Look at the region in tiles as well: finest detail, slower"),
)

_DETAIL_TIP = "How closely to look at the region"
_NO_DETAIL_TIP = "Two regions are looked at as a whole; choose one to look closer"


class PixelView(QWidget):
    """Paints pictures in their places, as large as fits."""

    def __init__(self) -> None:
        super().__init__()
        self._images: list[tuple[QImage, tuple[float, float, float, float]]] = []
        self._shape = (1.0, 1.0)
        self._hint = ""
        self.setFixedSize(QSize(150, 150))

    @property
    def count(self) -> int:
        """Number of pictures shown."""
        return len(self._images)

    def set_tiles(self, tiles: Sequence[Tile], shape: tuple[float, float]) -> None:
        """Show ``tiles`` in a frame of the proportions ``shape``, (height, width)."""
        self._images = [(_to_image(pixels), box) for pixels, box in tiles]
        self._shape = shape
        self.update()

    def set_hint(self, hint: str) -> None:
        """Show no picture but a few words."""
        self._images = []
        self._hint = hint
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802 - Qt's name
        """Draw the pictures."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        frame = QRectF(self.rect())
        painter.fillRect(frame, mix(self.palette(), 0.08))
        if not self._images:
            painter.setPen(mix(self.palette(), 0.6))
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(frame.adjusted(8, 8, -8, -8), int(flags), self._hint)
            painter.end()
            return
        height, width = self._shape
        step = min(frame.width() / width, frame.height() / height)
        area = QRectF(0, 0, max(width * step, 2), max(height * step, 2))
        area.moveCenter(frame.center())
        gap = 0.75 if len(self._images) > 1 else 0.0
        for image, (y0, x0, y1, x1) in self._images:
            place = QRectF(
                area.left() + x0 * area.width(),
                area.top() + y0 * area.height(),
                (x1 - x0) * area.width(),
                (y1 - y0) * area.height(),
            )
            painter.drawImage(place.adjusted(gap, gap, -gap, -gap), image)
        painter.setPen(QColor(128, 128, 128, 160))
        painter.drawRect(area.adjusted(0, 0, -1, -1))
        painter.end()


class Thumbnail(QWidget):
    """The picture beside its size, its loss and how closely to look.

    Signals
    -------
    detail_changed()
        The user chose how closely to look; see :attr:`tiled`.
    """

    detail_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.picture = PixelView()
        self.picture.setToolTip("Exactly what the model is given to look at")
        self.size_label = PlainLabel()
        self.loss_label = PlainLabel(dim=True, small=True)
        self.detail = QComboBox()
        self.detail.setToolTip(_DETAIL_TIP)
        for i, (text, _, tip) in enumerate(_DETAIL):
            self.detail.addItem(text)
            self.detail.setItemData(i, tip, Qt.ItemDataRole.ToolTipRole)
        self.detail.activated.connect(self.detail_changed)
        side = QVBoxLayout()
        side.setSpacing(4)
        side.addWidget(PlainLabel("The model sees", dim=True, small=True))
        side.addWidget(self.size_label)
        side.addWidget(self.loss_label)
        side.addStretch()
        side.addWidget(self.detail)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(10)
        row.addWidget(self.picture)
        row.addLayout(side, 1)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.clear("Nothing to show yet")

    @property
    def tiled(self) -> bool | None:
        """Whether to look in tiles; None: where it helps."""
        return _DETAIL[self.detail.currentIndex()][1]

    def allow_detail(self, allowed: bool) -> None:
        """Let the user choose how closely to look, or not: two regions are never tiled."""
        self.detail.setEnabled(allowed)
        self.detail.setToolTip(_DETAIL_TIP if allowed else _NO_DETAIL_TIP)

    def clear(self, hint: str) -> None:
        """Show ``hint`` instead of a picture."""
        self.picture.set_hint(hint)
        self.allow_detail(True)
        self.size_label.setText("")
        self.loss_label.setText("")

    def show_tiles(
        self, tiles: Sequence[Tile], shape: tuple[float, float], size: str, loss: str
    ) -> None:
        """Show pictures with their size and, where detail is lost, a sentence on that."""
        self.picture.set_tiles(tiles, shape)
        self.size_label.setText(size)
        self.loss_label.setText(loss)


def _to_image(pixels: NDArray[np.uint8]) -> QImage:
    data = np.ascontiguousarray(pixels)
    height, width = data.shape[:2]
    # copy: QImage only borrows the buffer, which ends with this function.
    return QImage(data.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888).copy()
