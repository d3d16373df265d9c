"""What guards the use of a model: turns, stopping, and advice where memory runs out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Lock

import torch

from ...errors import Cancelled, ModelError

__all__ = ["OneAtATime", "advice_on_memory", "stop_if"]

_POLL = 0.05
"""Seconds between two looks at whether a waiting question was stopped."""


class OneAtATime:
    """Lets one thread at a time use a model: panel and console share it."""

    def __init__(self) -> None:
        self._busy = Lock()

    @contextmanager
    def turn(self, cancel: Event | None) -> Iterator[None]:
        """Wait until no other thread uses the model.

        Raises
        ------
        Cancelled
            If ``cancel`` was set meanwhile.
        """
        stop_if(cancel)
        while not self._busy.acquire(timeout=_POLL):
            stop_if(cancel)
        try:
            stop_if(cancel)
            yield
        finally:
            self._busy.release()


def stop_if(cancel: Event | None, text: str = "") -> None:
    """Raise ``Cancelled`` with the text written so far if ``cancel`` was set."""
    if cancel is not None and cancel.is_set():
        raise Cancelled(text)


@contextmanager
def advice_on_memory() -> Iterator[None]:
    """Turn running out of memory into advice."""
    short = False
    try:
        yield
    except MemoryError:
        short = True
    except RuntimeError as error:
        short = isinstance(error, torch.OutOfMemoryError) or "not enough memory" in str(error)
        if not short:
            raise
    if short:
        # Out of the except block, whose traceback would keep the tensors alive.
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        raise ModelError(
            "There is not enough memory for this region; "
            "close other programs, choose the device 'cpu', or ask without tiles."
        )
