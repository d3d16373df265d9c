"""A run that is shared out among worker processes, of this computer or of several."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import islice
from os import PathLike
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event
from typing import Any

from ..errors import Cancelled, MicrographError, ModelError, QuestionError, SourceError, one_line
from ..models.consent import is_remote
from .cluster import ClusterError, connected, see_that_it_is_installed
from .finding_of import skipped
from .findings import Finding, Run
from .items import Item, Source, Task
from .journal import Journal
from .progress import Progress
from .tally import Tally
from .workers import Identity, Spec, identify, look, packed

__all__ = ["run_spread"]

_POLL = 0.1
"""Seconds between two looks at whether the run is to stop or to wait."""

_AHEAD = 2
"""Pieces of work for each thread of the workers, those that wait for it included."""

_ENDED = (
    "The worker process ended each time it looked at this; "
    "the file may be damaged or too large for its memory."
)


def run_spread(
    source: Source,
    task: Task,
    model: str | None,
    journal: Journal | str | PathLike[str] | Callable[[Run], Journal],
    *,
    scheduler: str | None = None,
    insecure: bool = False,
    workers: int = 2,
    device: str = "auto",
    learnt: str | PathLike[str] | None = None,
    on_finding: Callable[[Finding], None] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    pause: Event | None = None,
    cancel: Event | None = None,
    chunk: int = 8,
) -> Progress:
    """Look at every item that the journal does not hold yet, on several worker processes.

    The workers read the files and load the model, each once; this process alone writes to the
    journal. What a worker that dies was busy with is done by another.

    Parameters
    ----------
    source : Source
        Files that every worker can read under the same name.
    task : Task
        What is asked of each item.
    model : str or None
        Name or folder of the model, as :func:`napari_micrograph_vlm.load_model` takes it; none
        behind a server.
    journal : Journal, path or callable
        Open to be written; or where to begin it or go on with it; or what makes it once the
        workers have told which model they have. Only what the caller opened stays open.
    scheduler : str, optional
        Address of a dask scheduler. Default: worker processes on this computer, for this run.
        A script that calls this needs ``if __name__ == "__main__":`` then.
    insecure : bool
        Whether a scheduler on another computer may be one without ``tls://``.
    workers : int
        How many processes are started on this computer.
    device : str
        Where the model runs on each worker.
    learnt : path, optional
        Folder of what was learnt from labelled regions.
    on_finding, on_progress : callable, optional
        Called in this thread.
    pause, cancel : threading.Event, optional
        While ``pause`` is set, no further work is given out; ``cancel`` ends the run.
    chunk : int
        Items that a worker takes at a time.

    Returns
    -------
    Progress
        As :func:`.run.run_batch` returns it.

    Raises
    ------
    Cancelled
        If ``cancel`` was set; what was finished is in the journal.
    MicrographError
        If there is nothing to do, the workers or the model cannot be used, or the journal cannot
        be written.
    """
    if task.label_set is None and not task.questions:
        raise QuestionError("There is nothing to ask: give class names, a question, or both.")
    if is_remote(model):
        raise ModelError(
            "A model behind a server cannot be shared out among worker processes; leave them out, "
            "or choose one that runs here."
        )
    if next(iter(source.items()), None) is None:
        raise SourceError(f"There is nothing to look at in {source.name}.")
    spec = Spec(model, device, "" if learnt is None else str(Path(learnt).absolute()))
    see_that_it_is_installed()
    sent = packed(source)
    with connected(scheduler, insecure=insecure, workers=workers, cancel=cancel) as client:
        who = _ask_who(client, spec, sent, cancel)
        run = Run(who.name, who.revision, who.device, task, source.to_dict())
        crew = _Crew(client, lambda items: (look, spec, who, sent, items, task))
        if not isinstance(journal, Journal):
            begin = journal if callable(journal) else partial(Journal.create, Path(journal))
            with begin(run) as book:
                tally = Tally(source, book, on_finding, on_progress)
                return _go(crew, source, tally, chunk, pause, cancel)
        if (journal.run.model, journal.run.revision) != (who.name, who.revision):
            raise ModelError(
                f"The journal was begun with {journal.run.model} {journal.run.revision}, but the "
                f"workers have {who.name} {who.revision}; name another journal."
            )
        tally = Tally(source, journal, on_finding, on_progress)
        return _go(crew, source, tally, chunk, pause, cancel)


def _ask_who(client: Any, spec: Spec, sent: bytes, cancel: Event | None) -> Identity:
    """Ask the worker that answers first which model it has."""
    crew = _Crew(client, lambda _: (identify, spec, sent))
    crew.give(())
    with crew:
        while True:
            if cancel is not None and cancel.is_set():
                raise Cancelled
            done = crew.next()
            if done is not None:
                try:
                    found: Identity = crew.result_of(done[1])
                except _WorkerEndedError:
                    raise ClusterError(
                        "The workers end while they load the model; it may be too large for their "
                        "memory."
                    ) from None
                return found


def _go(
    crew: _Crew,
    source: Source,
    tally: Tally,
    chunk: int,
    pause: Event | None,
    cancel: Event | None,
) -> Progress:
    fresh = (item for item in source.items() if item.key not in tally.known)
    alone: deque[tuple[Item, ...]] = deque()
    listed = False
    with tally, crew:
        while True:
            if cancel is not None and cancel.is_set():
                raise Cancelled
            waiting = pause is not None and pause.is_set()
            while not waiting and crew.has_room():
                some = alone.popleft() if alone else tuple(islice(fresh, max(chunk, 1)))
                listed = not some
                if listed:
                    break
                crew.give(some)
            if listed and not alone and not crew.busy:
                return _finished(tally)
            done = crew.next()
            if done is None:
                if waiting and not crew.busy:
                    tally.flush()
                    tally.clock.skip()
                continue
            items, future = done
            tally.take(_findings_of(crew, items, future, alone))


def _finished(tally: Tally) -> Progress:
    tally.flush()
    return tally.progress


def _findings_of(
    crew: _Crew, items: tuple[Item, ...], future: Any, alone: deque[tuple[Item, ...]]
) -> list[Finding]:
    """Return what became of some items; those that ended their worker are tried one by one."""
    try:
        found: list[Finding] = crew.result_of(future)
    except _WorkerEndedError:
        if len(items) == 1:
            return [skipped(items[0], _ENDED)]
        alone.extend((item,) for item in items)
        return []
    return found


class _WorkerEndedError(Exception):
    """The processes that did a piece of work died of it, or beside it."""


class _Crew:
    """Gives out work and takes what comes back.

    Parameters
    ----------
    client : distributed.Client
        Connected.
    work : callable
        Gives the function and its arguments for some items.
    """

    def __init__(self, client: Any, work: Callable[[tuple[Item, ...]], tuple[Any, ...]]) -> None:
        self._client = client
        self._work = work
        self._out: dict[Any, tuple[Item, ...]] = {}
        self._back: SimpleQueue[Any] = SimpleQueue()
        self._most: int = _AHEAD * max(sum(client.nthreads().values()), 1)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_error: object) -> None:
        if self._out:
            with suppress(Exception):  # the connection may be what was lost
                self._client.cancel(list(self._out))
        self._out.clear()

    @property
    def busy(self) -> int:
        """How many pieces of work are out."""
        return len(self._out)

    def has_room(self) -> bool:
        """Whether the workers can take more."""
        return len(self._out) < self._most

    def give(self, items: tuple[Item, ...]) -> None:
        """Give out a piece of work."""
        future = self._client.submit(*self._work(items), pure=False)
        self._out[future] = items
        future.add_done_callback(self._back.put)

    def next(self) -> tuple[tuple[Item, ...], Any] | None:
        """Return a piece of work that is done; None where there is none yet.

        Raises
        ------
        ClusterError
            If the scheduler has gone.
        """
        try:
            future = self._back.get(timeout=_POLL)
        except Empty:
            if self._client.status not in ("running", "connecting"):
                raise ClusterError(
                    "The connection to the scheduler was lost; start the run again when it is "
                    "back: it goes on where it stopped."
                ) from None
            return None
        return self._out.pop(future), future

    def result_of(self, future: Any) -> Any:
        """Return what a piece of work gave.

        Raises
        ------
        _WorkerEndedError
            If its processes died.
        MicrographError
            As on the worker; anything else that happened there in one sentence.
        """
        from concurrent.futures import CancelledError

        from distributed.scheduler import KilledWorker

        try:
            return future.result()
        except KilledWorker:
            raise _WorkerEndedError from None
        except MicrographError:
            raise
        except CancelledError:
            raise ClusterError(
                "The scheduler dropped the work; start the run again: it goes on where it stopped."
            ) from None
        except ImportError as error:
            raise ClusterError(
                f"A worker lacks what it needs ({error}); install the same version of "
                "napari-micrograph-vlm on every computer."
            ) from None
        except Exception as error:
            raise ClusterError(f"A worker failed: {one_line(error)}.") from error
        finally:
            future.release()
