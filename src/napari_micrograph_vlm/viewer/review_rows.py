"""What a review lists: in which order, how far it has come, how often the model was right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from ..intervals import wilson
from ..results import Classification
from ..runs.findings import Finding, Run, Status
from ..runs.item_names import item_place

__all__ = ["Order", "ReviewRow", "Score", "arranged", "heading_of", "rows_of", "score_of", "whose"]

_LONGEST = 60
_APART = 0.03
"""A difference of mean uncertainty that is worth a sentence."""


class Order(StrEnum):
    """What comes first."""

    UNCERTAIN = "uncertain"
    STRONGEST = "strongest"
    LISTED = "listed"


@dataclass(frozen=True)
class ReviewRow:
    """One line of the list.

    Attributes
    ----------
    key : str
        Of the item.
    best, corrected : str
        The model's class, a person's.
    share : float
        Probability of the model's class, or confidence of its answer; NaN where unknown.
    uncertainty : float
        See :attr:`.runs.findings.Finding.uncertainty`.
    reviewed : bool
        Whether a person has looked at it.
    title, place : str
        What was found, and where.
    """

    key: str
    best: str
    corrected: str
    share: float
    uncertainty: float
    reviewed: bool
    title: str
    place: str

    @classmethod
    def of(cls, finding: Finding) -> ReviewRow:
        """Return the line of a finding; its pictures are not needed."""
        said = finding.said[0] if finding.said else None
        share = finding.probability
        if not finding.best and said is not None:
            share = said.confidence
        title = finding.final or ("" if said is None else said.text) or "(no answer)"
        title = " ".join(title.split())
        return cls(
            finding.item.key,
            finding.best,
            finding.corrected,
            share,
            finding.uncertainty,
            finding.reviewed,
            title if len(title) <= _LONGEST else title[: _LONGEST - 1] + "…",
            item_place(finding.item),
        )


@dataclass(frozen=True)
class Score:
    """How far a review has come.

    Attributes
    ----------
    reviewed, total : int
        Of all items that could be looked at.
    accuracy : str
        How often the model's class was right, with its interval; empty while nothing is known.
    caution : str
        Whether that is too low or too high for all items; empty where it is neither.
    """

    reviewed: int
    total: int
    accuracy: str = ""
    caution: str = ""


def rows_of(findings: Iterable[Finding]) -> list[ReviewRow]:
    """Return a line for each finding that there is something to review in."""
    return [ReviewRow.of(one) for one in findings if one.status is Status.DONE]


def arranged(
    rows: Sequence[ReviewRow], order: Order, *, hide_reviewed: bool, keep: str = ""
) -> list[ReviewRow]:
    """Return the lines in the order they are gone through.

    Parameters
    ----------
    rows : sequence of ReviewRow
        As the run listed them.
    hide_reviewed : bool
        Whether to leave out what a person has looked at.
    keep : str
        The key of a line that stays all the same: it is being looked at.
    """
    shown = [row for row in rows if not (hide_reviewed and row.reviewed) or row.key == keep]
    if order is Order.UNCERTAIN:
        shown.sort(key=lambda row: -row.uncertainty)
    elif order is Order.STRONGEST:
        shown.sort(key=lambda row: -row.share if row.share == row.share else 1.0)
    return shown


def score_of(rows: Sequence[ReviewRow]) -> Score:
    """Count what was reviewed, and how often the model's class was right among it."""
    looked = [row for row in rows if row.reviewed]
    named = [row for row in looked if row.best not in ("", Classification.UNKNOWN)]
    if not named:
        return Score(len(looked), len(rows))
    right = sum(row.corrected in ("", row.best) for row in named)
    low, high = (round(100 * one) for one in wilson(right, len(named)))
    accuracy = (
        f"The model was right in {right} of {len(named)}: {100 * right / len(named):.0f} % "
        f"(95 % interval {low} to {high} %)."
    )
    caution = ""
    if len(looked) < len(rows):
        ahead = np.mean([row.uncertainty for row in looked]) - np.mean(
            [row.uncertainty for row in rows]
        )
        # Where all were right it cannot be higher, and where none was it cannot be lower.
        if ahead > _APART and right < len(named):
            caution = "Uncertain ones were reviewed first, so over all it is probably higher."
        elif ahead < -_APART and right:
            caution = "Certain ones were reviewed first, so over all it is probably lower."
    return Score(len(looked), len(rows), accuracy, caution)


def heading_of(run: Run) -> str:
    """Say whose findings these are."""
    labels = run.task.label_set
    parts = [run.model, "" if labels is None else labels.name]
    return " · ".join(part for part in parts if part)


def whose(finding: Finding) -> str:
    """Say who gave the class that counts, and how sure that is."""
    if finding.corrected:
        return f"Corrected; the model said {finding.best}" if finding.best else "Given by a person"
    seen = "accepted · " if finding.reviewed else ""
    if finding.probabilities:
        unsure = "undecided" if finding.uncertainty > 0.8 else ""
        unsure = "certain" if finding.uncertainty < 0.2 else unsure
        parts = [f"{seen}{100 * finding.probability:.0f} %", unsure]
        return " · ".join(part for part in parts if part)
    sure = finding.said[0].confidence if finding.said else float("nan")
    return f"{seen}confidence {100 * sure:.0f} %" if sure == sure else seen.strip(" ·")
