"""What programs of transmission microscopes' cameras write into TIFF files.

DigitalMicrograph (Gatan) has a tag for each axis' scale and unit; EM-MENU (TVIPS) and iTEM
(Olympus SIS) one tag with everything, which tifffile gives as a mapping.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..metadata import Calibration, Instrument, to_nanometres
from .fields import kilovolts, metres_to_nm, number, positive, text

__all__ = ["GATAN_TAGS", "SIS_TAGS", "TVIPS_TAG", "parse_gatan", "parse_sis", "parse_tvips"]

GATAN_TAGS = (65003, 65004, 65009, 65010)
"""Units along rows and columns, then their scales."""

SIS_TAGS = (33471, 33560)
TVIPS_TAG = 37706

_IN_METRES_BELOW = 1e-6
"""Old versions of tifffile give the pixel sizes of TVIPS in metres, new ones in nanometres."""


def parse_gatan(raw: Mapping[int, Any]) -> Calibration:
    """Bring DigitalMicrograph's tags to common names.

    Parameters
    ----------
    raw : mapping
        Number of a tag -> its value. The scale of a diffraction pattern is no length, so such a
        picture has no pixel size.
    """
    width, height = (
        to_nanometres(scale, text(raw.get(unit)) or "")
        if (scale := positive(raw.get(code))) is not None
        else None
        for unit, code in zip(GATAN_TAGS[:2], GATAN_TAGS[2:], strict=True)
    )
    size = None if width is None or height is None else (height, width)
    names = {f"tag {code}": value for code, value in raw.items()}
    return Calibration(Instrument(maker="Gatan", raw=names), size)


def parse_tvips(raw: Mapping[str, Any]) -> Calibration:
    """Bring EM-MENU's header to common names."""
    width, height = (
        None
        if (size := positive(raw.get(name))) is None
        else (metres_to_nm(size) if size < _IN_METRES_BELOW else to_nanometres(size, "nm"))
        for name in ("PixelSizeX", "PixelSizeY")
    )
    stage = raw.get("TemStagePosition")
    diffraction = raw.get("TemMode") == 3  # its magnification is a camera length
    instrument = Instrument(
        maker="TVIPS",
        voltage_kv=kilovolts(raw.get("TemHighTension")),
        magnification=None if diffraction else positive(raw.get("TemMagnification")),
        detector=text(str(raw.get("CameraType") or "").strip("\0")),
        stage_tilt_deg=number(stage[3]) if isinstance(stage, list) and len(stage) > 3 else None,
        raw=raw,
    )
    if width is None or height is None or diffraction:
        return Calibration(instrument)
    return Calibration(instrument, (height, width))


def parse_sis(raw: Mapping[str, Any]) -> Calibration:
    """Bring iTEM's header to common names."""
    width, height = (metres_to_nm(raw.get(name)) for name in ("pixelsizex", "pixelsizey"))
    date = raw.get("datetime")
    instrument = Instrument(
        maker="Olympus SIS",
        magnification=positive(raw.get("magnification")),
        detector=text(raw.get("cameraname")),
        date=date.isoformat() if isinstance(date, datetime) else None,
        raw={name: str(value) if name == "datetime" else value for name, value in raw.items()},
    )
    return Calibration(instrument, None if width is None else (height or width, width))
