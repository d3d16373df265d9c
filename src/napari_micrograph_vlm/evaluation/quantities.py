"""Numbers with units in answers: found, understood, and brought to one unit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import degrees

__all__ = ["UNITS", "Quantity", "read_quantities", "read_quantity"]

UNITS: dict[str, dict[str, float]] = {
    "stress": {
        "Pa": 1.0, "kPa": 1e3, "MPa": 1e6, "GPa": 1e9, "N/m²": 1.0, "N/mm²": 1e6, "bar": 1e5,
    },
    "energy": {
        "J/m³": 1.0, "kJ/m³": 1e3, "MJ/m³": 1e6, "J/cm³": 1e6, "mJ/mm³": 1e6,
    },
    "length": {
        "pm": 1e-12, "Å": 1e-10, "nm": 1e-9, "µm": 1e-6, "micron": 1e-6, "microns": 1e-6,
        "micrometer": 1e-6, "micrometers": 1e-6, "micrometre": 1e-6, "micrometres": 1e-6,
        "mm": 1e-3, "cm": 1e-2, "m": 1.0,
    },
    "share": {"%": 0.01, "percent": 0.01, "per cent": 0.01, "‰": 1e-3},
    "angle": {"°": 1.0, "deg": 1.0, "degree": 1.0, "degrees": 1.0, "rad": degrees(1)},
}  # fmt: skip
"""What a unit measures -> its names and their sizes."""

_SAME = str.maketrans(
    {"−": "-", "–": "-", "—": "-", "μ": "µ"} | dict.fromkeys("\u00a0\u2007\u2009\u202f", " ")
)
_POWERS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_THOUSANDS = r"\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d{1,3}(?: \d{3})+(?!\d)(?:[.,]\d+)?"
_PLAIN = rf"(?:{_THOUSANDS}|\d+(?:[.,]\d+)?|\.\d+)"
_TIMES = r"(?:[eE][+-]?\d+|\s?[×x·*]\s?10(?:\^\{?[+-]?\d+\}?|[⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+))?"
_NUMBER = rf"{_PLAIN}{_TIMES}"
# A minus is one only where no number or word stands before it.
_MINUS = r"(?<!\w)-\s?|\b(?:minus|negative)\s"


@dataclass(frozen=True)
class Quantity:
    """A number with a unit in a text.

    Attributes
    ----------
    value : float
        In the unit that was asked for.
    before, after : str
        The text on both sides.
    """

    value: float
    before: str
    after: str


def read_quantity(text: str, unit: str) -> float | None:
    """Return the first number of a text that has a unit of the wanted kind.

    A number without a unit says nothing, nor does one with a unit of another kind. Of a range the
    middle is taken; a tolerance (``12 ± 2 MPa``) is passed over.

    Parameters
    ----------
    text : str
        Such as ``"about 12.5 MPa"``.
    unit : str
        The unit of the number that is returned, one of :data:`UNITS`.

    Returns
    -------
    float or None
        None where there is no such number.

    Raises
    ------
    ValueError
        If the unit is not known.

    Examples
    --------
    >>> read_quantity("The largest stress is 0.035 GPa.", "MPa")
    35.0
    """
    return next((found.value for found in read_quantities(text, unit)), None)


def read_quantities(text: str, unit: str) -> Iterator[Quantity]:
    """Yield all numbers of a text that have a unit of the wanted kind, as :func:`read_quantity`."""
    kind = next((names for names in UNITS.values() if unit in names), None)
    if kind is None:
        raise ValueError(f"There is no unit {unit!r}.")
    sizes = {way: size for name, size in kind.items() for way in _spellings(name)}
    units = "|".join(map(re.escape, sorted(sizes, key=len, reverse=True)))
    after = rf"\s?[- ]?(?:{units})(?![\w/^²³])"
    text = text.translate(_SAME)
    for found in re.finditer(
        rf"(?<![\w.,^])(?:(?P<between>between\s)\s*)?(?P<sign>{_MINUS})?(?P<first>{_NUMBER})"
        rf"(?:(?:{after})?\s?(?:-|to|(?(between)and|to))\s?(?P<minus>{_MINUS})?(?P<last>{_NUMBER}))?"
        rf"(?:\s?(?:±|\+/-)\s?{_NUMBER})?"
        rf"\s?[- ]?(?P<unit>{units})(?![\w/^²³])",
        text,
    ):
        value = _number(found["first"]) * (-1 if found["sign"] else 1)
        if found["last"] is not None:
            value = (value + _number(found["last"]) * (-1 if found["minus"] else 1)) / 2
        value = float(f"{value * sizes[found['unit']] / kind[unit]:.12g}")
        yield Quantity(value, text[: found.start()], text[found.end() :])


def _spellings(unit: str) -> set[str]:
    """Return the ways to write a unit: ``m³``, ``m^3`` and ``m3``."""
    return {unit, *(unit.replace("²", f"{mark}2").replace("³", f"{mark}3") for mark in ("^", ""))}


def _number(text: str) -> float:
    text = text.replace(" ", "").translate(_POWERS)
    text = re.sub(r"[×x·*]10\^?\{?([+-]?\d+)\}?", r"e\1", text)
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?(?:e.*)?", text, re.IGNORECASE):
        return float(text.replace(",", ""))
    return float(text.replace(",", "."))
