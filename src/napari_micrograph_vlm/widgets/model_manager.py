"""The panel that shows which models there are, whether they fit, and brings them here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QPalette, QResizeEvent
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
)

from .boxes import offer, value_of
from .message_bar import MessageBar
from .model_picker import precision_box
from .panel import Panel, PlainLabel, button, heading, plain_tip, primary_button, progress_line

__all__ = ["ModelCard", "ModelLine", "ModelManagerView"]

LINES = 9
"""Models listed without scrolling."""

_NAME = Qt.ItemDataRole.UserRole
_STEPS = 1000


@dataclass(frozen=True)
class ModelLine:
    """One line of the list.

    Attributes
    ----------
    name, memory, where : str
        The three columns.
    tip : str
        Tool tip of the line.
    here : bool
        Whether it can be loaded now.
    loaded : bool
        Whether it is in memory.
    """

    name: str
    memory: str
    where: str
    tip: str
    here: bool
    loaded: bool = False


@dataclass(frozen=True)
class ModelCard:
    """What is told of the chosen model.

    Attributes
    ----------
    title, about : str
        Its name; what it is and what it is good at.
    licence, link : str
        Its licence and where that can be read.
    memory : str
        What it needs and whether that is free.
    note : str
        What to know besides.
    action : str
        The main button's text; empty where there is nothing to do.
    can_unload, can_remove : bool
        Whether any model is loaded; whether this one was downloaded and is not loaded.
    """

    title: str = ""
    about: str = ""
    licence: str = ""
    link: str = ""
    memory: str = ""
    note: str = ""
    action: str = ""
    can_unload: bool = False
    can_remove: bool = False


class _List(QTreeWidget):
    """Keeps the chosen line in sight when the card beneath takes some of its height."""

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802 - Qt's name
        """Scroll to the chosen line."""
        super().resizeEvent(event)
        self.scrollTo(self.currentIndex())


class ModelManagerView(Panel):
    """Where to run, the list of models, the chosen one, from top to bottom.

    Signals
    -------
    chosen(str)
        The user chose a model of the list; empty: none.
    place_changed()
        The user chose another device or precision.
    acted()
        The user pressed the main button: download, convert or load.
    unloaded(), removed(), stopped()
        The user pressed one of the other buttons.
    outdated()
        Models may have come or gone; emitted from outside.
    """

    chosen = Signal(str)
    place_changed = Signal()
    acted = Signal()
    unloaded = Signal()
    removed = Signal()
    stopped = Signal()
    outdated = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.devices = QComboBox()
        self.devices.setToolTip("Where the model will run")
        offer(self.devices, (("", "Automatic"),))
        self.precisions = precision_box()
        self.free = PlainLabel(dim=True, small=True)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Find a model")
        self.search.setToolTip("Show only models with these words in their name or description")
        self.search.setClearButtonEnabled(True)
        self.only_here = QCheckBox("Only on this computer")
        self.only_here.setToolTip("Hide models that would have to be downloaded first")
        self.list = _List()
        self.nothing = PlainLabel("No model has these words.", dim=True)
        self.messages = MessageBar()
        self.progress = progress_line("How far it is")
        self.status = PlainLabel(dim=True, small=True)
        self.stop = button("Stop", "Stop what is going on; finished files are kept")
        self.act = primary_button("Load", "")
        self.unload = button("Unload", "Give back the memory that the loaded model takes")
        self.remove = button("Remove…", "Delete the downloaded model from this computer")
        self._lines: tuple[ModelLine, ...] = ()
        self._busy = False
        self._card = ModelCard()
        self._set_up_list()
        self._lay_out()
        self.devices.currentIndexChanged.connect(self._place_changed)
        self.precisions.currentIndexChanged.connect(self._place_changed)
        self.search.textChanged.connect(self._search)
        self.only_here.toggled.connect(self._search)
        self.list.currentItemChanged.connect(self._line_chosen)
        self.act.clicked.connect(self.acted)
        self.unload.clicked.connect(self.unloaded)
        self.remove.clicked.connect(self.removed)
        self.stop.clicked.connect(self.stopped)
        self.show_idle()
        self.show_card(self._card)

    @property
    def name(self) -> str:
        """Name of the chosen model; empty where there is none."""
        item = self.list.currentItem()
        return "" if item is None or item.isHidden() else str(item.data(0, _NAME))

    @property
    def device(self) -> str:
        """Name of the chosen device; empty: automatic."""
        return value_of(self.devices)

    @property
    def precision(self) -> str:
        """The chosen precision; empty: automatic."""
        return value_of(self.precisions)

    def show_devices(self, devices: Sequence[tuple[str, str]], free: str) -> None:
        """Offer devices as (name, label), keeping the choice, and say what memory is free."""
        offer(self.devices, (("", "Automatic"), *devices))
        self.free.setText(free)

    def show_models(self, lines: Sequence[ModelLine]) -> None:
        """List models; the chosen one stays chosen."""
        before = self.name
        self._lines = tuple(lines)
        self.list.blockSignals(True)
        self.list.clear()
        for line in self._lines:
            item = QTreeWidgetItem([line.name, line.memory, line.where])
            item.setData(0, _NAME, line.name)
            for column in range(3):
                item.setToolTip(column, plain_tip(line.tip))
            font = item.font(0)
            font.setBold(line.loaded)
            item.setFont(0, font)
            self.list.addTopLevelItem(item)
        self.list.blockSignals(False)
        self._filter()
        self.choose(before)

    def choose(self, name: str) -> None:
        """Choose a model as a user would; the first line where there is none of this name."""
        items = [self.list.topLevelItem(i) for i in range(self.list.topLevelItemCount())]
        shown = [item for item in items if item is not None and not item.isHidden()]
        match = [item for item in shown if item.data(0, _NAME) == name]
        if match or shown:
            self.list.setCurrentItem((match or shown)[0])
        self.chosen.emit(self.name)

    def show_card(self, card: ModelCard) -> None:
        """Tell what is known of the chosen model."""
        self._card = card
        self._title.setText(card.title)
        self._about.setText(card.about)
        # Qt's own blue cannot be read on a dark theme.
        dark = self.palette().color(QPalette.ColorRole.Window).lightness() < 128
        style = f"color: {'#8ab4f8' if dark else '#1a56c4'}"
        link = f'<a href="{escape(card.link)}" style="{style}">{escape(card.licence)}</a>'
        self._licence.setText(f"Licence: {link if card.link else escape(card.licence)}")
        self._licence.setToolTip(plain_tip(f"Opens {card.link}" if card.link else card.licence))
        self._memory.setText(card.memory)
        self._note.setText(card.note)
        for part, there in (
            (self._licence, card.licence),
            (self._memory, card.memory),
            (self._note, card.note),
            (self._details, card.title),
        ):
            part.setVisible(bool(there))
        self._show_buttons()

    def show_busy(self, what: str, done: int = 0, of: int = 0) -> None:
        """Show what is going on, and how far it is where that is known (in any unit)."""
        self.status.setText(what)
        # Bytes do not fit into Qt's numbers.
        self.progress.setRange(0, _STEPS if of else 0)
        self.progress.setValue(_STEPS * done // of if of else 0)
        self._set_busy(True)

    def show_idle(self) -> None:
        """Show that nothing is going on."""
        self._set_busy(False)

    def _set_busy(self, busy: bool) -> None:
        self._busy = busy
        for part in (self.progress, self.status, self.stop):
            part.setVisible(busy)
        self._show_buttons()

    def _show_buttons(self) -> None:
        card = self._card
        self.act.setText(card.action.replace("&", "&&") or "Load")
        self.act.setToolTip(_TIPS.get(card.action, "There is nothing to do with this model"))
        self.act.setEnabled(bool(card.action) and not self._busy)
        self.unload.setEnabled(card.can_unload and not self._busy)
        self.remove.setEnabled(card.can_remove and not self._busy)

    def _place_changed(self) -> None:
        self.place_changed.emit()

    def _line_chosen(self) -> None:
        self.chosen.emit(self.name)

    def _search(self) -> None:
        self._filter()
        self.choose(self.name)

    def _filter(self) -> None:
        words = self.search.text().casefold().split()
        for i, line in enumerate(self._lines):
            item = self.list.topLevelItem(i)
            if item is None:
                continue
            text = f"{line.name} {line.where} {line.tip}".casefold()
            fits = all(word in text for word in words)
            item.setHidden(not fits or (self.only_here.isChecked() and not line.here))
        items = [self.list.topLevelItem(i) for i in range(len(self._lines))]
        self.nothing.setHidden(any(item is not None and not item.isHidden() for item in items))

    def _set_up_list(self) -> None:
        self.list.setHeaderLabels(["Model", "Memory", "Where"])
        self.list.setToolTip("Choose a model to see its licence and what it needs")
        self.list.setAccessibleName("Models")
        self.list.setRootIsDecorated(False)
        self.list.setUniformRowHeights(True)
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        header = self.list.header()
        if header is not None:
            header.setStretchLastSection(False)
            header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
            for column in (1, 2):
                header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        row = max(self.list.fontMetrics().height() + 8, 22)
        self.list.setMinimumHeight(row * (LINES + 1))

    def _lay_out(self) -> None:
        place = QGridLayout()
        place.addWidget(QLabel("Run on"), 0, 0)
        place.addWidget(self.devices, 0, 1)
        place.addWidget(QLabel("Numbers"), 1, 0)
        place.addWidget(self.precisions, 1, 1)
        place.addWidget(self.free, 2, 1)
        place.setColumnStretch(1, 1)
        find = QHBoxLayout()
        find.addWidget(self.search, 1)
        find.addWidget(self.only_here)
        self._title = heading("")
        self._about = PlainLabel()
        self._licence = QLabel()
        self._licence.setWordWrap(True)
        self._licence.setTextFormat(Qt.TextFormat.RichText)
        self._licence.setOpenExternalLinks(True)
        self._memory = PlainLabel()
        self._note = PlainLabel(dim=True, small=True)
        self._details = QFrame()
        card = QVBoxLayout(self._details)
        card.setContentsMargins(0, 0, 0, 0)
        card.setSpacing(4)
        for part in (self._title, self._about, self._memory, self._licence, self._note):
            card.addWidget(part)
        buttons = QHBoxLayout()
        buttons.addWidget(self.remove)
        buttons.addWidget(self.unload)
        buttons.addStretch()
        buttons.addWidget(self.stop)
        buttons.addWidget(self.act)
        self.column.addLayout(place)
        self.column.addLayout(find)
        self.column.addWidget(self.list, 1)
        self.column.addWidget(self.nothing)
        self.column.addWidget(self._details)
        for widget in (self.messages, self.progress, self.status):
            self.column.addWidget(widget)
        self.column.addLayout(buttons)


_TIPS = {
    "Load": "Load the model; every panel uses it from the next question on",
    "Download…": "Show the licence and ask before anything is downloaded",
    "Convert": "Turn its weights into a kind that cannot run code; this is done once",
}
