"""Where a model looked, found by covering parts of the picture: works for every model.

Each part is blurred in turn, and the answer's likelihood is taken again. What makes the answer
less likely when it is gone is what the answer rests on. It costs one look at the picture for
each part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from threading import Event
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..models.base import Model
from ..models.threads import in_threads
from ..regions import Region
from ..results import Answer, AttentionMap, Question
from .faithfulness import blurred, mixed
from .relevance import Method
from .token_boxes import resampled

__all__ = [
    "PARTS",
    "Agreement",
    "Scores",
    "agreement",
    "likelihood",
    "occluded",
    "occlusion_maps",
    "same_words",
]

PARTS = 7
"""Parts along the longer side of a region."""


@runtime_checkable
class Scores(Protocol):
    """A model that can tell how likely given answers are."""

    def score(
        self, question: Question, answers: Sequence[str], cancel: Event | None = None
    ) -> NDArray[np.float64]:
        """Return the log-likelihood of each of some answers to one question, (L,)."""
        ...


@dataclass(frozen=True)
class Agreement:
    """How far a map agrees with what covering parts of the picture tells.

    Attributes
    ----------
    rank : float
        Rank correlation of the parts (Spearman), -1 to 1: 1 means the same order. Where little of
        the picture matters most ranks are chance, and it is low however well the maps agree.
    shared : float
        Share of what mattered that lies in the fifth of the parts where the map is strongest, 0
        to 1; 0.2 by chance.
    peak : bool
        Whether the part that matters most is where the map is largest, or beside it.
    mattered : bool
        Whether covering any part made the answer less likely at all.
    """

    rank: float
    shared: float
    peak: bool
    mattered: bool


def occlusion_maps(
    model: Model,
    answer: Answer,
    *,
    parts: int = PARTS,
    on_part: Callable[[int, int], None] | None = None,
    cancel: Event | None = None,
) -> tuple[AttentionMap, ...]:
    """Cover each part of each region in turn and see how much less likely the answer becomes.

    Parameters
    ----------
    model : Model
        The one that gave the answer. Where it can ``score`` answers (see :class:`Scores`) the
        likelihood of the same text is used; otherwise it is asked again, and how far it says the
        same.
    answer : Answer
        What it said, with its regions.
    parts : int
        Parts along the longer side; the other gets as many as make them square.
    on_part : callable, optional
        Called with the number of parts done and of all parts.
    cancel : threading.Event, optional
        Once set, the work stops after at most one look.

    Returns
    -------
    tuple of AttentionMap
        One for each region, (rows, columns) of parts; uniform where no part matters, or the answer
        is empty.

    Raises
    ------
    Cancelled
        If ``cancel`` was set.
    """
    grids = [_grid(region, parts) for region in answer.regions]
    if not answer.text.strip():
        return tuple(AttentionMap(_shares(np.zeros(g)), str(Method.OCCLUSION)) for g in grids)
    blurs = [replace(region, pixels=blurred(region.pixels)) for region in answer.regions]
    places = [(i, cell) for i, grid in enumerate(grids) for cell in np.ndindex(grid)]
    whole = likelihood(model, answer, answer.regions, cancel)

    def look(index: int, cell: tuple[int, ...]) -> float:
        cells = np.zeros(grids[index], dtype=bool)
        cells[cell] = True
        seen = list(answer.regions)
        seen[index] = occluded(seen[index], blurs[index], cells)
        return likelihood(model, answer, seen, cancel)

    drops = [np.zeros(grid) for grid in grids]
    looks = [partial(look, *place) for place in places]
    # A server answers several questions at a time; a model on this computer one.
    found = in_threads(looks, getattr(model, "at_once", 1), cancel)
    for done, ((index, cell), value) in enumerate(zip(places, found, strict=True), start=1):
        drops[index][cell] = whole - value
        if on_part is not None:
            on_part(done, len(places))
    mattered = [float(np.maximum(each, 0).sum()) for each in drops]
    total = sum(mattered)
    several = len(drops) > 1 and total > 1e-9
    return tuple(
        AttentionMap(_shares(each), str(Method.OCCLUSION), own / total if several else None)
        for each, own in zip(drops, mattered, strict=True)
    )


def occluded(region: Region, blur: Region, cells: NDArray[np.bool_]) -> Region:
    """Return a region whose ``cells``, (rows, columns), are those of its blurred copy."""
    return replace(region, pixels=mixed(region.pixels, blur.pixels, cells))


def likelihood(
    model: Model, answer: Answer, regions: Sequence[Region], cancel: Event | None = None
) -> float:
    """Return how likely a model finds an answer about other regions than it was given about.

    Returns
    -------
    float
        Log-likelihood for each word of the answer where the model can score answers; else the
        logarithm of how far it says the same words when it is asked.
    """
    question = Question(answer.question, tuple(regions), answer.turns, answer.tiled)
    words = max(len(answer.text.split()), 1)
    if isinstance(model, Scores):
        return float(model.score(question, (answer.text,), cancel)[0]) / words
    said = model.ask(question, cancel=cancel, max_tokens=_tokens_of(answer))
    same = same_words(answer.text, said.text)
    sure = 1.0 if np.isnan(said.confidence) else said.confidence  # a server may not tell
    return float(np.log(max(same * sure, 1e-3)))


def agreement(shown: AttentionMap, covered: AttentionMap) -> Agreement:
    """Compare a map with one found by covering parts, on the grid of the latter.

    Parameters
    ----------
    shown : AttentionMap
        Where the model looked.
    covered : AttentionMap
        From :func:`occlusion_maps`.
    """
    coarse = resampled(shown.values, covered.values.shape)
    rank = _correlation(_ranks(coarse.ravel()), _ranks(covered.values.ravel()))
    strongest = np.argsort(-coarse.ravel(), kind="stable")[: max(round(coarse.size / 5), 1)]
    shared = float(covered.values.ravel()[strongest].sum() / max(covered.values.sum(), 1e-12))
    here = np.unravel_index(int(coarse.argmax()), coarse.shape)
    there = covered.peak
    near = max(abs(int(here[0]) - there[0]), abs(int(here[1]) - there[1])) <= 1
    mattered = covered.values.max() > 1.5 / covered.values.size
    return Agreement(rank, shared, bool(near and mattered), bool(mattered))


def same_words(first: str, second: str) -> float:
    """Return how far two texts use the same words: 0 none, 1 all (F1 of the words)."""
    left, right = _words(first), _words(second)
    if not left or not right:
        return float(left == right)
    shared = sum(min(left.count(word), right.count(word)) for word in set(left))
    return 2 * shared / (len(left) + len(right))


def _words(text: str) -> list[str]:
    kept = "".join(c if c.isalnum() or c in ".%" else " " for c in text.casefold())
    return [word.strip(".") for word in kept.split() if word.strip(".")]


def _tokens_of(answer: Answer) -> int:
    """Return room for as long an answer as the first one was, with some to spare."""
    return max(2 * len(answer.text.split()) + 8, 8)


def _grid(region: Region, parts: int) -> tuple[int, int]:
    height, width = region.shape
    step = max(height, width) / parts
    return max(round(height / step), 1), max(round(width / step), 1)


def _shares(drops: NDArray[np.float64]) -> NDArray[np.float32]:
    positive = np.maximum(drops, 0)
    total = positive.sum()
    if total <= 1e-9:
        return np.full(drops.shape, 1 / drops.size, np.float32)
    result: NDArray[np.float32] = (positive / total).astype(np.float32)
    return result


def _ranks(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return ranks from 0; equal values share their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    result: NDArray[np.float64] = (ends - (counts + 1) / 2)[inverse]
    return result


def _correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    x, y = first - first.mean(), second - second.mean()
    scale = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / scale if scale > 0 else 0.0
