"""Measure on synthetic micrographs whose seeds were never trained on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from time import perf_counter
from typing import Any, cast

from ..errors import MicrographError
from ..models.base import Model
from ..results import Question
from ..training.variation import Drawn
from .answers import answer, labels_of, look
from .baselines import BLIND, SHUFFLED, Blind, ask
from .faithfulness import faithfulness_of
from .found import Case, Found, Skipped
from .items import Item, draw, items_about, items_comparing
from .judging import SIZES, near_size, said_number
from .robustness import robustness_of

__all__ = ["NEAR_COUNT", "NEAR_SIZE", "SECONDS", "measure_pictures"]

BLIND_EVERY, SHUFFLED_EVERY = 4, 6
"""Every how many questions the model is also asked without the picture, and with another one."""

PAIRS_EVERY, ROBUST_EVERY, FAITHFUL_EVERY, TIMED_EVERY = 2, 2, 4, 5
"""Every how many pictures more is measured: these take much longer than a question."""

MEAN_OF = 40
"""Pictures that make the mean picture."""

MOST_COUNTED = 12

NEAR_COUNT = f"count up to {MOST_COUNTED}, at most one off"
NEAR_SIZE = "size, at most one step off"
SECONDS = "seconds for a first answer with overlay"
TIMED_QUESTION = "Is there a defect?"


def measure_pictures(
    model: Model, numbers: Sequence[int], first_seed: int, images: int, *, brief: bool = False
) -> list[Found]:
    """Ask everything about some pictures of the test.

    Parameters
    ----------
    model : Model
        Such as the student.
    numbers : sequence of int
        Which of the pictures, from 0.
    first_seed, images : int
        Seed of the first picture of the test, and how many it has.
    brief : bool
        Whether to leave out what is not about right or wrong answers: baselines, changed
        conditions, pairs, times and the faithfulness of maps.
    """
    found: list[Found] = []
    blind = None if brief else _blind(cast(Any, model), first_seed, min(images, MEAN_OF))
    for number in numbers:
        seed = first_seed + number
        name = f"seed {seed}"
        try:
            one, other = _drawn(seed), _drawn(first_seed + (number + 1) % images)
            found += _measure(model, one, other, seed, number, blind)
        except MicrographError as error:
            found.append(Skipped("synthetic", name, str(error)))
    return found


def _measure(
    model: Model, one: Drawn, other: Drawn, seed: int, number: int, blind: Blind | None
) -> Iterator[Found]:
    group = f"seed {seed}"
    for place, item in enumerate(items_about(one.facts, seed, number)):
        unseeing = {} if blind is None else _unseeing(model, item, other, number + place, blind)
        reply, said = answer(model, "synthetic", group, item, (one.region,), unseeing)
        yield reply
        if item.kind == "defect":
            yield from look(item, said, "synthetic", group)
        yield from _near(item, said.text, group)
    kinds = None if one.facts.defects is None else one.facts.kinds
    yield from labels_of(model, "synthetic", group, one.region, one.facts.category, kinds)
    if blind is None:
        return
    if number % TIMED_EVERY == 0:
        yield _timed(model, one, group)
    if number % PAIRS_EVERY == 1:
        yield from _compared(model, one, other, seed, blind)
    if number % ROBUST_EVERY == 0:
        yield from robustness_of(model, one, seed)
    if number % FAITHFUL_EVERY == 0:
        yield from faithfulness_of(model, one, seed)


def _unseeing(model: Model, item: Item, other: Drawn, turn: int, blind: Blind) -> dict[str, str]:
    """Return what is said to some questions without the picture, and with another."""
    said = {}
    if turn % BLIND_EVERY == 0:
        said[BLIND] = blind.answer(item)
    if turn % SHUFFLED_EVERY == 0:
        said[SHUFFLED] = ask(model, (other.region,), item).text
    return said


def _near(item: Item, said: str, group: str) -> Iterator[Case]:
    """Note whether a small count is at most one off, and a size one of its steps."""
    if item.kind in SIZES:
        yield Case("synthetic", NEAR_SIZE, group, near_size(item.answer, said))
    truth, number = said_number(item.answer), said_number(said)
    if item.kind != "count" or truth is None or truth > MOST_COUNTED or "about" in item.answer:
        return
    near = number is not None and abs(truth - number) <= 1
    yield Case("synthetic", NEAR_COUNT, group, near)


def _timed(model: Model, one: Drawn, group: str) -> Case:
    """Time a first answer about a picture that the model cannot remember: a mirror image."""
    region = replace(one.region, pixels=one.region.pixels[:, ::-1].copy())
    started = perf_counter()
    model.ask(Question(TIMED_QUESTION, (region,)))
    return Case("synthetic", SECONDS, group, perf_counter() - started)


def _compared(model: Model, one: Drawn, other: Drawn, seed: int, blind: Blind) -> Iterator[Found]:
    regions = one.region, other.region
    group = f"seed {seed}"
    for item in items_comparing(one.facts, other.facts, seed):
        try:
            unseeing = {BLIND: blind.answer(item, 2)}
            reply, _ = answer(model, "pairs", group, item, regions, unseeing)
        except MicrographError as error:
            yield Skipped("pairs", group, str(error))
        else:
            yield reply


@lru_cache(maxsize=4)
def _drawn(seed: int) -> Drawn:
    return draw(seed)


@lru_cache(maxsize=1)
def _blind(model: Model, first_seed: int, images: int) -> Blind:
    return Blind(model, [draw(first_seed + i).region for i in range(images)])
