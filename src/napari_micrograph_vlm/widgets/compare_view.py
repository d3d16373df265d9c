"""The panel that compares a region with a good one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QColor, QImage, QLinearGradient, QPainter, QPaintEvent, QPixmap
from qtpy.QtWidgets import (
    QCheckBox,
    QFrame,
    QGraphicsOpacityEffect,
    QHBoxLayout,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from .fold import Fold
from .message_bar import MessageBar
from .model_picker import ModelPicker
from .panel import Panel, PlainLabel, button, heading, primary_button, progress_line
from .question_box import QuestionBox
from .region_picker import RegionPicker
from .thumbnail import Thumbnail

__all__ = ["CompareView"]

_SIDE = 72

_STALE = 0.55
"""How opaque a difference is that is not of the region chosen now."""

_ASK = "Ask the model about both regions together"
_COMPARE_FIRST = "Compare the region that is chosen now first"


class ColourKey(QWidget):
    """Says which colour is darker and which brighter than the reference.

    Parameters
    ----------
    darker, brighter : (float, float, float)
        Their colours, 0 to 1.
    """

    def __init__(
        self, darker: tuple[float, float, float], brighter: tuple[float, float, float]
    ) -> None:
        super().__init__()
        self._ends = QColor.fromRgbF(*darker), QColor.fromRgbF(*brighter)
        self.setFixedHeight(10)
        self.setToolTip("Blue: darker than the reference; orange: brighter; no colour: the same")

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802 - Qt's name
        """Draw both colours, fading to nothing in the middle."""
        painter = QPainter(self)
        ramp = QLinearGradient(0, 0, self.width(), 0)
        for at, colour in ((0.0, self._ends[0]), (1.0, self._ends[1])):
            ramp.setColorAt(at, colour)
            clear = QColor(colour)
            clear.setAlpha(0)
            ramp.setColorAt(0.45 if at == 0 else 0.55, clear)
        painter.fillRect(self.rect(), ramp)
        painter.end()


class CompareView(Panel):
    """Suspect region, reference, difference, answer, from top to bottom.

    Signals
    -------
    reference_wanted()
        The user wants the chosen region as the reference.
    started(), stopped()
        Compare the chosen region with the reference; stop.
    asked(str)
        The user wants the model to say what changed.
    difference_wanted(bool)
        The user wants the difference shown, or hidden.
    """

    reference_wanted = Signal()
    started = Signal()
    stopped = Signal()
    asked = Signal(str)
    difference_wanted = Signal(bool)

    def __init__(
        self, darker: tuple[float, float, float], brighter: tuple[float, float, float]
    ) -> None:
        super().__init__()
        self.regions = RegionPicker()
        self.thumbnail = Thumbnail()
        self.take = button(
            "Use as reference", "Keep the region chosen above as the good one to compare with"
        )
        self.picture = QLabel()
        self.picture.setFixedSize(QSize(_SIDE, _SIDE))
        self.picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.picture.setToolTip("The reference")
        self.reference = PlainLabel(dim=True, small=True)
        self.stop = button("Stop", "Stop comparing")
        self.compare = primary_button(
            "Compare", "Bring the reference to cover the chosen region, and show what differs"
        )
        self.progress = progress_line("Work is going on")
        self.status = PlainLabel(dim=True, small=True)
        self.messages = MessageBar()
        self.about = PlainLabel(small=True)
        self.about.setStyleSheet("QLabel { font-size: 8pt; font-weight: 600; }")
        self.result = PlainLabel()
        self.result.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.key = ColourKey(darker, brighter)
        self.show_it = QCheckBox("Show the difference")
        self.show_it.setToolTip("Colour what is darker or brighter than the reference")
        self.show_it.setChecked(True)
        self.question = QuestionBox()
        self.ask = button("Ask the model", _ASK)
        self.answer = PlainLabel()
        self.answer.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.answer.setToolTip("What the model says of the chosen region and the reference")
        self.note = PlainLabel(dim=True, small=True)
        self.models = ModelPicker()
        self._lay_out()
        self.take.clicked.connect(self.reference_wanted)
        self.compare.clicked.connect(self.started)
        self.stop.clicked.connect(self.stopped)
        self.ask.clicked.connect(self._submit)
        self.question.submitted.connect(self._submit)
        self.show_it.toggled.connect(self.difference_wanted)
        self.show_idle()
        self.show_reference(None, "")
        self.show_result("")

    def show_busy(self, what: str) -> None:
        """Show what is going on."""
        self.status.setText(what)
        self._set_busy(True)

    def show_idle(self) -> None:
        """Show that nothing is going on."""
        self._set_busy(False)

    def show_reference(self, pixels: NDArray[np.uint8] | None, text: str) -> None:
        """Show the reference, (H, W) or (H, W, 3) uint8, and where it is from; None: none yet."""
        self.picture.setVisible(pixels is not None)
        self.allow(compare=pixels is not None)
        if pixels is None:
            self.reference.setText(
                "No reference yet: choose a good region above, such as the same place on the "
                "neighbouring die."
            )
            return
        self.picture.setPixmap(_pixmap(pixels))
        self.reference.setText(text)

    def show_result(self, text: str) -> None:
        """Show how both compare; empty: nothing was compared yet."""
        self.result.setText(text)
        self._card.setVisible(bool(text))
        self.show_about("")
        self.allow(show=True)
        self.show_answer("")

    def show_about(self, text: str) -> None:
        """Say of what the difference is where another region is chosen now; empty: it is of it."""
        self.about.setText(text)
        self.about.setVisible(bool(text))
        for label in (self.result, self.answer):
            effect = QGraphicsOpacityEffect(label)
            effect.setOpacity(_STALE if text else 1.0)
            label.setGraphicsEffect(effect if text else None)
        self.ask.setEnabled(not text)
        self.ask.setToolTip(_COMPARE_FIRST if text else _ASK)

    def allow(
        self, *, take: bool | None = None, compare: bool | None = None, show: bool | None = None
    ) -> None:
        """Enable what can be done, and disable what cannot; None: as it is."""
        for part, allowed in ((self.take, take), (self.compare, compare), (self.show_it, show)):
            if allowed is not None:
                part.setEnabled(allowed)

    def show_answer(self, text: str, note: str = "") -> None:
        """Show what the model says, as its words."""
        self.answer.setText(f"The model says: “{text}”" if text else "")
        self.answer.setVisible(bool(text))
        self.note.setText(note)
        self.note.setVisible(bool(note))

    def _submit(self) -> None:
        self.asked.emit(self.question.text)

    def _set_busy(self, busy: bool) -> None:
        self.progress.setVisible(busy)
        self.status.setVisible(busy)
        self.stop.setEnabled(busy)

    def _lay_out(self) -> None:
        self.column.addWidget(heading("Region"))
        self.column.addWidget(self.regions)
        self.column.addWidget(self.thumbnail)
        top = QHBoxLayout()
        top.addWidget(heading("Reference"), 1)
        top.addWidget(self.take)
        self.column.addLayout(top)
        beside = QHBoxLayout()
        beside.setSpacing(10)
        beside.addWidget(self.picture, 0, Qt.AlignmentFlag.AlignTop)
        beside.addWidget(self.reference, 1)
        self.column.addLayout(beside)
        run = QHBoxLayout()
        run.addStretch()
        run.addWidget(self.stop)
        run.addWidget(self.compare)
        self.column.addLayout(run)
        for part in (self.progress, self.status, self.messages):
            self.column.addWidget(part)
        self._card = QFrame()
        card = QVBoxLayout(self._card)
        card.setContentsMargins(0, 0, 0, 0)
        card.setSpacing(6)
        card.addWidget(heading("Difference"))
        card.addWidget(self.about)
        card.addWidget(self.result)
        ends = QHBoxLayout()
        ends.addWidget(PlainLabel("darker", dim=True, small=True))
        ends.addWidget(self.key, 1)
        ends.addWidget(PlainLabel("brighter", dim=True, small=True))
        card.addLayout(ends)
        card.addWidget(self.show_it)
        card.addWidget(heading("Ask the model what changed"))
        card.addWidget(self.question)
        asking = QHBoxLayout()
        asking.addStretch()
        asking.addWidget(self.ask)
        card.addLayout(asking)
        card.addWidget(self.answer)
        card.addWidget(self.note)
        self.column.addWidget(self._card)
        advanced = Fold("Advanced", "Choose the model and where it runs")
        advanced.add(self.models)
        self.column.addWidget(advanced)
        self.column.addStretch(1)


def _pixmap(pixels: NDArray[np.uint8]) -> QPixmap:
    rgb = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)
    rgb = np.ascontiguousarray(rgb)
    height, width = rgb.shape[:2]
    image = QImage(rgb.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
    return QPixmap.fromImage(image.copy()).scaled(
        QSize(_SIDE, _SIDE),
        Qt.AspectRatioMode.KeepAspectRatio,
        Qt.TransformationMode.SmoothTransformation,
    )
