"""From a few examples to calibrated probabilities: a head, its sharpness, and the names' share.

The head's scores and the probabilities that the model gives the class names are multiplied, each
to a power of its own: how sharp the scores are meant to be and how far the names can be trusted.
Both powers, and how strongly the head shrinks, are chosen for how well examples are named by heads
that had not learnt from them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from .heads import Features, Floats, Head, Settings, choose, folds_of
from .trial import FEWEST, Trial, trial_of

__all__ = ["Examples", "Fitted", "fit_examples", "try_examples"]

_FEW = ((0.3, 0.0), (1.0, 0.0), (3.0, 0.0), (0.1, 1.0), (0.3, 1.0))
"""Strength and bend to choose from. A straight head misses a class that lies between two others."""

_MORE = tuple(product((0.1, 0.3, 1.0), (0.0, 0.5, 1.0, 2.0)))
_MANY = 200
"""From so many examples on there is more to choose from."""

_EACH_ALONE = 30
"""Up to so many examples each is held out alone."""

_PARTS, _PARTITIONS = 5, 3

_NESTED = 600
"""Above this the settings are chosen once, not anew for every part that is held out."""

_SHARPNESS = tuple(float(s) for s in np.geomspace(0.5, 32, 25))
_TRUST = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
_LEAST = 1e-4
"""No name is ruled out by the model altogether."""


@dataclass(frozen=True, eq=False)
class Examples:
    """Labelled regions, as numbers; their pixels are not kept.

    Attributes
    ----------
    keys : tuple of n str
        Tell one region from another.
    truth : (n,) int array
        The class of each, as its place in the label set.
    features : dict of str to (n, F) float32 arrays
        What the model sees.
    zero_shot : (n, K) float32 array
        The probabilities that the model gives the class names.
    """

    keys: tuple[str, ...]
    truth: NDArray[np.intp]
    features: dict[str, NDArray[np.float32]]
    zero_shot: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def counts(self) -> NDArray[np.intp]:
        """How many there are of each class, (K,)."""
        found: NDArray[np.intp] = np.bincount(self.truth, minlength=self.zero_shot.shape[1])
        return found

    def at(self, places: NDArray[np.intp]) -> Examples:
        """Return some of them."""
        return Examples(
            tuple(self.keys[i] for i in places),
            self.truth[places],
            {name: block[places] for name, block in self.features.items()},
            self.zero_shot[places],
        )

    def joined(self, others: Examples) -> Examples:
        """Return both; what is known already is known as the others say."""
        again = set(others.keys)
        kept = self.at(np.flatnonzero([key not in again for key in self.keys]))
        return Examples(
            kept.keys + others.keys,
            np.concatenate([kept.truth, others.truth]),
            {
                name: np.concatenate([kept.features[name], others.features[name]])
                for name in kept.features
            },
            np.concatenate([kept.zero_shot, others.zero_shot]),
        )


@dataclass(frozen=True, eq=False)
class Fitted:
    """A head with its calibration.

    Attributes
    ----------
    head : Head
        Gives a score for each class in ``classes``.
    classes : (k,) int array
        The classes that were learnt, as places in the label set.
    sharpness : float
        Power of the scores' exponentials.
    trust : float
        Power of the probabilities that the model gives the names; 0: the names say nothing.
    unseen : float
        Share of what the names say that is believed of classes which were not learnt.
    """

    head: Head
    classes: NDArray[np.intp]
    sharpness: float
    trust: float
    unseen: float

    def probabilities(self, features: Features, zero_shot: NDArray[np.floating]) -> Floats:
        """Return (m, K) probabilities that sum to 1, from features and names (m, K)."""
        scores = self.head.scores(features)
        named = np.asarray(zero_shot, float)
        learnt = _pooled(scores, named[:, self.classes], self.sharpness, self.trust)
        found = self.unseen * named
        found[:, self.classes] = 0
        found[:, self.classes] = (1 - found.sum(1, keepdims=True)) * learnt
        total: Floats = found / found.sum(1, keepdims=True)
        return total


def fit_examples(
    examples: Examples, settings: Settings | None = None, fewest: int = FEWEST
) -> Fitted:
    """Fit a head and its calibration.

    Parameters
    ----------
    examples : Examples
        At least ``fewest`` each of two classes; classes with fewer are not learnt.
    settings : Settings, optional
        How to fit; chosen inside the examples by default.
    fewest : int
        Examples that a class needs.
    """
    classes = np.flatnonzero(examples.counts >= fewest)
    mine = examples.at(np.flatnonzero(np.isin(examples.truth, classes)))
    truth = np.searchsorted(classes, mine.truth)
    labels = np.eye(len(classes))[truth]
    candidates = [settings] if settings is not None else _candidates(mine)
    weights = _weights(truth)

    def merit(scores: Floats) -> float:
        return -float(np.average(((scores - labels) ** 2).sum(1), weights=weights))

    head, scores = choose(
        mine.features, labels, candidates, _partitions(truth), merit, lambda _: weights
    )
    named = mine.zero_shot[:, classes].astype(float)
    sharpness, trust = _calibrated(scores, named, truth, weights)
    return Fitted(head, classes, sharpness, trust, _believed(mine))


def try_examples(
    examples: Examples, names: tuple[str, ...], check: Callable[[], None] = lambda: None
) -> Trial:
    """Name every example by what was learnt from others, settings and calibration included.

    Parameters
    ----------
    examples : Examples
        As for :func:`fit_examples`.
    names : tuple of str
        The label set.
    check : callable
        Called between parts; raises to stop.
    """
    counts = examples.counts
    places = np.flatnonzero(counts[examples.truth] >= FEWEST)
    mine = examples.at(places)
    settings = fit_examples(mine).head.settings if len(mine) > _NESTED else None
    parts = 2 * _PARTS if settings is None else _PARTS
    if len(mine) <= _EACH_ALONE:
        parts = len(mine)
    found = np.zeros(len(mine), np.intp)
    for held in folds_of(mine.truth.tolist(), None, parts, 1):
        check()
        rest = np.setdiff1d(np.arange(len(mine)), held)
        part = mine.at(rest)
        if np.count_nonzero(part.counts) < 2:
            found[held] = mine.zero_shot[held].argmax(1)
            continue
        fitted = fit_examples(part, settings, 1)
        seen = {name: block[held] for name, block in mine.features.items()}
        found[held] = fitted.probabilities(seen, mine.zero_shot[held]).argmax(1)
    right = float((mine.zero_shot.argmax(1) == mine.truth).mean())
    return trial_of(names, mine.truth, found, right, counts)


def _candidates(examples: Examples) -> list[Settings]:
    blocks = tuple(examples.features)
    tried = _FEW if len(examples) < _MANY else _MORE
    return [Settings(blocks, strength, bend) for strength, bend in tried]


def _weights(truth: NDArray[np.intp]) -> Floats:
    """Return weights under which rare classes count somewhat more than they are frequent."""
    # How often they were labelled is not quite how often they will be met.
    weights: Floats = np.bincount(truth)[truth].astype(float) ** -0.25
    weights /= weights.mean()
    return weights


def _partitions(truth: NDArray[np.intp]) -> list[list[NDArray[np.intp]]]:
    if len(truth) <= _EACH_ALONE:
        return [[np.array([i]) for i in range(len(truth))]]
    kinds = truth.tolist()
    times = _PARTITIONS if len(truth) <= _NESTED else 1
    return [folds_of(kinds, None, _PARTS, seed) for seed in range(times)]


def _calibrated(
    scores: Floats, named: Floats, truth: NDArray[np.intp], weights: Floats
) -> tuple[float, float]:
    """Return the powers under which held-out examples are named best; the names' may be 0."""
    n, k = scores.shape
    # Of few examples all may be right, which does not make the next one sure: Laplace's rule of
    # succession for right and wrong, with as many examples as a class has.
    each = n / k
    wanted = np.full((n, k), 1 / ((each + 2) * max(k - 1, 1)))
    wanted[np.arange(n), truth] = (each + 1) / (each + 2)
    best, found = np.inf, (1.0, 0.0)
    for trust, sharpness in product(_TRUST, _SHARPNESS):
        said = np.log(_pooled(scores, named, sharpness, trust).clip(min=1e-12))
        loss = -float(np.average((wanted * said).sum(1), weights=weights))
        if loss < best - 1e-9:
            best, found = loss, (sharpness, trust)
    return found


def _pooled(scores: Floats, named: Floats, sharpness: float, trust: float) -> Floats:
    """Multiply both, each to its power, and bring rows to the sum 1."""
    total = sharpness * scores
    if trust:
        total = total + trust * np.log(named.clip(min=_LEAST))
    total = np.exp(total - total.max(1, keepdims=True))
    shares: Floats = total / total.sum(1, keepdims=True)
    return shares


def _believed(examples: Examples) -> float:
    """Return how far the names alone are better than guessing, 0 to 1."""
    chance: float = 1 / examples.zero_shot.shape[1]
    right = float((examples.zero_shot.argmax(1) == examples.truth).mean())
    return float(max((right - chance) / (1 - chance), 0.0))
