"""Goes through a source with a model and writes every finding to a journal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from threading import Event
from time import monotonic

from ..errors import (
    Cancelled,
    MicrographError,
    ModelError,
    QuestionError,
    RegionError,
    SourceError,
    one_line,
)
from ..models.base import Model
from ..results import Answer, Classification, Question
from .finding_of import finding_of, skipped
from .findings import Finding, Run, Status
from .item_names import item_place
from .items import Source, Task
from .journal import Journal
from .progress import Progress
from .read_ahead import MOST_BYTES, Ready, Unreadable, read_ahead
from .tally import Tally

__all__ = ["look_at", "run_batch", "run_of"]

_POLL = 0.1
"""Seconds between two looks at whether a pause is over."""


def run_of(source: Source, task: Task, model: Model) -> Run:
    """Return what a journal records about a run that is about to begin."""
    return Run(model.name, model.revision, str(model.device), task, source.to_dict())


def run_batch(
    source: Source,
    task: Task,
    model: Model,
    journal: Journal,
    *,
    on_finding: Callable[[Finding], None] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    pause: Event | None = None,
    cancel: Event | None = None,
    chunk: int = 8,
    readers: int = 2,
) -> Progress:
    """Look at every item that the journal does not hold yet.

    Parameters
    ----------
    source : Source
        What to go through.
    task : Task
        What is asked of each item.
    model : Model
        Answers.
    journal : Journal
        Open to be written; each finding is on the disk before ``on_finding`` hears of it.
    on_finding, on_progress : callable, optional
        Called in this thread.
    pause : threading.Event, optional
        While it is set, the run waits.
    cancel : threading.Event, optional
        Once set, the run ends within one token.
    chunk : int
        Items that the model is given together, where it has a way to.
    readers : int
        Threads that read ahead.

    Returns
    -------
    Progress
        How many were looked at and skipped, with those of earlier runs.

    Raises
    ------
    Cancelled
        If ``cancel`` was set; what was finished is in the journal.
    MicrographError
        If there is nothing to ask or to look at, the model fails as a whole, or the journal
        cannot be written; what was finished before is in the journal.
    """
    if task.label_set is None and not task.questions:
        raise QuestionError("There is nothing to ask: give class names, a question, or both.")
    tally = Tally(source, journal, on_finding, on_progress)
    if not tally.total:
        raise SourceError(f"There is nothing to look at in {source.name}.")
    from ..models.many import takes_many

    together = takes_many(model)
    chunk = max(chunk, 1)
    fresh = (item for item in source.items() if item.key not in tally.known)
    reading = read_ahead(source, fresh, readers=readers, ahead=2 * chunk, cancel=cancel)
    with tally, closing(reading):
        for some in _chunks(reading, chunk if together else 1):
            if pause is not None and pause.is_set():
                tally.flush()
                _wait(pause, cancel)
                tally.clock.skip()
            looked = [one for one in some if isinstance(one, Ready)]
            found = {one.item.key: one for one in look_at(looked, task, model, cancel)}
            # In the order they were listed in, whatever became of them.
            tally.take(
                skipped(one.item, one.reason)
                if isinstance(one, Unreadable)
                else found[one.item.key]
                for one in some
            )
    return tally.progress


def look_at(
    ready: list[Ready], task: Task, model: Model, cancel: Event | None = None
) -> list[Finding]:
    """Ask the model about some items together.

    One that the model cannot be asked about, or fails at, is found by asking about each alone, and
    skipped.

    Raises
    ------
    Cancelled
        If ``cancel`` was set.
    ModelError
        If the model fails for another reason than one item.
    """
    if not ready:
        return []
    try:
        return _ask(ready, task, model, cancel)
    except (RegionError, SourceError) as error:
        if len(ready) == 1:
            return [skipped(ready[0].item, str(error))]
    except (MicrographError, Cancelled):
        raise
    except MemoryError:
        raise ModelError(
            "Memory ran out; close other programs or choose a smaller model, then start the run "
            "again: it goes on where it stopped."
        ) from None
    except Exception as error:
        if len(ready) == 1:
            raise ModelError(
                f"The model {model.name} failed at {item_place(ready[0].item)}: {one_line(error)}."
            ) from error
    return _each_alone(ready, task, model, cancel)


def _each_alone(
    ready: list[Ready], task: Task, model: Model, cancel: Event | None
) -> list[Finding]:
    """Ask about each item alone; one that the model fails at is skipped where it does others."""
    found: list[Finding] = []
    failed: ModelError | None = None
    for one in ready:
        try:
            found += look_at([one], task, model, cancel)
        except ModelError as error:
            failed = error
            found.append(skipped(one.item, str(error)))
    if failed is not None and all(one.status is Status.SKIPPED for one in found):
        raise failed
    return found


def _ask(ready: list[Ready], task: Task, model: Model, cancel: Event | None) -> list[Finding]:
    from ..models.many import ask_many, classify_many

    begun = monotonic()
    regions = [one.region for one in ready]
    classes: Classification | None = None
    if task.label_set is not None:
        classes = classify_many(
            model, regions, task.label_set, threshold=task.threshold, cancel=cancel
        )
    questions = [
        Question(text, (region,), tiled=task.tiled) for region in regions for text in task.questions
    ]
    answers: list[Answer] = []
    if questions:
        answers = ask_many(model, questions, max_tokens=task.max_tokens, cancel=cancel)
    seconds = (monotonic() - begun) / len(ready)
    each = len(task.questions)
    return [
        finding_of(
            one.item,
            one.region,
            classes,
            answers[i * each : (i + 1) * each],
            index=i,
            thumbnail=one.thumbnail,
            seconds=seconds,
            measured=task.measure,
            cancel=cancel,
        )
        for i, one in enumerate(ready)
    ]


def _chunks(
    reading: Iterator[Ready | Unreadable], chunk: int
) -> Iterator[list[Ready | Unreadable]]:
    """Gather items for the model; fewer where they are large."""
    some: list[Ready | Unreadable] = []
    for one in reading:
        some.append(one)
        del one
        if len(some) >= chunk or sum(each.nbytes for each in some) > MOST_BYTES:
            yield some
            some = []
    if some:
        yield some


def _wait(pause: Event, cancel: Event | None) -> None:
    """Wait while the run is paused."""
    stop = cancel if cancel is not None else Event()
    while pause.is_set():
        if stop.wait(_POLL):
            raise Cancelled
