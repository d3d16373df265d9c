"""How far a run is, and how long it will take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

__all__ = ["Clock", "Progress"]

_MEMORY = 0.9
"""How much of the speed so far counts against the speed of the last step."""


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes
    ----------
    done : int
        Items that were looked at, in earlier runs too.
    skipped : int
        Items that could not be looked at, in earlier runs too.
    total : int
        All items.
    seconds_left : float or None
        Until the end, at the speed so far; None where nobody can tell yet.
    empty : int
        Those of ``skipped`` that hold nothing to look at.
    """

    done: int
    skipped: int
    total: int
    seconds_left: float | None = None
    empty: int = 0

    @property
    def fraction(self) -> float:
        """How much of the run lies behind, 0 to 1."""
        return (self.done + self.skipped) / self.total if self.total else 1.0

    @property
    def text(self) -> str:
        """All of it in a few words."""
        words = f"{self.done + self.skipped} of {self.total}"
        if self.skipped - self.empty:
            words += f", {self.skipped - self.empty} skipped"
        if self.empty:
            words += f", {self.empty} empty"
        left = self.seconds_left
        return words if left is None else f"{words}, {duration(left)} left"


class Clock:
    """Tells how long the rest takes from how long the last items took; pauses do not count.

    Parameters
    ----------
    now : callable
        Gives seconds since any fixed time.
    """

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._since = now()
        self._seconds = self._items = 0.0

    def skip(self) -> None:
        """Leave out the time since the last step."""
        self._since = self._now()

    def step(self, items: int) -> None:
        """Count items that were finished since the last step."""
        now = self._now()
        # Of late counts more: the first step has the model's warming up in it.
        self._seconds = _MEMORY * self._seconds + now - self._since
        self._items = _MEMORY * self._items + items
        self._since = now

    def seconds_left(self, items: int) -> float | None:
        """Return how long so many items take."""
        return self._seconds / self._items * items if self._items else None


def duration(seconds: float) -> str:
    """Return a duration as people say it, such as ``"3 min"``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
