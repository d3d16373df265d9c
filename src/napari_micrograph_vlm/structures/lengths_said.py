"""Lengths in a text, and what each of them is the length of."""

from __future__ import annotations

import re
from math import sqrt
from typing import Any

from ..lengths import in_metres
from ..measuring.stated import StatedSize, sizes_in
from .kinds import KINDS

__all__ = ["lengths_said"]

_ROLES: tuple[tuple[str, str], ...] = (
    ("spacing", r"pitch|period\w*|spac(?:ing|ed)|apart|centre[- ]to[- ]centre|"
                r"center[- ]to[- ]center|unit cells?|lattice|wavelength|distances?|"
                r"cell (?:size|diameter)|pore (?:size|diameter)"),
    ("width", r"field of view|block|cube|picture|image|sample|wide area|across the"),
    ("depth", r"high|height|tall|deep|depth|long pillars?|thick (?:film|block|mat|slab|plate|"
              r"layer of)|(?:film|block|mat|slab|plate) thickness"),
    ("size", r"thick\w*|diameters?|wide|width|in size|sizes?|radius|radii|across|struts?|"
             r"ligaments?|walls?|nm-thick"),
)  # fmt: skip
_AFTER, _BEFORE = 26, 34


def lengths_said(text: str, kind: str) -> dict[str, Any]:
    """Return size, spacing, width and depth as a text states them, with their unit.

    Parameters
    ----------
    text : str
        Such as ``"pillars 100 nm in diameter, 200 nm apart and 1 µm high"``.
    kind : str
        Says what a length without a word is of.

    Returns
    -------
    dict
        Of ``size``, ``spacing``, ``width``, ``depth`` what is stated, and ``unit``; empty where
        there is no length.
    """
    found: dict[str, float] = {}
    loose: list[float] = []
    sizes = [one for one in sizes_in(text) if not one.area]
    for i, one in enumerate(sizes):
        low = sizes[i - 1].stop if i else 0
        high = sizes[i + 1].start if i + 1 < len(sizes) else len(text)
        role, word = _role(text, one, low, high, kind)
        metres = _value(one)
        if role == "size" and word.startswith("radi"):
            metres *= 2
        if role is None:
            loose.append(metres)
        else:
            found.setdefault(role, metres)
    for metres in loose:
        free = next((name for name in ("size", "spacing") if name not in found), None)
        if KINDS[kind].spacing_name == "period" and "spacing" not in found:
            free = "spacing"
        if free is not None:
            found[free] = metres
    if not found:
        return {}
    unit = _unit(min(found.get("spacing", 1.0), found.get("size", 1.0), *found.values()))
    scale = in_metres(unit) or 1.0
    return {**{name: _tidy(value / scale) for name, value in found.items()}, "unit": unit}


def _role(text: str, one: StatedSize, low: int, high: int, kind: str) -> tuple[str | None, str]:
    """Return what a length is of by the word nearest to it in its clause."""
    after = re.split(r"[,;]|\band\b|\bwith\b", text[one.stop : min(high, one.stop + _AFTER)])[0]
    before = re.split(r"[,;]|\band\b", text[max(low, one.start - _BEFORE) : one.start])[-1]
    best: tuple[float, str, str] | None = None
    for role, words in _ROLES:
        for match in re.finditer(rf"\b(?:{words})\b", after, re.I):
            best = min(filter(None, (best, (match.start(), role, match[0].lower()))))
        for match in re.finditer(rf"\b(?:{words})\b", before, re.I):
            # "A diameter of 50 nm": words before it, unless one follows at once.
            away = len(before) - match.end() + 2.0
            best = min(filter(None, (best, (away, role, match[0].lower()))))
    if best is None:
        about = f"{before[-20:]} {after}"
        if kind == "foam" and re.search(r"\b(?:pores?|cells?)\b", about, re.I):
            return "spacing", ""
        return None, ""
    _, role, word = best
    if role == "size" and re.search(r"\b(?:block|cube|sample|image|picture)\b", before, re.I):
        return ("depth" if word.startswith("thick") else "width"), word
    if kind == "foam" and role == "size" and re.search(r"\b(?:pores?|cells?)\b", before + after):
        return "spacing", word
    return role, word


def _value(one: StatedSize) -> float:
    """Return the length in metres; of a range the middle on a scale of ratios."""
    low, high = sorted((one.smallest, one.largest))
    if low <= 0:
        return high
    return low if high == float("inf") else sqrt(low * high)


def _unit(metres: float) -> str:
    for unit in ("nm", "µm", "mm"):
        if metres < 1000 * (in_metres(unit) or 1.0) * 0.9999:
            return unit
    return "m"


def _tidy(value: float) -> float:
    """Take away what only the conversion of units has added."""
    return float(f"{value:.9g}")
