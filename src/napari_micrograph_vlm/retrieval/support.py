"""Whether a caption says what an answer claims it says: words, numbers and negation are compared.

A rule and no model, so that it can be understood and does not invent: it lets a claim pass that
uses the caption's words in another sense, and stops one that says the same in other words.
"""

from __future__ import annotations

import re

from .stated_numbers import numbers_in, numbers_stand
from .words import COMMON, content_words, negated_words

__all__ = ["COVERED", "repeats", "supports"]

COVERED = 0.5
"""Share of a claim's words that the caption must have."""

_RUN = 6
"""Words in a row that are no coincidence."""

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
    numbers = numbers_in(claim)
    if not words and not numbers:
        return False
    if not numbers_stand(claim, caption):
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


def _among(word: str, words: set[str]) -> bool:
    if word in words:
        return True
    return any(
        len(short) >= _JOINED and (long.startswith(short) or long.endswith(short))
        for other in words
        for short, long in [sorted((word, other), key=len)]
    )
