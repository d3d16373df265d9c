"""What a teacher is asked; the texts lie beside this module, one file each."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files
from string import Template

from ..labelled import CLOSED, DEFECT_NAMES, NO_DEFECT, PLACES

__all__ = ["answers_prompt", "labels_prompt", "prompts_version", "questions_prompt"]

_NAMES = ("labels_first", "labels_second", "questions", "answers")


@cache
def _text(name: str) -> str:
    return (files(__package__) / "prompts" / f"{name}.txt").read_text(encoding="utf-8")


def prompts_version() -> str:
    """Return a short hash of all prompts: answers to other prompts are other answers."""
    return sha256("\0".join(map(_text, _NAMES)).encode()).hexdigest()[:8]


def labels_prompt(*, again: bool = False) -> str:
    """Ask for the fields of a record as JSON; ``again`` in other words and another order."""
    values = {name: _choices(allowed, again) for name, allowed in CLOSED.items()}
    values["kinds"] = _choices((NO_DEFECT, *DEFECT_NAMES), again)
    values["places"] = _choices(PLACES, again)
    return Template(_text("labels_second" if again else "labels_first")).substitute(values)


def questions_prompt(number: int) -> str:
    """Ask for questions that the picture answers, each with its answer."""
    return Template(_text("questions")).substitute(number=number)


def answers_prompt(questions: Sequence[str]) -> str:
    """Ask questions that were asked before, without their answers."""
    numbered = "\n".join(f"{i}. {question}" for i, question in enumerate(questions, 1))
    return Template(_text("answers")).substitute(number=len(questions), questions=numbered)


def _choices(allowed: Sequence[str], again: bool) -> str:
    # A list read backwards: what stands first is picked too often.
    return " | ".join(f'"{value}"' for value in (reversed(allowed) if again else allowed))
