"""A teacher's way through many pictures: several at a time, resumable, stoppable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from queue import Empty, Queue
from threading import Event, Thread

from ...errors import MicrographError
from .base import Refused, Silent, TeacherError
from .cost import Cost
from .journal import Journal
from .passes import Label, Passes
from .pictures import Picture

__all__ = ["Outcome", "teach"]

PATIENCE = 3
"""Pictures in a row without any answer, after which the server is given up."""

PROVEN = 10
"""So many times the patience with refusals is had with a teacher that has labelled pictures."""


@dataclass
class Outcome:
    """What a run came to.

    Attributes
    ----------
    written : int
        Records written in this run.
    skipped : list of str
        One sentence for each picture without a record.
    asked, dropped : Counter
        Fields and questions answered, and those dropped by ``"what: why"``.
    cost : Cost
        Of this run, with the pictures that came to nothing.
    """

    written: int = 0
    skipped: list[str] = field(default_factory=list)
    asked: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    cost: Cost = field(default_factory=Cost)


Made = tuple[Picture, Label, MicrographError | None]

Ready = Queue[Made | Exception]


def teach(
    passes: Passes,
    pictures: Sequence[Picture],
    journal: Journal,
    *,
    parallel: int = 1,
    outcome: Outcome | None = None,
    on_picture: Callable[[Outcome], None] = lambda outcome: None,
    stop: Event | None = None,
) -> Outcome:
    """Label the pictures that have no record yet.

    Parameters
    ----------
    passes : Passes
        What is asked.
    pictures : sequence of Picture
        In the order in which they are to be asked about.
    journal : Journal
        Where records are written, each as soon as it is made.
    parallel : int
        How many pictures are asked about at a time.
    outcome : Outcome, optional
        Filled in as the run goes, so that it can be read after Ctrl-C.
    on_picture : callable
        Called after each picture.
    stop : threading.Event, optional
        Set when the run ends, however it ends: those who wait to try again give up.

    Raises
    ------
    TeacherError
        If the teacher cannot be used, several pictures in a row got no answer, or the first ones
        were all refused.
    """
    outcome = outcome or Outcome()
    stop = stop or Event()
    todo = [picture for picture in pictures if picture.name not in journal.done]
    silent = refused = 0
    # A teacher that has refused pictures before is asked about them again, and first of all.
    proven = passes.teacher.name in journal.teachers
    patience = PATIENCE * PROVEN if proven else PATIENCE
    ready: Ready = Queue()
    try:
        for picture, label, error in _label_all(passes, todo, parallel, stop, ready):
            if isinstance(error, TeacherError):
                outcome.cost += label.cost
                raise error
            _keep(label, error, journal, outcome)
            if error is None:
                silent = 0
            else:
                outcome.skipped.append(f"{picture.name}: {error}")
                silent += isinstance(error, Silent)
                refused += isinstance(error, Silent | Refused)
            on_picture(outcome)
            if silent >= PATIENCE:
                raise TeacherError(
                    f"{PATIENCE} pictures in a row got no answer: {error} "
                    "What is done is kept; run the same command again to go on."
                )
            if refused >= patience and not outcome.written:
                raise TeacherError(
                    f"None of {refused} pictures could be labelled, so see whether this model can "
                    f"look at pictures: {error}"
                )
    finally:
        stop.set()
        _drain(ready, journal, outcome)
    return outcome


def _keep(label: Label, error: Exception | None, journal: Journal, outcome: Outcome) -> None:
    outcome.cost += label.cost
    if error is None:
        journal.add(label.record, label.cost)
        outcome.written += 1
        outcome.asked.update(label.asked)
        outcome.dropped.update(label.dropped)


def _drain(ready: Ready, journal: Journal, outcome: Outcome) -> None:
    """Write what got done while something else ended the run: it has been paid for."""
    while True:
        try:
            made = ready.get_nowait()
        except Empty:
            return
        if not isinstance(made, Exception):
            _keep(made[1], made[2], journal, outcome)


def _label_all(
    passes: Passes, todo: Sequence[Picture], parallel: int, stop: Event, ready: Ready
) -> Iterator[Made]:
    """Label pictures as they get done; threads that wait for an answer never hold up the end."""
    if parallel <= 1:
        yield from (_label(passes, picture) for picture in todo)
        return
    waiting: Queue[Picture] = Queue()
    for picture in todo:
        waiting.put(picture)

    def work() -> None:
        while not stop.is_set():
            try:
                picture = waiting.get_nowait()
            except Empty:
                return
            try:
                ready.put(_label(passes, picture))
            except Exception as error:
                ready.put(error)

    for _ in range(min(parallel, len(todo))):
        Thread(target=work, daemon=True).start()
    for _ in todo:
        made = _next(ready)
        if isinstance(made, Exception):
            raise made
        yield made


def _next(ready: Ready) -> Made | Exception:
    while True:
        try:  # not for ever at once: some systems let Ctrl-C wait for the end of a wait
            return ready.get(timeout=0.5)
        except Empty:
            continue


def _label(passes: Passes, picture: Picture) -> Made:
    label = Label()
    try:
        passes.label(picture, label)
    except MicrographError as error:
        return picture, label, error
    return picture, label, None
