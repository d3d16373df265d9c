"""The part of the classification panel that learns classes from examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QRect, QSize, Signal
from qtpy.QtGui import QImage, QPainter, QPaintEvent
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from .boxes import narrow_box, offer, value_of
from .panel import PlainLabel, button, plain_tip, progress_line

__all__ = ["SHAPES", "LearnView", "Matrix"]

SHAPES, FOLDER = "shapes", "folder"

_TRUST = "Classify with what was learnt from the examples as well as with the names"


class Matrix(QWidget):
    """A picture that is as wide as there is room, and never blown up."""

    def __init__(self) -> None:
        super().__init__()
        self._image = QImage()
        self.setToolTip(
            "Regions that were held back, counted: rows are the classes you gave, columns what "
            "they were taken for; on the diagonal both agree"
        )
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.set_picture(None)

    @property
    def picture(self) -> QImage:
        """What is shown; null where nothing is."""
        return self._image

    def set_picture(self, pixels: NDArray[np.uint8] | None, words: str = "") -> None:
        """Show an (H, W, 3) picture, described by ``words`` for those who cannot see it."""
        if pixels is None:
            self._image = QImage()
        else:
            height, width = pixels.shape[:2]
            data = np.ascontiguousarray(pixels, np.uint8).tobytes()
            kind = QImage.Format.Format_RGB888
            self._image = QImage(data, width, height, 3 * width, kind).copy()
        self.setAccessibleDescription(words)
        self.setVisible(pixels is not None)
        self.updateGeometry()
        self.update()

    def hasHeightForWidth(self) -> bool:  # noqa: N802 - Qt's name
        """Keep the picture's shape."""
        return True

    def heightForWidth(self, width: int) -> int:  # noqa: N802 - Qt's name
        """As high as the picture becomes in this width."""
        return self._size(width).height()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """As for the width of a panel."""
        return self._size(300)

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802 - Qt's name
        """Draw the picture."""
        if self._image.isNull():
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        size = self._size(self.width())
        painter.drawImage(QRect(0, 0, size.width(), size.height()), self._image)
        painter.end()

    def _size(self, width: int) -> QSize:
        if self._image.isNull():
            return QSize(0, 0)
        wide = min(width, self._image.width())
        return QSize(wide, max(round(self._image.height() * wide / self._image.width()), 1))


class LearnView(QWidget):
    """Examples, *Learn*, and what came of it.

    Signals
    -------
    examples_changed()
        The user chose other examples to learn from.
    label_wanted(str)
        The user gives the selected shapes this class.
    started(), stopped()
        The user wants to learn, or no more.
    use_toggled(bool)
        The user wants what was learnt to be used, or not.
    save_wanted(), load_wanted(str)
        The user wants what was learnt saved beside the label set, or loaded from a folder.
    """

    examples_changed = Signal()
    label_wanted = Signal(str)
    started = Signal()
    stopped = Signal()
    use_toggled = Signal(bool)
    save_wanted = Signal()
    load_wanted = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.start_folder = ""
        """Where the choice of something learnt before begins."""
        self.source = narrow_box("Where the examples are")
        self.source.addItem("Shapes that have a class", SHAPES)
        self.source.addItem("A folder of pictures", FOLDER)
        self.column = narrow_box("The feature of the shapes that holds their class")
        self.label_as = narrow_box("The class to give the selected shapes")
        self.label = button("Set", "Give the shapes that are selected in the layer this class")
        self.folder = QLineEdit()
        self.folder.setReadOnly(True)
        self.folder.setPlaceholderText("one sub-folder for each class")
        self.folder.setToolTip("Holds a folder for each class, with its name and its pictures")
        self.choose = button("Choose…", "Choose a folder that holds one sub-folder for each class")
        self.counts = PlainLabel(dim=True, small=True)
        self.stop = button("Stop", "Stop learning")
        self.learn = button(
            "Learn", "Learn the classes from the examples, and try how well it went"
        )
        self.progress = progress_line("How many examples have been looked at")
        self.status = PlainLabel(dim=True, small=True)
        self.matrix = Matrix()
        self.result = PlainLabel()
        self.advice = PlainLabel(dim=True)
        self.use = QCheckBox("Use what was learnt")
        self.save = button("Save", "Save what was learnt beside the list of classes")
        self.load = button("Load…", "Load what was learnt before; its classes come with it")
        self._lay_out()
        self.source.activated.connect(self._source_chosen)
        self.column.activated.connect(self.examples_changed)
        self.label.clicked.connect(lambda: self.label_wanted.emit(self.label_as.currentText()))
        self.choose.clicked.connect(self._choose_folder)
        self.learn.clicked.connect(self.started)
        self.stop.clicked.connect(self.stopped)
        self.use.clicked.connect(self.use_toggled)
        self.save.clicked.connect(self.save_wanted)
        self.load.clicked.connect(self._choose_learnt)
        self._show_source()
        self.show_idle()
        self.show_learnt(None)

    @property
    def in_shapes(self) -> bool:
        """Whether the examples are shapes rather than pictures in a folder."""
        return bool(self.source.currentData() == SHAPES)

    @property
    def chosen_column(self) -> str:
        """The feature that holds the classes."""
        return value_of(self.column)

    @property
    def uses(self) -> bool:
        """Whether what was learnt is to be used."""
        return bool(self.use.isEnabled() and self.use.isChecked())

    def set_columns(self, columns: Sequence[tuple[str, str]], current: str) -> None:
        """List features as (name, words for it); what was chosen stays where it can."""
        offer(self.column, columns, self.chosen_column or current)

    def set_labels(self, names: Sequence[str]) -> None:
        """List the classes that shapes can be given."""
        offer(self.label_as, [(name, name) for name in names])
        self.label.setEnabled(bool(names))

    def set_folder(self, folder: str) -> None:
        """Show the folder of examples."""
        self.folder.setText(folder)
        self.folder.setToolTip(plain_tip(folder))

    def show_counts(self, text: str) -> None:
        """Say how many examples there are of which class."""
        self.counts.setText(text)

    def show_busy(self, what: str, done: int = 0, of: int = 0) -> None:
        """Show what is going on, and how far it is where that is known."""
        self.status.setText(what)
        self.progress.setRange(0, of)
        self.progress.setValue(done)
        self._set_busy(True)

    def show_idle(self) -> None:
        """Show that nothing is going on."""
        self._set_busy(False)

    def show_learnt(
        self, picture: NDArray[np.uint8] | None, result: str = "", advice: str = ""
    ) -> None:
        """Show how well it went; None: nothing was learnt."""
        self.matrix.set_picture(picture, result)
        self.result.setText(result)
        self.advice.setText(advice)
        for label in (self.result, self.advice):
            label.setVisible(bool(label.text()))
        self.save.setEnabled(picture is not None)

    def allow_use(self, possible: bool, why_not: str = "") -> None:
        """Let the user choose to use what was learnt, or say why it cannot be used."""
        self.use.setEnabled(possible)
        self.use.setToolTip(_TRUST if possible else why_not)
        if not possible:
            self.use.setChecked(False)

    def _source_chosen(self) -> None:
        self._show_source()
        self.examples_changed.emit()

    def _show_source(self) -> None:
        self._in_shapes.setVisible(self.in_shapes)
        self._in_folder.setVisible(not self.in_shapes)

    def _choose_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder of examples", self.folder.text())
        if folder:
            self.set_folder(folder)
            self.examples_changed.emit()

    def _choose_learnt(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "What was learnt", self.start_folder)
        if folder:
            self.load_wanted.emit(folder)

    def _set_busy(self, busy: bool) -> None:
        self.progress.setVisible(busy)
        self.status.setVisible(busy)
        self.stop.setEnabled(busy)
        self.learn.setEnabled(not busy)

    def _lay_out(self) -> None:
        self._in_shapes, shapes = _group()
        shapes.addLayout(_row(QLabel("Class in feature"), self.column))
        shapes.addLayout(_row(QLabel("Selected are"), self.label_as, self.label))
        self._in_folder, folder = _group()
        folder.addLayout(_row(self.folder, self.choose))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addLayout(_row(QLabel("Examples"), self.source))
        parts: tuple[Any, ...] = (
            self._in_shapes,
            self._in_folder,
            self.counts,
            _row(None, self.stop, self.learn),
            self.progress,
            self.status,
            self.matrix,
            self.result,
            self.advice,
            self.use,
            _row(None, self.load, self.save),
        )
        for part in parts:
            if isinstance(part, QWidget):
                column.addWidget(part)
            else:
                column.addLayout(part)


def _row(*parts: QWidget | None) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(6)
    for part in parts:
        if part is None:
            row.addStretch()
        else:
            row.addWidget(part, 1 if isinstance(part, QComboBox | QLineEdit) else 0)
    return row


def _group() -> tuple[QWidget, QVBoxLayout]:
    group = QWidget()
    column = QVBoxLayout(group)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(6)
    return group, column
