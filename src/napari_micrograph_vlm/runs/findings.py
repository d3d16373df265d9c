"""What a run found out about one item, and what it takes to repeat the run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import blake2b
from math import nan
from typing import Any

from .. import __version__
from ..results import AttentionMap
from .items import Item, Task

__all__ = ["Finding", "Run", "Said", "Sizes", "Status", "differences"]


class Status(StrEnum):
    """How an item ended."""

    DONE = "done"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Said:
    """One question and the model's answer.

    ``warnings`` is what to doubt of it (:attr:`.results.Answer.warnings`), ``figures`` are the
    figures of papers beside it, a line each.
    """

    question: str
    text: str
    confidence: float = nan
    warnings: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sizes:
    """What was measured of one item; see :func:`napari_micrograph_vlm.measure`.

    Attributes
    ----------
    what : str
        What was measured, such as ``"crack"``.
    count : int
        Number of objects.
    coverage : float
        Share of the item that they cover, 0 to 1.
    area, diameter, length : float
        Of all together, the median equivalent diameter, and the length of the longest, in the
        finding's unit (areas in its square), or in pixels; NaN where there is no object.
    length_error : float
        Standard uncertainty of ``length``.
    method : str
        How the objects were outlined.
    """

    what: str
    count: int
    coverage: float
    area: float = nan
    diameter: float = nan
    length: float = nan
    length_error: float = nan
    method: str = ""


@dataclass(frozen=True, eq=False)
class Finding:
    """What was found out about one item.

    Attributes
    ----------
    item : Item
        Which.
    status : Status
        Whether it could be looked at.
    error : str
        Why it was skipped, in one sentence.
    best, probability : str, float
        The model's class ("unknown" below the threshold), and how probable it is.
    probabilities : mapping of str to float
        Of every class, in the label set's order.
    said : tuple of Said
        The answers, in the order of the questions.
    maps : tuple of AttentionMap
        Where the model looked: for the class first, where there is one, then for each answer.
    shape : (int, int)
        Height and width of the region in source pixels.
    pixel_size, unit : (float, float) or None, str
        As in :class:`.regions.Region`.
    thumbnail : bytes
        A JPEG of the region, 160 pixels on its longer side at most.
    seconds : float
        How long the model took.
    asked : str
        Date and time, ISO 8601, UTC.
    corrected : str
        The class that a person gave; no run overwrites it. Empty: nobody did.
    reviewed : bool
        Whether a person has looked at it.
    sizes : Sizes or None
        What was measured; None where the run measures nothing, or nothing was found.
    """

    item: Item
    status: Status = Status.DONE
    error: str = ""
    best: str = ""
    probability: float = nan
    probabilities: Mapping[str, float] = field(default_factory=dict)
    said: tuple[Said, ...] = ()
    maps: tuple[AttentionMap, ...] = ()
    shape: tuple[int, int] = (0, 0)
    pixel_size: tuple[float, float] | None = None
    unit: str = "pixel"
    thumbnail: bytes = b""
    seconds: float = 0.0
    asked: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    corrected: str = ""
    reviewed: bool = False
    sizes: Sizes | None = None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What cannot be true of the answers, a sentence each."""
        return tuple(sentence for one in self.said for sentence in one.warnings)

    @property
    def final(self) -> str:
        """The class that counts: a person's where there is one, else the model's."""
        return self.corrected or self.best

    @property
    def uncertainty(self) -> float:
        """How little the two best classes, or the answer, are apart: 0 certain, 1 undecided."""
        if len(self.probabilities) > 1:
            first, second = sorted(self.probabilities.values(), reverse=True)[:2]
            return 1 - (first - second)
        sure = [one.confidence for one in self.said if one.confidence == one.confidence]
        return 1 - min(sure) if sure else 0.0


@dataclass(frozen=True)
class Run:
    """Enough to repeat a run.

    Attributes
    ----------
    model, revision, device : str
        What looked, what identifies its weights, where it ran.
    task : Task
        What was asked.
    source : mapping
        :meth:`.items.Source.to_dict`.
    version : str
        Version of this package.
    started : str
        Date and time, ISO 8601, UTC.
    """

    model: str
    revision: str
    device: str
    task: Task
    source: Mapping[str, Any]
    version: str = __version__
    started: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    @property
    def digest(self) -> str:
        """What a run must share with another to go on where that stopped."""
        same = [self.model, self.revision, self.task.to_dict(), dict(self.source)]
        text = json.dumps(same, ensure_ascii=True, sort_keys=True)
        return blake2b(text.encode(), digest_size=8).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return {**vars(self), "task": self.task.to_dict(), "source": dict(self.source)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Run:
        """Make it from what :meth:`to_dict` gave."""
        return cls(**{**values, "task": Task.from_dict(values["task"])})


def differences(one: Run, other: Run) -> list[str]:
    """Name what keeps a run from going on with another, each ready for "a run with ..."."""
    pairs: list[tuple[str, Any, Any]] = [
        ("another model", one.model, other.model),
        ("other weights of the model", one.revision, other.revision),
        ("other pictures or tiles", _plain(one.source), _plain(other.source)),
        ("other questions", one.task.questions, other.task.questions),
        ("other classes", one.task.label_set, other.task.label_set),
    ]
    mine, theirs = (replace(run.task, questions=(), label_set=None) for run in (one, other))
    pairs.append(("other settings", mine, theirs))
    found = [name for name, before, now in pairs if before != now]
    return found or ["other settings"]


def _plain(values: Any) -> Any:
    return json.loads(json.dumps(dict(values)))
