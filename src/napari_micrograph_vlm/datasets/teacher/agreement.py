"""Whether two answers say the same."""

from __future__ import annotations

import re
from collections import Counter

__all__ = ["NEAR", "near", "numbers_in", "plain_words", "same_answer", "token_f1"]

NEAR = 0.2
"""Two counts agree if they are at most this share, or one, apart."""

ENOUGH = 0.6
"""Token-F1 from which two free answers agree."""

_NUMBERS = {
    "zero": "0",
    "one": "1",
    "two": "2",
    "three": "3",
    "four": "4",
    "five": "5",
    "six": "6",
    "seven": "7",
    "eight": "8",
    "nine": "9",
    "ten": "10",
    "eleven": "11",
    "twelve": "12",
}
_SMALL = frozenset(
    ("a", "an", "the", "of", "is", "are", "it", "its", "there", "in", "at", "on", "to", "and")
)
_SAME = {
    "upper": "top",
    "lower": "bottom",
    "center": "centre",
    "middle": "centre",
    "central": "centre",
    "gray": "grey",
    "light": "bright",
    "brighter": "bright",
    "brightest": "bright",
    "darker": "dark",
    "darkest": "dark",
    "round": "spherical",
    "rounded": "spherical",
    "none": "no",
    "not": "no",
    "without": "no",
    "larger": "large",
    "smaller": "small",
}
_OPPOSITES = (
    frozenset(("top", "bottom")),
    frozenset(("left", "right")),
    frozenset(("bright", "dark")),
    frozenset(("large", "small")),
    frozenset(("smooth", "rough")),
    frozenset(("horizontal", "vertical", "diagonal", "random")),
    frozenset(("sparse", "dense")),
    frozenset(("vertically", "horizontally", "diagonally")),
)


def plain_words(text: str) -> list[str]:
    """Return the words that carry the meaning, each in one spelling."""
    words = re.findall(r"\d+(?:\.\d+)?|[^\W\d_]+", text.casefold())
    same = (_SAME.get(word, _NUMBERS.get(word, word)) for word in words)
    return [word for word in same if word not in _SMALL]


def numbers_in(text: str) -> list[float]:
    """Return the numbers of a text, whether in digits or in words up to twelve."""
    return [float(word) for word in plain_words(text) if word[0].isdigit()]


def token_f1(first: str, second: str) -> float:
    """Return how far the words of two texts overlap, 0 to 1."""
    one, two = plain_words(first), plain_words(second)
    if not one or not two:
        return float(one == two)
    shared = sum((Counter(one) & Counter(two)).values())
    return 2 * shared / (len(one) + len(two))


def near(first: float, second: float) -> bool:
    """Whether two counts agree."""
    return abs(first - second) <= max(1.0, NEAR * max(first, second))


def same_answer(first: str, second: str) -> bool:
    """Whether two free answers say the same.

    Numbers must be near, yes and no must not be mixed, and words of opposite meaning (left and
    right, bright and dark) must be the same; then the same words, or a token-F1 of 0.6, do.
    """
    one, two = plain_words(first), plain_words(second)
    if one == two:
        return True
    if ("no" in one) != ("no" in two) or ("yes" in one) != ("yes" in two):
        return False
    if {"yes", "no"} & {*one[:1]} and one[0] == two[0]:
        return True
    for group in _OPPOSITES:
        here, there = group & {*one}, group & {*two}
        if here and there and here != there:
            return False
    numbers = sorted(numbers_in(first)), sorted(numbers_in(second))
    if any(numbers):
        if len(numbers[0]) != len(numbers[1]):
            return False
        if not all(near(a, b) for a, b in zip(*numbers, strict=True)):
            return False
        one = [word for word in one if not word[0].isdigit()]
        two = [word for word in two if not word[0].isdigit()]
        return token_f1(" ".join(one), " ".join(two)) >= ENOUGH or not one or not two
    return token_f1(first, second) >= ENOUGH
