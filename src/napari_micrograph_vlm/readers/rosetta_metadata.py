"""What RosettaSciIO finds about the instrument, under our names."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from .metadata import Instrument

__all__ = ["instrument_of", "plain", "text_at", "value_at"]

_MAKERS = {"digitalmicrograph": "Gatan", "tia": "FEI", "blockfile": "NanoMegas"}
_MOST_VALUES = 64
"""Longest list of numbers that is kept among the raw metadata."""

_DEEPEST = 16


def instrument_of(signal: Mapping[str, Any], plugin: str) -> Instrument:
    """Return how a signal was taken.

    Parameters
    ----------
    signal : mapping
        What RosettaSciIO gives for one signal. Entries may be missing or malformed.
    plugin : str
        Which of its plugins read it.
    """
    raw = plain(signal.get("original_metadata"))
    raw = raw if isinstance(raw, dict) else {}
    found = _mapped(signal)
    return Instrument(
        maker=_maker(raw, plugin),
        voltage_kv=_number(_microscope(found, "beam_energy"), 1e-3, 1e4) or _voltage(raw),
        working_distance_mm=_number(_microscope(found, "working_distance"), 1e-6, 1e3),
        magnification=_number(_microscope(found, "magnification"), 1e-3, 1e12),
        detector=_detector(found, raw),
        dwell_time_us=_dwell_time(found, raw),
        stage_tilt_deg=_number(_microscope(found, "Stage", "tilt_alpha"), -360, 360),
        date=_date(found),
        raw=raw,
    )


def plain(value: Any, depth: int = 0) -> Any:
    """Return a value made of mappings, lists, numbers and text; long arrays are named only."""
    if isinstance(value, Mapping) and depth < _DEEPEST:
        return {str(key): plain(one, depth + 1) for key, one in value.items()}
    if isinstance(value, np.generic) and value.dtype.names is None:
        value = value.item()
    if isinstance(value, bytes):
        value = value.rstrip(b"\0").decode("utf-8", "replace")
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return value if len(value) <= 100_000 else f"{value[:1000]}…"
    if isinstance(value, np.ndarray):
        if value.size > _MOST_VALUES or value.dtype.kind not in "biufSU":
            return f"{value.dtype} values of shape {value.shape}"
        value = value.tolist()
    if isinstance(value, list | tuple) and depth < _DEEPEST:
        return [plain(one, depth + 1) for one in value[:_MOST_VALUES]]
    return str(value)[:1000] if isinstance(value, list | tuple) else plain_text(value)


def plain_text(value: Any) -> str | list[Any]:
    """Return text for a single value, also for one that came as an array without axes."""
    text = str(value)
    return text if len(text) <= 1000 else f"{text[:1000]}…"


def value_at(mapping: Any, path: str) -> Any:
    """Return what lies at a path such as ``"Scan.DwellTime"``; None where there is nothing.

    Spaces and underscores are alike, as in RosettaSciIO.
    """
    for part in path.split("."):
        if not isinstance(mapping, Mapping):
            return None
        if part not in mapping:
            part = next((key for key in mapping if _same(key, part)), part)
        mapping = mapping.get(part)
    return mapping


def text_at(mapping: Any, path: str) -> str | None:
    """Return the text at a path; None where there is none."""
    value = value_at(mapping, path)
    return value.strip() or None if isinstance(value, str) else None


def _same(key: Any, part: str) -> bool:
    return isinstance(key, str) and key.replace(" ", "_") == part.replace(" ", "_")


def _mapped(signal: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metadata by their paths, with what a plugin's mapping finds in the original."""
    found: dict[str, Any] = {}
    _flatten(plain(signal.get("metadata")), "", found)
    mapping = signal.get("mapping")
    for path, rule in (mapping if isinstance(mapping, Mapping) else {}).items():
        value = value_at(signal.get("original_metadata"), str(path))
        if value is None or not isinstance(rule, tuple) or not rule:
            continue
        target, turn = rule[0], rule[1] if len(rule) > 1 else None
        try:
            value = turn(value) if callable(turn) else value
        except Exception:
            continue  # a rule meets what it was not made for
        if value is not None:
            found[str(target)] = plain(value)
    return found


def _flatten(value: Any, path: str, found: dict[str, Any]) -> None:
    if isinstance(value, dict):
        for key, one in value.items():
            _flatten(one, f"{path}.{key}" if path else key, found)
    elif path:
        found[path] = value


def _microscope(found: Mapping[str, Any], *names: str) -> Any:
    for kind in ("TEM", "SEM", "STEM"):
        value = found.get(".".join(("Acquisition_instrument", kind, *names)))
        if value is not None:
            return value
    return None


def _number(value: Any, low: float, high: float) -> float | None:
    """Return a number within sensible bounds; None of all else."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    inside = math.isfinite(number) and low <= number <= high and not isinstance(value, bool)
    return number if inside else None


def _voltage(raw: Mapping[str, Any]) -> float | None:
    """Return kilovolts of an NCEM file, which names volts or kilovolts."""
    value = _number(value_at(raw, "microscope.voltage"), 1e-3, 1e7)
    if value is None:
        return None
    return value / 1e3 if value > 3000 else value


def _maker(raw: Mapping[str, Any], plugin: str) -> str | None:
    if plugin == "mrc" and "fei_header" in raw:
        return "FEI"
    return text_at(raw, "Instrument.Manufacturer") or _MAKERS.get(plugin)


def _detector(found: Mapping[str, Any], raw: Mapping[str, Any]) -> str | None:
    listed = (
        text_at(raw, "BinaryResult.Detector"),
        _microscope(found, "Detector", "detector_type"),
        _microscope(found, "Detector", "Camera", "Name"),
        _microscope(found, "detector"),
        found.get("Acquisition_instrument.Detector.detector_type"),
        _gatan_device(raw),
    )
    return next((one.strip() for one in listed if isinstance(one, str) and one.strip()), None)


def _gatan_device(raw: Mapping[str, Any]) -> str | None:
    """Return the camera, or the signal of a scanned picture, of a DigitalMicrograph file."""
    images = raw.get("ImageList")
    for image in images.values() if isinstance(images, dict) else ():
        tags = value_at(image, "ImageTags")
        name = text_at(tags, "Acquisition.Device.Name") or text_at(tags, "DataBar.Device Name")
        if name:
            return name
    return None


def _dwell_time(found: Mapping[str, Any], raw: Mapping[str, Any]) -> float | None:
    """Return microseconds; Velox writes seconds, DigiScan microseconds."""
    seconds = _number(value_at(raw, "Scan.DwellTime"), 1e-10, 1e3)
    if seconds is None:
        seconds = _number(_microscope(found, "dwell_time"), 1e-10, 1e3)
    if seconds is not None:
        return float(f"{seconds * 1e6:.9g}")
    images = raw.get("ImageList")
    for image in images.values() if isinstance(images, dict) else ():
        time = _number(value_at(image, "ImageTags.DigiScan.Sample Time"), 1e-4, 1e9)
        if time is not None:
            return time
    return None


def _date(found: Mapping[str, Any]) -> str | None:
    day, time = found.get("General.date"), found.get("General.time")
    if not isinstance(day, str) or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", day):
        return None
    clock = re.match(r"\d{2}:\d{2}:\d{2}", time) if isinstance(time, str) else None
    return f"{day}T{clock[0]}" if clock else day
