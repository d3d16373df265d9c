"""The settings that Hitachi microscopes write into a text file beside the picture.

Lines of ``key=value`` under ``[SemImageFile]``: the pixel size in nanometres, the rest with its
unit, ``AcceleratingVoltage=15000 Volt`` and ``WorkingDistance=8100 um``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..metadata import Calibration, Instrument, to_nanometres
from .fields import iso_date, kilovolts, millimetres, positive, quantity, sections, text

__all__ = ["is_hitachi", "parse_hitachi"]

_SECTIONS = ("SemImageFile", "TemImageFile")


def is_hitachi(written: str) -> bool:
    """Whether a text is of this kind."""
    return any(f"[{name}]" in written for name in _SECTIONS)


def parse_hitachi(raw: str | Mapping[str, Any]) -> Calibration:
    """Bring the content of the file to common names.

    Parameters
    ----------
    raw : str or mapping
        The file's text, or the names and values of its section.
    """
    if isinstance(raw, str):
        found = sections(raw)
        raw = next((found[name] for name in _SECTIONS if name in found), {})
    instrument = Instrument(
        maker="Hitachi",
        voltage_kv=kilovolts(raw.get("AcceleratingVoltage")),
        working_distance_mm=millimetres(raw.get("WorkingDistance"), "um"),
        magnification=positive(raw.get("Magnification")),
        detector=text(raw.get("SignalName")),
        date=iso_date(raw.get("Date"), raw.get("Time"), month_first=True),
        raw=raw,
    )
    stated = quantity(raw.get("PixelSize"), "nm")
    size = None if stated is None else to_nanometres(*stated)
    return Calibration(instrument, None if size is None else (size, size))
