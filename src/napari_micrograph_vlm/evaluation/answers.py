"""Put the questions of the test to a model and note what it says and where it looks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from ..datasets.synthetic.truth import CATEGORIES, DEFECT_KINDS
from ..datasets.wording import NO_DEFECT
from ..models.base import Model
from ..models.student.physical import plain
from ..regions import Region
from ..results import Answer
from .baselines import ask
from .found import Case, Found, Reply
from .items import Item, with_lengths
from .judging import LARGE_SHARE, judge, pointing, touched

__all__ = ["DEFECT_LABELS", "TOP", "answer", "labels_of", "look"]

DEFECT_LABELS: tuple[str, ...] = (NO_DEFECT, *DEFECT_KINDS)

TOP = 5


def answer(
    model: Model,
    part: str,
    group: str,
    item: Item,
    regions: tuple[Region, ...],
    unseeing: Mapping[str, str] | None = None,
) -> tuple[Reply, Answer]:
    """Ask one question.

    Parameters
    ----------
    model : Model
        Such as the student.
    part, group : str
        As in :class:`.found.Reply`.
    item : Item
        The question.
    regions : tuple of Region
        What it is about.
    unseeing : mapping of str to str, optional
        What was said to it without the picture, by name.
    """
    said = ask(model, regions, item)

    def right(text: str) -> bool:
        return judge(item.kind, item.answer, plain(text))

    others = {
        name: with_lengths(plain(text), regions, item.question)
        for name, text in (unseeing or {}).items()
    }
    reply = Reply(
        part,
        group,
        item.kind,
        item.held_out,
        item.question,
        with_lengths(item.answer, regions, item.question),
        said.text,
        right(said.text),
        said.confidence,
        others,
        {name: right(text) for name, text in others.items()},
    )
    return reply, said


def look(item: Item, said: Answer, part: str, group: str) -> Iterator[Case]:
    """Play the pointing game with an answer whose place is known."""
    phrasing = ", held-out phrasing" if item.held_out else ""
    for mask, shown in zip(item.masks, said.attention, strict=False):
        if mask is None or not mask.any():
            continue
        hit, chance = pointing(shown, mask)
        large = chance > LARGE_SHARE
        name = "peak in a large defect" if large else "peak in the defect"
        yield Case(part, name + phrasing, group, hit, {"chance": chance})
        if not item.held_out and not large:
            shape = shown.values.shape[0], shown.values.shape[1]
            mass = float(shown.values[touched(mask, shape)].sum())
            yield Case(part, "attention on the defect", group, mass, {"chance": chance})


def labels_of(
    model: Model,
    part: str,
    group: str,
    region: Region,
    category: str | None,
    defects: tuple[str, ...] | None,
) -> list[Found]:
    """Classify a region and note whether the truth comes first, and among the first five.

    Parameters
    ----------
    category : str or None
        The true one; None where it is not known.
    defects : tuple of str or None
        The kinds of defect; None where they are not known. Several have no one right label.
    """
    found: list[Found] = []
    if category in CATEGORIES:
        found += _classified(model, part, group, region, "category", category or "", CATEGORIES)
    if defects is not None and len(defects) <= 1:
        truth = defects[0] if defects else NO_DEFECT
        found += _classified(model, part, group, region, "defect kind", truth, DEFECT_LABELS)
    return found


def _classified(
    model: Model,
    part: str,
    group: str,
    region: Region,
    name: str,
    truth: str,
    labels: tuple[str, ...],
) -> Iterator[Case]:
    top = model.classify([region], labels).top(0, TOP)
    names = [label for label, _ in top]
    chance = 1 / len(labels)
    first = Case(part, f"{name}, top-1", group, names[0] == truth, {"chance": chance})
    yield replace(first, confidence=top[0][1], truth=truth, said=names[0])
    yield Case(part, f"{name}, top-5", group, truth in names, {"chance": TOP * chance})
