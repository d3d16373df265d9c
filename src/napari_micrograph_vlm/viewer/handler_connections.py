"""Connections that can be undone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["Connections"]


class Connections:
    """Connections of Qt signals and napari events, undone together."""

    def __init__(self) -> None:
        self._signals: list[Callable[[], Any]] = []
        self._events: list[Callable[[], Any]] = []

    def add(self, signal: Any, callback: Callable[..., Any]) -> None:
        """Connect ``callback`` to a Qt signal."""
        signal.connect(callback)
        self._signals.append(lambda: signal.disconnect(callback))

    def listen(self, event: Any, callback: Callable[..., Any]) -> None:
        """Connect ``callback`` to an event of napari."""
        event.connect(callback)
        self._events.append(lambda: event.disconnect(callback))

    def close(self, *, deleted: bool = False) -> None:
        """Undo every connection.

        Parameters
        ----------
        deleted : bool
            Whether Qt is deleting the view: it undoes its signals' connections itself.
        """
        for undo in self._events if deleted else self._signals + self._events:
            undo()
        self._signals.clear()
        self._events.clear()
