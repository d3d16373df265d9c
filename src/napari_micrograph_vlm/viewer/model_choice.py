"""Binds a panel's choice of model, device and precision to what napari keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QObject, Signal

from ..models.catalog import STUDENT, CatalogEntry, Status, entries
from .handler_connections import Connections
from .preferences import Preferences, choose_model, read_preferences

__all__ = ["CHANGES", "ModelChoice", "key_of"]


class _Changes(QObject):
    happened = Signal()


CHANGES = _Changes()
"""Says that another model was chosen, or that models came or went: every panel looks again."""


def key_of(entry: CatalogEntry) -> str | None:
    """Return the name that panels ask for a model by; None for the student, their default.

    Folders of one's own may share a name, so they are asked for by their path.
    """
    if entry.status is Status.BUNDLED:
        return None
    return str(entry.path) if entry.status is Status.LOCAL else entry.name


class ModelChoice:
    """Shows and keeps the choice; every panel has the same.

    Parameters
    ----------
    picker : ModelPicker
        What the user sees.
    panel : Panel
        The panel that it is in: each time it is shown, what is there is looked up again.
    preferences : callable
        Returns the current choices.
    choose : callable
        Keeps choices.
    """

    def __init__(
        self,
        picker: Any,
        panel: Any,
        preferences: Callable[[], Preferences] = read_preferences,
        choose: Callable[..., None] = choose_model,
    ) -> None:
        self.picker = picker
        self._preferences = preferences
        self._choose = choose
        self.connections = Connections()
        self.connections.add(picker.picked, self.pick)
        self.connections.add(panel.shown, self.refresh)
        # By way of the picker: Qt undoes both connections when it deletes it.
        CHANGES.happened.connect(picker.outdated)
        self.connections.add(picker.outdated, self.refresh)
        self.refresh()

    def pick(self, kind: str, value: str) -> None:
        """Keep what the user picked."""
        self._choose(**{kind: value or None})
        CHANGES.happened.emit()

    def refresh(self) -> None:
        """Look up which models are on this computer, and show what is chosen."""
        chosen = self._preferences()
        # The student is the default, and so has the name that stands for it.
        offered = [("", "Student (comes with the plugin)")]
        offered += [(key_of(e) or "", e.name) for e in entries() if e.is_here and key_of(e)]
        name = None if chosen.model == STUDENT.name else chosen.model
        self.picker.show_choice(offered, name, chosen.device, chosen.precision)

    def close(self) -> None:
        """Let go of picker and panel."""
        self.connections.close()
