"""The frames that an answer is about; a click goes to one."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from qtpy.QtCore import QEvent, Qt, Signal
from qtpy.QtWidgets import QLabel

from .panel import mix

__all__ = ["FrameStrip"]

Frame = tuple[str, float | None]
"""What a frame is called, and its share of the attention on all, where that is known."""


class FrameStrip(QLabel):
    """Names in a row, the one whose slice is shown in bold; hidden where there are none.

    Signals
    -------
    frame_chosen(int)
        The user clicked a frame: its number in the row.
    """

    frame_chosen = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self._frames: tuple[Frame, ...] = ()
        self._here = -1
        self.setTextFormat(Qt.TextFormat.RichText)
        self.setWordWrap(True)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.LinksAccessibleByMouse
            | Qt.TextInteractionFlag.LinksAccessibleByKeyboard
        )
        self.linkActivated.connect(self._clicked)
        self.hide()

    @property
    def here(self) -> int:
        """Number of the frame that is marked; -1: none."""
        return self._here

    def show_frames(self, frames: Sequence[Frame], here: int = -1) -> None:
        """Show names and shares; ``here`` is the one to mark."""
        self._frames = tuple(frames)
        self._here = here
        shares = any(share is not None for _, share in frames)
        self.setToolTip(
            "What the model looked at. Click a frame to go to its slice"
            + ("; per cent: how its attention divides between the frames" if shares else "")
        )
        self._write()
        self.setVisible(bool(frames))

    def mark(self, here: int) -> None:
        """Mark another frame; -1: none."""
        if here != self._here:
            self._here = here
            self._write()

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802 - Qt's name
        """Follow the theme."""
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.PaletteChange:
            self._write()

    def _write(self) -> None:
        # Qt's own colour of links is too dark on a dark theme.
        colour = mix(self.palette(), 0.9).name()
        parts = []
        for number, (name, share) in enumerate(self._frames):
            text = escape(name).replace(" ", "&nbsp;")
            if share is not None:
                text += f"&nbsp;({share:.0%})".replace("%", "&nbsp;%")
            if number == self._here:
                text = f"<b>{text}</b>"
            parts.append(f'<a href="{number}" style="color: {colour}">{text}</a>')
        self.setText(", ".join(parts))

    def _clicked(self, link: str) -> None:
        self.frame_chosen.emit(int(link))
