"""The settings that Thermo Fisher (FEI) microscopes write into TIFF tags 34680 and 34682.

The tags hold sections of ``key=value`` lines in metres, volts, seconds and radians; tifffile gives
them as a mapping of mappings. ``[Beam]`` says which of ``[EBeam]`` and ``[IBeam]`` took the
picture, ``[Detectors]`` which detector.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..metadata import Calibration, Instrument
from .fields import (
    degrees,
    iso_date,
    kilovolts,
    metres_to_nm,
    microseconds,
    millimetres,
    positive,
    text,
    value_of,
)

__all__ = ["TAGS", "parse_fei"]

TAGS = (34682, 34680)


def parse_fei(raw: Mapping[str, Any]) -> Calibration:
    """Bring the content of the tag to common names.

    Parameters
    ----------
    raw : mapping of mappings
        The tag as tifffile gives it.

    Returns
    -------
    Calibration
        Settings and pixel size. The magnification is that of the maker's screen: its width over
        the field's.
    """
    beam = text(value_of(raw, "Beam", "Beam")) or "EBeam"
    scan = text(value_of(raw, "Beam", "Scan")) or "EScan"

    def first(*places: tuple[str, str]) -> Any:
        return next((v for s, k in places if (v := value_of(raw, s, k)) not in (None, "")), None)

    instrument = Instrument(
        maker="Thermo Fisher (FEI)",
        voltage_kv=kilovolts(first((beam, "HV"), ("Beam", "HV"))),
        working_distance_mm=millimetres(first((beam, "WD"), ("Stage", "WorkingDistance")), "m"),
        magnification=_magnification(raw, scan),
        detector=text(first(("Detectors", "Name"))),
        dwell_time_us=microseconds(first(("Scan", "Dwelltime"), (scan, "Dwell"))),
        stage_tilt_deg=degrees(first(("Stage", "StageT"), ("Stage", "StageTa"), (beam, "StageTa"))),
        date=iso_date(first(("User", "Date")), first(("User", "Time"))),
        raw=raw,
    )
    return Calibration(instrument, _pixel_size(raw, scan))


def _pixel_size(raw: Mapping[str, Any], scan: str) -> tuple[float, float] | None:
    for section in ("Scan", scan):
        width = metres_to_nm(value_of(raw, section, "PixelWidth"))
        if width is not None:
            return metres_to_nm(value_of(raw, section, "PixelHeight")) or width, width
    # The camera that looks into the chamber has no scan.
    height, width = (
        metres_to_nm(field / pixels) if field and pixels else None
        for field, pixels in (
            (positive(value_of(raw, "IRBeam", field)), positive(value_of(raw, "Image", pixels)))
            for field, pixels in (("VFW", "ResolutionY"), ("HFW", "ResolutionX"))
        )
    )
    return None if height is None or width is None else (height, width)


def _magnification(raw: Mapping[str, Any], scan: str) -> float | None:
    screen = positive(value_of(raw, "Image", "MagCanvasRealWidth")) or positive(
        value_of(raw, "System", "DisplayWidth")
    )
    field = positive(value_of(raw, "Scan", "HorFieldsize")) or positive(
        value_of(raw, scan, "HorFieldsize")
    )
    return positive(f"{screen / field:.6g}") if screen and field else None
