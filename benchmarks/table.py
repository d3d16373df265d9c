"""Rows of a result table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """One measurement beside what it is compared with.

    ``ratio`` is ``value / reference``; there is none where nothing is compared.
    """

    group: str
    what: str
    value: float
    unit: str
    against: str = ""
    reference: float | None = None

    @property
    def ratio(self) -> float | None:
        return self.value / self.reference if self.reference else None

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "ratio": self.ratio}


def print_table(rows: Sequence[Row]) -> None:
    """Print rows as a Markdown table."""
    print("| | measured | | against | | ratio |")
    print("|---|---|---|---|---|---|")
    for row in rows:
        reference = "" if row.reference is None else f"{row.reference:.3g} {row.unit}"
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        print(
            f"| {row.group} | {row.what} | {row.value:.3g} {row.unit} "
            f"| {row.against} | {reference} | {ratio} |"
        )
