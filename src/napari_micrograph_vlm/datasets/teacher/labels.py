"""The fields of a record as a teacher wrote them: what is allowed is kept, the rest counted."""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import Any

from ..labelled import CLOSED, DEFECT_NAMES, FIELDS, NO_DEFECT, PLACES, Record
from .reading import Unreadable, read_json

__all__ = ["INVALID", "parse_labels"]

INVALID = "not an allowed value"

_LONGEST = {"description": 400, "annotation": 100}
_MOST_ANNOTATIONS = 12
_SCALE = re.compile(r"~?\s*(\d+(?:[.,]\d+)?)\s*(nm|µm|um|mm|cm|å|pm|m|1/nm)\.?", re.IGNORECASE)
_WHOLE = re.compile(r"(?:about|around|approximately|approx\.?|~|ca\.?)?\s*(\d{1,6})(?:\.0)?")
_NONE = ("none", "no defect", "no defects", "none visible", "no visible defect", "no")
_PLACE_NAMES = {
    "center": "centre",
    "middle": "centre",
    "central": "centre",
    "spread over the picture": "spread",
    "everywhere": "spread",
    "throughout": "spread",
    "across the picture": "across",
}
_MISSING = object()


def parse_labels(text: str) -> tuple[Record, Counter[str]]:
    """Read the fields out of an answer.

    Parameters
    ----------
    text : str
        What the teacher wrote.

    Returns
    -------
    (dict, Counter)
        The fields with allowed values; how often a field had another value, by
        ``"field: reason"``.

    Raises
    ------
    Unreadable
        If there is no JSON object with at least one of the fields.
    """
    found = read_json(text)
    inner = next(iter(found.values()))
    if len(found) == 1 and isinstance(inner, dict) and not {*found} & {*FIELDS}:
        found = inner  # the form came in an envelope
    if not any(name in found for name in FIELDS):
        raise Unreadable("the answer holds none of the fields")
    labels: Record = {}
    dropped: Counter[str] = Counter()
    for name in FIELDS:
        given = found.get(name, _MISSING)
        if given is _MISSING or given is None:
            continue
        value = _value(name, given)
        if value is None:
            dropped[f"{name}: {INVALID}"] += 1
        else:
            labels[name] = value
    return labels, dropped


def _value(name: str, given: Any) -> Any:
    """Return a value as the format has it; None where it allows no such value."""
    if name in CLOSED:
        return _choice(given, CLOSED[name])
    if name == "count":
        return _count(given)
    if name == "defects":
        return _defects(given)
    if name == "scale_bar":
        return _scale_bar(given)
    if name == "annotations":
        return _annotations(given)
    text = " ".join(str(given).split()) if isinstance(given, str) else ""
    return text if 0 < len(text) <= _LONGEST["description"] else None


def _plain(given: Any) -> str:
    return " ".join(str(given).replace("_", " ").strip(" .\"'").split()).casefold()


def _choice(given: Any, allowed: tuple[str, ...]) -> str | None:
    if not isinstance(given, str):
        return None
    by_name = {_plain(value).replace("-", " "): value for value in allowed}
    return by_name.get(_plain(given).replace("-", " "))


def _count(given: Any) -> int | str | None:
    if isinstance(given, bool):
        return None
    if isinstance(given, int | float):
        return int(given) if math.isfinite(given) and given >= 0 and given == int(given) else None
    text = _plain(given)
    if text in ("many", "not countable", "uncountable"):
        return "many" if text == "many" else "not countable"
    number = _WHOLE.fullmatch(text)
    return int(number[1]) if number else None


def _defects(given: Any) -> list[dict[str, str | None]] | None:
    """Return the list of defects; None if one of them is not allowed: a list is right or wrong."""
    if isinstance(given, str | dict):
        given = [given]
    if not isinstance(given, list):
        return None
    found: list[dict[str, str | None]] = []
    for item in given:
        entry = {"kind": item} if isinstance(item, str) else item
        if not isinstance(entry, dict):
            return None
        if _plain(entry.get("kind", "")) in _NONE:
            continue
        kind = _choice(entry.get("kind"), DEFECT_NAMES)
        if kind is None:
            return None
        found.append({"kind": kind, "where": _place(entry.get("where"))})
    return found or [{"kind": NO_DEFECT, "where": "spread"}]


def _place(given: Any) -> str | None:
    text = _plain(given or "").replace("-", " ").replace("upper", "top").replace("lower", "bottom")
    for start in ("at the ", "on the ", "in the "):
        text = text.removeprefix(start)
    text = _PLACE_NAMES.get(text, text)
    return text if text in PLACES else None


def _scale_bar(given: Any) -> str | None:
    if not isinstance(given, str):
        return None
    text = given.strip().replace("\u03bc", "\u00b5")
    if _plain(text) in ("", "none", "no scale bar"):
        return ""
    found = _SCALE.fullmatch(text)
    if found is None:
        return None
    unit = found[2].lower().replace("um", "\u00b5m").replace("å", "Å")
    return f"{float(found[1].replace(',', '.')):g} {unit}"


def _annotations(given: Any) -> list[str] | None:
    if isinstance(given, str):
        given = [given] if given.strip() else []
    if not isinstance(given, list) or len(given) > _MOST_ANNOTATIONS:
        return None
    texts = [" ".join(str(item).split()) for item in given if isinstance(item, str | int | float)]
    return [text for text in texts if 0 < len(text) <= _LONGEST["annotation"]]
