"""A teacher's counts of particles beside the particles that masks mark."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import SourceError
from ...intervals import wilson
from ..labelled import Labelled, Record
from ..teacher.consistency import DENIED
from ..teacher.truth import counted_particles

__all__ = ["CountCheck", "check_counts"]

DRAWS = 2000
"""Bootstrap samples."""

RANGES = ((1, 5), (6, 15), (16, None))


@dataclass(frozen=True, eq=False)
class CountCheck:
    """Counts said beside counts that are known.

    Attributes
    ----------
    said, true : (N,) int arrays
        One entry for each picture with a number and a mask.
    not_counted : dict of str to list of int
        True counts of the pictures where ``"many"`` or ``"not countable"`` was said.
    denied : int
        How many of all these counts were dropped from the labels because the masks deny them.
    forgotten : int
        Counts that were dropped so by a version that did not keep them; they are in no figure.
    broken : list of str
        One sentence for each mask that cannot be read.
    """

    said: NDArray[np.int64]
    true: NDArray[np.int64]
    not_counted: dict[str, list[int]]
    denied: int = 0
    forgotten: int = 0
    broken: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Return the figures as lines of text."""
        lines = []
        if len(self.said):
            lines.append(f"Counts beside the masks, {len(self.said)} pictures with a number:")
            lines += self._figures(np.ones(len(self.said), bool), "all")
            for low, high in RANGES:
                chosen = (self.true >= low) & (self.true <= (high or self.true.max()))
                name = f"{low} to {high}" if high else f"{low} and more"
                lines += self._figures(chosen, f"{name} particles") if chosen.any() else []
        for word, true in self.not_counted.items():
            lines.append(
                f"  {word!r} instead of a number: pictures {len(true)}, particles in them "
                f"{min(true)} to {max(true)}, median {np.median(true):g}"
            )
        if self.denied:
            lines.append(f"  {self.denied} of these were dropped from the labels: masks deny them")
        if self.forgotten:
            lines.append(
                f"  {self.forgotten} more were dropped because masks deny them, and not kept: "
                "the teacher is worse than these figures"
            )
        return lines

    def _figures(self, chosen: NDArray[np.bool_], name: str) -> list[str]:
        said, true = self.said[chosen], self.true[chosen]
        error = np.abs(said - true) / true
        exact, near = int((error == 0).sum()), int((error <= 0.2).sum())
        n = len(true)
        low, high = _bootstrap_median(error)
        return [
            f"  {name} ({n} pictures): exact {_share(exact, n)}; within 20 % {_share(near, n)}; "
            f"median relative error {100 * np.median(error):.1f} % "
            f"({100 * low:.1f} to {100 * high:.1f} %)"
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return the figures of all pictures, ready for JSON."""
        error = np.abs(self.said - self.true) / self.true
        n = len(error)
        return {
            "n": n,
            "exact": float((error == 0).mean()) if n else None,
            "within_20_percent": float((error <= 0.2).mean()) if n else None,
            "median_relative_error": float(np.median(error)) if n else None,
            "median_interval": list(_bootstrap_median(error)) if n else None,
            "denied": self.denied,
            "forgotten": self.forgotten,
            "not_counted": {word: len(true) for word, true in self.not_counted.items()},
        }


def check_counts(labelled: Labelled) -> CountCheck:
    """Compare the counts of a labelled folder with masks or ``counts.csv`` beside its pictures.

    Pictures without either, or that a teacher named something else than particles or powder,
    are passed over: other objects may have been counted. Counts that were dropped because the
    masks deny them are compared too: those that are left agree by construction.
    """
    said, true = [], []
    not_counted: dict[str, list[int]] = {}
    denied = forgotten = 0
    broken: list[str] = []
    for record in labelled.records:
        if record.get("category") not in ("particles", "powder"):
            continue
        try:
            known = counted_particles(labelled.path(record))
        except SourceError as error:
            broken.append(f"{record['image']}: {error}")
            continue
        if not known:
            continue
        count = record.get("count")
        if count is None:
            count = _denied_count(record)
            denied += count is not None
            forgotten += count is None and _was_denied(record)
        if isinstance(count, int):
            said.append(count)
            true.append(known)
        elif count is not None:
            not_counted.setdefault(str(count), []).append(known)
    return CountCheck(
        np.array(said, np.int64),
        np.array(true, np.int64),
        not_counted,
        denied,
        forgotten,
        broken,
    )


def _denied_count(record: Record) -> int | str | None:
    """Return the count that masks denied, as the teacher said it."""
    denied = record.get("denied")
    pair = denied.get("count") if isinstance(denied, dict) else None
    said = pair[0] if isinstance(pair, list) and pair else None
    return said if isinstance(said, int | str) else None


def _was_denied(record: Record) -> bool:
    dropped = record.get("dropped")
    return isinstance(dropped, dict) and f"count: {DENIED}" in dropped


def _share(hits: int, n: int) -> str:
    low, high = wilson(hits, n)
    return f"{100 * hits / n:.1f} % ({100 * low:.1f} to {100 * high:.1f} %)"


def _bootstrap_median(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the 95 % interval of the median over resampled pictures."""
    rng = np.random.default_rng(0)
    picks = rng.integers(len(values), size=(DRAWS, len(values)))
    low, high = np.percentile(np.median(values[picks], axis=1), [2.5, 97.5])
    return float(low), float(high)
