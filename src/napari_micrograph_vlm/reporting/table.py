"""What a run found out, as a table: one row an item."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from math import nan
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from ..runs.findings import Finding, Run
from ..runs.merge import counted_once
from ..whole_files import printable
from .columns import FIGURES, FIRST, LAST, SIZES, SURE, WARNINGS, typed
from .table_files import check_table, read_table, write_table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Recorded", "check_table", "frame_of", "read_table", "write_table"]


@runtime_checkable
class Recorded(Protocol):
    """A run and what it found, such as :class:`.runs.journal.Journal`."""

    @property
    def run(self) -> Run:
        """What was asked of what."""
        ...

    def findings(
        self, keys: Iterable[str] | None = None, *, pictures: bool = True
    ) -> Iterator[Finding]:
        """Return what was found, in the order of the run."""
        ...


def frame_of(
    recorded: Recorded | Iterable[Finding],
    *,
    probabilities: bool = False,
    stands: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Return a table with one row an item.

    Parameters
    ----------
    recorded : Journal, or iterable of Finding
        What was found. Model and revision are known of a journal only.
    probabilities : bool
        Whether to add a column ``p(name)`` for each class.
    stands : mapping of str to str, optional
        What :func:`.merge.counted_once` gave, where that is known.

    Returns
    -------
    pandas.DataFrame
        Place (``y0`` to ``x1`` in full-resolution pixels), ``class`` (a person's where there is
        one), the model's class and its probability, one column a question and one with how sure
        the answer is, what to doubt of the answers (``warnings``), figures of papers beside them
        (``figures``, of a run that cites), what was measured (see :data:`.columns.SIZES`), sizes
        in pixels and in ``unit``, why an item was skipped, ``key``, which names the item in the
        journal, and ``same_as``, the key of the neighbouring tile that stands for this one
        because both saw the same thing: ``table[table["same_as"] == ""]`` counts each thing once.
        Text that is not known is empty, numbers are NaN.
    """
    run = getattr(recorded, "run", None)
    if isinstance(recorded, Recorded):
        # The maps, which tell what tiles saw in common, are read apart and not kept.
        stands = counted_once(recorded) if stands is None else stands
        found = list(recorded.findings(pictures=False))
    else:
        found = list(recorded)
    # A batch that still runs may have taken out one that stood for another.
    listed = {each.item.key for each in found}
    known_as = {key: other for key, other in (stands or {}).items() if other in listed}
    model, revision = (run.model, run.revision) if run is not None else ("", "")
    known = run.task.questions if run is not None else ()
    questions = list(dict.fromkeys([*known, *(s.question for f in found for s in f.said)]))
    names: list[str] = []
    if probabilities:
        names = list(dict.fromkeys(name for each in found for name in each.probabilities))
    measured = any(each.sizes for each in found) or (run is not None and run.task.measure)
    cited = any(said.figures for each in found for said in each.said)
    extra = ((WARNINGS,) if questions else ()) + ((FIGURES,) if cited else ())
    extra += SIZES if measured else ()
    taken = {*FIRST, *LAST, *extra}
    asked = {question: _free(question, taken) for question in questions}
    chances = {name: _free(f"p({name})", taken) for name in names}
    columns = list(FIRST)
    for column in asked.values():
        columns += [column, column + SURE]
    columns += [*extra, *LAST, *chances.values()]
    rows = [
        {**_row(each, asked, chances, model, revision), "same_as": known_as.get(each.item.key, "")}
        for each in found
    ]
    return typed({name: [row.get(name) for row in rows] for name in columns})


def _row(
    found: Finding, asked: dict[str, str], chances: dict[str, str], model: str, revision: str
) -> dict[str, Any]:
    item = found.item
    height, width = found.shape
    box = item.place or ((0, 0, height, width) if height and width else (None,) * 4)
    size = found.pixel_size
    row: dict[str, Any] = {
        "source": item.source,
        "plane": " ".join(map(str, item.plane)),
        **dict(zip(("y0", "x0", "y1", "x1"), box, strict=True)),
        "label": item.label,
        "class": found.final,
        "model_class": found.best,
        "probability": found.probability,
        "corrected": bool(found.corrected),
        "reviewed": found.reviewed,
        "uncertainty": found.uncertainty if found.probabilities or found.said else nan,
        "height_px": height or None,
        "width_px": width or None,
        "height": height * size[0] if size and height else nan,
        "width": width * size[1] if size and width else nan,
        "pixel_height": size[0] if size else nan,
        "pixel_width": size[1] if size else nan,
        "unit": found.unit if size else "",
        "status": str(found.status),
        "error": found.error,
        "seconds": found.seconds,
        "asked": found.asked,
        "model": model,
        "revision": revision,
        "key": item.key,
    }
    for said in found.said:
        row[asked[said.question]] = said.text
        row[asked[said.question] + SURE] = said.confidence
    row[WARNINGS] = " ".join(found.warnings)
    figures = dict.fromkeys(line for said in found.said for line in said.figures)
    if figures:  # else the name may be that of a question
        row[FIGURES] = "; ".join(figures)
    if (sizes := found.sizes) is not None:
        measured = (
            sizes.what, sizes.count, sizes.coverage, sizes.area, sizes.diameter, sizes.length,
            sizes.length_error,
        )  # fmt: skip
        row.update(zip(SIZES, measured, strict=True))
    for name, column in chances.items():
        row[column] = found.probabilities.get(name, nan)
    return row


def _free(name: str, taken: set[str]) -> str:
    """Return a column name that no other column has, nor its confidence."""
    name = printable(name)
    free, number = name, 1
    while free in taken or free + SURE in taken:
        number += 1
        free = f"{name} ({number})"
    taken |= {free, free + SURE}
    return free
