"""What can be seen of a statement without asking anybody: numbers, names, quotations."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

from ..teacher.agreement import plain_words, same_answer
from .plain_units import Measure, in_words, measures_of, number_hits, without_measures

__all__ = ["agrees", "is_quoted", "numbers_of", "plain_fault", "sentences"]

_PAPER = re.compile(
    r"\b(fig(ure|s|\.)?\s*\d|(this|the|its) (caption|paper|article|study|author)s?\b|\bauthors?\b"
    r"|et al\b|panels? \(?[a-z]\)?(?![a-z])|as (shown|seen|described) in \(?[a-z]\))",
    re.IGNORECASE,
)
_LETTER = re.compile(r"\([a-h](?:[-–,][a-h])?\)", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9−–-]*[A-Z0-9][A-Za-z0-9]*")
_EVERYDAY = frozenset(
    ("SEM", "TEM", "STEM", "AFM", "FIB", "EDS", "EDX", "EBSD", "XRD", "SE", "BSE", "2D", "3D")
)
_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[A-Z0-9\"'(\[])")
_NO_END = re.compile(
    r"\b(?:fig|figs|eq|ref|refs|e\.g|i\.e|cf|ca|approx|vs|al|no|vol|wt|at|resp|dr|st)\.$",
    re.IGNORECASE,
)
ENOUGH = 0.6
"""Share of the shorter answer's words that the longer one must hold."""


def sentences(text: str) -> list[str]:
    """Split a text into its sentences; abbreviations and decimals do not end one."""
    parts: list[str] = []
    for piece in _END.split(" ".join(text.split())):
        if parts and _NO_END.search(parts[-1]):
            parts[-1] = f"{parts[-1]} {piece}"
        elif piece:
            parts.append(piece)
    return parts


def plain_fault(statement: str, caption: str) -> str:
    """Return why a statement cannot be kept, as far as the caption's letters tell; else empty.

    A measured value with its unit and sign, and a name with capitals or digits inside, must stand
    in the caption: what a teacher reads off a picture or knows from elsewhere cannot be told from
    what it makes up.
    """
    if _PAPER.search(statement) or _LETTER.search(statement):
        return "speaks of the paper, not of what is seen"
    there = measures_of(caption, bare=True)
    if not all(any(value.is_like(one) for one in there) for value in measures_of(statement)):
        return "a measured value that the caption does not give"
    known = _plain(caption)
    for name in _NAME.findall(without_measures(statement)):
        if name.rstrip("s") not in _EVERYDAY and _plain(name).rstrip("s") not in known:
            return "a formula or abbreviation that the caption does not give"
    return ""


def numbers_of(text: str) -> list[float]:
    """Return the numbers of a text; a comma may be a decimal mark or one of thousands."""
    return [number for _, number in number_hits(in_words(text))]


def is_quoted(words: str, caption: str, statement: str) -> bool:
    """Whether words are the caption's, and have anything to do with the statement.

    A quotation may differ in a letter or two, and in marks; invented ones do not pass.
    """
    quote, whole = plain_words(words), plain_words(caption)
    if not quote or len(quote) > len(whole):
        return False
    at = [i for i, word in enumerate(whole) if word == quote[0]] or range(len(whole))
    best = max(
        SequenceMatcher(None, quote, whole[i : i + len(quote)], autojunk=False).ratio() for i in at
    )
    roots = {word[:5] for word in plain_words(statement)}
    return best >= 0.8 and any(word[:5] in roots for word in quote)


def agrees(first: str, second: str) -> bool:
    """Whether two answers say the same; of longer ones one may say more than the other.

    Measured values must be equal, in whatever unit; counts need only be near.
    """
    one_values, other_values = measures_of(first), measures_of(second)
    if one_values and other_values:
        if not _same_values(one_values, other_values):
            return False
        if same_answer(without_measures(first), without_measures(second)):
            return True
    if same_answer(first, second):
        return True
    one, two = plain_words(first), plain_words(second)
    if max(len(one), len(two)) <= 6 or min(len(one), len(two)) < 3:
        return False
    if sorted(numbers_of(first)) != sorted(numbers_of(second)):
        return False
    if ("no" in one) != ("no" in two) or ("yes" in one) != ("yes" in two):
        return False
    shared = len({*one} & {*two})
    return shared / min(len({*one}), len({*two})) >= ENOUGH


def _same_values(one: list[Measure], two: list[Measure]) -> bool:
    left = list(two)
    for value in one:
        like = next((other for other in left if value.is_like(other)), None)
        if like is None:
            return False
        left.remove(like)
    return not left


def _plain(text: str) -> str:
    text = in_words(text).casefold()
    return re.sub(r"[\s−–-]+", "", text)
