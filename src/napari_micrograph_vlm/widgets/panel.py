"""Building blocks shared by every view."""

from __future__ import annotations

from html import escape

from qtpy.QtCore import QEvent, QObject, QSize, Qt, Signal
from qtpy.QtGui import QColor, QPalette
from qtpy.QtWidgets import (
    QFrame,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

__all__ = [
    "Panel",
    "PlainLabel",
    "button",
    "heading",
    "mix",
    "plain_tip",
    "primary_button",
    "progress_line",
]

WIDTH = 380
"""Width in pixels that every view is laid out for."""

_PRIMARY = """
QPushButton { background-color: #3f62c8; color: white; font-weight: 600; padding: 5px 16px; }
QPushButton:hover { background-color: #5277e0; }
QPushButton:pressed { background-color: #33509f; }
QPushButton:disabled { background-color: rgba(63, 98, 200, 70); color: rgba(255, 255, 255, 130); }
"""

_PROGRESS = """
QProgressBar { border: 0px; border-radius: 2px; background-color: rgba(128, 128, 128, 60); }
QProgressBar::chunk { border-radius: 2px; background-color: #5277e0; }
"""


class Column(QScrollArea):
    """Scrolls up and down only, and so asks for all the width that its contents need.

    Parameters
    ----------
    inner : QWidget
        The contents.
    """

    def __init__(self, inner: QWidget) -> None:
        super().__init__()
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidget(inner)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return the contents' least width, beside a scroll bar."""
        inner, bar = self.widget(), self.verticalScrollBar()
        needed = 0 if inner is None else inner.minimumSizeHint().width()
        beside = 0 if bar is None else bar.sizeHint().width()
        return QSize(max(needed + beside, WIDTH - 60), super().minimumSizeHint().height())

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """Ask for more width when the contents come to need it."""
        if event is not None and event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return bool(super().eventFilter(watched, event))


class Panel(QWidget):
    """A scrolling column that says when it is shown and when its dock was closed.

    Napari takes a closed dock's widget out of the dock instead of deleting it, so losing the
    parent is the only sign a widget gets.
    """

    closed = Signal()
    shown = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._docked = False
        inner = QWidget()
        self.column = QVBoxLayout(inner)
        self.column.setContentsMargins(8, 8, 8, 8)
        self.column.setSpacing(8)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(Column(inner))
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)

    def event(self, event: QEvent | None) -> bool:
        """Notice being taken out of a dock."""
        handled: bool = super().event(event)
        if event is not None and event.type() == QEvent.Type.Show:
            self.shown.emit()
        if event is not None and event.type() == QEvent.Type.ParentChange:
            if self.parent() is not None:
                self._docked = True
            elif self._docked:
                self._docked = False
                self.closed.emit()
        return handled


class PlainLabel(QLabel):
    """A wrapping label that never reads its text as markup.

    Parameters
    ----------
    dim : bool
        Whether it steps back; its colour follows the theme.
    small : bool
        Whether its letters are small.
    """

    def __init__(self, text: str = "", *, dim: bool = False, small: bool = False) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.NoTextInteraction)
        self.setText(text)
        self._dim = dim
        self._size = "font-size: 8pt;" if small else ""
        if small:
            self.setStyleSheet(f"QLabel {{ {self._size} }}")

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802 - Qt's name
        """Follow the theme."""
        super().changeEvent(event)
        parent = self.parentWidget()
        if not self._dim or parent is None or event is None:
            return
        if event.type() in (QEvent.Type.StyleChange, QEvent.Type.ParentChange):
            style = f"QLabel {{ color: {mix(parent.palette(), 0.68).name()}; {self._size} }}"
            if style != self.styleSheet():
                self.setStyleSheet(style)


def heading(text: str) -> QLabel:
    """Return the title of a part of a view."""
    label = PlainLabel(text)
    label.setStyleSheet("QLabel { font-weight: 600; margin-top: 4px; }")
    return label


def plain_tip(text: str) -> str:
    """Return a tool tip that shows ``text`` letter for letter.

    Qt guesses whether a tool tip is HTML, and what a model writes may look like it.
    """
    return f"<qt>{escape(text)}</qt>" if text else ""


def button(text: str, tip: str) -> QPushButton:
    """Return a button; ``&`` in ``text`` is an ampersand and no shortcut."""
    made = QPushButton(text.replace("&", "&&"))
    made.setToolTip(tip)
    made.setCursor(Qt.CursorShape.PointingHandCursor)
    return made


def progress_line(tip: str) -> QProgressBar:
    """Return a thin progress bar; its range is unknown until it is set."""
    made = QProgressBar()
    made.setToolTip(tip)
    made.setRange(0, 0)
    made.setTextVisible(False)
    made.setFixedHeight(4)
    made.setStyleSheet(_PROGRESS)
    return made


def primary_button(text: str, tip: str) -> QPushButton:
    """Return the one button of a view that stands out."""
    made = button(text, tip)
    made.setStyleSheet(_PRIMARY)
    return made


def mix(palette: QPalette, share: float) -> QColor:
    """Return a colour between the theme's background (0) and its text (1)."""
    back = palette.color(QPalette.ColorRole.Window)
    text = palette.color(QPalette.ColorRole.WindowText)
    channels = (
        round(b + (t - b) * share)
        for b, t in zip(back.getRgb()[:3], text.getRgb()[:3], strict=True)
    )
    return QColor(*channels)
