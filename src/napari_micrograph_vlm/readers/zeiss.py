"""The settings that Zeiss microscopes write into TIFF tag 34118 ("CZ_SEM").

tifffile gives the tag as a mapping from a key such as ``"ap_wd"`` to ``(name, value)`` or
``(name, value, unit)``; the key ``""`` holds the unnamed numbers of the tag's head.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .metadata import Calibration, Instrument, to_nanometres

__all__ = ["TAG", "parse_zeiss"]

TAG = 34118

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_PREFIX = {"m": 1e-3, "": 1.0, "k": 1e3, "K": 1e3, "M": 1e6}
_MILLIMETRES = 1e6


def parse_zeiss(raw: Mapping[str, Any]) -> Calibration:
    """Bring the content of the tag to common names.

    Parameters
    ----------
    raw : mapping
        The tag as tifffile gives it. Entries may be missing or malformed; those are left out.

    Returns
    -------
    Calibration
        Settings and pixel size.
    """
    voltage = _quantity(raw, "ap_actualkv", "ap_manualkv")
    distance = _length_nm(raw, "ap_wd")
    instrument = Instrument(
        maker="Zeiss",
        voltage_kv=None if voltage is None else _kilovolts(*voltage),
        working_distance_mm=None if distance is None else distance / _MILLIMETRES,
        magnification=_magnification(_value(raw, "ap_mag")),
        detector=_text(raw, "dp_detector_channel") or _text(raw, "dp_detector_type"),
        date=_date(_text(raw, "ap_date"), _text(raw, "ap_time")),
        raw=raw,
    )
    size = _length_nm(raw, "ap_image_pixel_size", "ap_pixel_size") or _unnamed_pixel_size(raw)
    return Calibration(instrument, None if size is None else (size, size))


def _value(raw: Mapping[str, Any], key: str) -> Any:
    entry = raw.get(key)
    return entry[1] if isinstance(entry, tuple | list) and len(entry) > 1 else None


def _text(raw: Mapping[str, Any], key: str) -> str | None:
    value = _value(raw, key)
    return value.strip() or None if isinstance(value, str) else None


def _quantity(raw: Mapping[str, Any], *keys: str) -> tuple[float, str] | None:
    for key in keys:
        entry = raw.get(key)
        if (
            isinstance(entry, tuple | list)
            and len(entry) == 3
            and isinstance(entry[1], int | float)
        ):
            return float(entry[1]), str(entry[2])
    return None


def _length_nm(raw: Mapping[str, Any], *keys: str) -> float | None:
    for key in keys:
        quantity = _quantity(raw, key)
        if quantity is not None and (length := to_nanometres(*quantity)) is not None:
            return length
    return None


def _unnamed_pixel_size(raw: Mapping[str, Any]) -> float | None:
    # The fourth unnamed number is the pixel size in metres; older files have only that.
    head = raw.get("", ())
    if isinstance(head, tuple | list) and len(head) > 3 and isinstance(head[3], float):
        return to_nanometres(head[3], "m")
    return None


def _kilovolts(value: float, unit: str) -> float | None:
    if not unit.endswith("V") or unit[:-1] not in _PREFIX:
        return None
    return value if unit[:-1] in ("k", "K") else value * _PREFIX[unit[:-1]] / 1e3


def _magnification(value: Any) -> float | None:
    """Read ``"500.00 K X"`` or a bare number."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    match = re.fullmatch(r"\s*([\d.]+)\s*([KM]?)\s*X?\s*", str(value))
    if match is None or match[1].count(".") > 1 or match[1] == ".":
        return None
    return float(match[1]) * _PREFIX[match[2]]


def _date(day: str | None, time: str | None) -> str | None:
    """Turn ``"11 Jul 2016"`` and ``"15:54:11"`` into ISO 8601, whatever the system's language."""
    match = re.fullmatch(r"(\d{1,2}) ([A-Za-z]{3})\w* (\d{4})", day or "")
    if match is None or match[2].lower() not in _MONTHS:
        return None
    date = f"{match[3]}-{_MONTHS.index(match[2].lower()) + 1:02d}-{int(match[1]):02d}"
    clock = re.fullmatch(r"(\d{1,2}):(\d{2}):(\d{2})", time or "")
    return f"{date}T{int(clock[1]):02d}:{clock[2]}:{clock[3]}" if clock else date
