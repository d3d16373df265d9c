"""The panel that gives regions a class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QScrollArea,
    QWidget,
)

from ..labelling.label_sets import LabelSet
from .bars import Bars
from .boxes import narrow_box, percent_box
from .class_list import ClassList
from .destination import destination_label, show_destination
from .fold import Fold
from .learn_view import LearnView
from .message_bar import MessageBar
from .model_picker import ModelPicker
from .panel import Panel, PlainLabel, button, heading, plain_tip, primary_button, progress_line
from .region_picker import RegionPicker
from .thumbnail import Thumbnail

__all__ = ["ClassifyView"]

MOST_ROWS = 7
"""Regions listed without a scroll bar."""


class ClassifyView(Panel):
    """Region, class names, results, from top to bottom.

    Signals
    -------
    started()
        The user wants the regions classified.
    stopped()
        The user wants no more of it.
    result_chosen(int)
        The user chose one region of the result.
    restore_text()
        The user wants the text that the shapes had before.
    corrected(int, str)
        The user gives one region of the result another class; empty: none after all.
    """

    started = Signal()
    stopped = Signal()
    result_chosen = Signal(int)
    restore_text = Signal()
    corrected = Signal(int, str)

    def __init__(self, presets: Mapping[str, Sequence[str] | LabelSet]) -> None:
        super().__init__()
        self.regions = RegionPicker()
        self.thumbnail = Thumbnail()
        self.classes = ClassList(presets)
        self.threshold = percent_box(
            "A region whose best class is less probable than this is called unknown"
        )
        self.destination = destination_label()
        self.stop = button("Stop", "Stop classifying")
        self.classify = primary_button("Classify", "Give every region a class")
        self.messages = MessageBar()
        self.progress = progress_line("How many regions are done")
        self.status = PlainLabel(dim=True, small=True)
        self.results = QListWidget()
        self.results.setToolTip("Choose a region to see its probabilities and where it is")
        self.results.setAccessibleName("Classified regions")
        self.bars = Bars()
        self.correct = narrow_box(
            "The class that the chosen region has in truth; it is kept beside the shape, no later "
            "run changes it, and Learn uses it"
        )
        self.learn = LearnView()
        self.note = PlainLabel(dim=True, small=True)
        self.restore = button(
            "Restore my text", "Give the shapes back the text they had before classifying"
        )
        self.models = ModelPicker()
        self._lay_out()
        self.classify.clicked.connect(self.started)
        self.stop.clicked.connect(self.stopped)
        self.restore.clicked.connect(self.restore_text)
        self.results.currentRowChanged.connect(self._row_chosen)
        self.correct.activated.connect(self._corrected)
        self.show_idle()
        self.show_results(())

    @property
    def labels(self) -> tuple[str, ...]:
        """The class names."""
        return self.classes.labels

    @property
    def unknown_below(self) -> float:
        """Least probability, 0 to 1, of a best class that counts."""
        return float(self.threshold.value()) / 100

    def show_messages(self) -> None:
        """Bring the message bar into view: it may be a scroll away from what was clicked."""
        if self.messages.text:
            self._scroll_to(self.messages)

    def show_found(self) -> None:
        """Bring the classes found into view, or what there is to say of them."""
        self._scroll_to(self.results, self._found)
        self.show_messages()

    def show_destination(self, host: str) -> None:
        """Show that pixels go to a server; empty: that they stay here."""
        show_destination(self.destination, host)

    def show_busy(self, what: str, done: int = 0, of: int = 0) -> None:
        """Show what is going on, and how far it is where that is known."""
        self.status.setText(what)
        self.progress.setRange(0, of)
        self.progress.setValue(done)
        self._set_busy(True)

    def show_idle(self) -> None:
        """Show that nothing is going on."""
        self._set_busy(False)

    def show_results(self, lines: Sequence[str], note: str = "") -> None:
        """List the classified regions; choosing one is up to the user or :meth:`choose`."""
        self.results.blockSignals(True)
        self.results.clear()
        for i, line in enumerate(lines):
            self.results.addItem(line)
            item = self.results.item(i)
            if item is not None:
                item.setData(Qt.ItemDataRole.ToolTipRole, plain_tip(line))
        self.results.blockSignals(False)
        self.note.setText(note)
        row = max(self.results.sizeHintForRow(0), 18)
        self.results.setFixedHeight(row * min(max(len(lines), 1), MOST_ROWS) + 8)
        self._found.setVisible(bool(lines))
        self.results.setVisible(bool(lines))
        self.bars.set_rows(())
        self.bars.setVisible(bool(lines))
        self._correction.setVisible(bool(lines))
        self.note.setVisible(bool(note))

    def choose(self, index: int) -> None:
        """Choose one region of the result as a user would."""
        self.results.setCurrentRow(index)

    def show_bars(self, rows: Sequence[tuple[str, float]], threshold: float) -> None:
        """Show the probabilities of the chosen region."""
        self.bars.set_rows(rows, threshold)

    def show_line(self, index: int, line: str) -> None:
        """Show another line for one region of the result."""
        item = self.results.item(index)
        if item is not None:
            item.setText(line)
            item.setData(Qt.ItemDataRole.ToolTipRole, plain_tip(line))

    def set_corrections(self, names: Sequence[str]) -> None:
        """List the classes that a region can be corrected to."""
        self.correct.clear()
        self.correct.addItem("— leave as it is —", "")
        for name in names:
            self.correct.addItem(name, name)

    def show_correction(self, name: str) -> None:
        """Show what the chosen region was corrected to; empty: nothing."""
        if name and self.correct.findData(name) < 0:  # from a list of classes used before
            self.correct.addItem(name, name)
        self.correct.setCurrentIndex(self.correct.findData(name))

    def offer_restore(self, possible: bool) -> None:
        """Show whether there is a text to bring back."""
        self.restore.setVisible(possible)

    def _row_chosen(self, row: int) -> None:
        if row >= 0:
            self.result_chosen.emit(row)

    def _corrected(self) -> None:
        row = self.results.currentRow()
        if row >= 0:
            self.corrected.emit(row, str(self.correct.currentData() or ""))

    def _scroll_to(self, *parts: QWidget) -> None:
        area = self.findChild(QScrollArea)
        if area is not None:
            QApplication.sendPostedEvents()  # they have a height only once they are laid out
            for part in parts:
                area.ensureWidgetVisible(part)

    def _set_busy(self, busy: bool) -> None:
        self.progress.setVisible(busy)
        self.status.setVisible(busy)
        self.stop.setEnabled(busy)

    def _lay_out(self) -> None:
        limit = QHBoxLayout()
        limit.addWidget(QLabel("Unknown below"))
        limit.addStretch()
        limit.addWidget(self.threshold)
        run = QHBoxLayout()
        run.addStretch()
        run.addWidget(self.stop)
        run.addWidget(self.classify)
        self._found = heading("Classes found")
        self.restore.hide()
        self._correction = QWidget()
        correction = QHBoxLayout(self._correction)
        correction.setContentsMargins(0, 0, 0, 0)
        correction.addWidget(QLabel("Correct to"))
        correction.addWidget(self.correct, 1)
        parts: tuple[QWidget, ...] = (
            self.regions,
            self.thumbnail,
            heading("Classes to choose from"),
            self.classes,
        )
        for part in parts:
            self.column.addWidget(part)
        learn = Fold("Learn from examples", "Label a few regions and have the classes learnt")
        learn.add(self.learn)
        self.column.addWidget(learn)
        self.column.addLayout(limit)
        self.column.addWidget(self.destination)
        self.column.addLayout(run)
        for part in (
            self.progress,
            self.status,
            self.messages,
            self._found,
            self.results,
            self.bars,
            self._correction,
            self.note,
            self.restore,
        ):
            self.column.addWidget(part)
        advanced = Fold("Advanced", "Choose the model and where it runs")
        advanced.add(self.models)
        self.column.addWidget(advanced)
        self.column.addStretch(1)
