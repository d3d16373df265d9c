"""Do many jobs with a model: here, or in processes that each load it; what is done is kept."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import Any

from ..models.base import Model
from .found import Found

__all__ = ["Job", "Jobs", "cores", "run_jobs"]

MOST_PROCESSES = 8


@dataclass(frozen=True)
class Job:
    """One piece of the work.

    Attributes
    ----------
    work : callable
        ``work(model)`` gives what was found; a function of a module with its arguments bound.
    size : int
        How many pictures it is about, for the progress bar.
    """

    work: Callable[[Model], Sequence[Found]]
    size: int


Jobs = Sequence[Job]


def cores() -> int:
    """Return how many processes are worth while on this machine."""
    usable = getattr(os, "sched_getaffinity", None)
    return min(len(usable(0)) if usable is not None else os.cpu_count() or 1, MOST_PROCESSES)


def run_jobs(
    model: Model,
    jobs: Jobs,
    *,
    processes: int = 1,
    reload: Callable[[], Model] | None = None,
    progress: bool = True,
) -> tuple[list[Found], bool]:
    """Do all jobs; after Ctrl-C return what was found by then.

    Parameters
    ----------
    model : Model
        Does the jobs where there is one process.
    jobs : sequence of Job
        The work.
    processes : int
        How many.
    reload : callable, optional
        Loads the model in another process; without it all is done in this one.
    progress : bool
        Whether to show a progress bar on stderr.

    Returns
    -------
    found : list of Found
        In the order of the jobs.
    whole : bool
        Whether all jobs were done.
    """
    found: dict[int, Sequence[Found]] = {}
    whole = True
    with _bar(sum(job.size for job in jobs), progress) as tell:
        try:
            if processes < 2 or reload is None or len(jobs) < 2:
                for i, job in enumerate(jobs):
                    found[i] = job.work(model)
                    tell(job.size)
            else:
                for i, part in _in_processes(jobs, min(processes, len(jobs)), reload):
                    found[i] = part
                    tell(jobs[i].size)
        except KeyboardInterrupt:
            whole = False
    return [one for i in sorted(found) for one in found[i]], whole


def _in_processes(
    jobs: Jobs, processes: int, reload: Callable[[], Model]
) -> Iterator[tuple[int, Sequence[Found]]]:
    # Forking a process in which torch has started threads can hang.
    with ProcessPoolExecutor(
        processes, mp_context=get_context("spawn"), initializer=_start, initargs=(reload,)
    ) as pool:
        futures = {pool.submit(_work, job.work): i for i, job in enumerate(jobs)}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


_MODEL: list[Model] = []


def _start(reload: Callable[[], Model]) -> None:
    # Ctrl-C reaches every process; only the first one decides what becomes of it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import torch

    torch.set_num_threads(1)
    _MODEL[:] = [reload()]


def _work(work: Callable[[Model], Sequence[Found]]) -> Sequence[Found]:
    return work(_MODEL[0])


@contextmanager
def _bar(total: int, wanted: bool) -> Iterator[Callable[[int], Any]]:
    """Show a progress bar where tqdm is installed."""
    try:
        from tqdm import tqdm
    except ImportError:
        wanted = False
    if not wanted:
        yield partial(_nothing)
        return
    with tqdm(total=total, unit=" pictures", desc="evaluate", smoothing=0.05) as bar:
        yield bar.update


def _nothing(_size: int) -> None:
    """Show nothing."""
