"""Questions about two regions, each with what it should look at in either."""

from __future__ import annotations

import numpy as np

from .comparing import PAIR_BUILDERS, Pair, PairQuestion
from .facts import Facts

__all__ = ["PAIR_KINDS", "PairQuestion", "compare", "comparisons_of"]

PAIR_KINDS: tuple[str, ...] = tuple(PAIR_BUILDERS)
"""The kinds of question about two regions."""

_SHARES = {"compare defects": 1.5, "which has": 2.0, "difference": 1.5, "compare density": 0.7}
"""How often a kind is asked, against 1 for the others."""

_THINNED = (
    ("compare category", "no", 0.6),
    ("compare kind", "no", 0.35),
    ("compare kind", "both have none", 0.5),
    ("compare defects", "both have none", 0.3),
    ("difference", "the first region shows", 0.35),
)
"""Kind, how its commoner answer starts, and which share of those is kept."""


def compare(
    first: Facts,
    second: Facts,
    rng: np.random.Generator,
    *,
    held_out: bool = False,
    kind: str | None = None,
) -> PairQuestion | None:
    """Write one question about two regions.

    Parameters
    ----------
    first, second : Facts
        What is known about the regions, in their order.
    rng : numpy.random.Generator
        Chooses the kind and the phrasing.
    held_out : bool
        Use only phrasings kept for the test.
    kind : str, optional
        One of ``PAIR_KINDS``; drawn by default. Of the drawn ones a common answer is left out now
        and then, so that one given blindly is not right too often.

    Returns
    -------
    PairQuestion or None
        None where the facts settle no question, or not this one.
    """
    pair = Pair(first, second, rng, held_out)
    if kind is not None:
        return PAIR_BUILDERS[kind](pair)
    shares = np.array([_SHARES.get(name, 1.0) for name in PAIR_BUILDERS])
    # The Gumbel trick draws an order without replacement, each kind in proportion to its share.
    order = np.argsort(-(np.log(shares) + rng.gumbel(size=len(shares))))
    names = list(PAIR_BUILDERS)
    for i in order:
        item = PAIR_BUILDERS[names[i]](pair)
        if item is not None and _kept(item, rng):
            return item
    return None


def comparisons_of(
    first: Facts, second: Facts, rng: np.random.Generator, *, held_out: bool = False
) -> list[PairQuestion]:
    """Write one question of every kind that the facts of two regions can answer."""
    made = (compare(first, second, rng, held_out=held_out, kind=kind) for kind in PAIR_KINDS)
    return [item for item in made if item is not None]


def _kept(item: PairQuestion, rng: np.random.Generator) -> bool:
    """Leave out most of what chance makes common: different samples, neither region."""
    for kind, start, share in _THINNED:
        if item.kind == kind and item.answer.startswith(start):
            return bool(rng.random() < share)
    return True
