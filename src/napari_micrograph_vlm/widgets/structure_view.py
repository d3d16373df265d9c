"""The panel that makes a 3-D structure of a region, or of a description in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QDoubleSpinBox, QFormLayout, QHBoxLayout, QLineEdit

from .boxes import DecimalBox, Item, narrow_box, offer, percent_box, value_of
from .fold import Fold
from .message_bar import MessageBar
from .model_picker import ModelPicker
from .panel import Panel, PlainLabel, button, heading, primary_button, progress_line
from .region_picker import RegionPicker
from .thumbnail import Thumbnail

__all__ = ["StructureView"]

LENGTHS = ("size", "spacing", "width", "depth")

_SHOWN = (("surface", "As a surface"), ("volume", "As voxels"))


class StructureView(Panel):
    """Region or words, what the structure is, the block, from top to bottom.

    Signals
    -------
    described()
        The user wants the model to say what the chosen region shows.
    read(str)
        The user wrote a description in words.
    started(), stopped()
        Build the structure; stop.
    changed(str)
        The user changed the field of that name.
    saved()
        The user wants the structure in a file.
    pictured(float)
        The user wants a picture of it, tilted by so many degrees.
    """

    described = Signal()
    read = Signal(str)
    started = Signal()
    stopped = Signal()
    changed = Signal(str)
    saved = Signal()
    pictured = Signal(float)

    def __init__(self, kinds: Iterable[Item], orientations: Sequence[str]) -> None:
        super().__init__()
        self.regions = RegionPicker()
        self.thumbnail = Thumbnail()
        self.describe = button(
            "Describe the region", "Ask the model what the region shows, and fill in the form below"
        )
        self.words = QLineEdit()
        self.words.setPlaceholderText("or in words: gyroid, 30 % solid, period 200 nm")
        self.words.setToolTip(
            "Describe the structure: what it is, how much of it is solid, sizes with units, and "
            "which way it runs; then press Enter"
        )
        self.words.setClearButtonEnabled(True)
        self.kind = narrow_box("What the structure is made of")
        offer(self.kind, kinds)
        self.density = percent_box("How much of the block is solid")
        self.density.setDecimals(1)
        self.orientation = narrow_box("Which way it runs, as seen from above")
        offer(self.orientation, [(name, name.capitalize()) for name in orientations])
        self.regularity = percent_box("100 %: a perfect lattice; 0 %: at random")
        self.lengths = {name: _length_box() for name in LENGTHS}
        self.titles = {name: PlainLabel() for name in LENGTHS}
        self.shown_as = narrow_box("How the structure is shown")
        offer(self.shown_as, _SHOWN)
        self.build = primary_button("Build", "Make the structure and show it in three dimensions")
        self.stop = button("Stop", "Stop what is going on")
        self.progress = progress_line("Work is going on")
        self.status = PlainLabel(dim=True, small=True)
        self.messages = MessageBar()
        self.result = PlainLabel()
        self.save = button(
            "Save…", "Write the surface as an STL or OBJ file, for printing or simulation"
        )
        self.picture = button(
            "Picture it", "Show what a scanning electron microscope would see of it"
        )
        self.tilt = DecimalBox()
        self.tilt.setRange(0, 75)
        self.tilt.setDecimals(0)
        self.tilt.setSuffix("°")
        self.tilt.setToolTip("By how much the sample is tilted in the picture")
        self.said = PlainLabel(small=True)
        self.models = ModelPicker()
        self._lay_out()
        self.describe.clicked.connect(self.described)
        self.words.returnPressed.connect(lambda: self.read.emit(self.words.text()))
        self.build.clicked.connect(self.started)
        self.stop.clicked.connect(self.stopped)
        self.save.clicked.connect(self.saved)
        self.picture.clicked.connect(lambda: self.pictured.emit(self.tilt.value()))
        self._tell_changes()
        self.show_idle()
        self.show_result("")
        self.show_said([])

    def values(self) -> dict[str, Any]:
        """Return what the form says, by the names of the fields."""
        return {
            "kind": value_of(self.kind),
            "density": self.density.value() / 100,
            "orientation": value_of(self.orientation),
            "regularity": self.regularity.value() / 100,
            **{name: box.value() for name, box in self.lengths.items()},
        }

    def show_fields(
        self, values: dict[str, Any], titles: dict[str, str], unit: str, *, directed: bool
    ) -> None:
        """Fill in the form without telling anybody.

        Parameters
        ----------
        values : dict
            As :meth:`values` returns them.
        titles : dict
            What each length is called; one without a name is hidden.
        unit : str
            Of the lengths.
        directed : bool
            Whether the direction means something.
        """
        boxes = (self.kind, self.density, self.orientation, self.regularity)
        parts = (*boxes, *self.lengths.values())
        for part in parts:
            part.blockSignals(True)
        self.kind.setCurrentIndex(self.kind.findData(values["kind"]))
        self.orientation.setCurrentIndex(self.orientation.findData(values["orientation"]))
        self.density.setValue(100 * values["density"])
        self.regularity.setValue(100 * values["regularity"])
        for name, box in self.lengths.items():
            box.setSuffix(f" {unit}")
            box.setDecimals(_decimals(values[name]))
            box.setValue(values[name])
            title = titles.get(name, "")
            self.titles[name].setText(title.capitalize())
            self.form.setRowVisible(box, bool(title))
            box.setToolTip(f"{title.capitalize()} in {unit}")
        self.form.setRowVisible(self.orientation, directed)
        for part in parts:
            part.blockSignals(False)

    def show_busy(self, what: str) -> None:
        """Show what is going on."""
        self.status.setText(what)
        self._set_busy(True)

    def show_idle(self) -> None:
        """Show that nothing is going on."""
        self._set_busy(False)

    def show_result(self, text: str) -> None:
        """Say what was built; empty: nothing yet."""
        self.result.setText(text)
        self.result.setVisible(bool(text))
        for part in (self.save, self.picture, self.tilt):
            part.setEnabled(bool(text))

    def show_said(self, turns: Sequence[tuple[str, str]]) -> None:
        """Show questions and answers that the form was filled in from."""
        self.said.setText("\n".join(f"{question} {answer}" for question, answer in turns))
        self._fold.setVisible(bool(turns))

    def _set_busy(self, busy: bool) -> None:
        self.progress.setVisible(busy)
        self.status.setVisible(busy)
        self.stop.setEnabled(busy)

    def _tell_changes(self) -> None:
        for name, box in (("kind", self.kind), ("orientation", self.orientation)):
            box.activated.connect(lambda _, name=name: self.changed.emit(name))
        numbers: dict[str, QDoubleSpinBox] = {
            "density": self.density,
            "regularity": self.regularity,
            **self.lengths,
        }
        for name, number in numbers.items():
            # Only a whole number that was typed counts, not each of its digits.
            number.setKeyboardTracking(False)
            number.valueChanged.connect(lambda _, name=name: self.changed.emit(name))

    def _lay_out(self) -> None:
        self.column.addWidget(heading("Region"))
        self.column.addWidget(self.regions)
        self.column.addWidget(self.thumbnail)
        ask = QHBoxLayout()
        ask.addStretch()
        ask.addWidget(self.describe)
        self.column.addLayout(ask)
        self.column.addWidget(self.words)
        self.column.addWidget(heading("Structure"))
        self.form = QFormLayout()
        self.form.setContentsMargins(0, 0, 0, 0)
        self.form.addRow("Kind", self.kind)
        self.form.addRow("Solid", self.density)
        for name, box in self.lengths.items():
            self.form.addRow(self.titles[name], box)
        self.form.addRow("Direction", self.orientation)
        self.form.addRow("Regularity", self.regularity)
        self.form.addRow("Show", self.shown_as)
        self.column.addLayout(self.form)
        run = QHBoxLayout()
        run.addStretch()
        run.addWidget(self.stop)
        run.addWidget(self.build)
        self.column.addLayout(run)
        for part in (self.progress, self.status, self.messages, self.result):
            self.column.addWidget(part)
        after = QHBoxLayout()
        after.addWidget(self.save)
        after.addStretch()
        after.addWidget(self.tilt)
        after.addWidget(self.picture)
        self.column.addLayout(after)
        self._fold = Fold(
            "What the model said", "The questions and answers the form is filled from"
        )
        self._fold.add(self.said)
        self.column.addWidget(self._fold)
        advanced = Fold("Advanced", "Choose the model and where it runs")
        advanced.add(self.models)
        self.column.addWidget(advanced)
        self.column.addStretch(1)


def _length_box() -> DecimalBox:
    box = DecimalBox()
    box.setRange(1e-3, 1e7)
    return box


def _decimals(value: float) -> int:
    return 0 if value >= 1000 else 1 if value >= 100 else 2 if value >= 10 else 3
