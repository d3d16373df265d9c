"""How sure a figure is: intervals for shares and means, drawing whole groups again."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from ..intervals import wilson

__all__ = ["DRAWS", "group_sums", "interval_of", "mean_interval", "redrawn"]

DRAWS = 1000
"""How often the groups are drawn again."""

Sums = NDArray[np.float64]


def group_sums(groups: Sequence[Hashable], values: NDArray[np.float64]) -> Sums:
    """Add up what belongs to one group.

    Parameters
    ----------
    groups : sequence of n hashable
        The group of each row, such as the picture it is about.
    values : (n, k) float array
        What is added up.

    Returns
    -------
    (groups, k) float array
        One row a group, in the order of first appearance.
    """
    index = {group: i for i, group in enumerate(dict.fromkeys(groups))}
    sums = np.zeros((len(index), values.shape[1]))
    np.add.at(sums, [index[group] for group in groups], values)
    return sums


def redrawn(sums: Sums, draws: int = DRAWS, seed: int = 0) -> Sums:
    """Draw as many groups as there are, with replacement, and add up each draw.

    Parameters
    ----------
    sums : (groups, k) float array
        From :func:`group_sums`.
    draws, seed : int
        How often, and what decides the draws.

    Returns
    -------
    (draws, k) float array
    """
    n = len(sums)
    times = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=draws)
    result: Sums = times @ sums
    return result


def interval_of(
    sums: Sums, statistic: Callable[[Sums], NDArray[np.float64]]
) -> tuple[float, float] | None:
    """Return the 95 % bootstrap interval of a statistic of sums; None for fewer than two groups.

    Parameters
    ----------
    sums : (groups, k) float array
        From :func:`group_sums`.
    statistic : callable
        Turns (draws, k) sums into (draws,) values; NaN where it is not defined.
    """
    if len(sums) < 2:
        return None
    values = statistic(redrawn(sums))
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    low, high = np.percentile(values, (2.5, 97.5))
    return float(low), float(high)


def mean_interval(
    values: Sequence[float], groups: Sequence[Hashable]
) -> tuple[float, tuple[float, float] | None]:
    """Return a mean and its 95 % interval.

    Where every group has one value and all are 0 or 1 it is Wilson's; else the groups are drawn
    again, or, where all values are 0 or all 1, Wilson's of as many values as there are groups.

    Raises
    ------
    ValueError
        If there is no value.
    """
    if not len(values):
        raise ValueError("There is nothing to take the mean of.")
    array = np.asarray(values, dtype=float)
    if len(set(groups)) == len(array) and np.isin(array, (0, 1)).all():
        return float(array.mean()), wilson(int(array.sum()), len(array))
    if len(set(array)) == 1 and array[0] in (0, 1):
        different = len(set(groups))
        return float(array[0]), wilson(int(array[0]) * different, different)
    sums = group_sums(groups, np.stack([array, np.ones_like(array)], axis=1))
    with np.errstate(invalid="ignore"):
        return float(array.mean()), interval_of(sums, lambda s: s[:, 0] / s[:, 1])
