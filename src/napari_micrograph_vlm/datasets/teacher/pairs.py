"""Questions and answers as a teacher wrote them, and what kind of question each is."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from .reading import Unreadable, read_json

__all__ = ["CANNOT_TELL", "kind_of", "parse_answers", "parse_pairs"]

CANNOT_TELL = "cannot tell"

_LONGEST = 200

_KINDS = (
    ("printed text", r"\b(written|printed|label|labels|scale bar|letter|text|caption)\b"),
    ("how many", r"^(about |roughly )?how many\b|\bnumber of\b|^count\b"),
    ("where", r"^(at |on |in |to )?(where|which (part|side|corner|half|edge|area|region))\b"),
    ("defect", r"\b(defects?|cracks?|cracked|voids?|bridg\w+|broken|contaminat\w+|scratch\w*)\b"),
    ("comparison", r"\b(larger|largest|smaller|smallest|longer|thicker|brighter|brightest|darker"
                   r"|darkest|more|most|denser|than)\b"),
    ("size", r"^how (large|big|long|wide|thick|high|tall|small)\b|\b(size|diameter|width)\b"),
    ("yes or no", r"^(is|are|does|do|has|have|can|was|were)\b"),
    ("arrangement", r"\b(arranged?|arrangement|orient\w+|direction|distribut\w+|aligned|run)\b"),
    ("shape", r"\bshapes?\b|\blook like\b"),
    ("brightness", r"\b(bright\w*|dark\w*|grey|gray|contrast|colou?r)\b"),
)  # fmt: skip


def kind_of(question: str) -> str:
    """Return the kind of a free question, such as ``"how many"``; ``"what"`` where no other."""
    text = question.strip().casefold()
    for name, pattern in _KINDS:
        if re.search(pattern, text):
            return name
    return "what"


def parse_pairs(text: str) -> tuple[list[tuple[str, str]], Counter[str]]:
    """Read questions with answers, each once; returns them and what was dropped and why.

    Raises
    ------
    Unreadable
        If the answer holds no list of them.
    """
    found = read_json(text)
    items = found.get("questions", found.get("qa"))
    if not isinstance(items, list):
        raise Unreadable("the answer holds no list of questions")
    pairs: dict[str, tuple[str, str]] = {}
    dropped: Counter[str] = Counter()
    for item in items:
        question, answer = _pair(item)
        if not question or not answer or max(len(question), len(answer)) > _LONGEST:
            dropped["question: incomplete"] += 1
        elif question.casefold() in pairs:
            dropped["question: asked before"] += 1
        else:
            pairs[question.casefold()] = (question, answer)
    return list(pairs.values()), dropped


def parse_answers(text: str, number: int) -> list[str | None]:
    """Read the answers to questions asked again; None for one that is missing.

    Raises
    ------
    Unreadable
        If the answer holds no list of them.
    """
    items = read_json(text).get("answers")
    if isinstance(items, dict):  # numbered instead of listed
        items = [items.get(str(i)) for i in range(1, number + 1)]
    if not isinstance(items, list):
        raise Unreadable("the answer holds no list of answers")
    texts = [_line(item.get("answer") if isinstance(item, dict) else item) for item in items]
    padded = texts[:number] + [""] * (number - len(texts))
    return [text or None for text in padded]


def _pair(item: Any) -> tuple[str, str]:
    if isinstance(item, dict):
        return _line(item.get("question")), _line(item.get("answer"))
    if isinstance(item, list) and len(item) == 2:
        return _line(item[0]), _line(item[1])
    return "", ""


def _line(given: Any) -> str:
    if isinstance(given, bool):
        return "Yes" if given else "No"
    return " ".join(str(given).split()) if isinstance(given, str | int | float) else ""
