"""What guards the use of a model: turns, stopping, and advice where memory runs out."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Event, Lock
from typing import TypeVar

import torch

from ..errors import Cancelled, ModelError

__all__ = ["OneAtATime", "advice_on_memory", "is_short", "make_room", "stop_if", "with_less"]

T = TypeVar("T")

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


def is_short(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on a processor or a graphics card."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and "not enough memory" in str(error)


def make_room() -> None:
    """Give back memory that nothing holds any more; leave ``except`` blocks before."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()


NO_ROOM = (
    "There is not enough memory for this region; "
    "close other programs, choose the device 'cpu', or ask without tiles."
)


@contextmanager
def advice_on_memory(advice: str = NO_ROOM) -> Iterator[None]:
    """Turn running out of memory into advice."""
    short = False
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        short = is_short(error)
        if not short:
            raise
    if short:
        # Out of the except block, whose traceback would keep the tensors alive.
        make_room()
        raise ModelError(advice)


def with_less(
    work: Callable[[bool | None], T],
    tiled: bool | None,
    forget: Callable[[], None],
    told: Sequence[str] = (),
) -> T:
    """Work; where memory runs out, free what can be and try once more without tiles.

    Parameters
    ----------
    work : callable
        Called with ``tiled``, the second time with False.
    tiled : bool or None
        As in :class:`napari_micrograph_vlm.results.Question`.
    forget : callable
        Lets go of what is only kept to be faster.
    told : sequence of str
        What ``work`` has told by then; what was told cannot be begun anew.

    Raises
    ------
    ModelError
        If memory runs out again, or in the middle of an answer.
    """
    try:
        return work(tiled)
    except (MemoryError, RuntimeError) as error:
        if not is_short(error):
            raise
    # Out of the except block, whose traceback would keep the tensors alive.
    forget()
    make_room()
    if told:
        raise ModelError(
            "Memory ran out in the middle of the answer; "
            "ask for a shorter one, or choose a smaller model or fewer bits."
        )
    with advice_on_memory():
        return work(False)
