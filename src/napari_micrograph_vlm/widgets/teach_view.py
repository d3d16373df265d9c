"""The panel in which a large model is taught with what a person knows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QScrollArea,
    QSpinBox,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
)

from .fold import Fold
from .loss_curve import LossCurve
from .model_picker import ModelPicker
from .panel import Panel, PlainLabel, button, heading, plain_tip, primary_button, progress_line
from .region_picker import RegionPicker
from .teach_parts import HeardMessages, StoppedTrainings
from .thumbnail import Thumbnail

__all__ = ["FOLDER", "HERE", "TeachView"]

HERE, FOLDER = "here", "folder"

_SOURCES = (
    (HERE, "What I corrected here", "Classes you gave regions, and right answers written below"),
    (
        FOLDER,
        "A folder or a run",
        "Conversations, pictures in a folder a class, or a .journal",
    ),
)

ANSWER = 2
"""The column that may be edited."""

ROWS = 6
"""Examples listed without a scroll bar."""


class TeachView(Panel):
    """What is taught, which model, how far it is, from top to bottom.

    Signals
    -------
    started(), stopped(), finished()
        Teach, or go on; stop; save the best so far.
    added(str, str)
        A question about the chosen region and its right answer.
    removed(list)
        The user leaves out the examples of these rows.
    edited(int, str)
        The user changed the right answer of a row.
    restored()
        The user wants back what was left out last.
    resumed(str), discarded(str)
        Go on with the stopped training of this name; delete it.
    source_changed()
        Another source of examples was chosen.
    """

    started = Signal()
    stopped = Signal()
    finished = Signal()
    added = Signal(str, str)
    removed = Signal(list)
    edited = Signal(int, str)
    restored = Signal()
    resumed = Signal(str)
    discarded = Signal(str)
    source_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.sources = QComboBox()
        self.sources.setToolTip("What the model is taught with")
        for i, (key, text, tip) in enumerate(_SOURCES):
            self.sources.addItem(text, key)
            self.sources.setItemData(i, tip, Qt.ItemDataRole.ToolTipRole)
        self.table = QTableWidget(0, 3)
        self.table.setHorizontalHeaderLabels(["Where", "Question", "Right answer"])
        self.table.setToolTip("What is taught; double-click a right answer to change it")
        self.table.setAccessibleName("Examples")
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setWordWrap(False)
        self.leave_out = button("Leave out", "Do not teach the examples that are selected above")
        self.put_back = button("Put back", "List again the examples that were left out last")
        self.counts = PlainLabel(dim=True, small=True)
        self.regions = RegionPicker()
        self.thumbnail = Thumbnail()
        self.question = QLineEdit()
        self.question.setPlaceholderText("such as: What defect is there?")
        self.question.setToolTip("What will be asked about such a region")
        self.answer = QLineEdit()
        self.answer.setPlaceholderText("such as: A bridge between two lines.")
        self.answer.setToolTip("What the model should answer")
        self.add = button("Add example", "Teach this answer about the region chosen above")
        self.folder = QLineEdit()
        self.folder.setPlaceholderText("Path of the folder or .journal file")
        self.folder.setToolTip(
            "Conversations (made by `data chat`), a folder with one subfolder of pictures for "
            "each class, or the .journal of a run that you went through"
        )
        self.browse = button("Browse…", "Choose the folder")
        self.models = ModelPicker()
        self.memory = PlainLabel(dim=True, small=True)
        self.name = QLineEdit()
        self.name.setToolTip("Under this name the taught model stands in the list of models")
        self.name_note = PlainLabel(dim=True, small=True)
        self.name_note.hide()
        self.epochs = QDoubleSpinBox()
        self.epochs.setRange(0.1, 1000)
        self.epochs.setDecimals(1)
        self.epochs.setValue(3)
        self.epochs.setToolTip("How often all examples are gone through")
        self.rate = QDoubleSpinBox()
        self.rate.setRange(0.000001, 0.1)
        self.rate.setDecimals(6)
        self.rate.setSingleStep(0.0001)
        self.rate.setValue(0.0002)
        self.rate.setToolTip("Learning rate: a larger one learns faster, one too large forgets")
        self.batch = QSpinBox()
        self.batch.setRange(1, 512)
        self.batch.setValue(8)
        self.batch.setToolTip("Answers that one step learns from")
        self.rank = QSpinBox()
        self.rank.setRange(1, 256)
        self.rank.setValue(16)
        self.rank.setToolTip("How much can be learnt (rank of LoRA): more needs more memory")
        self.whole = QCheckBox("Save a whole model")
        self.whole.setToolTip(
            "Save a copy of the whole model with what was learnt; else only what was learnt is "
            "saved, which is small and needs the model it was taught with"
        )
        self.stop = button("Stop", "Stop after this step; teaching can go on later where it was")
        self.finish = button(
            "Save best so far", "End here: save the state that did best on the answers held out"
        )
        self.teach = primary_button("Teach", "Teach the model; asking goes on meanwhile")
        self.progress = progress_line("How far the teaching is")
        self.status = PlainLabel(dim=True, small=True)
        self.messages = HeardMessages()
        self.curve = LossCurve()
        self.stopped_before = StoppedTrainings(self.resumed.emit, self.discarded.emit)
        self.what = Fold("Examples and model", "Show what is taught meanwhile, and how")
        self._filling = False
        self._scrolling = QTimer(self)
        self._scrolling.setSingleShot(True)
        self._lay_out()
        for box, signal in (
            (self.sources.currentIndexChanged, self._source_chosen),
            (self.add.clicked, self._add),
            (self.answer.returnPressed, self._add),
            (self.leave_out.clicked, self._leave_out),
            (self.put_back.clicked, self.restored),
            (self.what.title.toggled, self._upper.setVisible),
            (self.messages.said, self._scrolling.start),
            (self._scrolling.timeout, self._scroll_down),
            (self.table.itemChanged, self._item_changed),
            (self.browse.clicked, self._browse),
            (self.teach.clicked, self.started),
            (self.stop.clicked, self.stopped),
            (self.finish.clicked, self.finished),
        ):
            box.connect(signal)
        self._busy = True
        self.show_idle()
        self.show_examples(())
        self.allow_finish(False)
        self.curve.hide()
        self._source_chosen()

    @property
    def source(self) -> str:
        """What is taught: ``"here"`` or ``"folder"``."""
        return str(self.sources.currentData())

    def show_examples(self, rows: Sequence[tuple[str, str, str]], left_out: int = 0) -> None:
        """List examples: place, question and right answer; and say how many are left out."""
        self._filling = True
        self.table.setRowCount(len(rows))
        for i, cells in enumerate(rows):
            for j, text in enumerate(cells):
                item = QTableWidgetItem(text)
                item.setToolTip(plain_tip(text))
                if j != ANSWER:
                    item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsEditable)
                self.table.setItem(i, j, item)
        self._filling = False
        head = self.table.horizontalHeader()
        row = self.table.verticalHeader()
        high = row.defaultSectionSize() if row is not None else 24
        above = head.sizeHint().height() if head is not None else 24
        self.table.setFixedHeight(above + high * min(max(len(rows), 2), ROWS) + 4)
        number = len(rows)
        counted = "1 example" if number == 1 else f"{number} examples"
        self.counts.setText(f"{counted}, {left_out} left out" if left_out else counted)
        self.put_back.setVisible(bool(left_out))
        self.leave_out.setEnabled(bool(rows))

    def show_stopped(self, found: Sequence[tuple[str, str]]) -> None:
        """Offer trainings that were stopped: name, and a sentence on how far it came."""
        self.stopped_before.show_all(found)

    def show_busy(self, what: str, done: int = 0, of: int = 0) -> None:
        """Show what is going on, and how far it is where that is known."""
        self.status.setText(what)
        self.progress.setRange(0, of)
        self.progress.setValue(done)
        self._set_busy(True)

    def show_idle(self) -> None:
        """Show that nothing is going on."""
        self._set_busy(False)

    def allow_finish(self, allowed: bool) -> None:
        """Offer to save what a stopped training has learnt, and to go on with it."""
        self.finish.setVisible(allowed)
        self.teach.setText("Go on" if allowed else "Teach")

    def show_name_note(self, text: str) -> None:
        """Say why the name cannot be taken; empty: it can."""
        self.name_note.setText(text)
        self.name_note.setVisible(bool(text))

    def clear_example(self) -> None:
        """Make room for the next answer; the question stays."""
        self.answer.clear()

    def _add(self) -> None:
        self.added.emit(self.question.text().strip(), self.answer.text().strip())

    def _leave_out(self) -> None:
        rows = {index.row() for index in self.table.selectedIndexes()}
        self.removed.emit(sorted(rows))

    def _item_changed(self, item: QTableWidgetItem) -> None:
        if not self._filling and item.column() == ANSWER:
            self.edited.emit(item.row(), item.text().strip())

    def _source_chosen(self) -> None:
        self._here.setVisible(self.source == HERE)
        self._folder_row.setVisible(self.source == FOLDER)
        self.source_changed.emit()

    def _browse(self) -> None:
        start = self.folder.text() or str(Path.home())
        chosen = QFileDialog.getExistingDirectory(self, "Teach with a folder", start)
        if chosen:
            self.folder.setText(chosen)

    def _set_busy(self, busy: bool) -> None:
        if busy != self._busy:
            # What is going on is what counts now; at the end all is as it was.
            self._busy = busy
            self.what.setVisible(busy)
            self.what.title.setChecked(not busy)
            self.stopped_before.allow(not busy)
            if busy:
                self._scrolling.start()
        self.progress.setVisible(busy)
        self.status.setVisible(busy)
        self.stop.setEnabled(busy)
        for one in (self.teach, self.finish):
            one.setEnabled(not busy)

    def _scroll_down(self) -> None:
        area = self.findChild(QScrollArea)
        if area is not None:
            QApplication.sendPostedEvents()  # they have a height only once they are laid out
            for part in (self.curve, self.progress, self.messages):
                if part.isVisible():
                    area.ensureWidgetVisible(part, 0, 8)

    def _lay_out(self) -> None:
        head, side = self.table.horizontalHeader(), self.table.verticalHeader()
        if head is not None:
            head.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        if side is not None:
            side.hide()
        self._here = QFrame()
        here = QVBoxLayout(self._here)
        here.setContentsMargins(0, 0, 0, 0)
        here.setSpacing(6)
        line = QHBoxLayout()
        line.addWidget(self.counts, 1)
        line.addWidget(self.put_back)
        line.addWidget(self.leave_out)
        here.addWidget(self.table)
        here.addLayout(line)
        more = Fold("Add a right answer", "Teach an answer about a region that you choose")
        for part in (self.regions, self.thumbnail, self.question, self.answer, self.add):
            more.add(part)
        here.addWidget(more)
        self._folder_row = QFrame()
        folder = QHBoxLayout(self._folder_row)
        folder.setContentsMargins(0, 0, 0, 0)
        folder.addWidget(self.folder, 1)
        folder.addWidget(self.browse)
        self._upper = QFrame()
        upper = QVBoxLayout(self._upper)
        upper.setContentsMargins(0, 0, 0, 0)
        upper.setSpacing(self.column.spacing())
        for first in (self.stopped_before, self.what, self._upper):
            self.column.addWidget(first)
        upper.addWidget(heading("What is taught"))
        upper.addWidget(self.sources)
        upper.addWidget(self._here)
        upper.addWidget(self._folder_row)
        upper.addWidget(heading("Which model"))
        upper.addWidget(self.models)
        upper.addWidget(self.memory)
        names = QHBoxLayout()
        names.addWidget(QLabel("Save as"))
        names.addWidget(self.name, 1)
        upper.addLayout(names)
        upper.addWidget(self.name_note)
        grid_box = QFrame()
        grid = QGridLayout(grid_box)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setColumnStretch(1, 1)
        for i, (text, box) in enumerate(
            (
                ("Times through", self.epochs),
                ("Length of a step", self.rate),
                ("Answers a step", self.batch),
                ("Room to learn", self.rank),
            )
        ):
            grid.addWidget(QLabel(text), i, 0)
            grid.addWidget(box, i, 1)
        advanced = Fold("Advanced", "How long and how fast is taught")
        advanced.add(grid_box)
        advanced.add(self.whole)
        upper.addWidget(advanced)
        run = QHBoxLayout()
        run.addWidget(self.finish)
        run.addStretch()
        run.addWidget(self.stop)
        run.addWidget(self.teach)
        self.column.addLayout(run)
        for last in (self.progress, self.status, self.messages, self.curve):
            self.column.addWidget(last)
        self.column.addStretch(1)
