"""Asks, once for each server, whether pixels may leave for it."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import Any
from urllib.parse import urlsplit

from ..errors import Cancelled, ModelError
from ..models.consent import CONSENTS, ConsentNeeded, is_remote
from .handler_jobs import Report

__all__ = ["Asking", "destination", "wait_for_consent"]

_POLL = 0.05
"""Seconds between two looks at whether a waiting job was stopped."""


class Asking:
    """A question to the user that a worker waits for.

    Parameters
    ----------
    needed : ConsentNeeded
        Says what to ask.
    """

    def __init__(self, needed: ConsentNeeded) -> None:
        self.needed = needed
        self.agreed = False
        self._decided = Event()

    def decide(self, agreed: bool) -> None:
        """Take the user's answer."""
        self.agreed = agreed
        self._decided.set()

    def wait(self, cancel: Event) -> None:
        """Wait for the answer.

        Raises
        ------
        Cancelled
            If ``cancel`` was set meanwhile.
        """
        while not self._decided.wait(_POLL):
            if cancel.is_set():
                raise Cancelled


def wait_for_consent(
    name: str | None, report: Callable[[Report, Any], None], cancel: Event
) -> None:
    """Have the user asked where a model is behind a server that nobody has agreed to yet.

    Call it in a worker: it looks the server up and waits for the user.

    Raises
    ------
    ModelError
        If the user does not want pixels to be sent, or the address is none.
    Cancelled
        If ``cancel`` was set meanwhile.
    """
    if not is_remote(name):
        return
    from ..models.remote.address import parse_address, split_name

    address = parse_address(split_name(name)[0])
    if CONSENTS.granted(address):
        return
    asking = Asking(ConsentNeeded(address, name))
    report(Report.CONSENT, asking)
    asking.wait(cancel)
    if not asking.agreed:
        raise ModelError(
            "Nothing was sent; choose a model on this computer under Advanced, or ask again."
        )
    CONSENTS.grant(address)


def destination(name: str | None) -> str:
    """Return the server that pixels go to, to be shown in the panel; empty where there is none."""
    try:
        return urlsplit(name.strip()).netloc.rpartition("@")[2] if is_remote(name) else ""
    except ValueError:  # asking says that it is no address
        return ""
