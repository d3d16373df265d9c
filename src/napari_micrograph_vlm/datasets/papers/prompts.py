"""What a teacher is asked about a figure and its caption; the texts lie beside this module."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files
from string import Template

__all__ = [
    "answers_prompt",
    "describe_prompt",
    "doubt_prompt",
    "picture_prompt",
    "prompts_version",
    "questions_prompt",
    "support_prompt",
]

_NAMES = ("describe", "questions", "support", "doubt", "picture", "answers")


@cache
def _text(name: str) -> str:
    return (files(__package__) / "prompts" / f"{name}.txt").read_text(encoding="utf-8")


def prompts_version() -> str:
    """Return a short hash of all prompts: answers to other prompts are other answers."""
    return sha256("\0".join(map(_text, _NAMES)).encode()).hexdigest()[:8]


def describe_prompt(caption: str) -> str:
    """Ask for a description and a reasoning."""
    return Template(_text("describe")).substitute(caption=quoted(caption))


def questions_prompt(caption: str, number: int) -> str:
    """Ask for questions that caption or picture answer, each with its answer."""
    return Template(_text("questions")).substitute(caption=quoted(caption), number=number)


def support_prompt(caption: str, statements: Sequence[str]) -> str:
    """Ask of each statement whether caption or picture supports it."""
    return _about("support", caption, statements)


def doubt_prompt(caption: str, statements: Sequence[str]) -> str:
    """Ask which statements were made up."""
    return _about("doubt", caption, statements)


def picture_prompt(statements: Sequence[str]) -> str:
    """Ask which statements the picture shows, without its caption."""
    return _about("picture", "", statements)


def answers_prompt(caption: str, questions: Sequence[str]) -> str:
    """Ask questions that were asked before, without their answers."""
    return Template(_text("answers")).substitute(
        caption=quoted(caption), number=len(questions), questions=_numbered(questions)
    )


def quoted(caption: str) -> str:
    """Return a caption that cannot end its own quotation marks."""
    return caption.replace('"""', '"')


def _about(name: str, caption: str, statements: Sequence[str]) -> str:
    return Template(_text(name)).substitute(
        caption=quoted(caption), number=len(statements), statements=_numbered(statements)
    )


def _numbered(lines: Sequence[str]) -> str:
    return "\n".join(f"{i}. {line}" for i, line in enumerate(lines, 1))
