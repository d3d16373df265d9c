"""Which captions hold the words of a question: rare words count more than common ones."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from math import log

import numpy as np
from numpy.typing import NDArray

__all__ = ["COMMON", "WordIndex", "content_words", "negated_words", "signed_words", "stem"]

_COMMON = """
    a an and any are as at be been but by can could did do does for from had has have how if in
    into is it its may might more most no not of on one or other our over shown show shows so
    some such than that the their them then there these they this those to under up was we were
    what when where which while who why will with within without would you your i me
    about also between both each only respectively see very here image images picture pictures
    figure figures fig panel region micrograph micrographs photograph bar bars scale kind type
    describe tell look looks like
"""
COMMON = frozenset(_COMMON.split())
"""Words that say nothing of what is shown."""

_WORD = re.compile(r"[^\W_]+(?:[.·][0-9]+)?")
_ENDINGS = (
    ("isation", "ize"), ("ization", "ize"), ("ies", "y"), ("sses", "ss"), ("ches", "ch"),
    ("shes", "sh"), ("xes", "x"), ("ves", "f"), ("ings", ""), ("ing", ""), ("edly", ""),
    ("ed", ""), ("ly", ""), ("ous", ""), ("ity", ""), ("s", ""),
)  # fmt: skip
_NAMES = {
    "aluminum": "aluminium", "au": "gold", "ag": "silver", "cu": "copper", "fe": "iron",
    "mg": "magnesium", "ni": "nickel", "pd": "palladium", "pt": "platinum", "si": "silicon",
    "ti": "titanium", "zn": "zinc", "zr": "zirconium", "colour": "color",
    "fiber": "fibre", "fibers": "fibre", "fibres": "fibre",
    "sulphur": "sulfur", "grey": "gray", "centre": "center", "wafers": "wafer",
}  # fmt: skip
"""Other spellings, and symbols that are no words."""

_SHORTEST = 4
"""Letters that must be left of a word once its ending is off."""

_NOT = frozenset(("no", "not", "without", "none", "free", "never", "absent", "lack", "lacking"))
_REACH = 4
"""Words after a negation that it is taken to be about."""

_PART = re.compile(r"[.;,:!?]\s|\bbut\b", re.IGNORECASE)

_TERM, _LENGTH = 1.2, 0.5
"""Weights of BM25: how soon a repeated word counts no more, and how much long captions lose."""


def stem(word: str) -> str:
    """Return a word without the ending that grammar gave it: ``"pores"`` and ``"pore"`` alike."""
    word = _NAMES.get(word, word)
    if not word.isalpha():
        return word
    for ending, instead in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST:
            if ending == "s" and word.endswith(("ss", "us", "is")):
                continue
            word = word[: -len(ending)] + instead
            if len(word) > _SHORTEST and word[-1] == word[-2] and not word.endswith("ss"):
                word = word[:-1]  # cracking, clogged
            break
    return word[:-1] if len(word) > _SHORTEST and word.endswith("e") else word


def content_words(text: str) -> list[str]:
    """Return the words that tell something, folded, without endings, in their order."""
    folded = unicodedata.normalize("NFKC", text).casefold().replace("µ", "μ")
    return [stem(word) for word in _WORD.findall(folded) if word not in COMMON]


def signed_words(text: str) -> list[str]:
    """Return the words that tell something; those that are denied as ``"no crack"``."""
    found: list[str] = []
    for part in _PART.split(text):
        words = _WORD.findall(part)
        denied = 0
        for word in words:
            if word.casefold() in _NOT:
                denied = _REACH
                continue
            found += [f"no {one}" if denied else one for one in content_words(word)]
            denied = max(denied - 1, 0)
    return found


def negated_words(text: str) -> set[str]:
    """Return the words that a negation stands before, in the same part of the sentence."""
    return {word.removeprefix("no ") for word in signed_words(text) if word.startswith("no ")}


class WordIndex:
    """Finds texts by their words (BM25; Robertson and Zaragoza, 2009); "no cracks" is no crack.

    Parameters
    ----------
    texts : sequence of str
        What is looked through, in the order that scores are given in.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        counts = [Counter(signed_words(text)) for text in texts]
        self._lengths = np.array([sum(one.values()) for one in counts], np.float64)
        self._mean = max(float(self._lengths.mean()) if len(counts) else 1.0, 1.0)
        holders: dict[str, list[tuple[int, int]]] = {}
        for row, one in enumerate(counts):
            for word, count in one.items():
                holders.setdefault(word, []).append((row, count))
        self._holders = {word: np.array(rows) for word, rows in holders.items()}

    def __len__(self) -> int:
        return len(self._lengths)

    def weight(self, word: str) -> float:
        """How much a word tells: more, the fewer texts have it."""
        having = len(self._holders.get(word, ()))
        return log(1 + (len(self) - having + 0.5) / (having + 0.5))

    def scores(self, query: str) -> NDArray[np.float32]:
        """Return how well each text fits, (n,) from 0 to 1.

        1 would be a text that has every word of the query many times; words that no text has
        count, too, so that a query of unknown words finds nothing good.
        """
        words = set(signed_words(query))
        total = sum(self.weight(word) for word in words) * (_TERM + 1)
        found = np.zeros(len(self), np.float64)
        if not total:
            return found.astype(np.float32)
        for word in words:
            rows = self._holders.get(word)
            if rows is None:
                continue
            at, count = rows[:, 0], rows[:, 1]
            long = _TERM * (1 - _LENGTH + _LENGTH * self._lengths[at] / self._mean)
            found[at] += self.weight(word) * count * (_TERM + 1) / (count + long)
        scores: NDArray[np.float32] = np.minimum(found / total, 1).astype(np.float32)
        return scores
