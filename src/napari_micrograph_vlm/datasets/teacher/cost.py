"""What the teaching costs: calls, tokens, time and money."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from .base import Reply

__all__ = ["Cost", "Prices"]

_MILLION = 1_000_000


@dataclass(frozen=True)
class Prices:
    """Price of a million tokens read and written, in any currency; None where not known."""

    read: float | None = None
    written: float | None = None

    def of(self, cost: Cost) -> float | None:
        """Return what a cost comes to; None without prices."""
        if self.read is None and self.written is None:
            return None
        total = cost.prompt_tokens * (self.read or 0) + cost.completion_tokens * (self.written or 0)
        return total / _MILLION


@dataclass
class Cost:
    """A sum of answers."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0

    def add(self, reply: Reply) -> None:
        """Count one answer."""
        self.calls += 1
        self.prompt_tokens += reply.prompt_tokens
        self.completion_tokens += reply.completion_tokens
        self.seconds += reply.seconds

    def __iadd__(self, other: Cost) -> Cost:
        self.calls += other.calls
        self.prompt_tokens += other.prompt_tokens
        self.completion_tokens += other.completion_tokens
        self.seconds += other.seconds
        return self

    def to_dict(self) -> dict[str, float]:
        """Return it ready for a record."""
        return {**asdict(self), "seconds": round(self.seconds, 3)}

    @classmethod
    def of(cls, record: dict[str, Any]) -> Cost:
        """Take it out of a record again; nothing where there is none."""
        kept = record.get("cost")
        if not isinstance(kept, dict):
            return cls()
        return cls(
            int(kept.get("calls", 0)),
            int(kept.get("prompt_tokens", 0)),
            int(kept.get("completion_tokens", 0)),
            float(kept.get("seconds", 0.0)),
        )

    def text(self, prices: Prices) -> str:
        """Say it in one line."""
        words = (
            f"{self.calls} answers, {self.prompt_tokens:,} tokens read, "
            f"{self.completion_tokens:,} written, {self.seconds:.0f} s of answering"
        )
        money = prices.of(self)
        return words if money is None else f"{words}, {money:.2f} at the prices given"
