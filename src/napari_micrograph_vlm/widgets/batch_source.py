"""What a run goes through: shapes, objects, slices, tiles or files."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from .boxes import Item, narrow_box, offer, value_of
from .panel import button

__all__ = ["BatchSource"]

KINDS: tuple[Item, ...] = (
    ("shapes", "Every shape of a layer"),
    ("objects", "Every object of a labels layer"),
    ("slices", "Every slice of the stack"),
    ("tiles", "The image in tiles"),
    ("folder", "A folder of files"),
)

_TALL = 22


class BatchSource(QWidget):
    """A drop-down list of kinds, and below it what the chosen kind needs.

    Signals
    -------
    changed()
        The user chose something else.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.kinds = narrow_box("What to go through")
        for key, text in KINDS:
            self.kinds.addItem(text, key)
        self.images = narrow_box("The image to look at")
        self.drawn = narrow_box("The layer that holds the shapes or objects")
        self.axes = narrow_box("The axis of the stack to go along")
        self.side = _number("Height and width of a tile in pixels", 16, 16384, 512)
        self.overlap = _number("Pixels that neighbouring tiles share", 0, 4096, 64)
        self.skip_empty = QCheckBox("Skip empty tiles")
        self.skip_empty.setToolTip("Leave out tiles on which next to nothing can be seen")
        self.skip_empty.setChecked(True)
        self.folder = QLineEdit()
        self.folder.setToolTip("The folder to go through, with the folders in it")
        self.folder.setPlaceholderText("no folder yet")
        self.folder_button = button("Choose…", "Choose the folder")
        self.pattern = QLineEdit("**/*")
        self.pattern.setToolTip("Which files: *.tif those of the folder, **/*.tif in all folders")
        self.include_bar = QCheckBox("Include information bars")
        self.include_bar.setToolTip(
            "Show the model the strips of text that microscopes write into images, too"
        )
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setVerticalSpacing(6)
        self._grid.setColumnStretch(1, 1)
        self._rows: dict[str, tuple[QWidget, ...]] = {}
        self._lay_out()
        for box in (self.kinds, self.images, self.drawn, self.axes):
            box.activated.connect(self._changed)
        for number in (self.side, self.overlap):
            number.valueChanged.connect(self.changed)
        for check in (self.skip_empty, self.include_bar):
            check.toggled.connect(self.changed)
        for line in (self.folder, self.pattern):
            line.textChanged.connect(self.changed)
        self.folder_button.clicked.connect(self._choose_folder)
        self._show_rows()

    @property
    def kind(self) -> str:
        """Key of what to go through."""
        return value_of(self.kinds)

    @property
    def image_key(self) -> str:
        """Key of the chosen image; empty where there is none."""
        return value_of(self.images)

    @property
    def drawn_key(self) -> str:
        """Key of the chosen layer of shapes or objects; empty where there is none."""
        return value_of(self.drawn)

    @property
    def axis(self) -> int:
        """The chosen axis; 0 where there is none to choose."""
        return int(self.axes.currentData() or 0)

    def set_kind(self, key: str) -> None:
        """Choose what to go through, without telling anybody."""
        self.kinds.setCurrentIndex(self.kinds.findData(key))
        self._show_rows()

    def set_images(self, items: Sequence[Item], current: str = "") -> None:
        """List the images; ``current`` is chosen where it is among them."""
        offer(self.images, items, current or None, nothing="no image is open")

    def set_drawn(self, items: Sequence[Item], current: str = "") -> None:
        """List the layers with shapes or objects."""
        offer(self.drawn, items, current or None, nothing="no such layer: add one")

    def set_axes(self, items: Sequence[tuple[int, str]]) -> None:
        """List the axes of the image that one can go along."""
        listed = [(str(axis), text) for axis, text in items]
        offer(self.axes, listed, str(self.axis), nothing="the image is no stack")

    def _changed(self) -> None:
        self._show_rows()
        self.changed.emit()

    def _choose_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Folder to go through", self.folder.text())
        if path:
            self.folder.setText(path)

    def _show_rows(self) -> None:
        wanted = {
            "shapes": ("image", "drawn"),
            "objects": ("image", "drawn"),
            "slices": ("image", "axis"),
            "tiles": ("image", "tiles"),
            "folder": ("folder", "pattern", "bar"),
        }[self.kind]
        for name, parts in self._rows.items():
            for part in parts:
                part.setVisible(name in wanted)
        self._drawn_label.setText("Objects in" if self.kind == "objects" else "Drawn in")

    def _lay_out(self) -> None:
        self._drawn_label = QLabel("Drawn in")
        tiles, lines = QWidget(), QVBoxLayout()
        row = QHBoxLayout()
        for text, box in (("", self.side), ("overlap", self.overlap)):
            if text:
                row.addWidget(QLabel(text))
            row.addWidget(box)
        row.addStretch()
        lines.addLayout(row)
        lines.addWidget(self.skip_empty)
        lines.setContentsMargins(0, 0, 0, 0)
        tiles.setLayout(lines)
        folder, line = QWidget(), QHBoxLayout()
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(self.folder, 1)
        line.addWidget(self.folder_button)
        folder.setLayout(line)
        for name, label, part in (
            ("kind", QLabel("Look at"), self.kinds),
            ("image", QLabel("Image"), self.images),
            ("drawn", self._drawn_label, self.drawn),
            ("axis", QLabel("Along"), self.axes),
            ("tiles", QLabel("Side"), tiles),
            ("folder", QLabel("Folder"), folder),
            ("pattern", QLabel("Files"), self.pattern),
            ("bar", QLabel(""), self.include_bar),
        ):
            at = self._grid.rowCount()
            top = Qt.AlignmentFlag.AlignTop if name == "tiles" else Qt.AlignmentFlag.AlignVCenter
            label.setMinimumHeight(_TALL)
            self._grid.addWidget(label, at, 0, top)
            self._grid.addWidget(part, at, 1)
            if name != "kind":
                self._rows[name] = (label, part)


def _number(tip: str, low: int, high: int, value: int) -> QSpinBox:
    box = QSpinBox()
    box.setToolTip(tip)
    box.setRange(low, high)
    box.setValue(value)
    return box
