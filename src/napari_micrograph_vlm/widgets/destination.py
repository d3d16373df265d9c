"""A line that says where pixels go while a server answers."""

from __future__ import annotations

from .panel import PlainLabel

__all__ = ["destination_label", "show_destination"]


def destination_label() -> PlainLabel:
    """Return the line, hidden."""
    label = PlainLabel(small=True)
    label.setToolTip(
        "The chosen model runs on this server; the pixels of your regions are sent to it"
    )
    label.hide()
    return label


def show_destination(label: PlainLabel, host: str) -> None:
    """Show the server; empty: pixels stay on this computer."""
    label.setText(f"Pixels go to {host}" if host else "")
    label.setVisible(bool(host))
