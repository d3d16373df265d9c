"""The classes to choose between: their names, and what each looks like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from qtpy.QtCore import QEvent, QModelIndex, QRect, Qt, Signal
from qtpy.QtGui import QGuiApplication, QKeyEvent, QKeySequence, QPainter
from qtpy.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QHBoxLayout,
    QInputDialog,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPlainTextEdit,
    QPushButton,
    QSizePolicy,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from ..labelling.label_sets import LabelClass, LabelSet, fold, label_set_of
from .boxes import narrow_box
from .panel import button, mix, plain_tip

__all__ = ["FILES", "OWN", "ClassList"]

OWN = "My own list"
"""What a list is called that nobody gave a name."""

FEW_ROWS, MOST_ROWS = 4, 8
"""Names that there is always room for, and that are shown without a scroll bar."""

FILES = "Label sets (*.json *.csv)"

_SENTENCE = Qt.ItemDataRole.UserRole


class _Names(QListWidget):
    """A list that takes many lines from the clipboard."""

    pasted = Signal(str)
    delete_pressed = Signal()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802 - Qt's name
        if event is not None and event.matches(QKeySequence.StandardKey.Paste):
            clipboard = QGuiApplication.clipboard()
            self.pasted.emit(clipboard.text() if clipboard is not None else "")
        elif event is not None and event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.delete_pressed.emit()
        else:
            super().keyPressEvent(event)


class _NameAndSentence(QStyledItemDelegate):
    """Draws a name and, stepped back behind it, as much of its sentence as there is room for."""

    def paint(
        self, painter: QPainter | None, option: QStyleOptionViewItem, index: QModelIndex
    ) -> None:
        super().paint(painter, option, index)
        sentence = str(index.data(_SENTENCE) or "")
        if painter is None or not sentence:
            return
        metrics = option.fontMetrics
        start = metrics.horizontalAdvance(str(index.data() or "")) + 18
        room = QRect(option.rect).adjusted(start, 0, -6, 0)
        if room.width() < 40:
            return
        painter.save()
        painter.setPen(mix(option.palette, 0.55))
        cut = metrics.elidedText(sentence, Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(room, int(Qt.AlignmentFlag.AlignVCenter), cut)
        painter.restore()


class ClassList(QWidget):
    """An editable list of classes with a few lists to start from.

    Parameters
    ----------
    presets : mapping
        Name of each list, and its names or label set.

    Signals
    -------
    changed()
        The classes are others than before.
    import_wanted(str), export_wanted(str)
        The user chose a file to read classes from, or to write them to.
    keep_wanted(str)
        The user wants the list remembered under this name.
    forget_wanted(str)
        The user wants the list of this name, an own one, no longer remembered.
    """

    changed = Signal()
    import_wanted = Signal(str)
    export_wanted = Signal(str)
    keep_wanted = Signal(str)
    forget_wanted = Signal(str)

    def __init__(self, presets: Mapping[str, Sequence[str] | LabelSet]) -> None:
        super().__init__()
        self._presets = dict(presets)
        self._kept: dict[str, LabelSet] = {}
        self._name = next(iter(self._presets), OWN)
        self.preset = narrow_box(
            "Start from a list of classes; your own lists are below the others"
        )
        self.names = _Names()
        self.names.setToolTip(
            "Double-click a name to edit it; paste many at once, one on each line"
        )
        self.names.setAccessibleName("Class names")
        self.names.setUniformItemSizes(True)
        self.names.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.names.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.names.setItemDelegate(_NameAndSentence(self.names))
        self.sentence = QPlainTextEdit()
        self.sentence.setToolTip(
            "One sentence on what the chosen class looks like; large models read it beside the "
            "name, and people who share the list do, too"
        )
        self.sentence.setAccessibleName("What the chosen class looks like")
        self.sentence.setTabChangesFocus(True)
        self.sentence.setFixedHeight(2 * self.sentence.fontMetrics().lineSpacing() + 16)
        self.entry = QLineEdit()
        self.entry.setPlaceholderText("New class name")
        self.entry.setToolTip("Write a class name and press return")
        self.add = button("Add", "Add this name to the list")
        self.remove = button("Remove", "Remove the selected names (delete)")
        self.read = button("Import…", "Take a list from a JSON or CSV file")
        self.write = button("Export…", "Save this list as a JSON or CSV file, to share it")
        self.keep = button("Keep…", "Remember this list on this computer under a name")
        self.forget = button("Forget", "Remember this list no longer")
        self._lay_out()
        self.preset.activated.connect(self._use_preset)
        self.entry.returnPressed.connect(self._add_entry)
        self.add.clicked.connect(self._add_entry)
        self.remove.clicked.connect(self._remove_selected)
        self.names.delete_pressed.connect(self._remove_selected)
        self.names.pasted.connect(self.add_lines)
        self.names.itemChanged.connect(self._edited)
        self.names.currentRowChanged.connect(self._show_sentence)
        self.sentence.textChanged.connect(self._sentence_edited)
        self.read.clicked.connect(self._choose_import)
        self.write.clicked.connect(self._choose_export)
        self.keep.clicked.connect(self._choose_name)
        self.forget.clicked.connect(lambda: self.forget_wanted.emit(self.name))
        self._fill_presets()
        self._use_preset()
        self._paint_sentence()

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802 - Qt's name
        """Follow the theme."""
        super().changeEvent(event)
        if event is not None and event.type() in (
            QEvent.Type.StyleChange,
            QEvent.Type.ParentChange,
            QEvent.Type.PaletteChange,
        ):
            self._paint_sentence()

    def _paint_sentence(self) -> None:
        # Napari leaves it without a background, and nobody would see that it can be written in;
        # what a disabled one says would be next to invisible.
        told = mix(self.palette(), 0.72).name()
        style = (
            "QPlainTextEdit { background-color: rgba(128, 128, 128, 45); border-radius: 2px; "
            f"placeholder-text-color: {told}; }} QPlainTextEdit:disabled {{ color: {told}; }}"
        )
        if hasattr(self, "sentence") and style != self.sentence.styleSheet():
            self.sentence.setStyleSheet(style)

    @property
    def name(self) -> str:
        """What the list is called; an edited preset is no longer that preset."""
        edited = self.preset.currentText() == OWN
        return OWN if edited and self._name in self._presets else self._name

    @property
    def labels(self) -> tuple[str, ...]:
        """The names, from top to bottom."""
        return tuple(one.name for one in self.classes)

    @property
    def classes(self) -> tuple[LabelClass, ...]:
        """Names and sentences, from top to bottom; lines without a name are left out."""
        rows = (self.names.item(i) for i in range(self.names.count()))
        found = (LabelClass(row.text(), row.data(_SENTENCE) or "") for row in rows if row)
        return tuple(one for one in found if one.name)

    @property
    def label_set(self) -> LabelSet:
        """The classes as a label set.

        Raises
        ------
        QuestionError
            If there are fewer than two, or two are the same.
        """
        return LabelSet(self.name, self.classes)

    def set_labels(self, labels: Sequence[str] | LabelSet) -> None:
        """Show these classes instead."""
        if isinstance(labels, LabelSet):
            self._name, classes = labels.name, labels.classes
        else:
            classes = tuple(map(LabelClass, labels))
        self.names.blockSignals(True)
        self.names.clear()
        for one in classes:
            self._append(one)
        self.names.blockSignals(False)
        self._fit()
        self._show_sentence()
        self.changed.emit()

    def set_kept(self, sets: Mapping[str, LabelSet]) -> None:
        """List the user's own label sets below the presets."""
        shown = self.preset.currentText()
        self._kept = dict(sets)
        self._fill_presets()
        self.preset.setCurrentText(shown if self.preset.findText(shown) >= 0 else OWN)
        self._show_forget()

    def use(self, label_set: LabelSet) -> None:
        """Show a label set, as one of the lists where it is among them."""
        name = label_set.name
        known = label_set_of(self._kept.get(name) or self._presets.get(name) or label_set)
        self.preset.setCurrentText(name if known.classes == label_set.classes else OWN)
        if self.preset.currentText() != name:
            self.preset.setCurrentText(OWN)
        self.set_labels(label_set)
        self._show_forget()

    def add_lines(self, text: str) -> None:
        """Add every line of ``text`` that is not in the list yet."""
        self.names.blockSignals(True)
        known = {fold(label) for label in self.labels}
        for line in text.replace("\t", "\n").splitlines():
            name = line.strip().strip(",;").strip()
            if name and fold(name) not in known:
                known.add(fold(name))
                self._append(LabelClass(name))
        self.names.blockSignals(False)
        self._edited()

    def _append(self, one: LabelClass) -> None:
        item = QListWidgetItem(one.name)
        item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
        item.setData(_SENTENCE, one.sentence)
        item.setToolTip(plain_tip(one.sentence))
        self.names.addItem(item)

    def _add_entry(self) -> None:
        self.add_lines(self.entry.text())
        self.entry.clear()

    def _remove_selected(self) -> None:
        for row in sorted(map(self.names.row, self.names.selectedItems()))[::-1]:
            self.names.takeItem(row)
        self._edited()

    def _use_preset(self) -> None:
        name = self.preset.currentText()
        labels = self._kept.get(name) or self._presets.get(name)
        if labels is not None:
            self._name = name
            self.set_labels(labels)
        self._show_forget()

    def _edited(self) -> None:
        self.preset.setCurrentText(OWN)
        self._show_forget()
        self._fit()
        self.changed.emit()

    def _fit(self) -> None:
        """Be as high as some names need, and scroll where there are many."""
        row = max(self.names.sizeHintForRow(0), 18)
        rows = min(max(self.names.count(), FEW_ROWS), MOST_ROWS)
        self.names.setFixedHeight(row * rows + 8)

    def _show_sentence(self, row: int = -1) -> None:
        item = self.names.currentItem()
        self.sentence.blockSignals(True)
        self.sentence.setPlainText("" if item is None else str(item.data(_SENTENCE) or ""))
        self.sentence.blockSignals(False)
        self.sentence.setEnabled(item is not None)
        self.sentence.setPlaceholderText(
            "Choose a class to say what it looks like"
            if item is None
            else f"What does {item.text()} look like?"
        )

    def _sentence_edited(self) -> None:
        item = self.names.currentItem()
        if item is not None:
            text = LabelClass("", self.sentence.toPlainText()).sentence
            item.setToolTip(plain_tip(text))
            item.setData(_SENTENCE, text)  # itemChanged follows

    def _show_forget(self) -> None:
        self.forget.setEnabled(self.preset.currentText() in self._kept)

    def _fill_presets(self) -> None:
        self.preset.clear()
        names = [*self._presets, *(name for name in self._kept if name not in self._presets), OWN]
        for name in names:
            self.preset.addItem(name)
            self.preset.setItemData(
                self.preset.count() - 1, plain_tip(name), Qt.ItemDataRole.ToolTipRole
            )

    def _choose_import(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Import classes", "", FILES)
        if path:
            self.import_wanted.emit(path)

    def _choose_export(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Export classes", f"{self.name}.json", FILES)
        if path:
            self.export_wanted.emit(path)

    def _choose_name(self) -> None:
        name, sure = QInputDialog.getText(
            self, "Keep this list", "Name of the list", text=self.name
        )
        if sure and name.strip():
            self.keep_wanted.emit(name.strip())

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        above: tuple[QWidget, ...] = (self.preset, self.names, self.sentence)
        for widget in above:
            column.addWidget(widget)
        rows: tuple[tuple[QWidget, ...], ...] = (
            (self.entry, self.add, self.remove),
            (self.read, self.write, self.keep, self.forget),
        )
        for parts in rows:
            row = QHBoxLayout()
            row.setSpacing(6)
            for part in parts:
                row.addWidget(part, 1 if part is self.entry else 0)
            if all(isinstance(part, QPushButton) for part in parts):
                row.addStretch()
            column.addLayout(row)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
