"""What becomes of answers: kept beside the image, brought back, made into a figure."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QFrame, QHBoxLayout, QWidget

from .panel import PlainLabel, button

__all__ = ["EarlierLine", "KeepBox", "ShareRow"]


class KeepBox(QCheckBox):
    """Off until the user wants answers kept."""

    def __init__(self) -> None:
        super().__init__("Keep beside the image")
        self.show_folder("")

    def show_folder(self, name: str) -> None:
        """Say which folder is written; empty: the image has no file."""
        where = f"the folder “{name}”" if name else "a folder"
        tip = f"Save the answers of this image and each new one in {where} beside its file, "
        tip += "to be shown again when the image is opened; nothing is written while this is off"
        self.setToolTip(tip)


class EarlierLine(QFrame):
    """One line that offers what is kept beside the image.

    Signals
    -------
    wanted()
        The user wants to see it.
    """

    wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("earlier_line")
        self._label = PlainLabel()
        self.show_them = button("Show them", "List the answers that are kept beside this image")
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 4, 4, 4)
        row.addWidget(self._label, 1)
        row.addWidget(self.show_them)
        self.setStyleSheet(
            "#earlier_line { background-color: rgba(90, 140, 230, 45);"
            " border-left: 3px solid rgb(90, 140, 230); border-radius: 3px; }"
            "#earlier_line > QLabel { background-color: transparent; }"
        )
        self.show_them.clicked.connect(self.wanted)
        self.offer(0)

    @property
    def text(self) -> str:
        """What is offered; empty: nothing."""
        return "" if self.isHidden() else str(self._label.text())

    def offer(self, count: int) -> None:
        """Offer so many answers; 0 hides the line."""
        what = "1 earlier answer" if count == 1 else f"{count} earlier answers"
        self._label.setText(f"This image has {what}")
        self.setVisible(count > 0)


class ShareRow(QWidget):
    """Turns the answer that is shown into a figure, or into a sentence for a paper."""

    def __init__(self) -> None:
        super().__init__()
        self.figure = button(
            "Export figure…",
            "Save the region, where the model looked, a colour bar and a scale bar as one picture",
        )
        self.methods = button(
            "Copy methods sentence",
            "Copy a sentence for a paper that names model, revision and settings",
        )
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.figure)
        row.addWidget(self.methods)
        row.addStretch()
