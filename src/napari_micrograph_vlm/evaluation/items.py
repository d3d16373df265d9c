"""The questions of the test: the same for every model.

Every picture is asked every kind of question that its facts answer, in turn with a phrasing of the
training and with one that no training has seen; the kinds of :data:`BOTH_WAYS` in both. Every
second picture is also compared with the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..datasets.comparisons import compare
from ..datasets.facts import Facts, Mask
from ..datasets.questions import BUILDERS, QuestionAnswer, questions_about
from ..models.student.physical import Expander, scale_of
from ..regions import Region
from ..results import Turn
from ..training.building import draw_picture
from ..training.recipe import Recipe
from ..training.variation import Drawn, Variation

__all__ = ["BOTH_WAYS", "Item", "draw", "items_about", "items_comparing", "with_lengths"]

BOTH_WAYS = ("category", "defect", "present", "where")
"""Kinds of question asked with both phrasings of every picture."""

WHOLE = Variation(crop=0, zoom=0, outline=0, zoom_large=0, stretch=0)


@dataclass(frozen=True, eq=False)
class Item:
    """One question of the test.

    Attributes
    ----------
    kind, question, answer : str
        As in :class:`..datasets.questions.QuestionAnswer`.
    held_out : bool
        Whether no training has seen the phrasing.
    turns : tuple of Turn
        Earlier turns.
    masks : tuple of (h, w) bool arrays or None
        Where the answer is to be seen, one for each region.
    """

    kind: str
    question: str
    answer: str
    held_out: bool
    turns: tuple[Turn, ...] = ()
    masks: tuple[Mask | None, ...] = (None,)


def draw(seed: int) -> Drawn:
    """Draw the whole picture of a seed, 384 pixels a side."""
    return draw_picture(seed, Recipe(large=0), WHOLE, closer=False)


def items_about(facts: Facts, seed: int, number: int) -> list[Item]:
    """Write the questions about one picture.

    Parameters
    ----------
    facts : Facts
        What is known.
    seed : int
        Decides phrasings.
    number : int
        Place of the picture in the test; says which kinds are asked with which phrasing.
    """
    items = []
    for held_out in (False, True):
        rng = np.random.default_rng([seed, 2, held_out])
        for made in questions_about(facts, rng, held_out=held_out):
            turn = (number + _place(made.kind)) % 2 == held_out
            if turn or made.kind in BOTH_WAYS:
                items.append(_item(made, held_out))
    return items


def items_comparing(first: Facts, second: Facts, seed: int) -> Iterator[Item]:
    """Write two questions that compare two pictures, one of them in words never trained on."""
    for held_out in (False, True):
        made = compare(first, second, np.random.default_rng([seed, 3, held_out]), held_out=held_out)
        if made is not None:
            yield Item(made.kind, made.question, made.answer, held_out, (), tuple(made.grounded))


def with_lengths(text: str, regions: tuple[Region, ...], question: str) -> str:
    """Return a right answer with the lengths that the student adds to shares of the picture."""
    return Expander(scale_of(regions), question).push(text)


def _item(made: QuestionAnswer, held_out: bool) -> Item:
    return Item(made.kind, made.question, made.answer, held_out, made.turns, (made.grounded,))


def _place(kind: str) -> int:
    return list(BUILDERS).index(kind) if kind in BUILDERS else 0
