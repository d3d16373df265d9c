"""BLEU, ROUGE-L and exact match of written answers.

Words are what is compared: lower case, punctuation left out, ``close-packed``, ``1.5`` and ``%``
one word each. BLEU is that of a corpus (Papineni et al. 2002): n-grams counted over all answers,
one brevity penalty, no smoothing; an answer shorter than n words adds nothing to the n-grams.
"""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
from numpy.typing import NDArray

__all__ = ["BLEU_ORDER", "bleu", "bleu_counts", "exact_match", "normal", "rouge_l", "words_of"]

BLEU_ORDER = 4

_WORD = re.compile(r"[^\W_]+(?:[-.'’][^\W_]+)*|[%°]")


def words_of(text: str) -> list[str]:
    """Return the words of a text, lower case, without punctuation."""
    return _WORD.findall(text.casefold())


def normal(text: str) -> str:
    """Return a text as exact match compares it: its words, joined by single spaces."""
    return " ".join(words_of(text))


def exact_match(reference: str, said: str) -> bool:
    """Whether two texts have the same words in the same order."""
    return words_of(reference) == words_of(said)


def bleu_counts(reference: str, said: str) -> NDArray[np.float64]:
    """Count what BLEU needs of one answer.

    Returns
    -------
    (10,) float array
        Words of the reference, words of the answer, then for n = 1 to 4 the n-grams of the
        answer that the reference has too, and all n-grams of the answer.
    """
    true, written = words_of(reference), words_of(said)
    counts = [len(true), len(written)]
    for n in range(1, BLEU_ORDER + 1):
        grams, wanted = _grams(written, n), _grams(true, n)
        counts += [sum((grams & wanted).values()), sum(grams.values())]
    return np.array(counts, dtype=float)


def bleu(sums: NDArray[np.float64], order: int = BLEU_ORDER) -> NDArray[np.float64]:
    """Return corpus BLEU of summed counts.

    Parameters
    ----------
    sums : (..., 10) float array
        Sums of :func:`bleu_counts` over the corpus.
    order : int
        Longest n-grams, 1 to 4.

    Returns
    -------
    (...) float array
        0 to 1; NaN where no answer has n-grams of that length.
    """
    matched, written = sums[..., 2 : 2 + 2 * order : 2], sums[..., 3 : 3 + 2 * order : 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.exp(np.log(matched / written).mean(-1))
        brevity = np.exp(np.minimum(0, 1 - sums[..., 0] / sums[..., 1]))
    result: NDArray[np.float64] = np.where((written > 0).all(-1), mean * brevity, np.nan)
    return result


def rouge_l(reference: str, said: str) -> float:
    """Return the F1 of the longest common subsequence of words, 0 to 1."""
    true, written = words_of(reference), words_of(said)
    if not true or not written:
        return float(true == written)
    before = [0] * (len(written) + 1)
    for word in true:
        row = [0]
        for j, other in enumerate(written):
            row.append(before[j] + 1 if word == other else max(before[j + 1], row[j]))
        before = row
    return 2 * before[-1] / (len(true) + len(written))


def _grams(words: list[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))
