"""One item of a run: its picture, its classes, what was answered."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QPixmap
from qtpy.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from .bars import Bars
from .panel import PlainLabel

__all__ = ["FindingCard"]

SIDE = 112
"""Longer side of the picture on the screen."""


class FindingCard(QWidget):
    """Hidden until an item is chosen."""

    def __init__(self) -> None:
        super().__init__()
        self.picture = QLabel()
        self.picture.setFixedSize(QSize(SIDE, SIDE))
        self.picture.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
        self.picture.setToolTip("What the model looked at")
        self.name = PlainLabel()
        self.name.setStyleSheet("QLabel { font-weight: 600; }")
        self.where = PlainLabel(dim=True, small=True)
        self.said = PlainLabel()
        self.bars = Bars()
        words = QVBoxLayout()
        words.setSpacing(4)
        for part in (self.name, self.where, self.bars, self.said):
            words.addWidget(part)
        words.addStretch(1)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.picture, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(words, 1)
        self.clear()

    def clear(self) -> None:
        """Show nothing."""
        self.hide()

    def show_item(
        self,
        name: str,
        where: str,
        thumbnail: bytes,
        bars: Sequence[tuple[str, float]],
        threshold: float,
        said: str,
    ) -> None:
        """Show an item.

        Parameters
        ----------
        name, where, said : str
            Its class, its place, and its answers or why it was skipped.
        thumbnail : bytes
            A JPEG; empty where there is none.
        bars : sequence of (str, float)
            Classes with their probability, best first.
        threshold : float
            Below it a class is unknown.
        """
        picture = QPixmap()
        if thumbnail and picture.loadFromData(thumbnail):
            picture = picture.scaled(
                self.picture.size(),
                Qt.AspectRatioMode.KeepAspectRatio,
                Qt.TransformationMode.SmoothTransformation,
            )
        self.picture.setPixmap(picture)
        self.picture.setVisible(not picture.isNull())
        for label, text in ((self.name, name), (self.where, where), (self.said, said)):
            label.setText(text)
            label.setVisible(bool(text))
        self.bars.set_rows(bars, threshold)
        self.bars.setVisible(bool(bars))
        self.show()
