"""What one question, one picture or one map gave: all figures are made of these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Case", "Found", "Reply", "Skipped"]


@dataclass(frozen=True)
class Reply:
    """One question and its answer.

    Attributes
    ----------
    part : str
        ``"synthetic"``, ``"pairs"``, ``"real"``, ``"photographs"``.
    group : str
        What belongs together when intervals are drawn: the picture, the paper, the specimen.
    kind : str
        Kind of question.
    held_out : bool
        Whether it was put in words that no training has seen.
    question, truth, said : str
        What was asked, the right answer and the model's, lengths in nanometres included.
    right : bool
        Whether the answer is right, as :func:`.judging.judge` has it for this kind.
    confidence : float
        The model's, 0 to 1.
    others : mapping of str to str
        Answers of those that do not see the picture, by name: ``"blind"``, ``"shuffled"``.
    others_right : mapping of str to bool
        Whether these are right.
    source : str
        Where a real picture comes from.
    """

    part: str
    group: str
    kind: str
    held_out: bool
    question: str
    truth: str
    said: str
    right: bool
    confidence: float
    others: Mapping[str, str] = field(default_factory=dict)
    others_right: Mapping[str, bool] = field(default_factory=dict)
    source: str = ""


@dataclass(frozen=True)
class Case:
    """One number measured on one picture.

    Attributes
    ----------
    part, measure : str
        Where it belongs, such as ``"labels"`` and ``"category, first"``.
    group : str
        As in :class:`Reply`.
    value : float
        0 or 1 where something is right or wrong.
    others : mapping of str to float
        What chance, a random map and the like get there.
    confidence : float or None
        Probability that the model gave to what it chose.
    truth, said : str
        What was true and what was said, where these are names.
    source : str
        Where a real picture comes from.
    """

    part: str
    measure: str
    group: str
    value: float
    others: Mapping[str, float] = field(default_factory=dict)
    confidence: float | None = None
    truth: str = ""
    said: str = ""
    source: str = ""


@dataclass(frozen=True)
class Skipped:
    """Something that could not be measured, and why."""

    part: str
    name: str
    reason: str


Found = Reply | Case | Skipped
