"""Numbers with units in answers: found, understood, and brought to one unit."""

from __future__ import annotations

import re
from math import degrees

__all__ = ["UNITS", "read_quantity"]

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

_SAME = str.maketrans({"−": "-", "–": "-", "—": "-", "μ": "µ", "\u00a0": " ", "\u202f": " "})
_POWERS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_PLAIN = r"(?:\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:[.,]\d+)?|\.\d+)"
_TIMES = r"(?:[eE][+-]?\d+|\s?[×x·*]\s?10(?:\^\{?[+-]?\d+\}?|[⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+))?"
_NUMBER = rf"{_PLAIN}{_TIMES}"


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
    kind = next((names for names in UNITS.values() if unit in names), None)
    if kind is None:
        raise ValueError(f"There is no unit {unit!r}.")
    names = sorted(kind, key=len, reverse=True)
    spellings = {_flat(name): size for name, size in kind.items()}
    units = "|".join(sorted({re.escape(s) for n in names for s in (n, _flat(n))}, key=len)[::-1])
    found = re.search(
        # A minus is one only where no number or word stands before it.
        rf"(?<![\w.,^])(?P<sign>(?<!\w)-\s?)?(?P<first>{_NUMBER})"
        rf"(?:\s?(?:-|to)\s?(?P<last>{_NUMBER}))?"
        rf"(?:\s?(?:±|\+/-)\s?{_NUMBER})?"
        rf"\s?[- ]?(?P<unit>{units})(?![\w/^²³])",
        text.translate(_SAME),
    )
    if found is None:
        return None
    value = _number(found["first"])
    if found["last"] is not None:
        value = (value + _number(found["last"])) / 2
    value = -value if found["sign"] else value
    return float(f"{value * spellings[_flat(found['unit'])] / kind[unit]:.12g}")


def _flat(unit: str) -> str:
    """Return a unit with plain digits for its powers: both spellings are in use."""
    return unit.replace("²", "^2").replace("³", "^3")


def _number(text: str) -> float:
    text = text.replace(" ", "").translate(_POWERS)
    text = re.sub(r"[×x·*]10\^?\{?([+-]?\d+)\}?", r"e\1", text)
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?(?:e.*)?", text, re.IGNORECASE):
        return float(text.replace(",", ""))
    return float(text.replace(",", "."))
