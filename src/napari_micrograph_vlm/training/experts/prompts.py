"""Sample prompts of an expert, in the form that the model is asked with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...datasets.chat import ChatExample
from ...errors import MicrographError, SourceError

if TYPE_CHECKING:
    from torch import nn

    from ...models.families.base import Family
    from ..adapters.answering import Lesson

__all__ = ["MOST", "Prompts", "read_prompts"]

Prompts = Path | Sequence[ChatExample]
"""A folder in the chat format, or conversations."""

MOST = 64
"""Prompts read of each expert; more tell a gate nothing new."""

_HELD = 4
"""One in so many prompts is kept to see where it goes."""


def read_prompts(
    source: Prompts, model: nn.Module, family: Family, *, most: int = MOST
) -> tuple[list[Lesson], list[Lesson]]:
    """Return prompts to teach gates with, and others to measure by.

    Parameters
    ----------
    source : Path or sequence of ChatExample
        The conversations of one expert.
    model, family : Module and Family
        What will be asked.
    most : int
        Prompts at most, evenly from the whole.

    Returns
    -------
    (list of Lesson, list of Lesson)
        Every fourth is for measuring; with fewer than four the second list is empty.

    Raises
    ------
    SourceError
        If none can be used.
    """
    from ..adapters.answering import end_of_answer

    rows = _rows(source)
    end = end_of_answer(model, family)
    step = max(len(rows) / most, 1.0)
    lessons, reasons = [], []
    for number in range(min(len(rows), most)):
        try:
            lessons.append(_lesson(rows[int(number * step)], family, end))
        except (MicrographError, OSError, SyntaxError, ValueError) as error:
            reasons.append(str(error))  # Pillow raises SyntaxError for some broken pictures
    if not lessons:
        why = f": {reasons[0]}" if reasons else ""
        raise SourceError(f"{_name(source)} holds no prompt that this model can be asked{why}.")
    held = [each for number, each in enumerate(lessons) if number % _HELD == _HELD - 1]
    return [each for each in lessons if each not in held], held


def _rows(source: Prompts) -> Any:
    from ...datasets.chat import read_chat

    if isinstance(source, Path):
        for split in ("train", "validation", "test"):
            rows = read_chat(source, split)
            if len(rows):
                return rows
        return []
    return [
        {"images": example.images, "messages": [each.to_chat() for each in example.messages]}
        for example in source
    ]


def _lesson(row: dict[str, Any], family: Family, end: int | None) -> Lesson:
    from ..adapters.answering import lesson_of
    from ..adapters.lessons import parted, region_of

    messages = row["messages"]
    answers = [n for n, message in enumerate(messages) if message["role"] == "assistant"]
    if not answers:
        raise SourceError("it has no answer")
    shown, question, turns, answer = parted(messages, answers[-1])
    regions = [region_of(_picture(image)) for image in row["images"][:shown]]
    return lesson_of(family, regions, question, turns, answer, end)


def _picture(image: Any) -> Any:
    if isinstance(image, Path):
        from ...datasets.teacher.pictures import read_grey_or_colour

        return read_grey_or_colour(image)
    return image


def _name(source: Prompts) -> str:
    return str(source) if isinstance(source, Path) else "The list of prompts"
