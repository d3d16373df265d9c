"""What is said without looking: at the mean picture, at another picture, or always the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..models.base import Model
from ..models.student.physical import plain
from ..regions import Region
from ..results import Answer, Question
from .found import Reply
from .items import Item
from .judging import meaning

__all__ = [
    "BLIND",
    "MAJORITY",
    "SHUFFLED",
    "Blind",
    "ask",
    "best_answers",
    "majority_answers",
    "mean_region",
]

BLIND, SHUFFLED, MAJORITY = "blind", "shuffled", "majority"

SIDE = 384

CHECKS = "check_pictures"
"""Attribute of a model that refuses what is no micrograph."""


def ask(model: Model, regions: tuple[Region, ...], item: Item) -> Answer:
    """Ask a question of the test about some regions."""
    return model.ask(Question(item.question, regions, item.turns))


@contextmanager
def _unchecked(model: Model) -> Iterator[None]:
    """Have a model answer about a mean picture, which it would not take for a micrograph.

    Refused, the question would not be guessed at, and looking would seem to bring more than it
    does.
    """
    checks = getattr(model, CHECKS, None)
    if checks is None:
        yield
        return
    setattr(model, CHECKS, False)
    try:
        yield
    finally:
        setattr(model, CHECKS, checks)


class Blind:
    """A model in front of the mean picture: what it says without seeing anything.

    Parameters
    ----------
    model : Model
        Such as the student.
    regions : sequence of Region
        The pictures whose mean it is shown.
    """

    def __init__(self, model: Model, regions: Sequence[Region]) -> None:
        self.model = model
        self.region = mean_region(regions)
        self._said: dict[object, str] = {}

    def answer(self, item: Item, regions: int = 1) -> str:
        """Return the answer to a question about as many mean pictures."""
        key = item.question, item.turns, regions
        if key not in self._said:
            with _unchecked(self.model):
                self._said[key] = ask(self.model, (self.region,) * regions, item).text
        return self._said[key]


def mean_region(regions: Sequence[Region], side: int = SIDE) -> Region:
    """Return the mean of some grey pictures, each brought to ``side`` by ``side`` pixels."""
    from skimage import transform

    change: Any = transform  # its functions have no types
    pictures = []
    for region in regions:
        grey = region.pixels.mean(-1) if region.is_rgb else region.pixels
        same = grey.shape == (side, side)
        pictures.append(grey if same else change.resize(grey, (side, side), anti_aliasing=True))
    mean = np.mean(pictures, axis=0) if pictures else np.full((side, side), 0.5)
    return Region(mean.astype(np.float32), (0, 0, side, side), source="mean picture")


def majority_answers(replies: Iterable[Reply]) -> dict[str, str]:
    """Return the most frequent right answer to each kind of question.

    Lengths in nanometres are left out. It is taken from the test itself, which no real guesser
    could do: the strongest guess that looks at no picture and always says the same.
    """
    counts: dict[str, Counter[str]] = {}
    for reply in replies:
        counts.setdefault(reply.kind, Counter())[plain(reply.truth)] += 1
    return {kind: count.most_common(1)[0][0] for kind, count in counts.items()}


def best_answers(replies: Iterable[Reply]) -> dict[str, str]:
    """Return the one answer to each kind of question that is judged right most often.

    Not always the most frequent text: "yes, a pore" and "yes, a crack" are both right where only
    yes or no is judged. Taken from the test itself, as :func:`majority_answers`.
    """
    counts: dict[str, dict[Hashable, Counter[str]]] = {}
    for reply in replies:
        truth = plain(reply.truth)
        alike = counts.setdefault(reply.kind, {})
        alike.setdefault(meaning(reply.kind, truth), Counter())[truth] += 1
    return {
        kind: max(alike.values(), key=Counter.total).most_common(1)[0][0]
        for kind, alike in counts.items()
    }
