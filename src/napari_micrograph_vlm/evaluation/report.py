"""Tables of what was measured, to read and to keep."""

from __future__ import annotations

from typing import Any

__all__ = ["confusions", "table"]

_HEAD = (
    "| {name} | n | right | 95 % interval | blind | majority | chance |\n"
    "|---|---|---|---|---|---|---|"
)


def table(figures: dict[str, Any], name: str) -> str:
    """Return figures as a Markdown table.

    Parameters
    ----------
    figures : dict
        From :meth:`.scores.Scores.to_dict`.
    name : str
        Head of the first column.
    """
    lines = [_HEAD.format(name=name)]
    for key, value in figures.items():
        low, high = value["interval"]
        others = " | ".join(_share(value.get(k)) for k in ("blind", "majority", "chance"))
        lines.append(
            f"| {key} | {value['n']} | {_share(value['share'])} | {low:.2f} to {high:.2f} "
            f"| {others} |"
        )
    return "\n".join(lines)


def confusions(figures: dict[str, Any]) -> str:
    """Return what was taken for what, one line a question."""
    lines = []
    for key, value in figures.items():
        pairs = [f"{t} → {s} ({k})" for t, s, k in value.get("confused", [])[:6]]
        if pairs:
            lines.append(f"- {key}: " + "; ".join(pairs))
    return "\n".join(lines)


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
