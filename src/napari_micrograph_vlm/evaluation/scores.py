"""Counting hits honestly: how many of how many, and how sure that is."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from math import sqrt
from typing import Any

__all__ = ["Score", "Scores", "wilson"]


def wilson(hits: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """Return the 95 % Wilson interval of a share, from 0 to 1."""
    if n == 0:
        return 0.0, 1.0
    share = hits / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(middle - half, 0.0), min(middle + half, 1.0)


@dataclass
class Score:
    """One thing measured.

    Attributes
    ----------
    truth : list of str
        The right answer for each case.
    right, blind : list of bool
        Whether the model had it, and whether it had it from the mean picture alone.
    chance : list of float
        Chance of a hit by a random guess, where that is known for each case.
    confused : Counter of (str, str)
        What was said (second) for what was true (first), where wrong.
    """

    truth: list[str] = field(default_factory=list)
    right: list[bool] = field(default_factory=list)
    blind: list[bool] = field(default_factory=list)
    chance: list[float] = field(default_factory=list)
    confused: Counter[tuple[str, str]] = field(default_factory=Counter)

    def to_dict(self) -> dict[str, Any]:
        """Return the figures, ready for JSON."""
        n, hits = len(self.right), sum(self.right)
        low, high = wilson(hits, n)
        found: dict[str, Any] = {
            "n": n,
            "share": round(hits / n, 4) if n else None,
            "interval": [round(low, 4), round(high, 4)],
        }
        if self.truth and n:
            found["majority"] = round(Counter(self.truth).most_common(1)[0][1] / n, 4)
        if self.blind:
            found["blind"] = round(sum(self.blind) / len(self.blind), 4)
        if self.chance:
            found["chance"] = round(sum(self.chance) / len(self.chance), 4)
        if self.confused:
            found["confused"] = [[t, s, k] for (t, s), k in self.confused.most_common(12)]
        if self.truth and n:
            found["by_truth"] = self._by_truth()
        return found

    def _by_truth(self) -> dict[str, list[int]]:
        """Hits and cases of each right answer."""
        found: dict[str, list[int]] = {}
        for truth, right in zip(self.truth, self.right, strict=True):
            pair = found.setdefault(truth, [0, 0])
            pair[0] += right
            pair[1] += 1
        return dict(sorted(found.items())) if len(found) <= 20 else {}


class Scores:
    """Scores by name, in the order in which they were first counted."""

    def __init__(self) -> None:
        self.by_name: dict[str, Score] = {}

    def add(
        self,
        name: str,
        right: bool,
        *,
        truth: str | None = None,
        said: str | None = None,
        blind: bool | None = None,
        chance: float | None = None,
    ) -> None:
        """Count one case."""
        score = self.by_name.setdefault(name, Score())
        score.right.append(bool(right))
        if truth is not None:
            score.truth.append(truth)
            if said is not None and not right:
                score.confused[(truth, said)] += 1
        if blind is not None:
            score.blind.append(bool(blind))
        if chance is not None:
            score.chance.append(chance)

    def to_dict(self) -> dict[str, Any]:
        """Return every figure, ready for JSON."""
        return {name: score.to_dict() for name, score in self.by_name.items()}
