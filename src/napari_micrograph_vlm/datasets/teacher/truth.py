"""What is known for certain about some pictures: masks, counts, the truth of synthetic ones."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

from ...errors import SourceError
from ..labelled import LABELS_FILE, TRUTH, Record, read_labelled
from ..mask_files import read_mask

__all__ = ["Truth", "counted_particles", "truth_of"]


@dataclass(frozen=True)
class Truth:
    """Certain facts about one picture.

    Attributes
    ----------
    fields : dict
        Fields of a record that are exact; the others are not known.
    objects : str or None
        What ``count`` counts, in the plural.
    """

    fields: Record = field(default_factory=dict)
    objects: str | None = None


def truth_of(path: Path) -> Truth:
    """Find what is known about a picture from the files around it.

    That is the record of a synthetic picture in a ``teacher_labels.jsonl`` beside it or in the
    folder above, the mask ``../instances/NAME.png`` with one number for each particle, or the
    row of the picture in ``../counts.csv`` (columns ``id`` and ``particles``).

    Raises
    ------
    SourceError
        If there is a mask that cannot be read.
    """
    path = path.resolve()
    for folder in (path.parent, path.parent.parent):
        record = _exact(folder).get(path)
        if record is not None:
            fields = {k: v for k, v in record.items() if v is not None and k not in ("qa",)}
            return Truth(fields, record.get("objects"))
    count = counted_particles(path)
    return Truth() if count is None else Truth({"count": count}, "particles")


def counted_particles(path: Path) -> int | None:
    """Return how many particles the masks of a picture show; None where there are none.

    Raises
    ------
    SourceError
        If there is a mask that cannot be read.
    """
    above = path.parent.parent
    mask = above / "instances" / f"{path.stem}.png"
    if mask.is_file():
        return int(np.count_nonzero(np.unique(read_mask(mask))))
    return _counts(above).get(path.stem)


@cache
def _exact(folder: Path) -> dict[Path, Record]:
    try:
        found = read_labelled(folder / LABELS_FILE)
    except SourceError:
        return {}
    return {
        (folder / record["image"]).resolve(): record
        for record in found.records
        if record.get("teacher") == TRUTH
    }


@cache
def _counts(folder: Path) -> dict[str, int]:
    try:
        with (folder / "counts.csv").open(newline="", encoding="utf-8") as rows:
            return {row["id"]: int(row["particles"]) for row in csv.DictReader(rows)}
    except (OSError, KeyError, TypeError, ValueError):
        return {}
