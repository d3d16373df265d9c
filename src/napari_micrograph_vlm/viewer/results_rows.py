"""What the table of results shows of each finding, and in which words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ..runs.findings import Finding, Run, Status
from ..runs.item_names import item_name

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["TEXTS", "card_of", "table_of", "title_of", "titles_of"]

MOST_QUESTIONS = 6
"""Columns of answers."""


def _percent(value: float) -> str:
    return f"{100 * value:.0f} %"


TEXTS: dict[str, Callable[[Any], str]] = {
    "probability": _percent,
    "judged": {0: "", 1: "✓", 2: "corrected"}.__getitem__,
}
"""How columns are written where it is not as they are."""


def table_of(findings: Iterable[Finding], run: Run | None) -> pd.DataFrame:
    """Return a table for the eye, one row a finding, its index the key.

    Columns
    -------
    item, class, probability, judged, an answer for each question, error : shown
    status, reviewed, corrected, uncertainty : to filter by
    """
    import pandas as pd

    questions = () if run is None else run.task.questions[:MOST_QUESTIONS]
    found = list(findings)
    columns: dict[str, Any] = {
        "item": [item_name(one.item) for one in found],
        "class": [one.final for one in found],
        "probability": [one.probability for one in found],
        "judged": [2 if one.corrected else int(one.reviewed) for one in found],
    }
    for number, question in enumerate(questions):
        columns[f"said {number}"] = [
            next((said.text for said in one.said if said.question == question), "") for one in found
        ]
    columns["error"] = [one.error for one in found]
    columns["status"] = [str(one.status) for one in found]
    columns["reviewed"] = [bool(one.reviewed) for one in found]
    columns["corrected"] = [bool(one.corrected) for one in found]
    columns["uncertainty"] = [one.uncertainty for one in found]
    kinds = {"probability": float, "uncertainty": float, "judged": int}
    kinds.update({"reviewed": bool, "corrected": bool})
    made = {
        name: pd.Series(values, dtype=kinds.get(name, object)) for name, values in columns.items()
    }
    frame = pd.DataFrame(made)
    frame.index = pd.Index([one.item.key for one in found], dtype=object)
    return frame


def titles_of(run: Run | None, *, skipped: bool) -> dict[str, str]:
    """Return the columns that are shown, and what stands above them."""
    titles = {"item": "Item"}
    if run is None or run.task.label_set is not None:
        titles.update({"class": "Class", "probability": "Probability"})
    titles["judged"] = "Reviewed"
    for number, question in enumerate(() if run is None else run.task.questions[:MOST_QUESTIONS]):
        titles[f"said {number}"] = question
    if skipped:
        titles["error"] = "Why skipped"
    return titles


def title_of(run: Run, total: int, where: str) -> tuple[str, str]:
    """Return a title and a smaller line below it for a run."""
    task = run.task
    asked = []
    if task.label_set is not None:
        asked.append(f"{len(task.label_set.names)} classes")
    if task.questions:
        asked.append(
            "1 question" if len(task.questions) == 1 else f"{len(task.questions)} questions"
        )
    return where, f"{total} items · {', '.join(asked)} · {run.model} · {run.started[:10]}"


def card_of(
    finding: Finding, run: Run | None, most: int = 4
) -> tuple[str, str, Sequence[tuple[str, float]], float, str]:
    """Return name, place, bars, threshold and text for the card of one item."""
    if finding.status is Status.SKIPPED:
        return "Skipped", item_name(finding.item), (), 0.0, finding.error
    name = finding.final
    if finding.corrected and finding.best and finding.corrected != finding.best:
        name = f"{finding.corrected}, not {finding.best}"
    height, width = finding.shape
    where = f"{item_name(finding.item)}\n{height} × {width} pixels"
    bars = sorted(finding.probabilities.items(), key=lambda pair: -pair[1])[:most]
    said = "\n".join(f"{one.question}\n{one.text}" for one in finding.said)
    return name, where, bars, 0.0 if run is None else run.task.threshold, said
