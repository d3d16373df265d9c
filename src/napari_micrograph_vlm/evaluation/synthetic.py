"""Measure on synthetic micrographs whose seeds were never trained on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..datasets.facts import SPREAD, Facts
from ..datasets.phrasings import PHRASINGS
from ..datasets.questions import BUILDERS, Asker, QuestionAnswer
from ..datasets.synthetic.truth import CATEGORIES, DEFECT_KINDS
from ..datasets.wording import NO_DEFECT
from ..models.base import Model
from ..regions import Region
from ..results import Answer, Question
from ..training.building import draw_picture
from ..training.recipe import TEST_SEED, Recipe
from ..training.variation import Variation
from .judging import LARGE_SHARE, judge, pointing, said_number
from .scores import Scores

__all__ = ["measure_synthetic"]

ASKED = (
    "category",
    "technique",
    "defect",
    "present",
    "where",
    "how many defects",
    "count",
    "size",
    "density",
    "orientation",
    "contrast",
    "arrangement",
)
HELD_OUT_ASKED = ("category", "defect", "present", "where")


def measure_synthetic(
    model: Model,
    images: int,
    *,
    first_seed: int = TEST_SEED,
    say: Callable[[str], None] | None = None,
) -> Scores:
    """Ask about whole synthetic pictures as the plugin does.

    Parameters
    ----------
    model : Model
        Such as the student.
    images : int
        Pictures to ask about.
    first_seed : int
        Seed of the first.
    say : callable, optional
        Called with a line of progress now and then.
    """
    scores = Scores()
    whole = Variation(crop=0, zoom=0, outline=0, stretch=0)
    drawn = [
        draw_picture(seed, Recipe(large=0), whole)
        for seed in range(first_seed, first_seed + images)
    ]
    blind = Blind(model, [d.region for d in drawn])
    for i, one in enumerate(drawn):
        measure_picture(model, one.region, one.facts, i, scores, blind)
        if say is not None and (i + 1) % 50 == 0:
            say(f"{i + 1} of {images} synthetic pictures")
    return scores


class Blind:
    """The model in front of the mean picture: what it would say without looking.

    One phrasing stands for all of a kind, or this would take as long as everything else.
    """

    def __init__(self, model: Model, regions: list[Region]) -> None:
        self.model = model
        self.region = mean_region(regions)
        self._said: dict[str, str] = {}

    def answer(self, kind: str, objects: str | None) -> str:
        """Return the answer to a kind of question about the mean picture."""
        text = PHRASINGS[kind][0].format_map({"objects": objects or "objects"})
        if text not in self._said:
            self._said[text] = self.model.ask(Question(text, (self.region,))).text
        return self._said[text]


def mean_region(regions: list[Region], side: int = 384) -> Region:
    """Return the mean of some square regions of one size; of others, grey."""
    same = [r.pixels for r in regions if r.pixels.shape == (side, side)]
    if not same:
        return Region(np.full((side, side), 0.5, np.float32), (0, 0, side, side), source="blind")
    mean = np.stack(same).mean(axis=0).astype(np.float32)
    return Region(mean, (0, 0, side, side), source="blind")


def ask(model: Model, region: Region, item: QuestionAnswer) -> Answer:
    """Ask a question about a region."""
    return model.ask(Question(item.question, (region,), item.turns))


def measure_picture(
    model: Model, region: Region, facts: Facts, number: int, scores: Scores, blind: Blind
) -> None:
    """Ask everything about one picture and count the hits."""
    for held_out in (False, True):
        asker = Asker(facts, np.random.default_rng([number, held_out]), held_out)
        for kind in HELD_OUT_ASKED if held_out else ASKED:
            item = BUILDERS[kind](asker)
            if item is None or not _fair(kind, facts):
                continue
            answer = ask(model, region, item)
            name = f"{kind}, held-out phrasing" if held_out else kind
            without = None if held_out else blind.answer(kind, facts.objects)
            _count(name, kind, item, answer, scores, without)
    _classify(model, region, facts, scores)


def _fair(kind: str, facts: Facts) -> bool:
    """Whether one answer alone is right: one kind of defect, an exact count."""
    if kind == "defect":
        return facts.defects is not None and len(facts.kinds) <= 1
    if kind == "where":
        return len(facts.kinds) == 1
    if kind == "count":
        return isinstance(facts.count, int) and facts.count <= 12
    return True


def _count(
    name: str,
    kind: str,
    item: QuestionAnswer,
    answer: Answer,
    scores: Scores,
    blind: str | None,
) -> None:
    if kind == "where":
        several = " and " in item.answer or SPREAD in item.answer
        name = f"{name}, {'several places' if several else 'one place'}"
    scores.add(
        name,
        judge(kind, item.answer, answer.text),
        truth=item.answer.split(",")[0] if kind == "present" else item.answer,
        said=answer.text.casefold(),
        blind=None if blind is None else judge(kind, item.answer, blind),
    )
    if kind == "count" and blind is not None:
        true, said = said_number(item.answer), said_number(answer.text)
        near = true is not None and said is not None and abs(true - said) <= 1
        scores.add("count, within 1", near)
    if kind == "defect" and item.grounded is not None:
        hit, chance = pointing(answer.attention[0], item.grounded)
        size = "large defects" if chance > LARGE_SHARE else "pointing game"
        name = name.replace("defect", size, 1) if "held" in name else size
        scores.add(name, hit, chance=chance)


def _classify(model: Model, region: Region, facts: Facts, scores: Scores) -> None:
    if facts.category in CATEGORIES:
        best = model.classify([region], CATEGORIES).best[0]
        scores.add("category, classify", best == facts.category, truth=facts.category, said=best)
    if facts.defects is not None and len(facts.kinds) <= 1:
        truth = facts.kinds[0] if facts.kinds else NO_DEFECT
        best = model.classify([region], (NO_DEFECT, *DEFECT_KINDS)).best[0]
        scores.add("defect, classify", best == truth, truth=truth, said=best)
