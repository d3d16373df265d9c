"""Counts what a run found, as soon as it is on the disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ..errors import MicrographError
from ..whole_files import printable
from .changed import take_out_changed
from .findings import Finding, Status
from .items import Source
from .journal import Journal
from .progress import Clock, Progress
from .recorder import Recorder
from .tiles import NOTHING_TO_SEE

__all__ = ["Tally"]


class Tally:
    """Has findings written, counts them, and tells those that are on the disk.

    Use it in a ``with`` block: at its end everything is written, also after a stop or an error.

    Attributes
    ----------
    known : set of str
        Keys of the items that the journal held before.
    total : int
        Number of items.
    """

    def __init__(
        self,
        source: Source,
        journal: Journal,
        on_finding: Callable[[Finding], None] | None,
        on_progress: Callable[[Progress], None] | None,
    ) -> None:
        self.journal = journal
        self._recorder: Recorder
        self.total, states = 0, {}
        for self.total, item in enumerate(source.items(), start=1):
            if item.state:
                states[printable(item.key)] = item.state
        take_out_changed(journal, states)
        self.known = journal.done()
        self.clock = Clock()
        self._on_finding, self._on_progress = on_finding, on_progress
        counts = journal.counts()
        self._done, self._skipped = counts[Status.DONE], counts[Status.SKIPPED]
        self._empty = journal.count_error(NOTHING_TO_SEE)

    @property
    def progress(self) -> Progress:
        """How far the run is."""
        left = max(self.total - self._done - self._skipped, 0)
        seconds = self.clock.seconds_left(left) if left > 0 else 0.0
        # What an earlier run found in a file that has gone since still counts.
        total = max(self.total, self._done + self._skipped)
        return Progress(self._done, self._skipped, total, seconds, self._empty)

    def __enter__(self) -> None:
        self._recorder = Recorder(self.journal)
        self._tell()

    def __exit__(self, kind: type[BaseException] | None, *_error: object) -> None:
        # What was found before a stop or an error is written and told, too.
        try:
            self._recorder.close()
        except MicrographError:
            if kind is None:
                raise
        finally:
            self._count()

    def take(self, findings: Iterable[Finding]) -> None:
        """Have findings written, and count and tell those that are."""
        self._recorder.put(findings)
        self._count()

    def flush(self) -> None:
        """Wait until all is written, and told."""
        self._recorder.flush()
        self._count()

    def _count(self) -> None:
        found = self._recorder.written()
        if not found:
            return
        for one in found:
            skip = one.status is Status.SKIPPED
            self._skipped += skip
            self._done += not skip
            self._empty += skip and one.error == NOTHING_TO_SEE
            if self._on_finding is not None:
                self._on_finding(one)
        self.clock.step(len(found))
        self._tell()

    def _tell(self) -> None:
        if self._on_progress is not None:
            self._on_progress(self.progress)
