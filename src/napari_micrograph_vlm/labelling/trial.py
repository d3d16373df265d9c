"""How well classes are told apart, as far as the labelled regions can say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import QuestionError
from ..intervals import Z, wilson

__all__ = [
    "ENOUGH",
    "FEWEST",
    "Trial",
    "advice_of",
    "check_enough",
    "confusion_of",
    "trial_of",
]

FEWEST = 2
"""Examples that a class needs to be learnt."""

ENOUGH = 5
"""Examples of each class below which a trial is advised against."""

_WIDEST = 0.15
"""Half an interval wider than this asks for more examples."""

_NAMED = 3


_LACKING = 4
"""Classes without enough examples that are named."""


def check_enough(examples: Mapping[str, int]) -> None:
    """See that there is something to learn.

    Parameters
    ----------
    examples : mapping of str to int
        How many examples each class has.

    Raises
    ------
    QuestionError
        If fewer than two classes have two examples; it names those that lack some.
    """
    if sum(number >= FEWEST for number in examples.values()) >= 2:
        return
    # What is nearly there is named first.
    lacking = sorted(
        (name for name, number in examples.items() if number < FEWEST),
        key=lambda name: -examples[name],
    )
    said = [f"{name!r} has {examples[name] or 'none'}" for name in lacking[:_LACKING]]
    if len(lacking) > _LACKING:
        said.append(f"{len(lacking) - _LACKING} more have too few, too")
    which = f": {', '.join(said)}" if said else ""
    raise QuestionError(f"Label at least two regions each of two classes before learning{which}.")


@dataclass(frozen=True, eq=False)
class Trial:
    """What cross-validation found: every example named by a head that had not learnt from it.

    Attributes
    ----------
    names : tuple of str
        The classes.
    confusion : (K, K) int64 array
        Rows: the class given by a person; columns: the class found.
    advice : str
        One sentence where there is too little to trust it; empty where there is enough.
    zero_shot : float
        Share of the same examples that the class names alone, without learning, get right.
    """

    names: tuple[str, ...]
    confusion: NDArray[np.int64]
    advice: str = ""
    zero_shot: float = 0.0

    @property
    def tried(self) -> int:
        """How many examples were named."""
        return int(self.confusion.sum())

    @property
    def accuracy(self) -> float:
        """Share of the examples that were named rightly."""
        return float(np.trace(self.confusion)) / max(self.tried, 1)

    @property
    def interval(self) -> tuple[float, float]:
        """Where the accuracy lies with 95 % certainty (Wilson's interval)."""
        return wilson(int(np.trace(self.confusion)), self.tried)

    def __str__(self) -> str:
        low, high = (100 * end for end in self.interval)
        found = (
            f"{100 * self.accuracy:.0f} % of {self.tried} regions right "
            f"(95 % interval: {low:.0f} to {high:.0f} %); "
            f"with the class names alone {100 * self.zero_shot:.0f} %."
        )
        return f"{found} {self.advice}".strip()

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        low, high = self.interval
        return {
            "names": list(self.names),
            "confusion": self.confusion.tolist(),
            "accuracy": round(self.accuracy, 4),
            "interval": [round(low, 4), round(high, 4)],
            "zero_shot": round(self.zero_shot, 4),
            "advice": self.advice,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Trial:
        """Make it from what :meth:`to_dict` gave.

        Raises
        ------
        ValueError
            If the table is not one of these classes.
        """
        names = tuple(str(name) for name in values["names"])
        confusion = np.asarray(values["confusion"], np.int64)
        if confusion.shape != (len(names), len(names)) or (confusion < 0).any():
            raise ValueError("the table of the trial does not fit its classes")
        return cls(names, confusion, str(values["advice"]), float(values["zero_shot"]))


def trial_of(
    names: Sequence[str],
    truth: NDArray[np.intp],
    found: NDArray[np.intp],
    zero_shot: float,
    given: NDArray[np.intp] | None = None,
) -> Trial:
    """Make a trial from the classes of n examples and what they were taken for.

    Parameters
    ----------
    names : sequence of K str
        The classes.
    truth, found : (n,) int arrays
        Places in ``names``.
    zero_shot : float
        See :class:`Trial`.
    given : (K,) int array, optional
        How many examples there are of each class, those that could not be tried included.
    """
    confusion = confusion_of(truth, found, len(names))
    counts = confusion.sum(1) if given is None else given
    return Trial(tuple(names), confusion, advice_of(names, confusion, counts), zero_shot)


def confusion_of(
    truth: NDArray[np.intp], found: NDArray[np.intp], classes: int
) -> NDArray[np.int64]:
    """Count how often each class (row) was taken for each (column)."""
    confusion = np.zeros((classes, classes), np.int64)
    np.add.at(confusion, (truth, found), 1)
    return confusion


def advice_of(
    names: Sequence[str], confusion: NDArray[np.int64], counts: NDArray[np.integer]
) -> str:
    """Say in one sentence how many more of which class to label; empty where there is enough.

    Parameters
    ----------
    names : sequence of K str
        The classes.
    confusion : (K, K) int array
        As in :class:`Trial`.
    counts : (K,) int array
        How many examples there are of each class.
    """
    missing = {name: ENOUGH - int(n) for name, n in zip(names, counts, strict=True) if n < ENOUGH}
    if missing:
        # The classes that are nearly there first: they cost least.
        order = sorted(missing, key=lambda name: missing[name])
        said = [f"{missing[name]} more of {name!r}" for name in order[:_NAMED]]
        rest = len(order) - _NAMED
        if rest == 1:
            said.append(f"{missing[order[-1]]} more of {order[-1]!r}")  # a name is no longer
        elif rest > 1:
            said.append(f"some of {rest} more classes")
        return f"Few examples: better label {_listed(said)}."
    tried, right = int(confusion.sum()), int(np.trace(confusion))
    low, high = wilson(right, tried)
    half = (high - low) / 2
    if half <= _WIDEST:
        return ""
    share = min(max(right / tried, 0.05), 0.95)
    more = max(ceil(Z**2 * share * (1 - share) / _WIDEST**2) - tried, 1)
    recall = np.diag(confusion) / np.maximum(confusion.sum(1), 1)
    worst = names[int(recall.argmin())]
    return (
        f"How often it is right is only known to within {100 * half:.0f} points: label about "
        f"{more} more, first of {worst!r}, which it misses most."
    )


def _listed(parts: Sequence[str]) -> str:
    if len(parts) == 1:
        return parts[0]
    return f"{', '.join(parts[:-1])} and {parts[-1]}"
