"""Figures of papers under an answer, and the choice of where they are looked up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QImage, QPainter, QPixmap
from qtpy.QtWidgets import QComboBox, QFrame, QGridLayout, QHBoxLayout, QToolButton, QWidget

from .boxes import Item, narrow_box, offer, value_of
from .panel import PlainLabel, button, heading, plain_tip

__all__ = ["CitationsBar", "CiteBox", "Shown"]

SIDE = 92
"""Longer side of a thumbnail in pixels."""

BLUE = QColor(86, 180, 233)
"""Okabe and Ito's sky blue: what an answer has from a figure."""

_IMAGE_ONLY = "The answer is from the image alone; these figures are only like it."
_UNUSED = "The model was told their captions and took nothing from them."
_USED = (
    "Shaded in the answer: what a caption says, with the number of its figure. The rest is what "
    "the model says of the image."
)


@dataclass(frozen=True)
class Shown:
    """What is shown of a figure.

    Attributes
    ----------
    number : int
        Its mark in the answer.
    title : str
        Such as ``"Figure 3, p. 4"``.
    paper : str
        Title or file of its paper.
    tip : str
        Caption and scores.
    told, used : bool
        Whether the model was told its caption, and whether the answer rests on it.
    """

    number: int
    title: str
    paper: str
    tip: str
    told: bool = False
    used: bool = False


class _Figure(QWidget):
    """A thumbnail, which is a button, and below it where the figure is from."""

    def __init__(self, shown: Shown) -> None:
        super().__init__()
        self.picture = QToolButton()
        self.picture.setIconSize(QSize(SIDE, SIDE))
        self.picture.setFixedSize(QSize(SIDE + 10, SIDE + 10))
        self.picture.setCursor(Qt.CursorShape.PointingHandCursor)
        self.picture.setToolTip(
            plain_tip(f"Click to open this figure beside the image. {shown.tip}")
        )
        self.picture.setAccessibleName(f"Figure {shown.number}: {shown.title}, {shown.paper}")
        if shown.used:
            self.picture.setStyleSheet(
                f"QToolButton {{ border: 2px solid {BLUE.name()}; border-radius: 3px; }}"
            )
        self.label = PlainLabel(f"[{shown.number}] {shown.title}\n{shown.paper}", small=True)
        self.label.setToolTip(plain_tip(shown.tip))
        self.label.setFixedWidth(SIDE + 14)
        column = QGridLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self.picture, 0, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self.label, 1, 0, Qt.AlignmentFlag.AlignTop)

    def show_pixels(self, pixels: NDArray[np.uint8] | None) -> None:
        """Show the picture; None: it is missing."""
        if pixels is None:
            self.picture.setText("picture\nmissing")
            self.picture.setEnabled(False)
            return
        self.picture.setIcon(QIcon(_square(pixels)))


class CitationsBar(QFrame):
    """Thumbnails in a row with paper and page; hidden where an answer has none.

    Signals
    -------
    figure_chosen(int)
        The user clicked a figure: its place in the row, from 0.
    """

    figure_chosen = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.figures: list[_Figure] = []
        self.heading = heading("Similar figures")
        self.legend = PlainLabel(dim=True, small=True)
        self._row = QHBoxLayout()
        self._row.setSpacing(6)
        column = QGridLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setVerticalSpacing(2)
        column.addWidget(self.heading, 0, 0)
        column.addWidget(self.legend, 1, 0)
        column.addLayout(self._row, 2, 0)
        self.show_figures(())

    def show_figures(self, figures: Sequence[Shown]) -> None:
        """Show these figures, whose pictures come later."""
        while self._row.count():
            item = self._row.takeAt(0)
            widget = None if item is None else item.widget()
            if widget is not None:
                widget.setParent(None)
                widget.deleteLater()
        self.figures = [_Figure(one) for one in figures]
        for place, figure in enumerate(self.figures):
            figure.picture.clicked.connect(lambda _=False, i=place: self.figure_chosen.emit(i))
            self._row.addWidget(figure, 0, Qt.AlignmentFlag.AlignTop)
        self._row.addStretch()
        used, told = any(one.used for one in figures), any(one.told for one in figures)
        self.heading.setText("Sources" if used else "Similar figures")
        self.legend.setText(_USED if used else _UNUSED if told else _IMAGE_ONLY)
        self.setVisible(bool(figures))

    def show_picture(self, place: int, pixels: NDArray[np.uint8] | None) -> None:
        """Show the picture of a figure, (h, w) or (h, w, 3); None: it is missing."""
        if place < len(self.figures):
            self.figures[place].show_pixels(pixels)


class CiteBox(QWidget):
    """Which index of figures answers are compared with.

    Signals
    -------
    chosen(str)
        The user chose the folder of an index; empty: none.
    browsed()
        The user wants to choose a folder.
    """

    chosen = Signal(str)
    browsed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.label = PlainLabel("Similar figures")
        self.label.setWordWrap(False)
        self.box: QComboBox = narrow_box(
            "Show the three captioned figures most like the region under each answer; a large "
            "model is also told their captions",
            10,
        )
        self.browse = button(
            "Folder…", "Choose a folder of figures that `data figures` wrote, or an index of one"
        )
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.label)
        row.addWidget(self.box, 1)
        row.addWidget(self.browse)
        self.box.activated.connect(lambda _: self.chosen.emit(value_of(self.box)))
        self.browse.clicked.connect(self.browsed)
        self.show_choice((), "")

    def show_choice(self, indexes: Iterable[Item], current: str) -> None:
        """Offer indexes as (folder, text), and show which is chosen."""
        offer(self.box, [("", "None"), *indexes], current)


def _square(pixels: NDArray[np.uint8]) -> QPixmap:
    """Return a picture in the middle of a square, no larger than it is."""
    colour = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=-1)
    data = np.ascontiguousarray(colour)
    height, width = data.shape[:2]
    image = QImage(data.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888).copy()
    inner = QPixmap.fromImage(image).scaled(
        QSize(SIDE, SIDE),
        Qt.AspectRatioMode.KeepAspectRatio,
        Qt.TransformationMode.SmoothTransformation,
    )
    square = QPixmap(SIDE, SIDE)
    square.fill(Qt.GlobalColor.transparent)
    painter = QPainter(square)
    painter.drawPixmap((SIDE - inner.width()) // 2, (SIDE - inner.height()) // 2, inner)
    painter.end()
    return square
