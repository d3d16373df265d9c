"""Whether a stated confidence is the share of right answers among those stated so."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["BINS", "calibration_error", "calibration_interval"]

BINS = 15

DRAWS = 300


def calibration_error(
    confidence: NDArray[np.float64], right: NDArray[np.float64], bins: int = BINS
) -> float:
    """Return the expected calibration error over bins that hold equally many answers.

    Parameters
    ----------
    confidence : (n,) float array
        Probability that was given to what was said.
    right : (n,) float array
        1 where it was right, else 0.
    bins : int
        Answers are sorted by confidence and cut into so many parts of the same size.

    Returns
    -------
    float
        Mean over answers of the gap between a bin's mean confidence and its share of right ones.
    """
    order = np.argsort(confidence, kind="stable")
    gaps = [
        abs(float(confidence[part].mean() - right[part].mean())) * len(part)
        for part in np.array_split(order, min(bins, len(order)))
    ]
    return sum(gaps) / len(order)


def calibration_interval(
    confidence: NDArray[np.float64],
    right: NDArray[np.float64],
    groups: Sequence[Hashable],
    draws: int = DRAWS,
) -> tuple[float, float] | None:
    """Return the 95 % bootstrap interval of the calibration error, drawing whole groups.

    Chance alone makes the error of a draw larger than that of the whole, so the value may lie near
    the lower end. None for fewer than two groups.
    """
    members: dict[Hashable, list[int]] = {}
    for i, group in enumerate(groups):
        members.setdefault(group, []).append(i)
    rows = [np.array(part) for part in members.values()]
    if len(rows) < 2:
        return None
    rng = np.random.default_rng(0)
    values = []
    for _ in range(draws):
        drawn = np.concatenate([rows[i] for i in rng.integers(len(rows), size=len(rows))])
        values.append(calibration_error(confidence[drawn], right[drawn]))
    low, high = np.percentile(values, (2.5, 97.5))
    return float(low), float(high)
