"""The settings that JEOL microscopes write into a text file beside the picture.

Lines such as ``$CM_ACCEL_VOLT 15.0``: volts in kV, lengths in mm. The pixel size is that of the
scale bar (``$$SM_MICRON_BAR`` pixels are ``$$SM_MICRON_MARKER``), which is a whole number of
pixels; newer scanning microscopes also say ``$CM_PIXEL_SIZE`` in micrometres, transmission
microscopes ``$$EM_PIXELSPERMETER_X``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..metadata import Calibration, Instrument, to_nanometres
from .fields import iso_date, kilovolts, metres_to_nm, millimetres, number, positive, quantity, text

__all__ = ["is_jeol", "jeol_lines", "parse_jeol"]

_AGREE = 0.05
"""How far two statements of the pixel size may differ, relatively."""


def is_jeol(written: str) -> bool:
    """Whether a text is of this kind."""
    return re.search(r"^\$CM_|^\$\$?SM_MICRON_BAR", written, re.MULTILINE) is not None


def jeol_lines(written: str) -> dict[str, str]:
    """Split the lines of the file into names, without their dollar signs, and values."""
    found = {}
    for line in written.splitlines():
        match = re.fullmatch(r"\s*\$+(\w+)\s*(.*?)\s*", line.strip("\0"))
        if match:
            found[match[1]] = match[2]
    return found


def parse_jeol(raw: str | Mapping[str, Any]) -> Calibration:
    """Bring the content of the file to common names.

    Parameters
    ----------
    raw : str or mapping
        The file's text, or its names and values.
    """
    if isinstance(raw, str):
        raw = jeol_lines(raw)
    tilt = re.search(r"\bT\s*=\s*(-?\d+(?:\.\d+)?)", str(raw.get("CM_STAGE_POSITION", "")))
    instrument = Instrument(
        maker="JEOL",
        voltage_kv=kilovolts(raw.get("CM_ACCEL_VOLT"), "kV"),
        working_distance_mm=millimetres(raw.get("SM_WD"), "mm"),
        magnification=positive(raw.get("CM_MAG")),
        detector=text(raw.get("FE_DETECTOR_NAME")) or text(raw.get("CM_SIGNAL")),
        stage_tilt_deg=number(tilt[1]) if tilt else None,
        date=iso_date(raw.get("CM_DATE"), raw.get("CM_TIME"), month_first=True),
        raw=raw,
    )
    size, error = _pixel_size(raw)
    return Calibration(instrument, size, error)


def _pixel_size(raw: Mapping[str, Any]) -> tuple[tuple[float, float] | None, float | None]:
    across, down = (positive(raw.get(f"EM_PIXELSPERMETER_{axis}")) for axis in "XY")
    if across and (width := metres_to_nm(1 / across)):
        height = metres_to_nm(1 / down) if down else None
        return (height or width, width), None
    stated = quantity(raw.get("CM_PIXEL_SIZE"), "um")
    exact = None if stated is None else to_nanometres(*stated)
    bar = number(raw.get("SM_MICRON_BAR"))
    marker = quantity(raw.get("SM_MICRON_MARKER"), "um")
    length = None if marker is None else to_nanometres(*marker)
    size = None if length is None or not bar or bar < 1 else to_nanometres(length / bar, "nm")
    if size is None or bar is None:
        return (None if exact is None else (exact, exact)), None
    if exact is not None and abs(exact / size - 1) < _AGREE:
        return (exact, exact), None
    # The end of the bar lies anywhere within half a pixel of where it is drawn.
    return (size, size), 0.5 / 3**0.5 / bar
