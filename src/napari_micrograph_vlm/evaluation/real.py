"""Measure on real pictures of papers and specimens that were never trained on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from ..datasets.facts import Facts
from ..datasets.labelled import LABELS_FILE
from ..datasets.real_masks import read_real
from ..datasets.teacher_labels import RealPicture
from ..errors import MicrographError, SourceError
from ..models.base import Model
from ..regions import Cutout, Region
from ..training.sources import source_of
from .answers import answer, labels_of, look
from .baselines import BLIND, SHUFFLED, Blind, ask
from .found import Case, Found, Skipped
from .items import Item, items_about
from .judging import said_number

__all__ = ["FREE", "NEAR", "measure_real", "read_split", "texts_of"]

FREE = "free"
"""Kind of the questions that a teacher thought of."""

NEAR = "count, within 20 % or 1"

_NEAR_SHARE = 0.2

SHUFFLED_EVERY = 3

MEAN_OF = 40


def read_split(folder: Path) -> tuple[list[RealPicture], list[RealPicture], list[Skipped]]:
    """Read the labelled pictures of a folder.

    Returns
    -------
    train, test : list of RealPicture
        Those of the groups that are trained on, and those that are kept for the test.
    broken : list of Skipped
        Records that cannot be read.

    Raises
    ------
    SourceError
        If the folder has no labels, or no picture of the test split.
    """
    told: list[str] = []
    pictures = read_real(folder, told)
    test = [picture for picture in pictures if picture.in_test]
    if not test:
        raise SourceError(
            f"{folder} holds no picture of the test split; label more groups, a fifth is kept "
            "for the test."
        )
    broken = [Skipped("real", LABELS_FILE, line) for line in told]
    return [picture for picture in pictures if not picture.in_test], test, broken


def texts_of(pictures: Sequence[RealPicture]) -> dict[str, list[str]]:
    """Return the descriptions and the free answers of some pictures, by kind of question."""
    return {
        "describe": [p.facts.description for p in pictures if p.facts.description],
        FREE: [said for p in pictures for _, said in p.facts.qa],
    }


def measure_real(
    model: Model, folder: Path, numbers: Sequence[int], *, brief: bool = False
) -> list[Found]:
    """Ask everything that is known about some pictures of the test split.

    Parameters
    ----------
    model : Model
        Such as the student.
    folder : Path
        A labelled folder.
    numbers : sequence of int
        Which pictures of its test split to ask about.
    brief : bool
        Whether to leave out the baselines.
    """
    found: list[Found] = []
    pictures = _test_split(folder)
    blind = None if brief else _blind(cast(Any, model), folder)
    for number in numbers:
        picture = pictures[number]
        try:
            region = _region(picture)
            other = _other(pictures, number)
            source = source_of(picture, folder)
            found += (
                one if isinstance(one, Skipped) else replace(one, source=source)
                for one in _measure(model, picture, region, other, number, blind)
            )
        except (MicrographError, OSError, ValueError) as error:
            found.append(Skipped("real", picture.path.name, str(error)))
    return found


def _measure(
    model: Model,
    picture: RealPicture,
    region: Region,
    other: Region | None,
    number: int,
    blind: Blind | None,
) -> Iterator[Found]:
    facts, group = picture.facts, picture.group
    for place, item in enumerate(_items(facts, number)):
        unseeing = {} if blind is None else {BLIND: blind.answer(item)}
        if blind is not None and other is not None and (number + place) % SHUFFLED_EVERY == 0:
            unseeing[SHUFFLED] = ask(model, (other,), item).text
        reply, said = answer(model, "real", group, item, (region,), unseeing)
        yield reply
        if item.kind == "defect":
            yield from look(item, said, "real", group)
        if item.kind == "count" and isinstance(facts.count, int):
            told = said_number(said.text)
            near = told is not None and abs(told - facts.count) <= max(_NEAR_SHARE * facts.count, 1)
            yield Case("real", NEAR, group, near)
    kinds = None if facts.defects is None else facts.kinds
    yield from labels_of(model, "real", group, region, facts.category, kinds)


def _items(facts: Facts, number: int) -> list[Item]:
    """Return the questions about a real picture, those of its teacher last."""
    items = [
        item
        for item in items_about(facts, number, number)
        if item.kind != "describe" or facts.description
    ]
    return items + [Item(FREE, question, said, False) for question, said in facts.qa]


def _region(picture: RealPicture) -> Region:
    return Cutout.of_array(picture.read(), source=picture.path.name).read()


def _other(pictures: Sequence[RealPicture], number: int) -> Region | None:
    """Return the next picture of another group that can be read; None where there is none."""
    group = pictures[number].group
    for i in range(1, len(pictures)):
        other = pictures[(number + i) % len(pictures)]
        if other.group != group:
            try:
                return _region(other)
            except (MicrographError, OSError, ValueError):
                continue
    return None


@lru_cache(maxsize=2)
def _test_split(folder: Path) -> list[RealPicture]:
    return read_split(folder)[1]


@lru_cache(maxsize=2)
def _blind(model: Model, folder: Path) -> Blind:
    """Return the model before the mean of some pictures of the test split."""
    pictures = _test_split(folder)
    regions = []
    for picture in pictures[:: max(len(pictures) // MEAN_OF, 1)]:
        try:
            regions.append(_region(picture))
        except (MicrographError, OSError, ValueError):
            continue
    return Blind(model, regions)
