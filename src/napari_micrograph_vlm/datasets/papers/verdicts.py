"""Verdicts about texts as they are kept and saved, and what they add up to."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import SourceError
from ...intervals import wilson

__all__ = ["VERDICTS", "VERDICTS_FILE", "Kept", "Tally", "read_saved"]

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


def read_saved(path: Path) -> list[dict[str, Any]]:
    """Read the verdicts that a review sheet saved.

    Each has ``known``, too: the states (verdict, asked, said) that the sheet knew of; None where
    it does not say.

    Raises
    ------
    SourceError
        If the file holds none.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["verdicts"]
        return [{**_entry(item), "known": _known(item)} for item in found]
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror or error}.") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise SourceError(
            f"{path} holds no verdicts; save them with the button of the review sheet."
        ) from None


class Kept:
    """The last verdict about each text, followed while others write to the file, too.

    Lines that are broken are passed over.

    Parameters
    ----------
    path : Path
        ``verdicts.jsonl``; there need not be one yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries: dict[str, dict[str, str]] = {}
        self._read = 0
        self._file = (0, 0)

    def follow(self) -> None:
        """Read what was written since the last time."""
        try:
            status = self.path.stat()
            file = status.st_dev, status.st_ino
            if file != self._file or status.st_size < self._read:
                self.entries.clear()
                self._file, self._read = file, 0
            if status.st_size == self._read:
                return
            with self.path.open("rb") as opened:
                opened.seek(self._read)
                data = opened.read()
        except OSError:  # what is wrong with the file is said when it is written
            if not self.path.is_file():
                self.entries.clear()
                self._file, self._read = (0, 0), 0
            return
        whole = data[: data.rfind(b"\n") + 1]  # the last line may be half written yet
        self._read += len(whole)
        for line in whole.split(b"\n"):
            try:
                item = json.loads(line)
                entry = _entry(item)
            except (ValueError, KeyError, TypeError, RecursionError):
                continue
            digest = item.get("digest")
            self.entries[entry["id"]] = {**entry, "digest": digest} if _is_word(digest) else entry


def _entry(item: Any) -> dict[str, str]:
    entry = {name: item[name] for name in ("id", "verdict", "asked", "said")}
    if entry["verdict"] not in VERDICTS or not all(isinstance(v, str) for v in entry.values()):
        raise ValueError("no verdict")
    return entry


def _known(item: Any) -> list[list[str]] | None:
    known = item.get("known")
    if known is not None and not (
        isinstance(known, list) and all(isinstance(state, list) for state in known)
    ):
        raise ValueError("no states")
    return known


def _is_word(value: Any) -> bool:
    return isinstance(value, str)
