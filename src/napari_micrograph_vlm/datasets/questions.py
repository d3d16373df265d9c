"""From the facts about a picture to questions and answers, each with what it should look at."""

from __future__ import annotations

import numpy as np

from .about_defects import DEFECT_BUILDERS
from .about_pictures import PICTURE_BUILDERS
from .about_samples import SAMPLE_BUILDERS
from .about_sizes import SIZE_BUILDERS
from .asking import Asker, Builder, QuestionAnswer
from .comparisons import PAIR_KINDS
from .facts import Facts
from .follow_ups import follow_up

__all__ = [
    "BUILDERS",
    "KINDS",
    "KIND_SHARES",
    "Asker",
    "QuestionAnswer",
    "ask_about",
    "questions_about",
]

BUILDERS: dict[str, Builder] = {
    **SAMPLE_BUILDERS,
    **DEFECT_BUILDERS,
    **SIZE_BUILDERS,
    **PICTURE_BUILDERS,
    "follow-up": follow_up,
}
"""Kind of question -> what writes one."""

KINDS: tuple[str, ...] = (*BUILDERS, *PAIR_KINDS)
"""Every kind of question, those about two regions last."""

KIND_SHARES: dict[str, float] = {
    # Places, counts and sizes are the hardest: they are asked for most.
    "where": 9.0,
    "where kind": 7.0,
    "follow-up": 4.5,
    "count": 5.0,
    "how many defects": 3.5,
    "how many kind": 2.0,
    "how large": 3.0,
    "how large in units": 2.0,
    "object size": 1.2,
    "object size in units": 0.8,
    "coverage": 1.2,
    "largest where": 3.0,
    "half": 2.8,
    "more than": 1.2,
    "defect": 3.5,
    "category": 3.0,
    "present": 1.5,
    "is there": 2.0,
    "describe": 1.5,
    "quality": 1.4,
    "defect shape": 1.0,
    "most frequent": 0.4,
    "technique": 0.5,
    "is technique": 0.3,
    "is sample": 0.5,
    "shape": 0.5,
    "ordered": 0.4,
    "noisy or blurred": 0.8,
    "is quality": 1.2,
    "information bar": 1.0,
    # Few pictures can be asked these.
    "direction": 3.0,
    "which larger": 3.0,
    "through": 3.0,
    "field of view": 0.25,
}
"""How often a kind is trained on, against 1 for the others."""

_THINNED: dict[str, tuple[str, float]] = {
    "present": ("yes", 0.4),
    "technique": ("SEM", 0.3),
    "quality": ("nothing", 0.35),
    "noisy or blurred": ("no", 0.2),
    "is quality": ("no", 0.2),
    "information bar": ("no", 0.5),
}
"""Kind -> how its commoner answer starts, and which share of those is kept.

Without it an answer given blindly would be right too often.
"""


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
        if item is not None and _kept(item, rng):
            found.append(item)
    return found


def questions_about(
    facts: Facts, rng: np.random.Generator, *, held_out: bool = False
) -> list[QuestionAnswer]:
    """Write one question of every kind that the facts can answer.

    Common answers to questions of yes or no are left out now and then, as :func:`ask_about` does.
    """
    asker = Asker(facts, rng, held_out)
    made = (build(asker) for build in BUILDERS.values())
    return [item for item in made if item is not None and _kept(item, rng)]


def _kept(item: QuestionAnswer, rng: np.random.Generator) -> bool:
    start, share = _THINNED.get(item.kind, ("", 1.0))
    return share == 1 or not item.answer.startswith(start) or bool(rng.random() < share)
