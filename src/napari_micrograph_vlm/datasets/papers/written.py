"""What a teacher wrote about a figure, read into statements to be checked."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from ..teacher.reading import Unreadable, read_json
from .checks import Checked, Statement
from .plain_checks import sentences
from .refined import FigureText, text_id

__all__ = ["PICTURES", "Written", "parse_description", "parse_questions", "texts_of"]

PICTURES = ("micrograph", "photograph", "chart", "drawing", "several", "other")

LONGEST = 400
"""Letters of one statement."""

MOST = 8
"""Sentences of one text."""

UNFOUNDED = "a step before it was dropped"
ALONE = "nothing is left to reason from"


@dataclass(frozen=True)
class Written:
    """A teacher's description of a figure.

    Attributes
    ----------
    belongs : bool
        Whether the caption speaks of this picture.
    picture : str
        One of :data:`PICTURES`.
    statements : tuple of Statement
        Sentences of the description, then steps of the reasoning.
    """

    belongs: bool
    picture: str
    statements: tuple[Statement, ...]


def parse_description(text: str) -> Written:
    """Read a description.

    Raises
    ------
    Unreadable
        If there is none.
    """
    found = read_json(text)
    statements = [
        Statement(kind, line)
        for kind in ("description", "reasoning")
        for line in _sentences(found.get(kind))
    ]
    belongs = found.get("belongs", True)
    if isinstance(belongs, str):
        belongs = belongs.strip().casefold() not in ("false", "no")
    if belongs and not statements:
        raise Unreadable("the answer holds no description")
    picture = str(found.get("picture", "")).strip().casefold()
    return Written(bool(belongs), picture if picture in PICTURES else "other", tuple(statements))


def parse_questions(text: str) -> tuple[list[Statement], Counter[str]]:
    """Read questions with answers, each once; returns them and what was dropped and why.

    Raises
    ------
    Unreadable
        If the answer holds no list of them.
    """
    items = read_json(text).get("questions")
    if not isinstance(items, list):
        raise Unreadable("the answer holds no list of questions")
    found: dict[str, Statement] = {}
    dropped: Counter[str] = Counter()
    for item in items:
        pair = item if isinstance(item, dict) else {}
        asked, said = _line(pair.get("question")), _line(pair.get("answer"))
        if not asked or not said or max(len(asked), len(said)) > LONGEST:
            dropped["question: incomplete"] += 1
        elif asked.casefold() in found:
            dropped["question: asked before"] += 1
        else:
            found[asked.casefold()] = Statement("question", said, asked)
    return list(found.values()), dropped


def texts_of(
    figure: str, panel: str, made: list[Checked]
) -> tuple[tuple[FigureText, ...], list[Checked]]:
    """Put what was kept together: one description, one reasoning, and the questions.

    A reasoning ends before its first step that was dropped, since what follows leans on it.

    Returns
    -------
    (tuple of FigureText, list of Checked)
        Texts, and everything that was dropped, with why.
    """
    described = [one for one in made if one.statement.kind == "description" and not one.why]
    steps = [one for one in made if one.statement.kind == "reasoning"]
    whole = next((i for i, one in enumerate(steps) if one.why), len(steps))
    reasoned = steps[:whole] if whole > 1 else []
    texts = [
        _text(figure, panel, kind, parts)
        for kind, parts in (("description", described), ("reasoning", reasoned))
        if parts
    ]
    asked = [one for one in made if one.statement.asked and not one.why]
    texts += [_text(figure, panel, "question", [one]) for one in asked]
    dropped = [one for one in made if one.why]
    for i, one in enumerate(steps):
        if not one.why and (i >= whole or not reasoned):
            dropped.append(Checked(one.statement, "", UNFOUNDED if i >= whole else ALONE))
    return tuple(texts), dropped


def _text(figure: str, panel: str, kind: str, parts: list[Checked]) -> FigureText:
    asked = parts[0].statement.asked
    said = " ".join(part.statement.said for part in parts)
    supports = {part.support for part in parts}
    support = "both" if supports <= {"both", "picture"} else "mixed"
    if len(supports) == 1:
        support = supports.pop()
    return FigureText(text_id(figure, panel, kind, asked, said), kind, asked, said, support)


def _sentences(given: Any) -> list[str]:
    lines = [given] if isinstance(given, str) else given if isinstance(given, list) else []
    found = [one for line in lines if isinstance(line, str) for one in sentences(line)]
    return list(dict.fromkeys(one for one in found if 10 <= len(one) <= LONGEST))[:MOST]


def _line(given: Any) -> str:
    if isinstance(given, bool):
        return "Yes" if given else "No"
    return " ".join(str(given).split()) if isinstance(given, str | int | float) else ""
