"""Insertion and deletion curves of the overlay on synthetic pictures.

What is read off is the probability that the model gives to the true kind of defect; see
:mod:`..attention.faithfulness`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ..attention.faithfulness import (
    SHARES,
    area_under,
    blurred,
    curves_of,
    mixed,
    steps_of,
)
from ..datasets.phrasings import PHRASINGS
from ..models.base import Model
from ..regions import Region
from ..results import Question
from ..training.variation import Drawn
from .answers import DEFECT_LABELS
from .found import Case
from .judging import LARGE_SHARE, touched

__all__ = ["SHARES", "area_under", "blurred", "faithfulness_of", "mixed", "steps_of"]

GRID = (12, 12)


def faithfulness_of(model: Model, one: Drawn, seed: int) -> Iterator[Case]:
    """Measure both curves on one picture with one small kind of defect; nothing on others.

    Yields
    ------
    Case
        Areas under the curves of insertion and deletion, 0 to 1, beside those of a random order.
    """
    mask = one.facts.mask_of()
    if len(one.facts.kinds) != 1 or mask is None or touched(mask, GRID).mean() > LARGE_SHARE:
        return
    truth = DEFECT_LABELS.index(one.facts.kinds[0])

    def probability(regions: Sequence[Region]) -> NDArray[np.float64]:
        found = model.classify(regions, DEFECT_LABELS).probabilities
        return found[:, truth].astype(np.float64)

    said = model.ask(Question(PHRASINGS["defect"][0], (one.region,)))
    values = said.attention[0].values
    rng = np.random.default_rng([seed, 4])
    random = rng.permutation(values.size).reshape(values.shape).astype(np.float32)
    shown, chance = curves_of(one.region, (values, random), probability)
    for name in ("insertion", "deletion"):
        yield Case(
            "overlay",
            f"area under the {name} curve",
            f"seed {seed}",
            getattr(shown, name),
            {"random": getattr(chance, name)},
        )
