"""Measure on real pictures of papers and specimens that were never trained on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..datasets.questions import BUILDERS, Asker
from ..datasets.real_masks import read_real
from ..datasets.synthetic.truth import CATEGORIES
from ..datasets.teacher_labels import RealPicture
from ..errors import SourceError
from ..models.base import Model
from ..regions import Cutout, Region
from .judging import judge, pointing, said_number
from .scores import Scores
from .synthetic import Blind, ask

__all__ = ["measure_real"]

ASKED = (
    "category",
    "technique",
    "defect",
    "present",
    "density",
    "orientation",
    "contrast",
    "arrangement",
    "shape",
    "count",
)

NEAR = 0.2
"""A count of more than twelve is near if it is at most this share off."""


def measure_real(model: Model, folder: Path, *, say: Callable[[str], None] | None = None) -> Scores:
    """Ask about the real pictures of the test split.

    Parameters
    ----------
    model : Model
        Such as the student.
    folder : Path
        Holds ``teacher_labels.jsonl`` and the pictures.
    say : callable, optional
        Called with a line of progress now and then.

    Raises
    ------
    SourceError
        If no picture of the folder belongs to the test split.
    """
    pictures = [p for p in read_real(folder) if p.in_test]
    if not pictures:
        raise SourceError(f"{folder} holds no picture of the test split.")
    regions = [Cutout.of_array(p.read()).read() for p in pictures]
    blind, scores = Blind(model, regions), Scores()
    for i, (picture, region) in enumerate(zip(pictures, regions, strict=True)):
        _measure(model, picture, region, i, scores, blind)
        if say is not None and (i + 1) % 50 == 0:
            say(f"{i + 1} of {len(pictures)} real pictures")
    return scores


def _measure(
    model: Model,
    picture: RealPicture,
    region: Region,
    number: int,
    scores: Scores,
    blind: Blind,
) -> None:
    facts = picture.facts
    asker = Asker(facts, np.random.default_rng([number, 2]))
    for kind in ASKED:
        item = BUILDERS[kind](asker)
        if item is None or (kind == "defect" and len(facts.kinds) > 1):
            continue
        answer = ask(model, region, item)
        if kind == "count":
            if isinstance(facts.count, int):
                said = said_number(answer.text)
                near = said is not None and abs(said - facts.count) <= max(NEAR * facts.count, 1)
                scores.add("count, within 20 % or 1", near)
            continue
        scores.add(
            kind,
            judge(kind, item.answer, answer.text),
            truth=item.answer.split(",")[0] if kind == "present" else item.answer,
            said=answer.text.casefold(),
            blind=judge(kind, item.answer, blind.answer(kind, facts.objects)),
        )
        if kind == "defect" and item.grounded is not None:
            hit, chance = pointing(answer.attention[0], item.grounded)
            scores.add("pointing game, cracks in coatings", hit, chance=chance)
    if facts.category is not None:
        best = model.classify([region], CATEGORIES).best[0]
        scores.add("category, classify", best == facts.category, truth=facts.category, said=best)
