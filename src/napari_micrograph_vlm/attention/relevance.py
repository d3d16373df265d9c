"""From recorded attention to one map for each word and region.

A model that records its attention gives, for each token it wrote and each layer of its decoder,
how much the token looked at each image token. Which layers tell where the answer comes from
differs from model to model and matters more than any refinement, see ``docs/attention.md``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from ..results import AttentionMap
from .token_boxes import TokenBoxes

__all__ = [
    "RECORDED",
    "REPLAYED",
    "Method",
    "Recorded",
    "Settings",
    "maps_of",
    "relevance_of",
]

FLOOR = 0.1
"""Least attention with the neutral question that counts, as a share of its mean."""


class Method(StrEnum):
    """How a map is made; the value is what ``AttentionMap.method`` says."""

    LAYERS = "attention"
    """Recorded attention, mean of the layers that were chosen for the model."""

    MEAN = "attention, all layers"
    """Recorded attention, mean of all layers."""

    CONTRAST = "attention, contrast"
    """Recorded attention of the chosen layers over that with a neutral question."""

    ROLLOUT = "attention rollout"
    """Attention followed through all layers (Abnar and Zuidema 2020)."""

    GRADIENT = "attention and gradients"
    """Attention weighted by its gradient, followed through all layers (Chefer et al. 2021)."""

    OCCLUSION = "occlusion"
    """How much less probable the answer becomes where a part is covered; for any model."""


RECORDED = (Method.LAYERS, Method.MEAN, Method.CONTRAST)
"""Methods that need nothing but what was recorded while the answer was written."""

REPLAYED = (Method.ROLLOUT, Method.GRADIENT)
"""Methods that read prompt and answer once more, keeping all attention in memory."""


@dataclass(frozen=True)
class Settings:
    """How maps are made.

    Attributes
    ----------
    method : Method
        The method.
    layers : tuple of int or None
        The chosen layers of the decoder; None: all.
    """

    method: Method = Method.LAYERS
    layers: tuple[int, ...] | None = None


@dataclass(frozen=True, eq=False)
class Recorded:
    """Where a model looked, before it is made into maps.

    Attributes
    ----------
    attention : (T, L, P) float32 array
        For each token and layer, its attention to the image tokens of all regions, one region
        after the other; heads averaged. Attention to other tokens is left out, so rows do not
        sum to 1.
    boxes : tuple of TokenBoxes
        What the image tokens (or the patches they were made of) show, one for each region.
    counts : tuple of int
        Number of image tokens of each region; they sum to P.
    shares : tuple of (p, M) float arrays
        For each region, from which patches a resampler made each image token; empty where image
        tokens are patches.
    """

    attention: NDArray[np.float32]
    boxes: tuple[TokenBoxes, ...]
    counts: tuple[int, ...]
    shares: tuple[NDArray[np.floating], ...] = ()

    def of(self, attention: NDArray[np.float32]) -> Recorded:
        """Return the same regions with the attention of other tokens, (T, L, P)."""
        return replace(self, attention=attention)


def relevance_of(
    recorded: Recorded,
    settings: Settings,
    *,
    neutral: Callable[[], NDArray[np.floating]] | None = None,
    replayed: Callable[[Method], NDArray[np.floating]] | None = None,
) -> NDArray[np.float32]:
    """Return how relevant each image token was for each written token.

    Parameters
    ----------
    recorded : Recorded
        What was recorded while the answer was written.
    settings : Settings
        How to weigh it.
    neutral : callable, optional
        Gives the (L, P) attention of the same model to the same regions with a neutral question;
        called for :attr:`Method.CONTRAST` only.
    replayed : callable, optional
        Gives the (T, P) relevance by one of :data:`REPLAYED`; called for those only.

    Returns
    -------
    (T, P) float32 array
        Not negative; rows sum to 1, or to 0 where nothing was looked at.

    Raises
    ------
    ValueError
        If what the method needs is not given, or it cannot be made from recordings at all.
    """
    method = settings.method
    if method in REPLAYED:
        if replayed is None:
            raise ValueError(f"the method {method!r} needs a model that can read its answer again")
        return _normalised(np.maximum(np.asarray(replayed(method)), 0))
    if method not in RECORDED:
        raise ValueError(f"the method {method!r} is not made from recorded attention")
    layers = None if method is Method.MEAN else settings.layers
    weights = _mean_of(recorded.attention, layers)
    if method is Method.CONTRAST:
        if neutral is None:
            raise ValueError(f"the method {method!r} needs the attention with a neutral question")
        before = _mean_of(np.asarray(neutral())[None], layers)
        # Where hardly anything was looked at before, the ratio would be noise.
        weights = weights / np.maximum(before, FLOOR * before.mean() + 1e-12)
    return _normalised(weights)


def maps_of(
    weights: NDArray[np.floating], recorded: Recorded, method: str
) -> tuple[AttentionMap, ...]:
    """Return one map for each region, each summing to 1.

    Of several regions, ``share`` says how the attention divides between them.

    Parameters
    ----------
    weights : (P,) array
        Relevance of each image token of all regions, not negative.
    recorded : Recorded
        Tells what the tokens show.
    method : str
        Such as a :class:`Method`.
    """
    ends = np.cumsum(recorded.counts)[:-1]
    parts = np.split(np.asarray(weights, np.float64), ends)
    shares = recorded.shares or (None,) * len(parts)
    total = sum(float(part.sum()) for part in parts)
    several = len(parts) > 1 and total > 0
    maps = []
    for part, boxes, share in zip(parts, recorded.boxes, shares, strict=True):
        values = boxes.spread(part if share is None else part @ share)
        if values.sum() <= 0:
            values = np.full(values.shape, 1 / values.size, np.float32)
        divided = float(part.sum()) / total if several else None
        maps.append(AttentionMap(values, str(method), divided))
    return tuple(maps)


def _mean_of(
    attention: NDArray[np.floating], layers: tuple[int, ...] | None
) -> NDArray[np.float64]:
    """Average layers, (T, L, P) to (T, P), each brought to a sum of 1: some hardly look."""
    # Layers found for another version of a model may not be there.
    there = [i for i in layers or () if i < attention.shape[1]]
    chosen = attention[:, there] if there else attention
    mean: NDArray[np.float64] = _normalised(chosen).mean(1, dtype=np.float64)
    return mean


def _normalised(values: NDArray[np.floating]) -> NDArray[np.float32]:
    """Bring the last axis to a sum of 1; what is all zero stays so."""
    total = values.sum(-1, keepdims=True, dtype=np.float64)
    safe = np.where(total > 0, total, 1)
    result: NDArray[np.float32] = (values / safe).astype(np.float32)
    return result
