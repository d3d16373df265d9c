"""Judging statements with a decoy among them, and reading what was said of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..teacher.reading import Unreadable, read_json
from .decoys import made_up

__all__ = ["NO_VERDICT", "TRUSTING", "believed", "read_list", "word_of"]

ATTEMPTS = 3
"""So often it is asked again where a made-up statement was confirmed."""

NO_VERDICT = "no verdict on it"
TRUSTING = "the teacher confirmed a made-up statement, too"

Judge = Callable[[list[str], int], list[tuple[str, str]]]


def believed(
    judge: Judge, lines: list[str], caption: str, seed: int, decoys: bool
) -> list[tuple[str, str]]:
    """Judge lines with a made-up one among them; not believed if one passes each time."""
    if not lines:
        return []
    if not decoys:
        return judge(lines, 0)
    for attempt in range(ATTEMPTS):
        at = (seed + attempt * 3 + len(caption)) % (len(lines) + 1)
        decoy = made_up(caption, seed + attempt)
        found = judge([*lines[:at], decoy, *lines[at:]], 20 * attempt)
        _, fault = found.pop(at)
        if fault:
            return found
    return [("", TRUSTING)] * len(lines)


def word_of(entry: Any, *names: str) -> str:
    """Return what was said of one statement: an entry itself, or the first of its fields."""
    if isinstance(entry, dict):
        entry = next((entry[name] for name in names if name in entry), "")
    if isinstance(entry, bool):
        return "yes" if entry else "no"
    return " ".join(str(entry).split()) if isinstance(entry, str | int | float) else ""


def read_list(text: str, name: str, number: int) -> list[Any]:
    """Read a list with one entry for each line, numbered or not.

    Raises
    ------
    Unreadable
        If there is none, or it is shorter or longer: then no entry is known to be whose.
    """
    items = read_json(text).get(name)
    if isinstance(items, dict):
        items = [items.get(str(i)) for i in range(1, number + 1)]
    if not isinstance(items, list):
        raise Unreadable(f"the answer holds no list called {name}")
    if len(items) != number:
        raise Unreadable(f"the answer has {len(items)} entries for {number} statements")
    return items
