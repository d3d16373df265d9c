"""Heads: from features of pictures to a probability for each class, fitted in a second.

Least squares with shrinkage, in the space of a kernel. It has one solution, needs no steps and no
seed, takes probabilities as labels and a weight for each picture, and does well with fifty
pictures and with thousands. How strongly it shrinks is chosen inside the training pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Head", "Settings", "balanced_weights", "choose", "fit", "folds_of", "indicators"]

Floats = NDArray[np.float64]
Features = dict[str, NDArray[np.floating]]

_SMALLEST = 0.05
"""Features that vary less than this share of the mean deviation hold noise; it is not blown up."""


@dataclass(frozen=True)
class Settings:
    """How a head is fitted.

    Attributes
    ----------
    blocks : tuple of str
        Names of the features it sees; every block has the same say whatever its width.
    strength : float
        Shrinkage: larger is smoother.
    bend : float
        0 for a linear head; otherwise how fast the kernel exp(-bend * distance²) falls, where
        standardised pictures are about sqrt(2) apart.
    borrowed : float
        Weight of all borrowed pictures together (synthetic ones) as a share of that of the others.
    """

    blocks: tuple[str, ...]
    strength: float
    bend: float = 0.0
    borrowed: float = 0.0


@dataclass(frozen=True, eq=False)
class Head:
    """What :func:`fit` made.

    Attributes
    ----------
    settings : Settings
        How.
    mean, deviation : dict of str to (F,) arrays
        Of each block over the training pictures.
    support : (n, F) float32 array
        The standardised training pictures.
    dual : (n, K) array
        Their coefficients.
    start : (K,) array
        Weighted mean of the labels.
    """

    settings: Settings
    mean: dict[str, Floats]
    deviation: dict[str, Floats]
    support: NDArray[np.float32]
    dual: Floats
    start: Floats

    def scores(self, features: Features) -> Floats:
        """Return the least-squares estimate of each class's probability, (m, K), not clipped."""
        looked = _standardised(features, self.settings.blocks, self.mean, self.deviation)
        found: Floats = _kernel(looked, self.support, self.settings.bend) @ self.dual + self.start
        return found

    def probabilities(self, features: Features) -> Floats:
        """Return the scores brought to 0 to 1; with several classes they sum to 1."""
        clipped: Floats = self.scores(features).clip(0, 1)
        if clipped.shape[1] == 1:
            return clipped
        total = clipped.sum(1, keepdims=True)
        even = np.full_like(clipped, 1 / clipped.shape[1])
        found: Floats = np.divide(clipped, total, out=even, where=total > 0)
        return found


def fit(
    features: Features,
    labels: NDArray[np.floating],
    settings: Settings,
    weights: NDArray[np.floating] | None = None,
) -> Head:
    """Fit a head.

    Parameters
    ----------
    features : dict of str to (n, F) arrays
        Blocks of features by name; those of ``settings`` are used.
    labels : (n, K) array
        A probability for each class; one column for yes or no.
    settings : Settings
        How to fit.
    weights : (n,) array, optional
        How much each picture counts, 1 by default; 0 leaves it out. ``strength`` is meant for
        weights around 1.
    """
    return choose(features, labels, [settings], (), weigh=lambda _: weights)[0]


def choose(
    features: Features,
    labels: NDArray[np.floating],
    candidates: Sequence[Settings],
    partitions: Sequence[Sequence[NDArray[np.intp]]],
    merit: Callable[[Floats], float] = lambda scores: 0.0,
    weigh: Callable[[Settings], NDArray[np.floating] | None] = lambda settings: None,
) -> tuple[Head, Floats]:
    """Choose settings by cross-validation inside the training pictures, and fit.

    What a head would say of a part that it had not learnt from follows from the fit on all of
    them without fitting again (least squares allows it; scaling and start are those of all).

    Parameters
    ----------
    features, labels
        Of the training pictures, as :func:`fit` takes them.
    candidates : sequence of Settings
        The first of the best is taken.
    partitions : sequence of sequences of arrays of int
        The parts to hold out, as places; several partitions make the choice steadier. Pictures
        in no part are only learnt from.
    merit : callable
        Gets the scores (n, K) of all training pictures, each as if its part had been held out
        (NaN for pictures in no part), and says how good they are; averaged over partitions.
    weigh : callable
        Gives the weights (n,) for some settings; evenly by default. A weight of 0 leaves a
        picture out.

    Returns
    -------
    head : Head
        Fitted on all training pictures with the best settings.
    scores : (n, K) array
        What ``merit`` was given for them, the mean over partitions.
    """
    if not candidates:
        raise ValueError("there are no settings to choose from")
    labels = np.asarray(labels, float)
    best: tuple[float, Head, Floats] | None = None
    key: tuple[object, ...] | None = None
    for settings in candidates:
        weights = weigh(settings)
        wanted = (settings.blocks, None if weights is None else weights.tobytes())
        if wanted != key:
            space, key = _space(features, len(labels), settings.blocks, weights), wanted
        head, inverse = _solve(space, labels[space.used].astype(np.float64), settings)
        tried = []
        for parts in partitions:
            scores = np.full(labels.shape, np.nan)
            for part in parts:
                at = np.searchsorted(space.used, part)
                corner = inverse[np.ix_(at, at)].astype(float)
                scores[part] = labels[part] - np.linalg.solve(corner, head.dual[at])
            tried.append(scores)
        found = float(np.mean([merit(scores) for scores in tried])) if tried else 0.0
        if best is None or found > best[0]:
            best = found, head, np.mean(tried, axis=0) if tried else np.full(labels.shape, np.nan)
    assert best is not None
    return best[1], best[2]


@dataclass(frozen=True, eq=False)
class _Space:
    """Training pictures brought to one scale, which many settings can share."""

    used: NDArray[np.intp]
    weight: Floats
    mean: dict[str, Floats]
    deviation: dict[str, Floats]
    support: NDArray[np.float32]
    products: NDArray[np.float32]


def _space(
    features: Features, n: int, blocks: Sequence[str], weights: NDArray[np.floating] | None
) -> _Space:
    weight = np.ones(n) if weights is None else np.asarray(weights, float)
    used = np.flatnonzero(weight > 0)
    weight = weight[used]
    features = {name: features[name][used] for name in blocks}
    mean, deviation = {}, {}
    for name in blocks:
        block = np.asarray(features[name], float)
        mean[name] = np.average(block, axis=0, weights=weight)
        spread = np.sqrt(np.average((block - mean[name]) ** 2, axis=0, weights=weight))
        deviation[name] = np.maximum(spread, _SMALLEST * spread.mean() + 1e-12)
    support = _standardised(features, blocks, mean, deviation)
    return _Space(used, weight, mean, deviation, support, support @ support.T)


def _solve(space: _Space, labels: Floats, settings: Settings) -> tuple[Head, NDArray[np.float32]]:
    """Return the head, and the inverse of the shrunken kernel matrix (n, n)."""
    start: Floats = np.average(labels, axis=0, weights=space.weight)
    squares = np.diag(space.products)
    matrix = _bent(space.products, squares, squares, settings.bend)
    matrix[np.diag_indices(len(labels))] += (settings.strength / space.weight).astype(np.float32)
    inverse: NDArray[np.float32] = np.linalg.inv(matrix)
    dual: Floats = inverse.astype(float) @ (labels - start)
    head = Head(settings, space.mean, space.deviation, space.support, dual, start)
    return head, inverse


def folds_of(
    labels: Sequence[Hashable], groups: Sequence[Hashable] | None, parts: int, seed: int
) -> list[NDArray[np.intp]]:
    """Split pictures into parts with like shares of every label, never inside a group.

    Parameters
    ----------
    labels : sequence
        What is to be spread evenly.
    groups : sequence or None
        Pictures of one group stay together; None: each is alone.
    parts : int
        How many.
    seed : int
        Decides which.

    Returns
    -------
    list of arrays of int
        The places of each part, in order.
    """
    rng = np.random.default_rng([seed, parts])
    owners = list(range(len(labels))) if groups is None else list(groups)
    kinds = {kind: i for i, kind in enumerate(dict.fromkeys(labels))}
    numbers = {owner: i for i, owner in enumerate(dict.fromkeys(owners))}
    owner_of = np.array([numbers[owner] for owner in owners])
    counts = np.zeros((len(numbers), len(kinds)))
    np.add.at(counts, (owner_of, np.array([kinds[label] for label in labels])), 1)
    share = counts.sum(0)
    filled = np.zeros((parts, len(kinds)))
    part_of = np.empty(len(numbers), dtype=int)
    # The most uneven groups first, while there is still room to balance them.
    order = rng.permutation(len(numbers))
    order = order[np.argsort(-counts[order].std(1), kind="stable")]
    for number in order:
        after = (filled[None] + np.eye(parts)[:, :, None] * counts[number]) / share
        spread = after.std(1).mean(1)
        size = filled.sum(1)
        part = np.lexsort((rng.random(parts), size, spread.round(12)))[0]
        part_of[number] = part
        filled[part] += counts[number]
    parts_of = part_of[owner_of]
    return [np.flatnonzero(parts_of == k) for k in range(parts)]


def balanced_weights(
    labels: NDArray[np.str_], groups: NDArray[np.str_] | None = None
) -> NDArray[np.float64]:
    """Return weights under which all labels count alike.

    Inside a label a group of n pictures counts as sqrt(n) of them: pictures of one paper are
    much alike, but not the same.
    """
    weights: Floats = np.ones(len(labels))
    if groups is not None:
        _, which, sizes = np.unique(groups, return_inverse=True, return_counts=True)
        weights = sizes[which].astype(float) ** -0.5
    for label in np.unique(labels):
        weights[labels == label] /= weights[labels == label].sum()
    weights *= len(labels) / weights.sum()
    return weights


def indicators(labels: NDArray[np.str_], classes: Sequence[str]) -> Floats:
    """Return (n, K): 1 where a picture is of a class."""
    found: Floats = (labels[:, None] == np.asarray(classes)[None]).astype(float)
    return found


def _standardised(
    features: Features,
    blocks: Sequence[str],
    mean: dict[str, Floats],
    deviation: dict[str, Floats],
) -> NDArray[np.float32]:
    scaled = [
        (np.asarray(features[name], float) - mean[name])
        / deviation[name]
        / np.sqrt(len(mean[name]) * len(blocks))
        for name in blocks
    ]
    found: NDArray[np.float32] = np.concatenate(scaled, axis=1).astype(np.float32)
    return found


def _kernel(
    some: NDArray[np.float32], others: NDArray[np.float32], bend: float
) -> NDArray[np.float32]:
    return _bent(some @ others.T, (some**2).sum(1), (others**2).sum(1), bend)


def _bent(
    products: NDArray[np.float32],
    some: NDArray[np.float32],
    others: NDArray[np.float32],
    bend: float,
) -> NDArray[np.float32]:
    """Return the kernel from scalar products and squared lengths."""
    if not bend:
        return products.copy()
    squares = some[:, None] + others[None] - 2 * products
    bent: NDArray[np.float32] = np.exp(-bend * squares.clip(min=0), dtype=np.float32)
    return bent
