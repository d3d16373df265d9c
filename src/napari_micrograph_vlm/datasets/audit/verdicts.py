"""A person's verdicts on a teacher's claims, kept beside the labels, and what they add up to."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import SourceError
from ...intervals import wilson
from ..labelled import append_line, cut_torn_line

__all__ = ["KEPT_FILE", "VERDICTS", "ErrorRate", "error_rates", "keep_verdicts", "read_kept"]

KEPT_FILE = "audit.jsonl"

VERDICTS = ("right", "wrong", "unsure")

_TEXTS = ("id", "image", "kind", "asked", "said", "verdict")


@dataclass(frozen=True)
class ErrorRate:
    """How often a teacher was wrong about one kind of question.

    Attributes
    ----------
    kind : str
        The field or kind of question.
    wrong, judged, unsure : int
        Claims found wrong, found right or wrong, and left open.
    """

    kind: str
    wrong: int
    judged: int
    unsure: int

    @property
    def share(self) -> float | None:
        """Share of the judged claims that are wrong; None where none was judged."""
        return self.wrong / self.judged if self.judged else None

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % Wilson interval of that share."""
        return wilson(self.wrong, self.judged)

    def text(self) -> str:
        """Return one line of a table."""
        if self.share is None:
            return f"{self.kind:<26} not judged ({self.unsure} unsure)"
        low, high = self.interval
        line = (
            f"{self.kind:<26} {100 * self.share:5.1f} % wrong "
            f"({100 * low:.1f} to {100 * high:.1f} %), {self.wrong} of {self.judged}"
        )
        return f"{line}, {self.unsure} unsure" if self.unsure else line


def keep_verdicts(downloaded: Path, kept: Path) -> int:
    """Add the verdicts of a review sheet to those kept already; the later of two counts.

    Parameters
    ----------
    downloaded : Path
        The ``verdicts.json`` that the review sheet saved.
    kept : Path
        File with one verdict a line.

    Returns
    -------
    int
        How many verdicts were new or changed.

    Raises
    ------
    SourceError
        If the file is no such file, or ``kept`` holds other things.
    """
    try:
        found = json.loads(downloaded.read_text(encoding="utf-8"))["verdicts"]
        entries = [_entry(item) for item in found]
    except OSError as error:
        raise SourceError(f"{downloaded} cannot be read: {error.strerror}.") from None
    except (ValueError, KeyError, TypeError):
        raise SourceError(
            f"{downloaded} holds no verdicts; save them with the button of the review sheet."
        ) from None
    cut_torn_line(kept)
    before = read_kept(kept)
    new = [entry for entry in entries if before.get(entry["id"]) != entry]
    kept.parent.mkdir(parents=True, exist_ok=True)
    for entry in new:
        append_line(kept, entry)
    return len(new)


def _entry(item: Any) -> dict[str, str]:
    entry = {name: item[name] for name in _TEXTS}
    if entry["verdict"] not in VERDICTS or not all(isinstance(v, str) for v in entry.values()):
        raise ValueError("no verdict")
    return entry


def read_kept(kept: Path) -> dict[str, dict[str, str]]:
    """Return the kept verdicts by the id of their claim; lines that are broken are passed over."""
    found: dict[str, dict[str, str]] = {}
    if not kept.is_file():
        return found
    for line in kept.read_bytes().splitlines():
        try:
            entry = _entry(json.loads(line))
        except (ValueError, KeyError, TypeError):
            continue
        found[entry["id"]] = entry
    return found


def error_rates(verdicts: Iterable[dict[str, str]]) -> list[ErrorRate]:
    """Return the error rate of each kind, the worst first."""
    by_kind: dict[str, dict[str, int]] = {}
    for entry in verdicts:
        tally = by_kind.setdefault(entry["kind"], dict.fromkeys(VERDICTS, 0))
        tally[entry["verdict"]] += 1
    rates = [
        ErrorRate(kind, tally["wrong"], tally["wrong"] + tally["right"], tally["unsure"])
        for kind, tally in by_kind.items()
    ]
    return sorted(rates, key=lambda rate: (-(rate.share or 0.0), rate.kind))
