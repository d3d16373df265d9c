"""Verdicts about texts as they are kept and saved, and what they add up to."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import SourceError
from ...intervals import wilson

__all__ = ["VERDICTS", "VERDICTS_FILE", "Tally", "read_saved", "read_verdicts"]

VERDICTS_FILE = "verdicts.jsonl"
"""One verdict a line beside ``figures.jsonl``; the last about each text counts."""

VERDICTS = ("accepted", "rejected", "open")


@dataclass(frozen=True)
class Tally:
    """How many texts of one kind a person accepted.

    Attributes
    ----------
    kind : str
        ``"description"``, ``"reasoning"`` or ``"question"``.
    accepted, edited, rejected, open : int
        Accepted as they were, accepted in other words, rejected, not judged yet.
    """

    kind: str
    accepted: int
    edited: int
    rejected: int
    open: int

    @property
    def judged(self) -> int:
        """How many were judged."""
        return self.accepted + self.edited + self.rejected

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % Wilson interval of the share that was accepted as it was."""
        return wilson(self.accepted, self.judged)

    def line(self) -> str:
        """Return one line of a table."""
        if not self.judged:
            return f"{self.kind:<12} not judged yet ({self.open})"
        low, high = self.interval
        return (
            f"{self.kind:<12} {100 * self.accepted / self.judged:5.1f} % accepted as written "
            f"({100 * low:.1f} to {100 * high:.1f} %), {self.edited} in other words, "
            f"{self.rejected} rejected, {self.open} not judged"
        )


def read_saved(path: Path) -> list[dict[str, str]]:
    """Read the verdicts that a review sheet saved.

    Raises
    ------
    SourceError
        If the file holds none.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["verdicts"]
        return [_entry(item) for item in found]
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror or error}.") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise SourceError(
            f"{path} holds no verdicts; save them with the button of the review sheet."
        ) from None


def read_verdicts(path: Path) -> dict[str, dict[str, str]]:
    """Return the last verdict about each text; lines that are broken are passed over."""
    found: dict[str, dict[str, str]] = {}
    lines: Iterable[bytes] = path.read_bytes().splitlines() if path.is_file() else ()
    for line in lines:
        try:
            entry = _entry(json.loads(line))
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
        found[entry["id"]] = entry
    return found


def _entry(item: Any) -> dict[str, str]:
    entry = {name: item[name] for name in ("id", "verdict", "asked", "said")}
    if entry["verdict"] not in VERDICTS or not all(isinstance(v, str) for v in entry.values()):
        raise ValueError("no verdict")
    return entry
