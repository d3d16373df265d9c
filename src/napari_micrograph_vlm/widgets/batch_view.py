"""The panel that goes through many regions, slices or files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from .batch_source import BatchSource
from .boxes import percent_box
from .class_list import ClassList
from .destination import destination_label, show_destination
from .fold import Fold
from .message_bar import MessageBar
from .model_picker import ModelPicker
from .panel import Panel, PlainLabel, button, heading, primary_button, progress_line

__all__ = ["BatchView"]

JOURNALS = "Journal of a run (*.journal)"


class BatchView(Panel):
    """What to look at, what to ask, where it is kept, and how far it is.

    Parameters
    ----------
    presets : mapping
        Label sets to start from.

    Signals
    -------
    started(), paused(bool), stopped()
        The user wants the run to begin, to wait or go on, to end.
    journal_changed()
        The user chose where the journal lies.
    """

    started = Signal()
    paused = Signal(bool)
    stopped = Signal()
    journal_changed = Signal()

    def __init__(self, presets: Mapping[str, Any]) -> None:
        super().__init__()
        self.source = BatchSource()
        self.classify = QCheckBox("A class for each")
        self.classify.setToolTip("Give every item one of these classes")
        self.classify.setChecked(True)
        self.classes = ClassList(presets)
        self.threshold = percent_box(
            "An item whose best class is less probable than this is called unknown"
        )
        self.questions = QPlainTextEdit()
        self.questions.setPlaceholderText("Questions for each, one a line; may be empty")
        self.questions.setToolTip("Asked of every item, each question on its own")
        self.questions.setAccessibleName("Questions")
        self.questions.setTabChangesFocus(True)
        self.questions.setFixedHeight(3 * self.questions.fontMetrics().lineSpacing() + 16)
        # Napari leaves it without a background, and nobody would see that it can be written in.
        self.questions.setStyleSheet(
            "QPlainTextEdit { background-color: rgba(128, 128, 128, 45); border-radius: 2px; }"
        )
        self.measure = QCheckBox("Measure what is found")
        self.measure.setToolTip(
            "Outline and measure what the first answer is about, or the class where nothing is "
            "asked; the sizes are columns of the table. Takes longer"
        )
        self.journal = QLineEdit()
        self.journal.setToolTip(
            "The file in which every finished item is kept; a run goes on where it stopped"
        )
        self.journal_button = button("Choose…", "Choose where the journal of the run lies")
        self.destination = destination_label()
        self.start = primary_button("Start", "Go through all of it")
        self.pause = button("Pause", "Wait after the items that are being looked at")
        self.pause.setCheckable(True)
        self.stop = button("Stop", "End the run; it can go on later")
        self.progress = progress_line("How many items are done")
        self.status = PlainLabel(dim=True, small=True)
        self.messages = MessageBar()
        self.models = ModelPicker()
        self._lay_out()
        self.start.clicked.connect(self.started)
        self.stop.clicked.connect(self.stopped)
        self.pause.clicked.connect(self._pause)
        self.classify.toggled.connect(self._show_classes)
        self.journal.textEdited.connect(self.journal_changed)
        self.journal_button.clicked.connect(self._choose_journal)
        self.show_idle()

    @property
    def unknown_below(self) -> float:
        """Least probability, 0 to 1, of a best class that counts."""
        return float(self.threshold.value()) / 100

    @property
    def asked(self) -> tuple[str, ...]:
        """The questions, without empty lines and repetitions."""
        lines = (line.strip() for line in self.questions.toPlainText().splitlines())
        return tuple(dict.fromkeys(line for line in lines if line))

    @property
    def journal_path(self) -> str:
        """Where the journal lies."""
        return str(self.journal.text()).strip()

    def show_journal(self, path: str) -> None:
        """Show where the journal will lie, without telling anybody."""
        self.journal.setText(path)
        # The end of a path says more than its beginning.
        self.journal.setCursorPosition(len(path))

    def show_destination(self, host: str) -> None:
        """Show that pixels go to a server; empty: that they stay here."""
        show_destination(self.destination, host)

    def show_busy(self, what: str, done: int = 0, of: int = 0) -> None:
        """Show what is going on, and how far it is where that is known."""
        self.status.setText(what)
        self.progress.setRange(0, of)
        self.progress.setValue(done)
        self._set_busy(True)

    def show_paused(self, paused: bool) -> None:
        """Show whether the run waits."""
        self.pause.setChecked(paused)
        self.pause.setText("Go on" if paused else "Pause")

    def show_idle(self) -> None:
        """Show that nothing is going on."""
        self.show_paused(False)
        self._set_busy(False)

    def _pause(self) -> None:
        paused = self.pause.isChecked()
        self.show_paused(paused)
        self.paused.emit(paused)

    def _choose_journal(self) -> None:
        # A run goes on in a file that is there, so nothing is overwritten.
        options = QFileDialog.Option.DontConfirmOverwrite
        path = QFileDialog.getSaveFileName(
            self, "Where the journal lies", self.journal_path, JOURNALS, options=options
        )[0]
        if path:
            self.show_journal(path)
            self.journal_changed.emit()

    def _show_classes(self, wanted: bool) -> None:
        self._class_part.setVisible(wanted)

    def _set_busy(self, busy: bool) -> None:
        self.progress.setVisible(busy)
        self.status.setVisible(busy)
        self.stop.setEnabled(busy)
        self.pause.setEnabled(busy)
        self.start.setEnabled(not busy)
        for part in (self.source, self.classify, self._class_part, self.questions, self.measure):
            part.setEnabled(not busy)
        self.journal.setEnabled(not busy)
        self.journal_button.setEnabled(not busy)

    def _lay_out(self) -> None:
        self.column.addWidget(self.source)
        self.column.addWidget(heading("What to ask"))
        self.column.addWidget(self.classify)
        self._class_part = Part()
        self._class_part.column.addWidget(self.classes)
        limit = QHBoxLayout()
        limit.addWidget(QLabel("Unknown below"))
        limit.addStretch()
        limit.addWidget(self.threshold)
        self._class_part.column.addLayout(limit)
        self.column.addWidget(self._class_part)
        self.column.addWidget(self.questions)
        self.column.addWidget(self.measure)
        self.column.addWidget(heading("Journal"))
        kept = QHBoxLayout()
        kept.addWidget(self.journal, 1)
        kept.addWidget(self.journal_button)
        self.column.addLayout(kept)
        self.column.addWidget(self.destination)
        run = QHBoxLayout()
        run.addStretch()
        for one in (self.stop, self.pause, self.start):
            run.addWidget(one)
        self.column.addLayout(run)
        for part in (self.progress, self.status, self.messages):
            self.column.addWidget(part)
        advanced = Fold("Advanced", "Choose the model and where it runs")
        advanced.add(self.models)
        self.column.addWidget(advanced)
        self.column.addStretch(1)


class Part(QWidget):
    """A column without margins, to be hidden as a whole."""

    def __init__(self) -> None:
        super().__init__()
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(0, 0, 0, 0)
        self.column.setSpacing(6)
