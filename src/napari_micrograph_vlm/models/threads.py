"""Several pieces of work at a time, with results in their order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from contextvars import copy_context
from threading import Event
from typing import TypeVar

from ..errors import Cancelled

__all__ = ["in_threads"]

T = TypeVar("T")

POLL = 0.05
"""Seconds between two looks at whether the caller wants no more."""


def in_threads(
    works: Sequence[Callable[[], T]], at_once: int, cancel: Event | None = None
) -> Iterator[T]:
    """Do some works, at most ``at_once`` at a time, and yield what they return in their order.

    One at a time they are done in the caller's thread.

    Raises
    ------
    Cancelled
        If ``cancel`` was set, within ``POLL`` seconds: works that do not stop are not waited for.
    """
    if at_once <= 1:
        for work in works:
            if cancel is not None and cancel.is_set():
                raise Cancelled
            yield work()
        return
    pool = ThreadPoolExecutor(at_once, thread_name_prefix="micrograph-vlm")
    try:
        # Each in a copy of the caller's context, where news of a model are listened for.
        futures = [pool.submit(copy_context().run, work) for work in works]
        for future in futures:
            yield _result(future, cancel)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _result(future: Future[T], cancel: Event | None) -> T:
    while True:
        if cancel is not None and cancel.is_set():
            raise Cancelled
        try:
            return future.result(timeout=POLL)
        except NotYet:
            if future.done():
                return future.result()  # else the work itself ran into a TimeoutError
