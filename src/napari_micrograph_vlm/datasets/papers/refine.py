"""From a caption and its picture to texts that teach: written by a teacher, then cross-checked.

After Cephalo (Buehler 2024, arXiv:2405.19076), where captions of papers were turned into
descriptions, reasoning and questions by a larger model before another one learnt from them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import Any, TypeVar

from ..labelled import Record, read_labelled
from ..teacher.base import Teacher
from ..teacher.cost import Cost
from ..teacher.journal import Journal
from ..teacher.passes import Label, Passes
from ..teacher.pictures import Picture, Shown
from ..teacher.run import Outcome, teach
from .checks import Checked, answer_again, check
from .prompts import describe_prompt, prompts_version, questions_prompt
from .refined import REFINED_FILE, to_record
from .subjects import Subject, subjects_of
from .written import parse_description, parse_questions, texts_of

__all__ = ["RefineJournal", "Refining", "refine"]

T = TypeVar("T")

ELSEWHERE = "the caption is that of another picture"


@dataclass(frozen=True)
class Refining(Passes):
    """What a teacher is asked about each figure; attributes besides those of ``Passes``.

    Attributes
    ----------
    rounds : int
        How often statements are checked: see :func:`.checks.check`.
    checker : Teacher or None
        Who is asked for the checks; None: the same teacher.
    """

    rounds: int = 2
    checker: Teacher | None = None

    def label(self, picture: Picture, made: Label) -> None:
        """Ask all there is to ask about a figure; see :meth:`.Passes.label`."""
        assert isinstance(picture, Subject)
        shown = picture.show(self.side)
        caption = picture.caption

        def ask(prompt: str, read: Callable[[str], T], number: int) -> T:
            return self._ask(shown, prompt, read, made, number)

        written = ask(describe_prompt(caption), parse_description, 1)
        checked: list[Checked] = []
        if written.belongs:
            checked = self._checked(ask, written.statements, shown, caption, made)
        panel = picture.panel.letter if picture.panel else ""
        texts, dropped = texts_of(picture.figure.id, panel, checked)
        made.asked.update(one.statement.kind for one in checked)
        made.dropped.update(f"{one.statement.kind}: {one.why}" for one in dropped)
        if not written.belongs:
            made.asked["figure"] += 1
            made.dropped[f"figure: {ELSEWHERE}"] += 1
        made.record = {
            "image": picture.figure.image,
            "figure": picture.figure.id,
            "panel": panel,
            "digest": picture.digest,
            "belongs": written.belongs,
            "picture": written.picture,
            "texts": to_record(texts),
            "dropped": [_dropped(one) for one in dropped],
            "lost": dict(made.dropped),
            "asked": dict(made.asked),
            "teacher": self.teacher.name,
            "checker": (self.checker or self.teacher).name,
            "rounds": self.rounds,
            "prompts": prompts_version(),
        }

    def _checked(
        self, ask: Any, written: Sequence[Any], shown: Shown, caption: str, made: Label
    ) -> list[Checked]:
        statements = list(written)
        if self.questions:
            asked, lost = ask(questions_prompt(caption, self.questions), parse_questions, 1)
            statements += asked[: self.questions]
            made.dropped.update(lost)
            made.asked["question"] += sum(lost.values())
        # What one model makes up again and again, another one may not.
        other = self if self.checker is None else replace(self, teacher=self.checker)

        def ask_other(prompt: str, read: Callable[[str], T], number: int) -> T:
            return other._ask(shown, prompt, read, made, number)

        checked = check(ask_other, statements, caption, rounds=self.rounds)
        if self.rounds:
            answer_again(ask_other, checked, caption)
        return checked


class RefineJournal(Journal):
    """``refined.jsonl`` as the journal of its own making.

    A figure is asked about again where its caption or picture is another one by now.

    Parameters
    ----------
    path : Path
        The file; made if there is none.
    subjects : sequence of Subject
        What there is to ask about.

    Raises
    ------
    SourceError
        If the file holds other things.
    """

    def __init__(self, path: Path, subjects: Sequence[Subject]) -> None:
        super().__init__(path)
        known = read_labelled(path).records if path.is_file() else []
        last = {_name(record): record.get("digest") for record in known}
        self.done = {one.name for one in subjects if last.get(one.name) == one.digest}

    def add(self, record: Record, cost: Cost) -> None:
        """Write a record."""
        super().add(record, cost)
        self.done.add(_name(record))


def refine(
    folder: Path,
    teacher: Teacher,
    *,
    checker: Teacher | None = None,
    questions: int = 6,
    rounds: int = 2,
    panels: bool = False,
    temperature: float = 0.7,
    side: int = 1024,
    limit: int | None = None,
    parallel: int = 1,
    outcome: Outcome | None = None,
    on_figure: Callable[[Outcome], None] = lambda outcome: None,
    stop: Event | None = None,
) -> Outcome:
    """Let a teacher write about the figures of a folder, and keep what can be supported.

    Each figure's texts are written to ``refined.jsonl`` as soon as they are checked; what is there
    is not asked again.

    Parameters
    ----------
    folder : Path
        Holds ``figures.jsonl`` and ``images/``.
    teacher : Teacher
        Who is asked.
    checker : Teacher, optional
        Who is asked for the checks instead: another model does not share its mistakes.
    questions : int
        How many questions to ask for about each figure; 0: none.
    rounds : int
        How often statements are checked; 0: letters alone.
    panels : bool
        Ask about each panel with a caption of its own, too.
    temperature : float
        How freely answers are written when something is asked again.
    side : int
        Longest side in pixels of what is shown.
    limit : int, optional
        Ask about at most so many figures now.
    parallel : int
        How many figures are asked about at a time.
    outcome, on_figure, stop
        As for :func:`..teacher.run.teach`.

    Raises
    ------
    SourceError
        If the folder holds no figures.
    TeacherError
        If the teacher cannot be used.
    """
    outcome = outcome or Outcome()
    subjects = subjects_of(folder, panels=panels, skipped=outcome.skipped)
    journal = RefineJournal(folder / REFINED_FILE, subjects)
    todo = [one for one in subjects if one.name not in journal.done][:limit]
    passes = Refining(teacher, questions, True, temperature, side, rounds, checker)
    return teach(
        passes, todo, journal, parallel=parallel, outcome=outcome, on_picture=on_figure, stop=stop
    )


def _dropped(one: Checked) -> dict[str, str]:
    said = one.statement
    return {"kind": said.kind, "asked": said.asked, "said": said.said, "why": one.why}


def _name(record: Record) -> str:
    panel = record.get("panel")
    return f"{record.get('figure')} ({panel})" if panel else str(record.get("figure"))
