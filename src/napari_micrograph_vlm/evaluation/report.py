"""Figures as Markdown tables, to read and to keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["COLUMNS", "Figure", "Part", "part_text", "side_by_side"]

COLUMNS: tuple[str, ...] = (
    "held out",
    "blind",
    "shuffled",
    "majority",
    "random",
    "chance",
    "ceiling",
)
"""What a figure may be compared with, in the order of the table."""


@dataclass(frozen=True)
class Figure:
    """One line of a table.

    Attributes
    ----------
    name : str
        What was measured.
    n : int
        On how many answers or pictures.
    value : float or None
        None where it is not defined.
    interval : (float, float) or None
        95 %.
    others : mapping of str to float
        What others get, by the names of :data:`COLUMNS`.
    target : float or None
        What it should reach.
    below : bool
        Whether it should be at most the target rather than at least.
    """

    name: str
    n: int
    value: float | None
    interval: tuple[float, float] | None = None
    others: Mapping[str, float] = field(default_factory=dict)
    target: float | None = None
    below: bool = False

    @property
    def met(self) -> bool | None:
        """Whether the value reaches the target; None without one."""
        if self.target is None or self.value is None:
            return None
        return self.value <= self.target if self.below else self.value >= self.target

    def to_dict(self) -> dict[str, Any]:
        """Return the figure ready for JSON, numbers rounded to five places."""
        found = {**asdict(self), "met": self.met}
        found["value"] = None if self.value is None else round(self.value, 5)
        found["interval"] = None if self.interval is None else [round(v, 5) for v in self.interval]
        found["others"] = {name: round(value, 5) for name, value in self.others.items()}
        return found


@dataclass(frozen=True)
class Part:
    """One table.

    Attributes
    ----------
    title : str
        Says what the pictures are: synthetic or real.
    figures : sequence of Figure
        Its lines.
    notes : sequence of str
        Sentences below the table.
    grid : bool
        Whether names are ``"row: column"`` and the table shows one value a cell.
    details : mapping
        More for the JSON file alone.
    """

    title: str
    figures: Sequence[Figure]
    notes: Sequence[str] = ()
    grid: bool = False
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the part ready for JSON."""
        return {
            "title": self.title,
            "figures": [figure.to_dict() for figure in self.figures],
            "notes": list(self.notes),
            "grid": self.grid,
            **self.details,
        }

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Part:
        """Read what :meth:`to_dict` wrote."""
        figures = []
        for one in given["figures"]:
            values = {name: value for name, value in one.items() if name != "met"}
            values["interval"] = tuple(one["interval"]) if one["interval"] else None
            figures.append(Figure(**values))
        return cls(given["title"], figures, given["notes"], given["grid"])


def part_text(part: Part) -> str:
    """Return a part as Markdown: its title, its table, its notes."""
    table = _grid(part.figures) if part.grid else _table(part.figures)
    return "\n\n".join([f"### {part.title}", table, *part.notes])


def side_by_side(models: Mapping[str, Sequence[Part]]) -> str:
    """Return a table with one column a model, of the figures that all of them have."""
    by_model = {
        name: {(part.title, figure.name): figure for part in parts for figure in part.figures}
        for name, parts in models.items()
    }
    first = next(iter(by_model.values()))
    lines = ["| | " + " | ".join(models) + " |", "|---" * (len(models) + 1) + "|"]
    title = None
    for key in first:
        if not all(key in found for found in by_model.values()):
            continue
        if key[0] != title:
            title = key[0]
            lines.append(f"| **{title}** |" + " |" * len(models))
        cells = [_with_interval(found[key]) for found in by_model.values()]
        lines.append(f"| {key[1]} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _table(figures: Sequence[Figure]) -> str:
    columns = [name for name in COLUMNS if any(name in f.others for f in figures)]
    aims = any(f.target is not None for f in figures)
    head = ["", "n", "value", "95 % interval", *columns, *(["target"] if aims else [])]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for figure in figures:
        cells = [figure.name, str(figure.n), _number(figure.value), _interval(figure)]
        cells += [_number(figure.others.get(name), "") for name in columns]
        cells += [_target(figure)] if aims else []
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _grid(figures: Sequence[Figure]) -> str:
    cells = {tuple(figure.name.split(": ", 1)): figure for figure in figures}
    rows = list(dict.fromkeys(name[0] for name in cells))
    columns = list(dict.fromkeys(name[1] for name in cells))
    lines = ["| | n | " + " | ".join(columns) + " |", "|---" * (len(columns) + 2) + "|"]
    for row in rows:
        found = [cells.get((row, column)) for column in columns]
        n = max(figure.n for figure in found if figure is not None)
        texts = ["" if f is None else _with_interval(f) for f in found]
        lines.append(f"| {row} | {n} | " + " | ".join(texts) + " |")
    return "\n".join(lines)


def _with_interval(figure: Figure) -> str:
    interval = _interval(figure)
    chance = figure.others.get("chance")
    text = _number(figure.value) + (f" ({interval})" if interval else "")
    return text + (f", chance {_number(chance)}" if chance is not None else "")


def _number(value: float | None, nothing: str = "not defined") -> str:
    return nothing if value is None else f"{value:.3f}"


def _interval(figure: Figure) -> str:
    if figure.interval is None:
        return ""
    return f"{figure.interval[0]:.3f} to {figure.interval[1]:.3f}"


def _target(figure: Figure) -> str:
    if figure.target is None:
        return ""
    told = {True: "met", False: "missed", None: "not measured"}[figure.met]
    return f"{'at most ' if figure.below else ''}{figure.target:g}: {told}"
