"""Short statements about a picture, for the contrastive and the matching loss.

All statements of one batch speak of the same aspect, so that two pictures with the same statement
are known to match and two with different ones are known not to.
"""

from __future__ import annotations

import numpy as np

from .facts import Facts
from .phrasings import phrase
from .wording import NO_DEFECT

__all__ = ["ASPECTS", "ASPECT_SHARES", "aspect_value", "statement"]

ASPECTS: tuple[str, ...] = ("defect", "category", "technique", "contrast", "arrangement")
"""What the statements of a batch can speak of."""

ASPECT_SHARES: tuple[float, ...] = (0.5, 0.35, 0.05, 0.05, 0.05)

QUESTIONS = {"category": "What kind of sample is this?", "defect": "What defect is this?"}
"""The questions under which classes are compared, as the model's ``domain`` names them."""


def aspect_value(facts: Facts, aspect: str) -> str | None:
    """Return what the facts say of an aspect; None where they do not settle it.

    A picture with two kinds of defect says nothing: either name alone would be half true.
    """
    if aspect == "defect":
        if facts.defects is None or len(facts.kinds) > 1:
            return None
        return facts.kinds[0] if facts.kinds else NO_DEFECT
    value = getattr(facts, aspect)
    return value if isinstance(value, str) else None


def statement(
    value: str, aspect: str, objects: str | None, rng: np.random.Generator
) -> tuple[str, str]:
    """Write a statement: a question and its answer.

    Parameters
    ----------
    value : str
        From :func:`aspect_value`.
    aspect : str
        One of ``ASPECTS``.
    objects : str or None
        What the picture shows, for the question.
    rng : numpy.random.Generator
        Chooses the words.
    """
    question = QUESTIONS.get(aspect)
    if question is None or rng.random() < 0.4:
        question = phrase(aspect, rng, {"objects": objects or "objects"}, rough=False)
    return question, value
