"""Lengths in a text, and what each of them is the length of."""

from __future__ import annotations

import re
from math import sqrt
from typing import Any

from ..lengths import in_metres, readable_length
from ..measuring.stated import StatedSize, sizes_in
from .fields import StructureError
from .kinds import KINDS

__all__ = ["lengths_said"]

_ROLES: tuple[tuple[str, str], ...] = (
    ("spacing", r"pitch|period\w*|spac(?:ing|ed)|apart|centre[- ]to[- ]centre|"
                r"center[- ]to[- ]center|unit cells?|lattice|wavelength|distances?|"
                r"cell (?:size|diameter)|pore (?:size|diameter)"),
    ("gap", r"gaps?|spaces?|edge[- ]to[- ]edge"),
    ("width", r"field of view|block|cube|picture|image|sample|wide area|across the"),
    ("depth", r"high|height|tall|deep|depth|long pillars?|thick (?:film|block|mat|slab|plate|"
              r"layer of)|(?:film|block|mat|slab|plate|membrane) thickness"),
    ("size", r"thick\w*|diameters?|wide|width|in size|sizes?|radius|radii|across|struts?|"
             r"ligaments?|walls?|nm-thick|base|f[eo][eo]t"),
    ("length", r"long|lengths?"),
)  # fmt: skip
_AFTER, _BEFORE = 26, 34

_OTHER = (
    r"(?:scale ?bars?|working distances?|wd|substrates?|wafers?|supports?|pixel sizes?|pixels?|"
    r"resolution|roughness|defocus|standard deviations?|deviations?|s\.?d\.?|std|tolerance|"
    r"spot size|beam (?:diameter|size)|camera length)"
)
"""What is in many captions and no length of the structure."""
_OTHER_BEFORE = re.compile(
    rf"\b{_OTHER}(?:\s+(?:thickness|size|length|diameter))?"
    r"(?:\W+(?:of|is|was|at|about|approximately|ca|a|the))*\W*$",
    re.I,
)
_OTHER_AFTER = re.compile(
    rf"^[\s-]*(?:(?!(?:on|in|upon|over|above|from|of|apart|and|with|diameter)\b)\w+[\s-]+){{0,2}}"
    rf"{_OTHER}(?!\w)",
    re.I,
)
_COATED = re.compile(r"\b(?:coated|sputtered|covered) with (?:about |a |an )*$", re.I)
_SHEET = re.compile(
    r"\b(?:mats?|membranes?|webs?|sheets?|papers?|felts?|nonwovens?|slabs?|plates?|blocks?)\W*$",
    re.I,
)
_TRENCH = re.compile(r"\b(?:trench(?:es)?|spaces?|gaps?)\b", re.I)
_BARS = re.compile(r"\b(?:lines?|layers?|fins?|fingers?|gratings?)\b", re.I)
_FLAT = frozenset(("film", "holes"))
_MINIMAL = frozenset(("gyroid", "schwarz p", "schwarz d"))


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
        there is no length. Lengths of the instrument, the scale bar or the substrate are none.
    """
    found: dict[str, float] = {}
    loose: list[float] = []
    thick: float | None = None
    sizes = [one for one in sizes_in(text) if not one.area]
    for i, one in enumerate(sizes):
        low = sizes[i - 1].stop if i else 0
        high = sizes[i + 1].start if i + 1 < len(sizes) else len(text)
        if _is_other(text[low : one.start], text[one.stop : high], kind):
            continue
        role, word = _role(text, one, low, high, kind)
        metres = _value(one)
        if role == "size" and word.startswith("radi"):
            metres *= 2
        if role == "size" and word.startswith("thick"):
            # A diameter or the width of a strut says more of an element than a thickness.
            thick = metres if thick is None else thick
        elif role is None:
            loose.append(metres)
        elif role != "length":
            found.setdefault(role, metres)
    if thick is not None:
        found.setdefault("depth" if "size" in found and kind != "lines" else "size", thick)
    # A length that nothing is said of is the element's own, or the period of a surface that has
    # nothing else; a further one is something else.
    free = "spacing" if kind in _MINIMAL else "size"
    if loose:
        found.setdefault(free, loose[0])
    _bridge(found, kind)
    if not found:
        return {}
    unit = _unit(min(found.get("spacing", 1.0), found.get("size", 1.0), *found.values()))
    scale = in_metres(unit) or 1.0
    return {**{name: _tidy(value / scale) for name, value in found.items()}, "unit": unit}


def _is_other(before: str, after: str, kind: str) -> bool:
    """Tell lengths of the instrument or the substrate, from what stands next to them."""
    if _OTHER_BEFORE.search(before) or _OTHER_AFTER.search(re.split(r"[,;]", after)[0]):
        return True
    return kind != "film" and _COATED.search(before) is not None


def _bridge(found: dict[str, float], kind: str) -> None:
    """Put what a gap means for size and spacing in its place."""
    gap = found.pop("gap", None)
    if gap is None:
        return
    if "size" in found:
        found.setdefault("spacing", found["size"] + gap)
    elif "spacing" not in found:
        # Of all that is known of a grating; else as wide as what it parts.
        found["spacing"] = 2 * gap
        found["size"] = gap
    elif found["spacing"] > gap:
        found["size"] = found["spacing"] - gap
    else:
        raise StructureError(
            f"A gap of {readable_length(gap, unit='m')} does not fit a {KINDS[kind].spacing_name} "
            f"of {readable_length(found['spacing'], unit='m')}; choose a larger one."
        )


def _role(text: str, one: StatedSize, low: int, high: int, kind: str) -> tuple[str | None, str]:
    """Return what a length is of by the word nearest to it in its clause."""
    after = re.split(r"[,;]|\band\b|\bwith\b", text[one.stop : min(high, one.stop + _AFTER)])[0]
    ahead = text[max(low, one.start - _BEFORE) : one.start]
    before = re.split(r"[,;]|\band\b", ahead)[-1]
    best: tuple[float, int, str, str] | None = None
    for role, words in _ROLES:
        for match in re.finditer(rf"\b(?:{words})\b", after, re.I):
            best = min(
                filter(None, (best, (match.start(), -len(match[0]), role, match[0].lower())))
            )
        for match in re.finditer(rf"\b(?:{words})\b", before, re.I):
            # "A diameter of 50 nm": words before it, unless one follows at once.
            away = len(before) - match.end() + 2.0
            best = min(filter(None, (best, (away, -len(match[0]), role, match[0].lower()))))
    if best is None:
        about = f"{before[-20:]} {after}"
        if kind == "foam" and re.search(r"\b(?:pores?|cells?)\b", about, re.I):
            return "spacing", ""
        if kind in ("lines", "layers") and re.match(rf"[\s-]*(?:{_TRENCH.pattern})", after, re.I):
            return "gap", ""
        return None, ""
    _, _, role, word = best
    if role == "size" and re.search(r"\b(?:block|cube|sample|image|picture)\b", before, re.I):
        return ("depth" if word.startswith("thick") else "width"), word
    if kind == "foam" and role == "size" and re.search(r"\b(?:pores?|cells?)\b", before + after):
        return "spacing", word
    if role == "size" and word.startswith("thick") and (kind in _FLAT or _SHEET.search(ahead)):
        return "depth", word
    if role == "size" and kind in ("lines", "layers"):
        near = before + after
        if _TRENCH.search(near) and not _BARS.search(near):
            return "gap", word
    if role == "length" and (kind in ("pillars", "tips") or _stands(text, kind)):
        return "depth", word
    return role, word


def _stands(text: str, kind: str) -> bool:
    return kind == "fibres" and re.search(r"\b(?:upright|standing)\b", text, re.I) is not None


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
