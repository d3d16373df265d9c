"""Work in another thread that can be stopped in the middle and always ends in one way."""

from __future__ import annotations

import atexit
import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import cache
from threading import Event, local
from time import monotonic
from typing import Any

from qtpy.QtCore import QObject, QThreadPool, Signal
from superqt.utils import WorkerBase

from ..errors import Cancelled, MicrographError
from ..frames.cutouts import are_frames, read_frames
from ..models.notices import noticed
from ..regions import Cutout, Region

__all__ = [
    "Job",
    "Outcome",
    "Pool",
    "Report",
    "check_stopped",
    "read_regions",
    "sentence_of",
    "wait_for_jobs",
]

logger = logging.getLogger(__name__)

_running = local()
"""The job of each thread."""


class Pool(Enum):
    """Threads that jobs run in; napari's own pool has few, and a read cannot be cut short.

    Each member's value is its number of threads. One question's model is used at a time (see
    ``ModelHolder``), but a question must not wait for a stopped one that still reads pixels.
    """

    QUESTIONS = 4
    THUMBNAILS = 1
    MODELS = 2

    @property
    def threads(self) -> QThreadPool:
        """The pool itself, made when first needed."""
        return _threads(self)


@cache
def _threads(pool: Pool) -> QThreadPool:
    threads = QThreadPool()
    threads.setMaxThreadCount(pool.value)
    return threads


class Report(Enum):
    """What a job tells while it runs."""

    STAGE = "stage"
    TEXT = "text"
    COUNT = "count"
    CONSENT = "consent"


@dataclass(frozen=True)
class Outcome:
    """How a job ended: with a value, with one sentence, or stopped.

    Attributes
    ----------
    value : object
        What the work returned; None unless it came to its end.
    error : str
        What went wrong, in one sentence.
    stopped : bool
        Whether it was stopped.
    """

    value: Any = None
    error: str = ""
    stopped: bool = False


class _Signals(QObject):
    started = Signal()
    reported = Signal(object, object, object)
    ended = Signal(object, object)
    finished = Signal()
    _finished = Signal(object)  # the base class forgets the worker on it


Work = Callable[[Callable[[Report, Any], None], Event], Any]


class Job(WorkerBase[Outcome]):
    """One piece of work.

    Parameters
    ----------
    work : callable
        ``work(report, cancel)`` runs in the other thread; it calls ``report`` with news and
        raises ``Cancelled`` soon after the event ``cancel`` is set.
    pool : Pool
        Where it runs.

    Signals
    -------
    reported(Job, Report, object)
    ended(Job, Outcome)
        Always emitted once, whatever happened.
    """

    signals: _Signals  # type: ignore[assignment]

    def __init__(self, work: Work, pool: Pool = Pool.QUESTIONS) -> None:
        super().__init__(SignalsClass=_Signals)  # type: ignore[arg-type]
        self._work = work
        self._pool = pool
        self.begun = False
        self.cancelled = Event()
        self.reason = ""

    def start(self) -> None:
        """Wait for a free thread of the pool, not of the one that everybody shares."""
        self._worker_set.add(self)
        self.signals._finished.connect(self._set_discard)
        self._pool.threads.start(self)

    def quit(self) -> None:
        """Stop soon: within one token, not only between yields."""
        super().quit()
        self.cancelled.set()

    def stop(self, reason: str = "") -> None:
        """Stop soon; ``reason`` is a sentence for the user."""
        self.reason = self.reason or reason
        self.quit()

    def work(self) -> Outcome:
        """Do the work and turn every ending into an outcome."""
        _running.job = self
        try:
            if self.cancelled.is_set():
                raise Cancelled
            # Such as that a server makes us wait.
            with noticed(lambda news: self._report(Report.STAGE, news)):
                return Outcome(self._work(self._report, self.cancelled))
        except Cancelled:
            return Outcome(stopped=True)
        except Exception as error:
            return Outcome(error=sentence_of(error))
        finally:
            _running.job = None

    def run(self) -> None:
        """Run in the thread pool.

        The base class swaps Python's warning filters meanwhile, which are the whole process's
        and get mixed up where two workers overlap; and it keeps back what a stopped worker
        returned. So this replaces it.
        """
        self.begun = self._running = True
        self.signals.started.emit()
        try:
            self.signals.ended.emit(self, self.work())
        finally:
            self._running = False
            self.signals.finished.emit()
            self.signals._finished.emit(self)

    def _report(self, kind: Report, value: Any) -> None:
        if not self.cancelled.is_set():
            self.signals.reported.emit(self, kind, value)


def check_stopped() -> None:
    """End here if the job of this thread was stopped; for what is not handed its event.

    Raises
    ------
    Cancelled
        If it was.
    """
    job = getattr(_running, "job", None)
    if job is not None and job.cancelled.is_set():
        raise Cancelled


@atexit.register
def finish_jobs(seconds: float = 60) -> None:
    """Stop every job and wait: a thread that outlives the interpreter crashes it.

    Most end within one token, but loading a model cannot be stopped in the middle.
    """
    for job in [worker for worker in WorkerBase._worker_set if isinstance(worker, Job)]:
        job.quit()
    wait_for_jobs(seconds)


def wait_for_jobs(seconds: float) -> bool:
    """Wait until no job runs; return whether that was in time."""
    end = monotonic() + seconds
    waited = [pool.threads.waitForDone(max(round(1000 * (end - monotonic())), 0)) for pool in Pool]
    return all(waited)


def read_regions(plan: Callable[[], list[Cutout]], cancel: Event) -> tuple[Region, ...]:
    """Read the pixels of every region (in a worker); ends between two of them when stopped.

    Frames of a stack get one contrast.

    Raises
    ------
    Cancelled
        If ``cancel`` was set meanwhile.
    """
    regions = []
    cutouts = plan()
    if are_frames(cutouts):
        return tuple(read_frames(cutouts, cancel=cancel))
    for cutout in cutouts:
        if cancel.is_set():
            raise Cancelled
        regions.append(cutout.read())
    return tuple(regions)


def sentence_of(error: Exception) -> str:
    """Return what to tell the user; an error that is not his or hers is also logged."""
    if isinstance(error, MicrographError):
        return str(error)
    logger.error("unexpected error", exc_info=error)
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    return f"Something went wrong: {text if len(text) <= 160 else text[:159] + '…'}"
