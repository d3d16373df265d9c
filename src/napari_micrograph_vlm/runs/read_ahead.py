"""Reads the next items on other threads while the model looks at one."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from itertools import islice
from threading import Condition, Event

from ..errors import Cancelled, MicrographError, one_line
from ..regions import Region
from .items import Item, Source
from .thumbnails import thumbnail_of

__all__ = ["MOST_BYTES", "Ready", "Unreadable", "read_ahead", "read_item"]

MOST_BYTES = 256 * 2**20
"""Pixels held for the model: with more than this, nothing further is read."""

_POLL = 0.1
"""Seconds between two looks at whether a wait was stopped."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Ready:
    """An item that was read."""

    item: Item
    region: Region
    thumbnail: bytes

    @property
    def nbytes(self) -> int:
        """Size of its pixels."""
        return int(self.region.pixels.nbytes)


@dataclass(frozen=True)
class Unreadable:
    """An item that could not be read, and why, in one sentence."""

    item: Item
    reason: str
    nbytes: int = 0


def read_item(source: Source, item: Item) -> Ready | Unreadable:
    """Read one item, whatever is wrong with it."""
    try:
        region = source.read(item)
        return Ready(item, region, thumbnail_of(region))
    except MicrographError as error:
        return Unreadable(item, str(error))
    except MemoryError:
        return Unreadable(
            item, f"{item.source} does not fit into memory; go through it in smaller tiles."
        )
    except Exception as error:
        # One odd file of thousands must not end the run; what it was is told.
        _log.debug("%s", item.key, exc_info=True)
        return Unreadable(item, f"{item.source} cannot be read: {one_line(error)}.")


def read_ahead(
    source: Source,
    items: Iterable[Item],
    *,
    readers: int = 2,
    ahead: int = 16,
    cancel: Event | None = None,
) -> Generator[Ready | Unreadable, None, None]:
    """Read items in order, some of them before they are asked for.

    Parameters
    ----------
    source : Source
        What reads them, from several threads at once.
    items : iterable of Item
        Listed as they are needed.
    readers : int
        Number of threads.
    ahead : int
        Items held at most; fewer where they are large.
    cancel : threading.Event, optional
        Once set, nothing more is read.

    Raises
    ------
    Cancelled
        If ``cancel`` was set.
    """
    coming = enumerate(items)
    waiting: deque[Future[Ready | Unreadable]] = deque()
    shelf = _Shelf()
    pool = ThreadPoolExecutor(max(readers, 1), thread_name_prefix="read-ahead")

    def read(number: int, item: Item) -> Ready | Unreadable:
        shelf.wait_for_room(number)
        found = read_item(source, item)
        shelf.put(found.nbytes)
        return found

    try:
        while True:
            room = max(ahead, 1) - len(waiting)
            waiting.extend(pool.submit(read, *one) for one in islice(coming, room))
            if not waiting:
                return
            found = _wait_for(waiting.popleft(), cancel)
            shelf.take(found.nbytes)
            yield found
            del found  # else its pixels would stay while the next is waited for
    finally:
        shelf.close()
        pool.shutdown(wait=False, cancel_futures=True)


class _Shelf:
    """Holds readers back while too many pixels wait for the model.

    The item that is taken next is never held back, else all would wait for each other.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._held = self._taken = 0
        self._open = True

    def wait_for_room(self, number: int) -> None:
        """Wait until the item of this number, from 0, may be read."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._held < MOST_BYTES or number <= self._taken or not self._open
            )

    def put(self, nbytes: int) -> None:
        with self._changed:
            self._held += nbytes

    def take(self, nbytes: int) -> None:
        with self._changed:
            self._held -= nbytes
            self._taken += 1
            self._changed.notify_all()

    def close(self) -> None:
        with self._changed:
            self._open = False
            self._changed.notify_all()


def _wait_for(future: Future[Ready | Unreadable], cancel: Event | None) -> Ready | Unreadable:
    while True:
        if cancel is not None and cancel.is_set():
            raise Cancelled
        try:
            return future.result(timeout=_POLL)
        except FutureTimeout:
            continue
