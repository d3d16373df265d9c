"""How far an answer can be trusted, as far as asking twice more can tell.

Three things are looked at: whether the model says the same about an empty picture, whether it
says something else about the same picture moved a little, and whether its map singles anything
out. None of them proves an answer right; each of them gives a reason to doubt it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from threading import Event
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import Cancelled
from ..models.base import Model
from ..regions import Region
from ..results import Answer, Question
from .occlusion import same_words

__all__ = ["Doubt", "Trust", "emptied", "shifted", "trust_of"]

SHIFT = 0.03
"""How far a picture is moved, as a share of its shorter side."""

SHORT = 8
"""Answers of at most so many words must stay the same word for word."""

SAME = 0.7
"""Share of words, as :func:`.occlusion.same_words` counts it, that a longer answer must keep."""


class Doubt(StrEnum):
    """The gravest reason to doubt an answer."""

    BLIND = "blind"
    """The same answer comes for an empty picture."""

    UNSTABLE = "unstable"
    """Another answer comes for the same picture moved a little."""

    UNFOCUSED = "unfocused"
    """The map singles nothing out."""

    NONE = "none"
    """None of the three."""


@dataclass(frozen=True)
class Trust:
    """What was found about one answer.

    Attributes
    ----------
    kind : Doubt
        The gravest reason to doubt it.
    sentence : str
        One sentence about it.
    other : str
        What the model said about the changed picture; empty where that is no reason.
    """

    kind: Doubt
    sentence: str
    other: str = ""


def trust_of(model: Model, answer: Answer, cancel: Event | None = None) -> Trust:
    """Ask again about an empty picture and about a moved one, and look at the map.

    Parameters
    ----------
    model : Model
        The one that gave the answer.
    answer : Answer
        What it said, with its regions.
    cancel : threading.Event, optional
        Once set, the work stops within one token.

    Returns
    -------
    Trust
        The gravest reason found.

    Raises
    ------
    Cancelled
        If ``cancel`` was set.
    """
    with unrefused(model):
        said = _again(model, answer, [emptied(region) for region in answer.regions], cancel)
    if _alike(answer.text, said):
        return Trust(
            Doubt.BLIND, "The same answer comes for an empty grey picture: it may be a guess.", said
        )
    said = _again(model, answer, [shifted(region) for region in answer.regions], cancel)
    if not _alike(answer.text, said):
        return Trust(
            Doubt.UNSTABLE, f"Moved a little, the same picture gives “{_short(said)}”.", said
        )
    if answer.attention and not any(each.has_focus for each in answer.attention):
        return Trust(
            Doubt.UNFOCUSED, "The model looked everywhere alike, so the map explains nothing."
        )
    return Trust(Doubt.NONE, "An empty picture gives another answer, and a small shift the same.")


def emptied(region: Region) -> Region:
    """Return a region whose pixels all have the mean brightness, or colour, of those inside."""
    inside = region.pixels if region.mask is None else region.pixels[region.mask]
    mean = inside.reshape(-1, 3).mean(0) if region.is_rgb else inside.mean()
    pixels: NDArray[np.float32] = np.broadcast_to(mean, region.pixels.shape).astype(np.float32)
    return replace(region, pixels=pixels)


def shifted(region: Region, share: float = SHIFT) -> Region:
    """Return a region moved down and right by a share of its shorter side, at least one pixel.

    What comes in at the border repeats the pixels there; the outline moves along.
    """
    step = max(round(share * min(region.pixels.shape[:2])), 1)
    pixels: NDArray[np.float32] = _moved(region.pixels, step)
    mask: NDArray[np.bool_] | None = None if region.mask is None else _moved(region.mask, step)
    return replace(region, pixels=pixels, mask=mask)


def _moved(values: NDArray[Any], step: int) -> NDArray[Any]:
    before = ((step, 0), (step, 0), (0, 0))[: values.ndim]
    return np.pad(values, before, mode="edge")[:-step, :-step]


@contextmanager
def unrefused(model: Model) -> Iterator[None]:
    """Have a model that refuses what is no micrograph answer about an empty picture.

    Refused, every answer would look as if it came from the picture.
    """
    checks = getattr(model, "check_pictures", None)
    if checks is None:
        yield
        return
    model.check_pictures = False  # type: ignore[attr-defined]
    try:
        yield
    finally:
        model.check_pictures = checks  # type: ignore[attr-defined]


def _again(model: Model, answer: Answer, regions: Sequence[Region], cancel: Event | None) -> str:
    if cancel is not None and cancel.is_set():
        raise Cancelled
    question = Question(answer.question, tuple(regions), answer.turns, answer.tiled)
    # As long as the first one: no shorter, which would look like another answer.
    most = max(3 * len(answer.text.split()) + 8, 48)
    return model.ask(question, cancel=cancel, max_tokens=most).text


def _alike(first: str, second: str) -> bool:
    words = len(first.split())
    if words <= SHORT:
        return same_words(first, second) == 1
    # A long answer may have been cut off where the other one goes on.
    return same_words(first, " ".join(second.split()[:words])) >= SAME


def _short(text: str, most: int = 60) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"
