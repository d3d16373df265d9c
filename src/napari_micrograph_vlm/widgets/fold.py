"""A part of a view that is folded away until it is wanted."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QToolButton, QVBoxLayout, QWidget

__all__ = ["Fold"]


class Fold(QFrame):
    """A title with an arrow, and below it what a click on it shows.

    Parameters
    ----------
    title : str
        What is in it.
    tip : str
        Tool tip of the title.
    """

    def __init__(self, title: str, tip: str) -> None:
        super().__init__()
        self.title = QToolButton()
        self.title.setText(title)
        self.title.setToolTip(tip)
        self.title.setCheckable(True)
        self.title.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.title.setAutoRaise(True)
        self.title.setCursor(Qt.CursorShape.PointingHandCursor)
        self.title.setStyleSheet(
            "QToolButton { border: 0px; background: transparent; padding: 2px 0px; }"
        )
        self._inner = QWidget()
        self._rows = QVBoxLayout(self._inner)
        self._rows.setContentsMargins(14, 2, 0, 2)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self.title)
        column.addWidget(self._inner)
        self.title.toggled.connect(self._unfold)
        self._unfold(False)

    def add(self, part: QWidget) -> None:
        """Put a part below those that are in it."""
        self._rows.addWidget(part)

    def _unfold(self, unfolded: bool) -> None:
        arrow = Qt.ArrowType.DownArrow if unfolded else Qt.ArrowType.RightArrow
        self.title.setArrowType(arrow)
        self._inner.setVisible(unfolded)
