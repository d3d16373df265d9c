"""Whether a caption says what an answer claims it says: words, numbers and negation are compared.

A rule and no model, so that it can be understood and does not invent: it lets a claim pass that
uses the caption's words in another sense, and stops one that says the same in other words.
"""

from __future__ import annotations

import re
from math import isclose

from ..measuring.stated import sizes_in
from .words import COMMON, content_words, negated_words

__all__ = ["COVERED", "repeats", "supports"]

COVERED = 0.5
"""Share of a claim's words that the caption must have."""

_RUN = 6
"""Words in a row that are no coincidence."""

_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?![\w]*\])")
_UNIT = re.compile(r"\s*(%|°\s?C|[kM]?V\b|K\b|[GM]?Pa\b|[hs]\b|min\b|days?\b|wt|at\.)")
_JOINED = 5
"""Letters by which one word may be part of another: porous, nanoporous."""

_WORD = re.compile(r"[^\W_]+")
_NUMERIC = re.compile(r"\d")


def supports(caption: str, claim: str, question: str = "") -> bool:
    """Return whether a caption says what a claim says.

    Parameters
    ----------
    caption : str
        The whole caption.
    claim : str
        A sentence or a part of one, without marks.
    question : str
        What was asked; its words alone support nothing.

    Returns
    -------
    bool
        True where the caption has at least half of the claim's words, one of them not from the
        question, every number with its unit, and negates none of them otherwise than the claim.
    """
    words = [word for word in content_words(claim) if not _NUMERIC.search(word)]
    numbers = _numbers(claim)
    if not words and not numbers:
        return False
    if not _numbers_stand(claim, caption):
        return False
    there = set(content_words(caption))
    shared = [word for word in words if _among(word, there)]
    asked = set(content_words(question))
    if not numbers and all(_among(word, asked) for word in shared):
        return False
    if words and len(shared) < COVERED * len(words):
        return False
    ours, theirs = negated_words(claim), negated_words(caption)
    return all((word in ours) == (word in theirs) for word in shared)


def repeats(caption: str, text: str) -> bool:
    """Return whether a text has several words in a row from a caption: it was copied from there."""
    run = [word.casefold() for word in _WORD.findall(text)]
    source = " ".join(word.casefold() for word in _WORD.findall(caption))
    for start in range(len(run) - _RUN + 1):
        part = run[start : start + _RUN]
        telling = sum(word not in COMMON for word in part)
        if telling >= _RUN // 2 and f" {' '.join(part)} " in f" {source} ":
            return True
    return False


def _numbers(text: str) -> list[tuple[float, str]]:
    """Return numbers with the unit right behind them, lengths aside."""
    taken = [(size.start, size.stop) for size in sizes_in(text)]
    found = []
    for number in _NUMBER.finditer(text):
        if any(start <= number.start() < stop for start, stop in taken):
            continue
        unit = _UNIT.match(text, number.end())
        found.append((float(number.group()), unit.group(1).replace(" ", "") if unit else ""))
    return found + [(size.smallest, "size") for size in sizes_in(text)]


def _numbers_stand(claim: str, caption: str) -> bool:
    """Return whether every number of a claim stands in a caption, lengths in any unit."""
    there = _numbers(caption)
    ends = [end for size in sizes_in(caption) for end in (size.smallest, size.largest)]
    for value, unit in _numbers(claim):
        if unit == "size":
            continue
        if not any(isclose(value, v) and unit in (u, "") for v, u in there if u != "size"):
            return False
    return all(
        any(isclose(end, known, rel_tol=1e-3) for known in ends)
        for size in sizes_in(claim)
        for end in (size.smallest, size.largest)
        if 0 < end < float("inf")
    )


def _among(word: str, words: set[str]) -> bool:
    if word in words:
        return True
    return any(
        len(short) >= _JOINED and (long.startswith(short) or long.endswith(short))
        for other in words
        for short, long in [sorted((word, other), key=len)]
    )
