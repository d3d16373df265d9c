"""The settings that Zeiss microscopes write into TIFF tag 34118 ("CZ_SEM").

tifffile gives the tag as a mapping from a key such as ``"ap_wd"`` to ``(name, value)`` or
``(name, value, unit)``; the key ``""`` holds the unnamed numbers of the tag's head.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..metadata import Calibration, Instrument, to_nanometres
from .fields import iso_date, number, positive

__all__ = ["TAG", "parse_zeiss"]

TAG = 34118

_PREFIX = {"m": 1e-3, "": 1.0, "k": 1e3, "K": 1e3, "M": 1e6}
_MILLIMETRES = 1e6
_PER_MICROSECOND = {"ns": 1000, "us": 1, "µs": 1, "μs": 1}


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
    tilt = _quantity(raw, "ap_stage_at_t")
    instrument = Instrument(
        maker="Zeiss",
        voltage_kv=None if voltage is None else _kilovolts(*voltage),
        working_distance_mm=None if distance is None else distance / _MILLIMETRES,
        magnification=_magnification(_value(raw, "ap_mag")),
        detector=_text(raw, "dp_detector_channel") or _text(raw, "dp_detector_type"),
        dwell_time_us=_microseconds(raw, "dp_dwell_time"),
        stage_tilt_deg=None if tilt is None else tilt[0],
        date=iso_date(_text(raw, "ap_date"), _text(raw, "ap_time")),
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
            and (found := number(entry[1])) is not None
        ):
            return found, str(entry[2])
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


def _microseconds(raw: Mapping[str, Any], key: str) -> float | None:
    value, unit = _quantity(raw, key) or (0.0, "")
    if unit == "ms":
        value, unit = value * 1000, "us"
    return positive(value / _PER_MICROSECOND[unit]) if unit in _PER_MICROSECOND else None


def _kilovolts(value: float, unit: str) -> float | None:
    if not unit.endswith("V") or unit[:-1] not in _PREFIX:
        return None
    return positive(value if unit[:-1] in ("k", "K") else value * _PREFIX[unit[:-1]] / 1e3)


def _magnification(value: Any) -> float | None:
    """Read ``"500.00 K X"`` or a bare number."""
    if not isinstance(value, str):
        return positive(value)
    match = re.fullmatch(r"\s*([\d.]+)\s*([KM]?)\s*X?\s*", value)
    if match is None or match[1].count(".") > 1 or match[1] == ".":
        return None
    return positive(float(match[1]) * _PREFIX[match[2]])
