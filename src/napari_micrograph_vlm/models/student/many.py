"""Classes and answers of many regions at a time; what one at a time gives, but sooner."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...regions import Region
from ...results import AttentionMap
from .asking import Asked
from .batches import alike, shared_out
from .memory import ImageMemory
from .modeling import MvaemaModel
from .novelty import Novelty
from .processing import MvaemaProcessor
from .refusal import Refusal, refusal_of
from .scoring import score_labels_of_each
from .seeing import Eyes, Seen
from .threads import one_thread
from .wording import maps_of
from .writing import write_many

__all__ = ["answer_all", "weigh_all"]

REGIONS_AT_ONCE = 8
"""Regions that are looked at before the first of them is asked about."""

Check = Callable[[], None]


def weigh_all(
    model: MvaemaModel,
    processor: MvaemaProcessor,
    eyes: Eyes,
    regions: Sequence[Region],
    labels: Sequence[str],
    prior: Tensor,
    check: Check,
) -> tuple[NDArray[np.float32], list[AttentionMap], int]:
    """Weigh labels for each of many regions.

    Parameters
    ----------
    model : MvaemaModel
        In eval mode.
    processor : MvaemaProcessor
        Turns text to tokens.
    eyes : Eyes
        Look at the regions.
    regions : sequence of Region
        At least one.
    labels : sequence of str
        Class names.
    prior : (K,) float tensor
        What the labels score without a picture, as far as it is taken off.
    check : callable
        Called between batches; raises to stop.

    Returns
    -------
    probabilities : (n, K) float32 array
        Rows sum to 1.
    maps : list of AttentionMap
        Where the model looked for the best label of each region.
    tiles : int
        The largest number of tiles that a region was seen in.
    """
    rows = np.zeros((len(regions), len(labels)), np.float32)
    maps: list[AttentionMap] = []
    tiles = 1
    for some in _parts(len(regions), REGIONS_AT_ONCE):
        seen = eyes.look_at_all([((regions[i],), None) for i in some], check)
        tiles = max(tiles, *(one.layouts[0].tiles for one in seen))
        groups = alike([one.tokens for one in seen], _share(len(seen)))
        works = [
            partial(_weigh, model, processor, [seen[i] for i in group], labels, prior, check)
            for group in groups
        ]
        found: dict[int, tuple[NDArray[np.float32], AttentionMap]] = {}
        for group, weighed in zip(groups, shared_out(works, check), strict=True):
            found |= dict(zip(group, weighed, strict=True))
        for i, index in enumerate(some):
            rows[index] = found[i][0]
            maps.append(found[i][1])
    return rows, maps, tiles


def _weigh(
    model: MvaemaModel,
    processor: MvaemaProcessor,
    seen: Sequence[Seen],
    labels: Sequence[str],
    prior: Tensor,
    check: Check,
) -> list[tuple[NDArray[np.float32], AttentionMap]]:
    memory = ImageMemory.together([one.memory for one in seen])
    scores, attention = score_labels_of_each(model, processor, memory, labels, check)
    calibrated = (scores - prior) / model.config.temperature
    shares = calibrated.softmax(1).cpu().numpy().astype(np.float32)
    best = attention[torch.arange(len(seen)), calibrated.argmax(1)].cpu().numpy()
    return [
        (share, maps_of(one.layouts, looked[: one.tokens])[0])
        for share, looked, one in zip(shares, best, seen, strict=True)
    ]


def answer_all(
    model: MvaemaModel,
    eyes: Eyes,
    asked: Sequence[Asked],
    hidden: Tensor,
    novelty: Novelty | None,
    check: Check,
) -> Iterator[tuple[Seen, Refusal | None]]:
    """Write the answers to many questions; their scribes take them.

    Parameters
    ----------
    model : MvaemaModel
        In eval mode.
    eyes : Eyes
        Look at the regions.
    asked : sequence of Asked
        Questions about one region or two.
    hidden : (V,) bool tensor
        Tokens that are never written.
    novelty : Novelty or None
        The check whether a picture is a micrograph, where it is wanted.
    check : callable
        Called before each token; raises to stop.

    Yields
    ------
    seen, refusal : Seen, Refusal or None
        What each question is about, and the refusal where nothing was written.
    """
    for some in _of_few_regions(asked):
        seen = eyes.look_at_all(
            [(asked[i].question.regions, asked[i].question.tiled) for i in some], check
        )
        with one_thread():
            refusals = [refusal_of(novelty, one) for one in seen]
        # Prompts of one length are read together: the decoder's places need no padding then.
        lengths: dict[int, list[int]] = {}
        for i, index in enumerate(some):
            if refusals[i] is None:
                lengths.setdefault(len(asked[index].ids), []).append(i)
        works = []
        for rows in lengths.values():
            for group in alike([seen[i].tokens for i in rows], _share(len(rows))):
                chosen = [rows[g] for g in group]
                works.append(
                    partial(
                        _write,
                        model,
                        [seen[i] for i in chosen],
                        [asked[some[i]] for i in chosen],
                        hidden,
                        check,
                    )
                )
        shared_out(works, check)
        yield from zip(seen, refusals, strict=True)


def _write(
    model: MvaemaModel,
    seen: Sequence[Seen],
    asked: Sequence[Asked],
    hidden: Tensor,
    check: Check,
) -> None:
    memory = ImageMemory.together([one.memory for one in seen])
    prompts, most = [one.ids for one in asked], [one.most for one in asked]
    for steps in write_many(model, memory, prompts, most, hidden):
        check()
        for i, step in steps.items():
            asked[i].scribe.push(step)
    for one in asked:
        one.scribe.finish()


def _parts(count: int, most: int) -> Iterator[range]:
    """Divide indices into runs."""
    for start in range(0, count, most):
        yield range(start, min(start + most, count))


def _of_few_regions(asked: Sequence[Asked]) -> Iterator[list[int]]:
    """Divide questions into runs that are about a few regions each."""
    some: list[int] = []
    about: set[tuple[int, ...]] = set()
    for index, one in enumerate(asked):
        regions = tuple(map(id, one.question.regions))
        if len(about | {regions}) > REGIONS_AT_ONCE:
            yield some
            some, about = [], set()
        some.append(index)
        about.add(regions)
    if some:
        yield some


def _share(count: int) -> int:
    """Return how many are computed together so that every thread has some."""
    return max(-(-count // torch.get_num_threads()), 2)
