"""The table of a run: sorted, filtered, and each row a click away from its place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QItemSelectionModel, QModelIndex, Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QDoubleSpinBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QTableView,
)

from .boxes import narrow_box
from .finding_card import FindingCard
from .frame_model import FrameModel, Keep
from .message_bar import MessageBar
from .panel import Panel, PlainLabel, button, progress_line

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ResultsView", "ask_to_open", "ask_to_save"]

EVERY_CLASS = "Every class"

_KINDS = (
    ("", "All items"),
    ("done", "Looked at"),
    ("skipped", "Skipped"),
    ("uncertain", "Uncertain"),
    ("unreviewed", "Not reviewed"),
    ("corrected", "Corrected"),
)

_WIDTHS = {"item": 100, "class": 102, "probability": 82, "judged": 76}
_TIPS = {
    "probability": "How probable the class is, as the model has it",
    "judged": "Whether a person accepted (✓) or corrected the class",
}
_FIRST_WIDTH, _MOST_WIDTH = 96, 260

TABLES = "Comma-separated (*.csv);;JSON (*.json);;Parquet (*.parquet)"
REPORTS = "Web page (*.html)"
FIGURES = "PNG picture (*.png);;PDF (*.pdf);;SVG drawing (*.svg)"
JOURNALS = "Journal of a run (*.journal);;All files (*)"


class ResultsView(Panel):
    """Filter, table, the chosen item, and what can be saved, from top to bottom.

    Parameters
    ----------
    texts : mapping of str to callable
        How the values of a column are written.

    Signals
    -------
    chosen(str)
        The user chose the row with this key.
    open_wanted(str), table_wanted(str), report_wanted(str), figure_wanted(str)
        The user chose a file to open or to write.
    methods_wanted()
        The user wants the sentence for a paper.
    stopped()
        The user wants no more of what is being written.
    """

    chosen = Signal(str)
    open_wanted = Signal(str)
    table_wanted = Signal(str)
    report_wanted = Signal(str)
    figure_wanted = Signal(str)
    methods_wanted = Signal()
    stopped = Signal()

    def __init__(self, texts: Mapping[str, Callable[[Any], str]] | None = None) -> None:
        super().__init__()
        self.title = PlainLabel("No run is open yet.")
        self.note = PlainLabel(dim=True, small=True)
        self.open = button("Open journal…", "Open the journal of an earlier run")
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search")
        self.search.setToolTip("Show only rows that hold this text")
        self.search.setClearButtonEnabled(True)
        self.classes = narrow_box("Show only items of this class")
        self.kinds = narrow_box("Which items to show")
        for key, text in _KINDS:
            self.kinds.addItem(text, key)
        self.below = QDoubleSpinBox()
        self.below.setRange(0, 100)
        self.below.setDecimals(0)
        self.below.setValue(70)
        self.below.setSuffix(" %")
        self.below.setToolTip("Items whose best class is less probable than this are uncertain")
        self._below_label = QLabel("less probable than")
        self.model = FrameModel(texts, self)
        self.model.tips = _TIPS
        self.table = _Table(self.model)
        self.count = PlainLabel(dim=True, small=True)
        self.card = FindingCard()
        self.messages = MessageBar()
        self.progress = progress_line("Something is being read or written")
        self.save = button("Save table…", "Save all rows as CSV, JSON or Parquet")
        self.report = button("Report…", "Write a report with pictures that any browser opens")
        self.figure = button(
            "Export figure…", "Save the chosen item as a figure: overlay, colour bar, scale bar"
        )
        self.methods = button(
            "Copy methods sentence", "Copy a sentence for a paper: model, revision and settings"
        )
        self._lay_out()
        self._connect()
        self.show_titled("", "")
        self.show_classes(())
        self.show_idle()
        self._filter()

    @property
    def key(self) -> str | None:
        """Key of the chosen row."""
        return self.table.key

    def show_titled(self, title: str, note: str) -> None:
        """Say which run is shown; an empty title: none."""
        self.title.setText(title or "No run is open. Start one in “Batch”, or open a journal.")
        self.note.setText(note)
        self.note.setVisible(bool(note))
        for one in (self.save, self.report, self.methods):
            one.setEnabled(bool(title))
        if not title:
            self.figure.setEnabled(False)

    def show_rows(self, frame: pd.DataFrame, titles: Mapping[str, str]) -> None:
        """Show a table; the chosen row stays chosen where it is still there."""
        with self.table.kept():
            self.model.show_frame(frame, titles)
        self.table.fit(_WIDTHS, self.model, list(titles))
        self.show_classes(self.model.values("class"))
        self._count()

    def show_classes(self, names: Sequence[str]) -> None:
        """Offer the classes to filter by."""
        before = self.classes.currentData()
        offered = [self.classes.itemData(i) for i in range(1, self.classes.count())]
        if self.classes.count() and offered == list(names):
            return
        self.classes.blockSignals(True)
        self.classes.clear()
        self.classes.addItem(EVERY_CLASS, "")
        for name in names:
            self.classes.addItem(name, name)
        self.classes.setCurrentIndex(max(self.classes.findData(before), 0))
        self.classes.blockSignals(False)
        if before and self.classes.currentData() != before:
            self._filter()

    def choose(self, key: str | None) -> None:
        """Choose a row as a user would; None: none."""
        self.table.choose(key)

    def show_busy(self) -> None:
        """Show that something is read or written."""
        self.progress.show()

    def show_idle(self) -> None:
        """Show that nothing is going on."""
        self.progress.hide()

    def _filter(self) -> None:
        uncertain = self.kinds.currentData() == "uncertain"
        self.below.setVisible(uncertain)
        self._below_label.setVisible(uncertain)
        with self.table.kept():
            self.model.filter(self.search.text(), self._keep())
        self._count()

    def _keep(self) -> Keep | None:
        name, kind = str(self.classes.currentData() or ""), str(self.kinds.currentData() or "")
        limit = self.below.value() / 100
        if not name and not kind:
            return None

        def keep(frame: pd.DataFrame) -> Any:
            shown = frame["status"] != "" if not name else frame["class"] == name
            if kind in ("done", "skipped"):
                shown &= frame["status"] == kind
            elif kind == "uncertain":
                unsure = frame["probability"] < limit
                # Where no class was asked for, an answer can be unsure.
                unsure |= frame["probability"].isna() & (frame["uncertainty"] > 1 - limit)
                shown &= unsure & (frame["status"] == "done")
            elif kind == "unreviewed":
                shown &= ~frame["reviewed"] & (frame["status"] == "done")
            elif kind == "corrected":
                shown &= frame["corrected"]
            return shown.to_numpy(dtype=bool)

        return keep

    def _count(self) -> None:
        shown, total = self.model.rowCount(), self.model.total
        self.count.setText(f"{total} items" if shown == total else f"{shown} of {total} items")
        self.count.setVisible(total > 0)

    def _ask(self, signal: Any, ask: Callable[[], str]) -> None:
        path = ask()
        if path:
            signal.emit(path)

    def _connect(self) -> None:
        self.search.textChanged.connect(self._filter)
        self.classes.activated.connect(self._filter)
        self.kinds.activated.connect(self._filter)
        self.below.valueChanged.connect(self._filter)
        self.table.chosen.connect(self.chosen)
        self.methods.clicked.connect(self.methods_wanted)
        self.open.clicked.connect(
            lambda: self._ask(
                self.open_wanted, lambda: ask_to_open(self, "Open a journal", JOURNALS)
            )
        )
        for one, signal, title, name, kinds in (
            (self.save, self.table_wanted, "Save the table", "table.csv", TABLES),
            (self.report, self.report_wanted, "Write a report", "report.html", REPORTS),
            (self.figure, self.figure_wanted, "Export a figure", "figure.png", FIGURES),
        ):
            one.clicked.connect(
                lambda _=False, signal=signal, title=title, name=name, kinds=kinds: self._ask(
                    signal, lambda: ask_to_save(self, title, name, kinds)
                )
            )

    def _lay_out(self) -> None:
        self.column.addWidget(self.title)
        self.column.addWidget(self.note)
        choices = QGridLayout()
        choices.setColumnStretch(0, 1)
        choices.setColumnStretch(1, 1)
        choices.addWidget(self.open, 0, 0)
        choices.addWidget(self.search, 0, 1)
        choices.addWidget(self.kinds, 1, 0)
        choices.addWidget(self.classes, 1, 1)
        self.column.addLayout(choices)
        limit = QHBoxLayout()
        limit.addStretch()
        limit.addWidget(self._below_label)
        limit.addWidget(self.below)
        self.column.addLayout(limit)
        self.column.addWidget(self.table, 1)
        self.column.addWidget(self.count)
        self.column.addWidget(self.card)
        self.column.addWidget(self.progress)
        self.column.addWidget(self.messages)
        buttons = QGridLayout()
        for place, one in enumerate((self.save, self.report, self.figure, self.methods)):
            buttons.addWidget(one, place // 2, place % 2)
        self.column.addLayout(buttons)


class _Table(QTableView):
    """Rows to choose from.

    Signals
    -------
    chosen(str)
        The user chose the row with this key.
    """

    chosen = Signal(str)

    def __init__(self, model: FrameModel) -> None:
        super().__init__()
        self._model = model
        self._quiet = False
        self._fitted: list[str] = []
        self.setModel(model)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setWordWrap(False)
        self.setShowGrid(False)
        # Translucent: readable on a dark and on a light theme alike.
        self.setStyleSheet(
            "QTableView { background-color: rgba(128, 128, 128, 28); }"
            "QTableView::item:selected { background-color: rgba(63, 98, 200, 130); }"
        )
        self.setSortingEnabled(True)
        self.setTabKeyNavigation(False)
        self.setMinimumHeight(180)
        self.setAccessibleName("Items of the run")
        self.setToolTip("Click a row to see its place; click a title to sort")
        down, across = self.verticalHeader(), self.horizontalHeader()
        if down is not None and across is not None:
            # Rows of one height: measuring thousands of them would take long.
            down.setDefaultSectionSize(22)
            down.setSectionResizeMode(down.ResizeMode.Fixed)
            down.hide()
            across.setSortIndicatorClearable(True)
            across.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
            across.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)

    @property
    def key(self) -> str | None:
        """Key of the chosen row."""
        index = self.currentIndex()
        return self._model.key_at(index.row()) if index.isValid() else None

    def kept(self) -> _Kept:
        """Keep the chosen row and what is in view, without telling, while the table changes."""
        return _Kept(self)

    def fit(self, widths: Mapping[str, int], model: FrameModel, names: Sequence[str]) -> None:
        """Give columns a width where other columns are shown than before."""
        if list(names) == self._fitted:
            return
        self._fitted = list(names)
        for i, name in enumerate(names):
            self.setColumnWidth(i, widths.get(name, _FIRST_WIDTH if i < 4 else _MOST_WIDTH))

    def choose(self, key: str | None) -> None:
        """Choose a row; None: none."""
        row = self._model.row_of(key)
        if row is None:
            self.clearSelection()
            self.setCurrentIndex(QModelIndex())
            return
        self.setCurrentIndex(self._model.index(row, 0))

    def currentChanged(self, current: QModelIndex, previous: QModelIndex) -> None:  # noqa: N802
        """Tell which row was chosen."""
        super().currentChanged(current, previous)
        key = self._model.key_at(current.row()) if current.isValid() else None
        if key is not None and not self._quiet:
            self.chosen.emit(key)

    def restore(self, key: str | None, at: int) -> None:
        """Choose a row and scroll to where it was, without telling."""
        row = self._model.row_of(key)
        selection = self.selectionModel()
        if row is not None and selection is not None:
            self._quiet = True
            try:
                flags = QItemSelectionModel.SelectionFlag
                selection.setCurrentIndex(
                    self._model.index(row, 0), flags.ClearAndSelect | flags.Rows
                )
            finally:
                self._quiet = False
        bar = self.verticalScrollBar()
        if bar is not None:
            bar.setValue(at)


class _Kept:
    def __init__(self, table: _Table) -> None:
        self._table = table
        bar = table.verticalScrollBar()
        self._key, self._at = table.key, 0 if bar is None else bar.value()

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_error: object) -> None:
        self._table.restore(self._key, self._at)


def ask_to_open(parent: Any, title: str, kinds: str) -> str:
    """Ask for a file to open; empty where the user wants none."""
    return str(QFileDialog.getOpenFileName(parent, title, "", kinds)[0])


def ask_to_save(parent: Any, title: str, name: str, kinds: str) -> str:
    """Ask for a file to write; empty where the user wants none."""
    return str(QFileDialog.getSaveFileName(parent, title, name, kinds)[0])
