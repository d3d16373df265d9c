"""Reasoned answers: the model writes its steps first, and each has a map of its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import exp, log
from threading import Event
from typing import Any

import numpy as np

from ..errors import QuestionError
from ..results import Answer, AttentionMap, Question, Step, Word
from .base import Model
from .wrapping import WrappedModel

__all__ = ["INSTRUCTION", "ReasonedModel", "Steps", "fold", "read_steps"]

INSTRUCTION = (
    'Look at the picture and think step by step. Write each step on a line of its own as "Step 1: '
    '…", "Step 2: …", and at the end one line "Answer: …" with the short answer alone.'
)

ROOM = 400
"""Tokens for the steps, besides those for the answer."""

Span = tuple[int, int]

# Models write "Step 1:", "**Step 1.**", "### Step 1" or "1)"; a bare "1.5 nm" is no step.
_STEP = re.compile(
    r"^[ \t>#*-]*(?:step[ \t]*\d+[ \t]*(?:[.:)–-]|\*+|$)|\d+[.)](?=[ \t]))[ \t:*]*",
    re.IGNORECASE | re.MULTILINE,
)
_ANSWER = re.compile(
    r"(?:^[ \t>#*-]*|(?<=[.!?]) +)(?:(?:the|my) )?(?:final )?answer(?: is)?[ \t*]*:[ \t*]*",
    re.IGNORECASE | re.MULTILINE,
)
_THOUGHT = re.compile(r"<think(?:ing)?>(.*?)(?:</think(?:ing)?>|\Z)", re.DOTALL | re.IGNORECASE)
_PARAGRAPH = re.compile(r"\S(?:.|\n(?!\s*\n))*")


@dataclass(frozen=True)
class Steps:
    """Where in a text its steps and its final answer stand.

    Attributes
    ----------
    steps : tuple of (int, int)
        Start and end of each step, without its number; empty where there are none.
    answer : (int, int)
        Start and end of the final answer.
    """

    steps: tuple[Span, ...]
    answer: Span


class ReasonedModel(WrappedModel):
    """Asks a model to reason, and takes its steps and its final answer apart.

    Parameters
    ----------
    model : Model
        Any that writes freely.

    Raises
    ------
    QuestionError
        If this model cannot reason, such as the bundled student.
    """

    def __init__(self, model: Model) -> None:
        if not getattr(model, "reasons", True):
            raise QuestionError(
                f"The model {model.name} answers in a few words and writes no steps; "
                "choose a larger one, or ask without steps."
            )
        super().__init__(model, name=f"{model.name}, step by step")

    def ask(
        self,
        question: Question,
        *,
        on_text: Callable[[str], None] | None = None,
        cancel: Event | None = None,
        max_tokens: int = 48,
        **options: Any,
    ) -> Answer:
        """Answer a question in steps; ``on_text`` gets these as well.

        Parameters
        ----------
        question, on_text, cancel, max_tokens
            As for :meth:`..base.Model.ask`; ``max_tokens`` is for the answer without its steps.
        **options
            Whatever else the model takes.

        Returns
        -------
        Answer
            Its ``text`` is the final answer alone and its ``steps`` tell how it came about. A
            model that writes no steps after all gives an answer without any.
        """
        text = question.text.strip()
        if not text:
            raise QuestionError("Type a question first.")
        said = self.model.ask(
            replace(question, text=f"{text}\n\n{INSTRUCTION}"),
            on_text=on_text,
            cancel=cancel,
            max_tokens=max_tokens + ROOM,
            **options,
        )
        return fold(said, text)


def fold(said: Answer, question: str) -> Answer:
    """Take the steps out of an answer's text.

    Parameters
    ----------
    said : Answer
        With everything that the model wrote.
    question : str
        What the user asked: the beginning of what the model was asked.
    """
    found = read_steps(said.text)
    start, stop = found.answer
    inside = [word for word in said.words if word.start >= start and word.stop <= stop]
    steps = tuple(
        Step(said.text[a:b].strip(), _mean(_touching(said.words, a, b), said.attention))
        for a, b in found.steps
    )
    return replace(
        said,
        question=question,
        text=said.text[start:stop],
        words=tuple(replace(w, start=w.start - start, stop=w.stop - start) for w in inside),
        attention=_mean(inside, said.attention) if steps else said.attention,
        confidence=_confidence(inside) if steps and inside else said.confidence,
        question_words=tuple(w for w in said.question_words if w.stop <= len(question)),
        steps=steps,
    )


def read_steps(text: str) -> Steps:
    """Find steps and final answer in what a model wrote.

    Where no line says ``"Answer:"``, the last paragraph after the last step counts as the answer,
    and the last step where there is none (the text was cut short). A text without steps is an
    answer as it is.
    """
    thought = _THOUGHT.search(text)
    if thought is not None:
        return _of_thought(text, thought)
    answers = list(_ANSWER.finditer(text))
    end = answers[-1].start() if answers else len(text)
    marks = list(_STEP.finditer(text, 0, end))
    if not marks:
        if answers and (before := _stripped(text, 0, end)):
            return Steps((before,), _rest(text, answers[-1].end()))
        return Steps((), _rest(text, answers[-1].end() if answers else 0))
    ends = [mark.start() for mark in marks[1:]] + [end]
    steps = [
        span
        for mark, stop in zip(marks, ends, strict=True)
        if (span := _stripped(text, mark.end(), stop)) is not None
    ]
    if answers:
        return Steps(tuple(steps), _rest(text, answers[-1].end()))
    if not steps:
        return Steps((), _rest(text, 0))
    paragraphs = [m.span() for m in _PARAGRAPH.finditer(text, *steps[-1])]
    if len(paragraphs) > 1:
        last = paragraphs[-1]
        steps[-1] = _stripped(text, steps[-1][0], last[0]) or steps[-1]
        return Steps(tuple(steps), _rest(text, last[0]))
    return Steps(tuple(steps), steps[-1])


def _of_thought(text: str, thought: re.Match[str]) -> Steps:
    """Read what a reasoning model thinks between marks of its own, paragraph by paragraph."""
    inner = read_steps(thought.group(1))
    at = thought.start(1)
    steps = tuple((a + at, b + at) for a, b in inner.steps)
    if not steps:
        steps = tuple(
            (m.start(), m.start() + len(m.group().rstrip()))
            for m in _PARAGRAPH.finditer(text, *thought.span(1))
        )
    after = _stripped(text, thought.end(), len(text))
    if after is None:  # it thought until it had to stop
        return Steps(steps, steps[-1] if steps else _rest(text, thought.start(1)))
    answers = list(_ANSWER.finditer(text[after[0] :]))
    return Steps(steps, _rest(text, after[0] + (answers[-1].end() if answers else 0)))


def _stripped(text: str, start: int, stop: int) -> Span | None:
    """Return a span without the space around it; None where nothing is left."""
    part = text[start:stop]
    inside = part.strip()
    if not inside.strip("*#>- \t\n"):
        return None
    start += len(part) - len(part.lstrip())
    return start, start + len(inside)


def _rest(text: str, start: int) -> Span:
    """Return what follows, without space and without marks for bold type at its end."""
    found = _stripped(text, start, len(text))
    if found is None:
        return len(text), len(text)
    kept = text[found[0] : found[1]]
    if kept.count("**") % 2:
        kept = kept.removesuffix("**").rstrip()
    return found[0], found[0] + len(kept)


def _touching(words: Sequence[Word], start: int, stop: int) -> list[Word]:
    return [word for word in words if word.start < stop and word.stop > start]


def _mean(words: Sequence[Word], other: tuple[AttentionMap, ...]) -> tuple[AttentionMap, ...]:
    """Return the mean of the words' maps, one for each region; ``other`` where there are none."""
    if not words:
        return other
    return tuple(
        AttentionMap(
            np.stack([one.values for one in maps]).mean(0),
            maps[0].method,
            None if maps[0].share is None else float(np.mean([one.share or 0 for one in maps])),
        )
        for maps in zip(*(word.attention for word in words), strict=True)
    )


def _confidence(words: Sequence[Word]) -> float:
    """Geometric mean of the probabilities of some words; NaN where one is not told."""
    return exp(sum(log(max(word.probability, 1e-30)) for word in words) / len(words))
