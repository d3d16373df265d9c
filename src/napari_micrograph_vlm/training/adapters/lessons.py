"""Conversations as lessons: each answer of an assistant is one, with all that was said before."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...datasets.chat import CONDITIONS, read_chat
from ...errors import MicrographError, QuestionError, RegionError, SourceError, one_line
from ...regions import Region
from ...results import Turn

if TYPE_CHECKING:
    from ...models.families.base import Family
    from .answering import Lesson

__all__ = ["Lessons", "Taught", "parted", "read_lessons", "region_of", "told_in"]


@dataclass(frozen=True)
class Taught:
    """Where an answer stands.

    Attributes
    ----------
    row : int
        The conversation.
    turn : int
        The message that is the answer.
    """

    row: int
    turn: int


class Lessons:
    """Answers of a data set, made into lessons when they are wanted.

    Parameters
    ----------
    rows : datasets.Dataset
        From :func:`~napari_micrograph_vlm.datasets.chat.read_chat`.
    taught : sequence of Taught
        Which answers.
    family : Family
        How the model is asked.
    end : int or None
        The token that ends an answer.

    Attributes
    ----------
    skipped : dict of str to str
        Why a conversation cannot be taught, by its name; grows as lessons are made.
    """

    def __init__(
        self, rows: Any, taught: Sequence[Taught], family: Family, end: int | None
    ) -> None:
        self._rows = rows
        self._taught = tuple(taught)
        self._family = family
        self._end = end
        self.skipped: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._taught)

    def __getitem__(self, index: int) -> Lesson | None:
        """Return a lesson; None where this conversation cannot be taught to this model."""
        from .answering import lesson_of

        at = self._taught[index]
        row: dict[str, Any] = {}
        try:
            row = self._rows[at.row]
            shown, question, turns, answer = parted(row["messages"], at.turn)
            regions = [region_of(image) for image in row["images"][:shown]]
            conditions = told_in(row["messages"])
            return lesson_of(self._family, regions, question, turns, answer, self._end, conditions)
        except (MicrographError, OSError, SyntaxError, ValueError) as error:
            # Pillow raises SyntaxError for some broken pictures.
            name = str(row.get("id") or f"conversation {at.row + 1}")
            self.skipped[name] = one_line(error)
            return None


def read_lessons(
    folder: Path, share: float
) -> tuple[tuple[Any, list[Taught]], tuple[Any, list[Taught]]]:
    """Read conversations to learn from, and those held out to measure by.

    Parameters
    ----------
    folder : Path
        As :func:`~napari_micrograph_vlm.datasets.chat.write_chat` wrote it.
    share : float
        Of the groups, how many are held out where there is no validation split; at least one.
        Where all are of one group, of the conversations.

    Returns
    -------
    (rows, answers) twice
        First to learn from, then held out.

    Raises
    ------
    SourceError
        If there are none, or only one.
    """
    rows = read_chat(folder, "train")
    held = read_chat(folder, "validation")
    answers = _answers(rows)
    if len(held):
        found = (rows, answers), (held, _answers(held))
    else:
        kept = _held_out(rows, share)
        found = (
            (rows, [at for at in answers if at.row not in kept]),
            (rows, [at for at in answers if at.row in kept]),
        )
    if not found[0][1] or not found[1][1]:
        raise SourceError(
            f"{folder} holds too few answers: one is needed to learn from and one to measure by; "
            "give more conversations."
        )
    return found


def parted(messages: Sequence[dict[str, Any]], at: int) -> tuple[int, str, tuple[Turn, ...], str]:
    """Part a conversation at an answer.

    Parameters
    ----------
    messages : sequence of dict
        As in the data set: user and assistant in turn.
    at : int
        The message that is the answer.

    Returns
    -------
    int
        How many of the pictures were shown by then.
    str
        The question.
    tuple of Turn
        What was asked and answered before.
    str
        The answer.

    Raises
    ------
    QuestionError
        If user and assistant do not take turns.
    """
    roles = [message["role"] for message in messages[: at + 1]]
    if roles != ["user", "assistant"] * ((at + 1) // 2):
        raise QuestionError("user and assistant do not take turns in it")
    texts, shown = [], 0
    for message in messages[: at + 1]:
        parts = message["content"]
        shown += sum(part["type"] == "image" for part in parts)
        texts.append("\n".join(part["text"] or "" for part in parts if part["type"] == "text"))
    turns = tuple(Turn(*pair) for pair in zip(texts[:-2:2], texts[1:-2:2], strict=True))
    return shown, texts[-2], turns, texts[-1]


def told_in(messages: Sequence[dict[str, Any]]) -> str:
    """Return what is said of scale and instrument before the first question; may be empty."""
    parts = messages[0]["content"] if messages else []
    return " ".join(part["text"] or "" for part in parts if part["type"] == CONDITIONS)


def region_of(image: Any) -> Region:
    """Return a picture as a region; its pixels are shown to the model as they are.

    Raises
    ------
    RegionError
        If it is smaller than a region may be.
    """
    pixels = np.asarray(image.convert("RGB"), np.float32) / np.float32(255)
    height, width = pixels.shape[:2]
    if min(height, width) < 8:
        raise RegionError(f"a picture of {width} × {height} pixels is too small")
    grey = (pixels == pixels[..., :1]).all()
    return Region(pixels[..., 0] if grey else pixels, (0, 0, height, width))


def _answers(rows: Any) -> list[Taught]:
    """Return the place of every assistant's message; pictures are not decoded."""
    column = rows.select_columns(["messages"])
    return [
        Taught(number, turn)
        for number, row in enumerate(column)
        for turn, message in enumerate(row["messages"])
        if message["role"] == "assistant"
    ]


def _held_out(rows: Any, share: float) -> set[int]:
    """Return the rows held out, whole groups: by their names, so the same in every run."""
    named = rows.select_columns(["id", "group"])
    of = [row["group"] or row["id"] for row in named]
    if len(set(of)) < 2:
        of = [row["id"] for row in named]
    groups = sorted(set(of), key=lambda name: sha256(name.encode(errors="replace")).hexdigest())
    kept = set(groups[: max(math.ceil(share * len(groups)), 1)])
    return {number for number, name in enumerate(of) if name in kept}
