"""How likely answers and labels are, from what a server tells about tokens, or from asking."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import log
from string import ascii_uppercase

import numpy as np
from numpy.typing import NDArray

from ...attention.occlusion import same_words
from .protocol import Token

__all__ = ["ASKED", "Choice", "likelihood_of", "probabilities_of"]

LEAST = log(1e-4)
"""Logarithm of the probability given to what was not among the tokens a server told about."""

GROUP = 16
"""Most labels in one question: servers tell about 20 tokens, and some of these are no letters."""

ASKED = 4
"""In how many orders labels are put where the server tells no probabilities."""

ORDERS = 2
"""In how many where it does."""


@dataclass(frozen=True)
class Choice:
    """What was said when one of several lettered labels was to be chosen.

    Attributes
    ----------
    text : str
        What the model wrote.
    top : mapping of str to float
        The most probable first tokens and the logarithms of their probabilities; empty where the
        server does not tell.
    """

    text: str
    top: Mapping[str, float] = field(default_factory=dict)


def likelihood_of(answer: str, said: str, tokens: Sequence[Token], *, cut: bool = False) -> float:
    """Estimate how likely a model finds an answer from what it says instead.

    The tokens are followed as long as they write the answer. Where they first leave it, the token
    that would have gone on with it counts, and the rest, which nobody told about, is taken for
    sure. Where they end before it does, going on was at most as likely as what is not told about.

    Parameters
    ----------
    answer : str
        The answer to be judged.
    said : str
        What the model wrote this time.
    tokens : sequence of Token
        The tokens of ``said``; empty where the server tells nothing about them.
    cut : bool
        Whether ``said`` ends only because there was no room for more.

    Returns
    -------
    float
        Logarithm; 0 is certain.
    """
    if not tokens:
        return log(max(same_words(answer, said), 1e-3))
    written, total = "", 0.0
    for token in tokens:
        after = (written + token.text).lstrip()
        if answer.startswith(after):
            total += min(token.logprob, 0.0)
            written = after
            if written == answer:
                return total
            continue
        if written == answer.strip():  # it only goes on
            return total
        rest = answer[len(written) :]
        others = [
            value
            for text, value in token.top.items()
            if text.strip() and rest.lstrip().startswith(text.strip())
        ]
        return total + (max(others) if others else min([*token.top.values(), LEAST]))
    return total if cut or written.strip() == answer.strip() else total + LEAST


def probabilities_of(
    labels: Sequence[str], choose: Callable[[str], Choice], sentences: Sequence[str] = ()
) -> NDArray[np.float64]:
    """Return the probability of each label, (L,), by having one chosen.

    Parameters
    ----------
    labels : sequence of str
        At least two. Where there are more than ``GROUP``, each group's winner meets the others.
    choose : callable
        Puts a question and returns the choice.
    sentences : sequence of str
        What each label looks like, as far as somebody said; empty: nobody did.
    """
    if len(labels) <= GROUP:
        return _among(labels, choose, sentences)
    # As equal in size as possible: the last group must not be a single label.
    groups = np.array_split(np.arange(len(labels)), -(-len(labels) // GROUP))
    inside = [_among(_at(labels, group), choose, _at(sentences, group)) for group in groups]
    winners = [int(group[p.argmax()]) for group, p in zip(groups, inside, strict=True)]
    final = probabilities_of(_at(labels, winners), choose, _at(sentences, winners))
    found = np.zeros(len(labels))
    for group, p, share in zip(groups, inside, final, strict=True):
        found[group] = share * p / p.max()
    result: NDArray[np.float64] = found / found.sum()
    return result


def _at(texts: Sequence[str], places: Iterable[int]) -> list[str]:
    return [texts[i] for i in places] if texts else []


def _among(
    labels: Sequence[str], choose: Callable[[str], Choice], sentences: Sequence[str]
) -> NDArray[np.float64]:
    """Put up to ``GROUP`` labels in several orders and return the mean, (L,)."""
    count = len(labels)
    logs, votes, asked = np.zeros(count), np.zeros(count), 0
    while asked < ASKED:
        order = _order(count, asked)
        choice = choose(_question(_at(labels, order), _at(sentences, order)))
        asked += 1
        letters = _letters(choice.top, count)
        if letters is not None:
            logs[order] += letters
            if asked == ORDERS and not votes.any():
                return _softmax(logs / ORDERS)
            continue
        said = _chosen(choice.text, _at(labels, order))
        if said is not None:
            votes[order[said]] += 1
    # Half a vote for everybody: four votes of four are no certainty.
    result: NDArray[np.float64] = (votes + 0.5) / (votes.sum() + 0.5 * count)
    return result


def _order(count: int, turn: int) -> NDArray[np.int64]:
    """Return the labels' order: forwards, backwards, and both from the middle on."""
    order = np.roll(np.arange(count), (turn // 2) * (count // 2))
    return order[::-1] if turn % 2 else order


def _question(labels: Sequence[str], sentences: Sequence[str]) -> str:
    told = [f": {sentence}" if sentence else "" for sentence in sentences or [""] * len(labels)]
    lines = [
        f"{letter}) {label}{sentence}"
        for letter, label, sentence in zip(ascii_uppercase, labels, told, strict=False)
    ]
    return "\n".join(
        ["Which of these describes the picture best?", *lines, "Answer with the letter only."]
    )


def _letters(top: Mapping[str, float], count: int) -> NDArray[np.float64] | None:
    """Return the logarithm of each letter's probability, (count,); None where none was told."""
    found = np.full(count, -np.inf)
    for text, value in top.items():
        letter = text.strip(" \t\n().*\"'▁Ġ").upper()
        if len(letter) == 1 and letter in ascii_uppercase[:count]:
            place = ascii_uppercase.index(letter)
            found[place] = np.logaddexp(found[place], value)
    if not np.isfinite(found).any():
        return None
    least = min(LEAST, float(found[np.isfinite(found)].min()))
    result: NDArray[np.float64] = np.maximum(found, least)
    return result


def _chosen(text: str, labels: Sequence[str]) -> int | None:
    """Return the place of the label that a text chooses, by its letter or its name."""
    letter = re.match(r"\W*([A-Za-z])\b", text)
    if letter is not None:
        place = ascii_uppercase.find(letter.group(1).upper())
        if 0 <= place < len(labels):
            return place
    named = [i for i, label in enumerate(labels) if label.casefold() in text.casefold()]
    # "bridge" is in "micro-bridge", too.
    return max(named, key=lambda i: len(labels[i])) if named else None


def _softmax(logs: NDArray[np.float64]) -> NDArray[np.float64]:
    shares = np.exp(logs - logs.max())
    result: NDArray[np.float64] = shares / shares.sum()
    return result
