"""From the facts about a picture to questions and answers, each with what it should look at."""

from __future__ import annotations

import numpy as np

from .about_defects import DEFECT_BUILDERS
from .about_samples import SAMPLE_BUILDERS
from .asking import Asker, Builder, QuestionAnswer
from .facts import Facts
from .follow_ups import follow_up

__all__ = ["BUILDERS", "KIND_SHARES", "Asker", "QuestionAnswer", "ask_about", "questions_about"]

BUILDERS: dict[str, Builder] = {**SAMPLE_BUILDERS, **DEFECT_BUILDERS, "follow-up": follow_up}
"""Kind of question -> what writes one."""

KIND_SHARES: dict[str, float] = {
    "category": 2.0,
    "defect": 3.0,
    "where": 6.0,
    "where kind": 5.0,
    "present": 1.5,
    "is there": 1.5,
    "follow-up": 4.0,
    "how many defects": 2.0,
    "count": 3.0,
    "technique": 0.5,
    "is sample": 0.5,
    "shape": 0.5,
}
"""How often a kind is trained on, against 1 for the others."""


def ask_about(
    facts: Facts, rng: np.random.Generator, n: int, *, held_out: bool = False
) -> list[QuestionAnswer]:
    """Write up to ``n`` questions of different kinds about a picture.

    Parameters
    ----------
    facts : Facts
        What is known.
    rng : numpy.random.Generator
        Chooses kinds and phrasings.
    n : int
        How many at most.
    held_out : bool
        Use only phrasings kept for the test.
    """
    kinds = list(BUILDERS)
    shares = np.array([KIND_SHARES.get(kind, 1.0) for kind in kinds])
    # The Gumbel trick draws an order without replacement, each kind in proportion to its share.
    order = np.argsort(-(np.log(shares) + rng.gumbel(size=len(kinds))))
    asker = Asker(facts, rng, held_out)
    found: list[QuestionAnswer] = []
    if facts.qa and not held_out and rng.random() < 0.5:
        question, answer = facts.qa[int(rng.integers(len(facts.qa)))]
        found.append(QuestionAnswer(question, answer, "free"))
    for i in order:
        if len(found) >= n:
            break
        item = BUILDERS[kinds[i]](asker)
        if item is not None:
            found.append(item)
    return found


def questions_about(
    facts: Facts, rng: np.random.Generator, *, held_out: bool = False
) -> list[QuestionAnswer]:
    """Write one question of every kind that the facts can answer."""
    asker = Asker(facts, rng, held_out)
    made = (build(asker) for build in BUILDERS.values())
    return [item for item in made if item is not None]
