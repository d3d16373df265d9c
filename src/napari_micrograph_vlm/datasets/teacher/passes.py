"""Everything a teacher is asked about one picture, and what is kept of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from ..labelled import FIELDS, Record
from .agreement import plain_words
from .base import Refused, Teacher
from .consistency import DENIED, agreed_labels, agreed_pairs, pairs_not_denied, true_labels
from .cost import Cost
from .labels import parse_labels
from .pairs import kind_of, parse_answers, parse_pairs
from .pictures import Picture, Shown
from .prompts import answers_prompt, labels_prompt, prompts_version, questions_prompt
from .reading import Unreadable
from .truth import truth_of

__all__ = ["Label", "Passes"]

T = TypeVar("T")

_FIRST, _SECOND = 1, 2


@dataclass
class Label:
    """What came of one picture.

    Attributes
    ----------
    record : dict
        Ready to be written.
    asked : Counter
        How many fields and questions the teacher answered.
    dropped : Counter
        How many were dropped, by ``"what: why"``.
    cost : Cost
        What the answers took.
    """

    record: Record = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    cost: Cost = field(default_factory=Cost)


@dataclass(frozen=True)
class Passes:
    """How a picture is labelled.

    Attributes
    ----------
    teacher : Teacher
        Who is asked.
    questions : int
        How many question-answer pairs to ask for; 0: none.
    twice : bool
        Ask everything again in other words and keep what agrees.
    temperature : float
        How freely the second pass is answered; the first is not free at all.
    side : int
        Longest side in pixels of what is shown.
    """

    teacher: Teacher
    questions: int = 6
    twice: bool = True
    temperature: float = 0.7
    side: int = 1024

    def label(self, picture: Picture, made: Label) -> None:
        """Ask all there is to ask about a picture.

        Parameters
        ----------
        picture : Picture
            What is shown.
        made : Label
            Filled in as answers come, so that the cost is known where they end too early.

        Raises
        ------
        SourceError
            If it cannot be read.
        Refused
            If the teacher will not answer, or writes nothing that can be read.
        Silent, TeacherError
            If it cannot be asked.
        """
        shown = picture.show(self.side)
        truth = truth_of(picture.path)
        labels = self._labels(shown, made)
        pairs = self._pairs(shown, labels, made)
        labels, denied = true_labels(labels, truth)
        made.dropped.update(f"{name}: {DENIED}" for name in denied)
        pairs, lost = pairs_not_denied(pairs, truth)
        made.dropped.update(lost)
        made.record = {
            "image": picture.name,
            "group": picture.group,
            **{name: labels.get(name) for name in FIELDS},
            "annotations": labels.get("annotations", []),
            "qa": [list(pair) for pair in pairs],
            "qa_kinds": [kind_of(question) for question, _ in pairs],
            "teacher": self.teacher.name,
            "agreed": self.twice,
            "prompts": prompts_version(),
            "asked": dict(made.asked),
            "dropped": dict(made.dropped),
            "denied": denied,
        }

    def _labels(self, shown: Shown, made: Label) -> Record:
        labels, lost = self._ask(shown, labels_prompt(), parse_labels, made, _FIRST)
        made.dropped.update(lost)
        made.asked.update([*labels, *(name.split(":")[0] for name in lost)])
        if not self.twice:
            return labels
        again, _ = self._ask(shown, labels_prompt(again=True), parse_labels, made, _SECOND)
        kept, lost = agreed_labels(labels, again)
        made.dropped.update(lost)
        return kept

    def _pairs(self, shown: Shown, labels: Record, made: Label) -> list[tuple[str, str]]:
        """Ask for questions and ask them again, and with them whether the description is right."""
        pairs: list[tuple[str, str]] = []
        if self.questions:
            prompt = questions_prompt(self.questions)
            found, lost = self._ask(shown, prompt, parse_pairs, made, _FIRST)
            pairs = found[: self.questions]
            made.dropped.update(lost)
            made.asked["question"] += len(pairs) + sum(lost.values())
        if not self.twice:
            return pairs
        described = labels.get("description")
        # Backwards: an answer must not lean on the one that came before it the first time.
        again = [question for question, _ in reversed(pairs)]
        if described:
            again.append(f'Is every part of this description true: "{described}"?')
        if not again:
            return pairs
        answers = self._ask(
            shown,
            answers_prompt(again),
            lambda text: parse_answers(text, len(again)),
            made,
            _SECOND,
        )
        if described and plain_words(answers.pop() or "")[:1] != ["yes"]:
            del labels["description"]
            made.dropped["description: not confirmed"] += 1
        kept, lost = agreed_pairs(pairs, answers[::-1])
        made.dropped.update(lost)
        return kept

    def _ask(
        self, shown: Shown, prompt: str, read: Callable[[str], T], made: Label, number: int
    ) -> T:
        """Ask and read the answer; once more where it cannot be read."""
        temperature = 0.0 if number == _FIRST else self.temperature
        why = ""
        for seed in (number, number + 10):
            reply = self.teacher.ask(shown, prompt, temperature=temperature, seed=seed)
            made.cost.add(reply)
            try:
                return read(reply.text)
            except Unreadable as error:
                why = str(error)
                # The same question with the same seed would get the same answer.
                temperature = max(self.temperature, 0.3)
        raise Refused(f"It was asked twice, and {why}.")
