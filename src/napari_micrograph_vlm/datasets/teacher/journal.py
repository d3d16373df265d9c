"""What is done already: the file of records is its own journal."""

from __future__ import annotations

from pathlib import Path

from ...errors import SourceError
from ..labelled import TRUTH, Labelled, Record, append_line, cut_torn_line, read_labelled
from .cost import Cost

__all__ = ["Journal"]


class Journal:
    """Writes one record after the other, each whole or not at all.

    Parameters
    ----------
    path : Path
        The file of records; made if there is none. A last line that a crash cut short is removed.

    Raises
    ------
    SourceError
        If the file is none of records, or holds exact truth, which a teacher must not be mixed
        with.
    """

    def __init__(self, path: Path) -> None:
        cut_torn_line(path)
        found = read_labelled(path) if path.is_file() else Labelled(path.parent)
        if any(record.get("teacher") == TRUTH for record in found.records):
            raise SourceError(
                f"{path} holds the exact truth of synthetic pictures; "
                "give the teacher's answers a file of their own with --output."
            )
        self.path, self.broken = path, found.broken
        self.done = {str(record["image"]) for record in found.records}
        self.teachers = {str(record.get("teacher")) for record in found.records}
        self.cost = Cost()
        for record in found.records:
            self.cost += Cost.of(record)

    def add(self, record: Record, cost: Cost) -> None:
        """Write a record."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        append_line(self.path, {**record, "cost": cost.to_dict()})
        self.done.add(str(record["image"]))
        self.cost += cost
