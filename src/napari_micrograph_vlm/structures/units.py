"""Units in which structures are measured, and one length with its unit as a person writes it."""

from __future__ import annotations

import re

from ..lengths import in_metres

__all__ = ["LONGEST", "SHORTEST", "UNITS", "length_in", "unit_named"]

UNITS = ("pm", "Å", "nm", "µm", "mm", "cm", "m")
"""What lengths can be in; or ``"pixel"``."""
SHORTEST, LONGEST = 1e-12, 1e3
"""In metres; no length of a structure is outside."""

_WORD = re.compile(r"[a-zåµμ]{1,12}", re.IGNORECASE)
_LENGTH = re.compile(
    r"\s*(?P<number>\d{1,3}(?:,\d{3})+|\d+(?:[.,]\d*)?(?:e[-+]?\d+)?|[.,]\d+(?:e[-+]?\d+)?)"
    r"\s*(?P<unit>[a-zåµμ]*)\s*",
    re.IGNORECASE,
)


def unit_named(word: str) -> str | None:
    """Return a unit as it is written here, ``"µm"`` of ``"micrometers"``; None of no such unit."""
    word = word.strip()
    if word.lower() in ("px", "pixel", "pixels"):
        return "pixel"
    # Only a word is looked up: an expression could take as long to work out as it likes.
    metres = in_metres(word) if _WORD.fullmatch(word) else None
    if metres is None:
        return None
    near = (unit for unit in UNITS if abs(metres / (in_metres(unit) or 1.0) - 1) < 1e-6)
    return next(near, None)


def length_in(text: str, unit: str) -> tuple[float, str] | None:
    """Return number and unit of a length above 0; None where a text is none.

    Parameters
    ----------
    text : str
        Such as ``"50 nm"`` or ``"5Å"``.
    unit : str
        What a number without a unit is in.
    """
    found = _LENGTH.fullmatch(text)
    if found is None:
        return None
    number = found["number"].lower()
    if re.fullmatch(r"[1-9]\d{0,2}(?:,\d{3})+", number):
        number = number.replace(",", "")
    value = float(number.replace(",", "."))
    written = unit_named(found["unit"]) if found["unit"] else unit
    return (value, written) if written and 0 < value < float("inf") else None
