"""Numbers, lengths, dates and sections from settings that may say anything."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import date as calendar_date
from typing import Any

from ..metadata import to_nanometres

__all__ = [
    "decode",
    "degrees",
    "iso_date",
    "kilovolts",
    "metres_to_nm",
    "microseconds",
    "millimetres",
    "number",
    "positive",
    "quantity",
    "sections",
    "text",
    "value_of",
]

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_HIGHEST_KV = 1e4
"""No microscope has more; a damaged file may say so."""
_QUANTITY = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*([^\W\d_]*)\s*")
_VOLTS = {"v": 1e-3, "volt": 1e-3, "volts": 1e-3, "kv": 1.0, "mv": 1e3}  # MV: no one has millivolts


def text(value: Any) -> str | None:
    """Return a setting's text without its surrounding blanks; None where there is none."""
    return value.strip() or None if isinstance(value, str) else None


def number(value: Any) -> float | None:
    """Return a finite number, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def positive(value: Any) -> float | None:
    """Return a finite number above 0, or None."""
    found = number(value)
    return found if found is not None and found > 0 else None


def quantity(value: Any, unit: str) -> tuple[float, str] | None:
    """Read ``"15000 Volt"``; a bare number is in ``unit``."""
    if (plain := number(value)) is not None:
        return plain, unit
    match = _QUANTITY.fullmatch(value) if isinstance(value, str) else None
    found = number(match[1]) if match else None
    return None if match is None or found is None else (found, match[2] or unit)


def kilovolts(value: Any, unit: str = "V") -> float | None:
    """Return a voltage in kilovolts; None where it is none, or not positive."""
    found = quantity(value, unit)
    factor = None if found is None else _VOLTS.get(found[1].lower())
    if found is None or factor is None:
        return None
    # Division keeps 20000 V at 20 kV where a product would not always.
    volts = found[0] / round(1 / factor) if factor < 1 else found[0] * factor
    return volts if 0 < volts < _HIGHEST_KV else None


def millimetres(value: Any, unit: str) -> float | None:
    """Return a positive length in millimetres."""
    found = quantity(value, unit)
    length = None if found is None else to_nanometres(*found)
    # Metres in floating point: 0.0062 m is to be 6.2 mm.
    return None if length is None else float(f"{length / 1e6:.10g}")


def metres_to_nm(value: Any) -> float | None:
    """Return a positive length given in metres in nanometres."""
    found = number(value)
    length = None if found is None else to_nanometres(found, "m")
    return None if length is None else float(f"{length:.12g}")


def microseconds(seconds: Any) -> float | None:
    """Return a positive time given in seconds in microseconds."""
    found = positive(seconds)
    return None if found is None else positive(f"{found * 1e6:.10g}")


def degrees(radians: Any) -> float | None:
    """Return an angle given in radians in degrees, rounded to what a stage can hold."""
    found = number(radians)
    return None if found is None else round(math.degrees(found), 6) + 0.0


def value_of(raw: Any, section: Any, key: str) -> Any:
    """Return ``raw[section][key]``, or None where either is missing or no mapping."""
    if not isinstance(raw, Mapping):
        return None
    inner = raw.get(section) if isinstance(section, str) else None
    return inner.get(key) if isinstance(inner, Mapping) else None


def decode(data: bytes) -> str:
    """Return text of a maker's file, in whichever of their encodings it is."""
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def sections(written: str, first: str = "") -> dict[str, dict[str, str]]:
    """Split ``[Section]`` and ``key=value`` lines; lines before any section go to ``first``."""
    found: dict[str, dict[str, str]] = {}
    current = found.setdefault(first, {}) if first else {}
    for line in written.splitlines():
        line = line.strip().strip("\0")
        if line.startswith("[") and line.endswith("]"):
            current = found.setdefault(line[1:-1].strip(), {})
        elif "=" in line:
            key, value = line.split("=", 1)
            current[key.strip()] = value.strip()
    return found


def iso_date(day: Any, time: Any = None, *, month_first: bool | None = None) -> str | None:
    """Bring a date, or date and time, to ISO 8601.

    Parameters
    ----------
    day : str
        ``"2019-03-12"``, ``"12.03.2019"``, ``"03/12/2019"`` or ``"12 Mar 2019"``.
    time : str, optional
        ``"15:54:11"`` or ``"03:54:11 PM"``; left out where it is neither.
    month_first : bool, optional
        Whether ``"03/12/2019"`` is in March. By default only where the time is written with
        AM or PM, or the day is past the 12th: else nobody knows, and there is no date.
    """
    clock = _clock(text(time) or "")
    if month_first is None and re.search(r"[AP]M\s*$", text(time) or "", re.IGNORECASE):
        month_first = True
    found = _day(text(day) or "", month_first)
    return found if found is None or clock is None else f"{found}T{clock}"


def _day(day: str, month_first: bool | None) -> str | None:
    if match := re.fullmatch(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})", day):
        year, month, number_ = (int(part) for part in match.groups())
    elif match := re.fullmatch(r"(\d{1,2})\.(\d{1,2})\.(\d{4})", day):
        number_, month, year = (int(part) for part in match.groups())
    elif match := re.fullmatch(r"(\d{1,2})([/-])(\d{1,2})\2(\d{4})", day):
        month, number_, year = int(match[1]), int(match[3]), int(match[4])
        if month > 12 or month_first is False:
            month, number_ = number_, month
        elif number_ <= 12 and month != number_ and not month_first:
            return None
    elif match := re.fullmatch(r"(\d{1,2}) ([A-Za-z]{3})\w* (\d{4})", day):
        if match[2].lower() not in _MONTHS:
            return None
        year, month, number_ = int(match[3]), _MONTHS.index(match[2].lower()) + 1, int(match[1])
    else:
        return None
    try:
        return calendar_date(year, month, number_).isoformat()
    except ValueError:
        return None


def _clock(time: str) -> str | None:
    match = re.fullmatch(r"(\d{1,2}):(\d{2}):(\d{2})(?:\.\d+)?\s*([AaPp][Mm])?", time)
    if match is None:
        return None
    hour = int(match[1])
    if match[4]:
        hour = hour % 12 + (12 if match[4].lower() == "pm" else 0)
    if hour > 23 or int(match[2]) > 59 or int(match[3]) > 59:
        return None
    return f"{hour:02d}:{match[2]}:{match[3]}"
