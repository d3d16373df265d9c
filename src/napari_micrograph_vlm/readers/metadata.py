"""What an instrument writes about itself, under one set of names for every maker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Calibration", "Instrument", "to_nanometres"]

_NANOMETRES = {
    "fm": 1e-6,
    "pm": 1e-3,
    "Å": 0.1,  # the letter
    "\u212b": 0.1,  # the sign
    "angstrom": 0.1,
    "nm": 1.0,
    "um": 1e3,
    "µm": 1e3,  # the micro sign
    "μm": 1e3,  # the Greek letter
    "micron": 1e3,
    "microns": 1e3,
    **{
        f"{prefix}met{end}": factor
        for prefix, factor in (("pico", 1e-3), ("nano", 1.0), ("micro", 1e3), ("milli", 1e6))
        for end in ("er", "ers", "re", "res")
    },
    "mm": 1e6,
    "cm": 1e7,
    "m": 1e9,
}

# Nanometres. What a damaged file says lies outside; nothing that a microscope measures does.
_SHORTEST, _LONGEST = 1e-6, 1e12

_NUMBERS = (
    "voltage_kv",
    "working_distance_mm",
    "magnification",
    "dwell_time_us",
    "stage_tilt_deg",
)


@dataclass(frozen=True)
class Instrument:
    """How the micrograph was taken; None where the file does not say.

    Attributes
    ----------
    maker : str or None
        Such as ``"Zeiss"``.
    voltage_kv : float or None
        Acceleration voltage in kilovolts.
    working_distance_mm : float or None
        Working distance in millimetres.
    magnification : float or None
        As the instrument states it.
    detector : str or None
        Such as ``"InLens"``.
    dwell_time_us : float or None
        How long the beam stays on a pixel, in microseconds.
    stage_tilt_deg : float or None
        Tilt of the stage in degrees.
    date : str or None
        Date, or date and time, ISO 8601, in the instrument's own time zone.
    raw : mapping
        Everything the maker wrote, under the maker's names.
    """

    maker: str | None = None
    voltage_kv: float | None = None
    working_distance_mm: float | None = None
    magnification: float | None = None
    detector: str | None = None
    dwell_time_us: float | None = None
    stage_tilt_deg: float | None = None
    date: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return what is known, without ``raw`` and without the Nones."""
        return {n: v for n, v in vars(self).items() if n != "raw" and v is not None}

    @classmethod
    def of_layer(cls, metadata: Mapping[str, Any]) -> Instrument | None:
        """Return what the metadata of a layer says under ``instrument``; None: nothing.

        Anybody may have written it: what has a wrong name or kind is left out.
        """
        told = metadata.get("instrument")
        if isinstance(told, cls):
            return told
        if not isinstance(told, Mapping):
            return None
        known: dict[str, Any] = {}
        for name in ("maker", "detector", "date"):
            if isinstance(told.get(name), str):
                known[name] = told[name]
        for name in _NUMBERS:
            value = told.get(name)
            if isinstance(value, int | float) and not isinstance(value, bool):
                known[name] = float(value)
        raw = metadata.get("raw")
        return cls(**known, raw=raw if isinstance(raw, Mapping) else {}) if known else None


@dataclass(frozen=True)
class Calibration:
    """What a parser of a maker's metadata finds.

    Attributes
    ----------
    instrument : Instrument
        The settings.
    pixel_size_nm : (float, float) or None
        Height and width of a pixel in nanometres.
    pixel_size_error : float or None
        Its relative standard uncertainty; None where nothing is known of it.
    """

    instrument: Instrument
    pixel_size_nm: tuple[float, float] | None = None
    pixel_size_error: float | None = None


def to_nanometres(value: float, unit: str) -> float | None:
    """Return a length in nanometres; None where the unit is no length, or nobody can mean it."""
    factor = _NANOMETRES.get(unit.strip())
    if factor is None:
        return None
    # Division by a whole number keeps 543 pm at 0.543 nm where a product would not.
    length = value / round(1 / factor) if factor < 1 else value * factor
    return length if _SHORTEST <= length <= _LONGEST else None
