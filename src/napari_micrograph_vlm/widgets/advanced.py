"""Choices that few users need, folded away."""

from __future__ import annotations

from collections.abc import Collection

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QStandardItemModel
from qtpy.QtWidgets import QCheckBox, QFormLayout, QWidget

from .boxes import narrow_box
from .fold import Fold
from .panel import plain_tip

__all__ = ["METHODS", "Advanced"]

METHODS = (
    ("attention", "As recommended", "Where the model looked while it wrote each word"),
    (
        "attention, all layers",
        "All layers alike",
        "The same without choosing the layers of the model that tell most",
    ),
    (
        "attention, contrast",
        "Compared with a neutral question",
        "What this question makes the model look at more than a general question does",
    ),
    (
        "attention rollout",
        "Followed through all layers",
        "Follows what each word rests on through the model; reads the answer once more",
    ),
    (
        "attention and gradients",
        "Weighted by influence",
        "The same, counting only what made the word more likely; needs much memory",
    ),
    (
        "occlusion",
        "By covering parts (slow)",
        "Covers one part of the picture after the other; works with every model",
    ),
)
"""Value, name and tool tip of each way to make maps."""

_TIP = "How the picture of where the model looked is made"
_MISSING = "The model in use cannot do this"


class Advanced(Fold):
    """How maps are made, and whether answers are checked; more can be added.

    Signals
    -------
    method_chosen(str)
        The user chose a way to make maps: one of the values of :data:`METHODS`.
    """

    method_chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__("Advanced", "How maps are made, whether answers are checked, which model")
        self.methods = narrow_box(_TIP, 12)
        for value, name, tip in METHODS:
            self.methods.addItem(name, value)
            self.methods.setItemData(
                self.methods.count() - 1, plain_tip(tip), Qt.ItemDataRole.ToolTipRole
            )
        self.checks = QCheckBox("Check each answer")
        self.checks.setToolTip(
            plain_tip(
                "After each answer, ask twice more: about an empty picture, and about the same "
                "picture moved a little. A new question is never kept waiting."
            )
        )
        self.checks.setChecked(True)
        part = QWidget()
        rows = QFormLayout(part)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.addRow("Maps", self.methods)
        rows.addRow("", self.checks)
        self.add(part)
        self.methods.activated.connect(self._chosen)

    @property
    def method(self) -> str:
        """The chosen way to make maps."""
        return str(self.methods.currentData())

    def show_method(self, method: str) -> None:
        """Show a way to make maps as chosen, without telling anybody."""
        # Qt finds a plain string only, not a member of an enumeration of strings.
        self.methods.setCurrentIndex(max(self.methods.findData(str(method)), 0))

    def allow(self, methods: Collection[str]) -> None:
        """Let the user choose among these ways only: the model in use can do no others."""
        items = self.methods.model()
        assert isinstance(items, QStandardItemModel)
        for row, (value, _, tip) in enumerate(METHODS):
            item = items.item(row)
            if item is not None:
                item.setEnabled(value in methods)
                item.setToolTip(plain_tip(tip if value in methods else _MISSING))

    def _chosen(self) -> None:
        self.method_chosen.emit(self.method)
