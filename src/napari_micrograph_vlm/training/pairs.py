"""Pairs of pictures to compare, and the questions about them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..datasets.comparisons import PairQuestion, compare
from ..datasets.facts import Facts
from .shards import Picture

__all__ = ["Pair", "PairChoice", "questions_about_pair"]

Pair = tuple[Picture, Picture]

TRIES = 4
"""Questions drawn for each that is wanted: some cannot be answered, some are of one kind."""


class PairChoice:
    """Chooses the second picture of a pair.

    Half of the pairs share their category or their defects (or that they have none); of pictures
    drawn at random nearly all differ, and "no" would be the answer to learn.
    """

    def __init__(self) -> None:
        self._all: list[Picture] = []
        self._alike: dict[tuple[str, str], list[Picture]] = {}

    def __len__(self) -> int:
        return len(self._all)

    def add(self, picture: Picture) -> None:
        """Take one more picture to choose from."""
        self._all.append(picture)
        for trait in _traits(picture.facts):
            self._alike.setdefault(trait, []).append(picture)

    def partner(self, first: Picture, rng: np.random.Generator) -> Picture:
        """Return another picture to compare with ``first``.

        There have to be two at least.
        """
        pool = self._all
        traits = _traits(first.facts)
        if traits and rng.random() < 0.5:
            alike = self._alike.get(traits[int(rng.integers(len(traits)))], [])
            pool = alike if len(alike) > 1 else pool
        i = int(rng.integers(len(pool)))
        return pool[i - 1] if pool[i] is first else pool[i]


def questions_about_pair(pair: Pair, rng: np.random.Generator, n: int) -> list[PairQuestion]:
    """Write up to ``n`` questions of different kinds about two pictures."""
    found: dict[str, PairQuestion] = {}
    for _ in range(TRIES * n):
        item = compare(pair[0].facts, pair[1].facts, rng)
        if item is not None:
            found.setdefault(item.kind, item)
        if len(found) == n:
            break
    return list(found.values())


def _traits(facts: Facts) -> Sequence[tuple[str, str]]:
    """Return by what pictures are called alike."""
    traits = []
    if facts.category is not None:
        traits.append(("category", facts.category))
    if facts.defects is not None:
        traits.append(("defects", " ".join(sorted(facts.kinds))))
    return traits
