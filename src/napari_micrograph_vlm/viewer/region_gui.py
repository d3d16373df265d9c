"""A way into the GUI thread from any other."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QCoreApplication, QEvent, QObject

__all__ = ["post"]

_CALL = QEvent.Type(QEvent.registerEventType())


class _Call(QEvent):
    def __init__(self, function: Callable[[], object]) -> None:
        super().__init__(_CALL)
        self.function = function


class _Receiver(QObject):
    """Lives in the GUI thread and calls what it is sent."""

    def event(self, event: QEvent | None) -> bool:
        """Call the function of our own events."""
        if isinstance(event, _Call):
            event.function()
            return True
        return bool(super().event(event))


_receivers: dict[int, _Receiver] = {}


def post(function: Callable[[], object]) -> None:
    """Queue a function for the application's thread; drop it where there is no application.

    Posting an event is the one thing Qt allows from any thread, also one without an event loop
    of its own, and events of an object that is gone are thrown away by Qt.
    """
    app = QCoreApplication.instance()
    if app is None or QCoreApplication.closingDown():
        return
    receiver = _receivers.get(id(app))
    if receiver is None:
        receiver = _Receiver()
        receiver.moveToThread(app.thread())
        _receivers.clear()
        _receivers[id(app)] = receiver
    QCoreApplication.postEvent(receiver, _Call(function))
