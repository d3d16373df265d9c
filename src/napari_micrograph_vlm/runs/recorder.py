"""Writes findings on a thread of its own, so that the model need not wait for the disk."""

from __future__ import annotations

from collections.abc import Iterable
from threading import Condition, Thread

from .findings import Finding
from .journal import Journal

__all__ = ["Recorder"]

MOST_WAITING = 64
"""Findings that wait to be written; with more than this, the run waits for the disk."""


class Recorder:
    """Writes to a journal in the background, as many findings at once as there are.

    Parameters
    ----------
    journal : Journal
        Open to be written.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._changed = Condition()
        self._waiting: list[Finding] = []
        self._writing = 0
        self._written: list[Finding] = []
        self._error: BaseException | None = None
        self._closed = False
        self._thread = Thread(target=self._work, name="journal", daemon=True)
        self._thread.start()

    def put(self, findings: Iterable[Finding]) -> None:
        """Hand over findings; waits while too many are not on the disk yet.

        Raises
        ------
        JournalError
            If earlier ones could not be written.
        """
        with self._changed:
            self._waiting.extend(findings)
            self._changed.notify_all()
            self._changed.wait_for(
                lambda: self._error or len(self._waiting) + self._writing <= MOST_WAITING
            )
            self._complain()

    def written(self) -> list[Finding]:
        """Take the findings that are on the disk since the last call, in their order."""
        with self._changed:
            found, self._written = self._written, []
            return found

    def flush(self) -> None:
        """Wait until everything handed over is on the disk; see :meth:`put`."""
        with self._changed:
            self._changed.wait_for(lambda: self._error or not (self._waiting or self._writing))
            self._complain()

    def close(self) -> None:
        """Wait until everything is on the disk.

        Raises
        ------
        JournalError
            If something could not be written.
        """
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()
        self._complain()

    def _complain(self) -> None:
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                some, self._waiting = self._waiting, []
                self._writing = len(some)
            if not some:
                return
            try:
                self._journal.add(*some)
            except BaseException as error:
                with self._changed:
                    self._error, self._waiting, self._writing = error, [], 0
                    self._changed.notify_all()
                return
            with self._changed:
                self._written += some
                self._writing = 0
                self._changed.notify_all()
