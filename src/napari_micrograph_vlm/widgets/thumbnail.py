"""The pixels that the model is given, and what it cannot see in them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QRectF, QSize, Qt, Signal
from qtpy.QtGui import QBrush, QColor, QImage, QPainter, QPaintEvent
from qtpy.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from .panel import PlainLabel, mix, plain_tip
from .scale_bar_row import ScaleBarRow

__all__ = ["PixelView", "Thumbnail"]

Place = tuple[float, float, float, float]
"""y0, x0, y1, x1 as fractions of the frame."""

Tile = tuple[NDArray[np.uint8], Place]
"""Pixels, (h, w, 3), and their place."""

_DETAIL = (
    ("Detail: automatic", None, "Look closer where a large region would lose too much detail"),
    ("Detail: whole only", False, "Look at the region once, as a whole: fastest"),
    ("Detail: look closer", True, "Look at the region in tiles as well: finest detail, slower"),
)

_TOLD_TIP = (
    "What is known of scale and instrument is said to the model before your question, which stays "
    "as you typed it"
)
_DETAIL_TIP = "How closely to look at the region"
_NO_DETAIL_TIP = (
    "A sheet of frames is looked at in tiles, anything else of several regions or frames as a "
    "whole; choose one to look closer"
)


_BAR_TIP = (
    "The strip of text that the microscope wrote into the image: the model is not shown it, "
    "since it would take it for part of the sample. Tick to show it all the same."
)


class PixelView(QWidget):
    """Paints pictures in their places, as large as fits; what is left out of them is hatched."""

    def __init__(self) -> None:
        super().__init__()
        self._images: list[tuple[QImage, Place]] = []
        self._bands: tuple[Place, ...] = ()
        self._shape = (1.0, 1.0)
        self._seams = True
        self._hint = ""
        self.setFixedSize(QSize(150, 150))

    @property
    def count(self) -> int:
        """Number of pictures shown."""
        return len(self._images)

    @property
    def bands(self) -> tuple[Place, ...]:
        """Places of the strips that are left out."""
        return self._bands

    def set_tiles(
        self,
        tiles: Sequence[Tile],
        shape: tuple[float, float],
        bands: Sequence[Place] = (),
        seams: bool = True,
    ) -> None:
        """Show ``tiles`` in a frame of the proportions ``shape``, (height, width).

        ``bands`` are strips of the frame that the model is not shown; ``seams`` are lines between
        the tiles.
        """
        self._seams = seams
        self._bands = tuple(bands)
        self._images = [(_to_image(pixels), box) for pixels, box in tiles]
        self._shape = shape
        self.update()

    def set_hint(self, hint: str) -> None:
        """Show no picture but a few words."""
        self._images = []
        self._bands = ()
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
        for image, box in self._images:
            place = _inside(area, box)
            if self._seams:
                painter.drawImage(place.adjusted(gap, gap, -gap, -gap), image)
            else:
                painter.drawImage(place.toAlignedRect(), image)
        for box in self._bands:
            _hatch(painter, _inside(area, box), mix(self.palette(), 0.12), mix(self.palette(), 0.7))
        painter.setPen(QColor(128, 128, 128, 160))
        painter.drawRect(area.adjusted(0, 0, -1, -1))
        painter.end()


class Thumbnail(QWidget):
    """The picture beside its size, its loss and how closely to look.

    Signals
    -------
    detail_changed()
        The user chose how closely to look; see :attr:`tiled`.
    bar_included(bool)
        The user wants the model to see the information bar, or not.
    """

    detail_changed = Signal()
    bar_included = Signal(bool)

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
        self.told_label = PlainLabel(dim=True, small=True)
        self.told_label.setToolTip(_TOLD_TIP)
        self.told_label.hide()
        row = QHBoxLayout()
        row.setSpacing(10)
        row.addWidget(self.picture)
        row.addLayout(side, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        self.include_bar = QCheckBox("Include the information bar")
        self.include_bar.setToolTip(plain_tip(_BAR_TIP))
        self.include_bar.clicked.connect(self.bar_included)
        self.include_bar.hide()
        self.scale_row = ScaleBarRow()
        column.addLayout(row)
        column.addWidget(self.include_bar)
        column.addWidget(self.scale_row)
        column.addWidget(self.told_label)
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
        self.show_told("")

    def show_bar(self, found: bool, included: bool) -> None:
        """Offer to include the information bar where there is one."""
        self.include_bar.setChecked(included)
        self.include_bar.setVisible(found)

    def show_tiles(
        self,
        tiles: Sequence[Tile],
        shape: tuple[float, float],
        size: str,
        loss: str,
        bands: Sequence[Place] = (),
        seams: bool = True,
    ) -> None:
        """Show pictures with their size and, where detail is lost, a sentence on that.

        ``bands`` and ``seams`` are as for :meth:`PixelView.set_tiles`.
        """
        self.picture.set_tiles(tiles, shape, bands, seams)
        self.size_label.setText(size)
        self.loss_label.setText(loss)

    def show_told(self, sentence: str) -> None:
        """Show what the model is told of scale and instrument; empty: nothing."""
        self.told_label.setText(f"It is told: {sentence}" if sentence else "")
        self.told_label.setVisible(bool(sentence))


def _inside(area: QRectF, box: Place) -> QRectF:
    y0, x0, y1, x1 = box
    return QRectF(
        area.left() + x0 * area.width(),
        area.top() + y0 * area.height(),
        (x1 - x0) * area.width(),
        (y1 - y0) * area.height(),
    )


def _hatch(painter: QPainter, place: QRectF, ground: QColor, lines: QColor) -> None:
    painter.fillRect(place, ground)
    painter.fillRect(place, QBrush(lines, Qt.BrushStyle.BDiagPattern))


def _to_image(pixels: NDArray[np.uint8]) -> QImage:
    data = np.ascontiguousarray(pixels)
    height, width = data.shape[:2]
    # copy: QImage only borrows the buffer, which ends with this function.
    return QImage(data.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888).copy()
