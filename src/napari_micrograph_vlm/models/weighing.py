"""From how likely labels are as answers to probabilities, and to where the best was seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .scoring import Scores, probabilities

__all__ = ["RECORDED_LABELS", "weigh"]

RECORDED_LABELS = 64
"""Most labels whose attention is kept at a time."""


class Score(Protocol):
    """Scores answers to one question about one region."""

    def __call__(self, answers: Sequence[str], *, recording: bool = False) -> Scores:
        """Return the scores, and where the model looked if it is to be recorded."""
        ...


def weigh(
    score: Score, names: Sequence[str], blank: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weigh labels as answers.

    Parameters
    ----------
    score : callable
        Of the question and region.
    names : sequence of str
        The labels.
    blank : (L,) float64 array
        What they score for a picture without content.

    Returns
    -------
    probabilities : (L,) float32 array
        Sum to 1.
    attention : (1, layers, P) float32 array
        Where the model looked for the best label.
    """
    scores = score(names, recording=len(names) <= RECORDED_LABELS)
    row = probabilities(scores.likelihoods, blank)
    best = int(row.argmax())
    attention = scores.attention
    if attention is None:
        attention, best = score(names[best : best + 1], recording=True).attention, 0
    assert attention is not None
    return row, attention[best : best + 1]
