"""Jobs of a panel that is about no single image: each with its own ending."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QObject

from .handler_jobs import Job, Outcome, Pool, Report, Work

__all__ = ["PanelJobs"]

Ended = Callable[[Outcome], None]
Reported = Callable[[Report, Any], None]


class PanelJobs(QObject):
    """Starts jobs, tells how each ended, and stops them all when the panel goes."""

    def __init__(self) -> None:
        super().__init__()
        self._jobs: dict[Job, tuple[Ended, Reported | None]] = {}
        self.closed = False

    @property
    def is_busy(self) -> bool:
        """Whether a job has not ended yet."""
        return bool(self._jobs)

    def start(
        self,
        work: Work,
        ended: Ended,
        reported: Reported | None = None,
        pool: Pool = Pool.QUESTIONS,
    ) -> Job:
        """Start a job.

        Parameters
        ----------
        work : callable
            As for :class:`Job`.
        ended, reported : callable
            Called in the window's thread, and not after :meth:`close`.
        pool : Pool
            Where it runs.
        """
        job = Job(work, pool)
        self._jobs[job] = ended, reported
        job.signals.reported.connect(self._reported)
        job.signals.ended.connect(self._ended)
        job.start()
        return job

    def stop(self, job: Job | None, reason: str = "") -> None:
        """Stop a job soon; one that waits for a thread ends at once."""
        if job is None or job not in self._jobs:
            return
        job.stop(reason)
        if not job.begun:
            self._ended(job, Outcome(stopped=True))

    def close(self) -> None:
        """Stop all jobs; nobody hears of them any more."""
        self.closed = True
        for job in self._jobs:
            job.stop()
            for signal in (job.signals.reported, job.signals.ended):
                signal.disconnect()
        self._jobs.clear()

    def _reported(self, job: Job, kind: Report, value: Any) -> None:
        known = self._jobs.get(job)
        if known is not None and known[1] is not None:
            known[1](kind, value)

    def _ended(self, job: Job, outcome: Outcome) -> None:
        known = self._jobs.pop(job, None)
        if known is not None:
            known[0](outcome)
