"""How sure an answer is: from the probabilities of its tokens to one that can be relied on."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log

import numpy as np
from numpy.typing import NDArray

__all__ = ["confidence_of", "features_of"]

_LEAST = 1e-30


def features_of(probabilities: Sequence[float]) -> NDArray[np.float64]:
    """Return what the confidence of an answer is told from.

    Parameters
    ----------
    probabilities : sequence of float
        Of the tokens of the answer, at least one.

    Returns
    -------
    (3,) float64 array
        Logarithms of the product, of the least and of the geometric mean.
    """
    logs = np.log(np.maximum(np.asarray(probabilities, np.float64), _LEAST))
    return np.array([logs.sum(), logs.min(), logs.mean()])


def confidence_of(probabilities: Sequence[float], weights: Sequence[float] | None) -> float:
    """Return the probability that an answer is right.

    Parameters
    ----------
    probabilities : sequence of float
        Of the tokens of the answer.
    weights : sequence of 4 floats, optional
        Offset, then a factor for each of :func:`features_of`, of a logistic regression fitted to
        answers about pictures kept aside; without them the geometric mean of the probabilities.
    """
    if not weights:
        logs = [log(max(p, _LEAST)) for p in probabilities]
        return exp(sum(logs) / len(logs))
    logit = weights[0] + float(np.dot(weights[1:], features_of(probabilities)))
    return float(1 / (1 + np.exp(-np.clip(logit, -30, 30))))
