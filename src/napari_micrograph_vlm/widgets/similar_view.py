"""The panel that finds more places like an example."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
)

from .fold import Fold
from .message_bar import MessageBar
from .model_picker import ModelPicker
from .panel import Panel, PlainLabel, button, heading, plain_tip, primary_button, progress_line
from .region_picker import RegionPicker
from .thumbnail import Thumbnail

__all__ = ["FOLDER", "IMAGE", "SLICES", "SimilarView"]

IMAGE, SLICES, FOLDER = "image", "slices", "folder"

_PLACES = (
    (IMAGE, "This image", "Look through the slice that is shown"),
    (SLICES, "All slices", "Look through every slice of the image"),
    (FOLDER, "A folder", "Look through every TIFF, PNG and JPEG file of a folder"),
)

_TIPS = {
    "accept": "This is one: keep it, with the class below, and go on",
    "reject": "This is something else: mark it so, and go on",
    "previous": "Go to the candidate before",
    "next": "Go to the next candidate",
}

ROWS = 8
"""Candidates listed without a scroll bar."""


class SimilarView(Panel):
    """Example, where to look, candidates, from top to bottom.

    Signals
    -------
    started(), again(), stopped()
        Find; search again with what was accepted and rejected; stop.
    chosen(int)
        The user went to a candidate of the list.
    accepted(), rejected(), next_wanted(), previous_wanted()
        The buttons of these names.
    map_wanted(bool)
        The user wants the similarity map shown, or hidden.
    """

    started = Signal()
    again = Signal()
    stopped = Signal()
    chosen = Signal(int)
    accepted = Signal()
    rejected = Signal()
    next_wanted = Signal()
    previous_wanted = Signal()
    map_wanted = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self.regions = RegionPicker()
        self.thumbnail = Thumbnail()
        self.places = QComboBox()
        self.places.setToolTip("Where to look for more like the example")
        for i, (key, text, tip) in enumerate(_PLACES):
            self.places.addItem(text, key)
            self.places.setItemData(i, tip, Qt.ItemDataRole.ToolTipRole)
        self.folder = QLineEdit()
        self.folder.setPlaceholderText("Path of the folder")
        self.folder.setToolTip("The folder to look through, with the folders in it")
        self.browse = button("Browse…", "Choose the folder to look through")
        self.most = QSpinBox()
        self.most.setRange(1, 5000)
        self.most.setValue(100)
        self.most.setToolTip("Propose no more than so many candidates, the most alike first")
        self.search = primary_button("Find", "Look for more places like the drawn example")
        self.stop = button("Stop", "Stop searching; candidates found before stay")
        self.progress = progress_line("How far the search is")
        self.status = PlainLabel(dim=True, small=True)
        self.messages = MessageBar()
        self.list = QListWidget()
        self.list.setToolTip("Choose a candidate to see it in the image; the most alike is first")
        self.list.setAccessibleName("Candidates")
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.previous = button("Previous", _TIPS["previous"])
        self.next = button("Next", _TIPS["next"])
        self.reject = button("Reject", _TIPS["reject"])
        self.accept = primary_button("Accept", _TIPS["accept"])
        self.name = QLineEdit()
        self.name.setPlaceholderText("such as bridge")
        self.name.setToolTip("Class that accepted candidates get; the Learn panel reads it")
        self.counts = PlainLabel(dim=True, small=True)
        self.search_again = button(
            "Search again with accepted",
            "Search with all accepted candidates as examples, and less like the rejected ones",
        )
        self.show_map = QCheckBox("Show similarity")
        self.show_map.setToolTip("Colour the image by how alike each place is to the examples")
        self.show_map.setChecked(True)
        self.models = ModelPicker()
        self._marks: list[str] = []
        self._lay_out()
        self.places.currentIndexChanged.connect(self._place_changed)
        self.browse.clicked.connect(self._browse)
        self.search.clicked.connect(self.started)
        self.stop.clicked.connect(self.stopped)
        self.search_again.clicked.connect(self.again)
        self.list.currentRowChanged.connect(self._row_chosen)
        self.accept.clicked.connect(self.accepted)
        self.reject.clicked.connect(self.rejected)
        self.next.clicked.connect(self.next_wanted)
        self.previous.clicked.connect(self.previous_wanted)
        self.show_map.toggled.connect(self.map_wanted)
        self.show_idle()
        self.show_candidates((), "")
        self._place_changed()

    @property
    def place(self) -> str:
        """Where to look: ``"image"``, ``"slices"`` or ``"folder"``."""
        return str(self.places.currentData())

    @property
    def class_name(self) -> str:
        """The class of accepted candidates."""
        return str(self.name.text()).strip()

    def show_busy(self, what: str, done: int = 0, of: int = 0) -> None:
        """Show what is going on, and how far it is where that is known."""
        self.status.setText(what)
        self.progress.setRange(0, of)
        self.progress.setValue(done)
        self._set_busy(True)

    def show_idle(self) -> None:
        """Show that nothing is going on."""
        self._set_busy(False)

    def show_candidates(self, lines: Sequence[tuple[str, str]], note: str) -> None:
        """List candidates, each with a text and a verdict's colour (empty: the theme's)."""
        self.list.blockSignals(True)
        self.list.clear()
        for text, colour in lines:
            self.list.addItem(text)
            self._paint(self.list.count() - 1, text, colour)
        self.list.blockSignals(False)
        row = max(self.list.sizeHintForRow(0), 18)
        self.list.setFixedHeight(row * min(max(len(lines), 1), ROWS) + 8)
        self._card.setVisible(bool(lines))
        self.counts.setText(note)

    def change_candidate(self, index: int, text: str, colour: str, note: str) -> None:
        """Show another verdict of one candidate."""
        self._paint(index, text, colour)
        self.counts.setText(note)

    def choose(self, index: int) -> None:
        """Mark a candidate as the current one, without telling."""
        self.list.blockSignals(True)
        self.list.setCurrentRow(index)
        self.list.blockSignals(False)

    def allow_again(self, allowed: bool) -> None:
        """Allow to search again: something was accepted or rejected."""
        self.search_again.setEnabled(allowed)

    def allow_judging(self, allowed: bool) -> None:
        """Allow to go through the candidates and judge them: their image is open."""
        for one in (self.previous, self.next, self.accept, self.reject, self.show_map):
            one.setEnabled(allowed)

    def show_keys(self, keys: dict[str, str]) -> None:
        """Name the key of each button, by the button's name; empty: it has none."""
        for name, tip in _TIPS.items():
            key = keys.get(name, "")
            getattr(self, name).setToolTip(f"{tip} ({key})" if key else tip)
        known = [(keys.get(n, ""), n) for n in ("accept", "reject", "next", "previous")]
        told = " · ".join(f"{key} {name}" for key, name in known if key)
        self.keys.setText(told)
        self.keys.setVisible(bool(told))

    def _paint(self, index: int, text: str, colour: str) -> None:
        item = self.list.item(index)
        if item is None:
            return
        item.setText(text)
        item.setToolTip(plain_tip(text))
        item.setData(Qt.ItemDataRole.ForegroundRole, QColor(colour) if colour else None)

    def _row_chosen(self, row: int) -> None:
        if row >= 0:
            self.chosen.emit(row)

    def _place_changed(self) -> None:
        self._folder_row.setVisible(self.place == FOLDER)

    def _browse(self) -> None:
        start = self.folder.text() or str(Path.home())
        chosen = QFileDialog.getExistingDirectory(self, "Look through a folder", start)
        if chosen:
            self.folder.setText(chosen)

    def _set_busy(self, busy: bool) -> None:
        self.progress.setVisible(busy)
        self.status.setVisible(busy)
        self.stop.setEnabled(busy)

    def _lay_out(self) -> None:
        grid = QGridLayout()
        grid.setVerticalSpacing(6)
        grid.setColumnStretch(1, 1)
        grid.addWidget(QLabel("Look through"), 0, 0)
        grid.addWidget(self.places, 0, 1)
        grid.addWidget(QLabel("At most"), 1, 0)
        grid.addWidget(self.most, 1, 1)
        self._folder_row = QFrame()
        folder = QHBoxLayout(self._folder_row)
        folder.setContentsMargins(0, 0, 0, 0)
        folder.addWidget(self.folder, 1)
        folder.addWidget(self.browse)
        run = QHBoxLayout()
        run.addStretch()
        run.addWidget(self.stop)
        run.addWidget(self.search)
        self.column.addWidget(heading("Example"))
        self.column.addWidget(self.regions)
        self.column.addWidget(self.thumbnail)
        self.column.addLayout(grid)
        self.column.addWidget(self._folder_row)
        self.column.addLayout(run)
        for part in (self.progress, self.status, self.messages):
            self.column.addWidget(part)
        self._card = QFrame()
        card = QVBoxLayout(self._card)
        card.setContentsMargins(0, 0, 0, 0)
        card.setSpacing(6)
        card.addWidget(heading("Candidates, most alike first"))
        card.addWidget(
            PlainLabel(
                "Number · likeness (1: the same) · place of its middle", dim=True, small=True
            )
        )
        card.addWidget(self.list)
        card.addWidget(self.counts)
        buttons = QGridLayout()
        buttons.setHorizontalSpacing(6)
        for column, one in enumerate((self.previous, self.next, self.reject, self.accept)):
            one.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            buttons.addWidget(one, 0, column)
            buttons.setColumnStretch(column, 1)
        card.addLayout(buttons)
        self.keys = PlainLabel(dim=True, small=True)
        card.addWidget(self.keys)
        line = QHBoxLayout()
        line.addWidget(QLabel("Class of accepted"))
        line.addWidget(self.name, 1)
        card.addLayout(line)
        card.addWidget(self.search_again)
        card.addWidget(self.show_map)
        self.column.addWidget(self._card)
        advanced = Fold("Advanced", "Choose the model and where it runs")
        advanced.add(self.models)
        self.column.addWidget(advanced)
        self.column.addStretch(1)
