"""The settings that TESCAN microscopes write into TIFF tag 50431, or into an ``.hdr`` file.

The tag is a row of blocks, each with its length (4 bytes), its kind (2 bytes) and its content: a
thumbnail, then ``key=value`` lines. The file has the same lines under ``[MAIN]`` and ``[SEM]`` or
``[FIB]``. Lengths are in metres, times in seconds, voltages in volts, angles in degrees.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

from ..metadata import Calibration, Instrument
from .fields import (
    decode,
    iso_date,
    kilovolts,
    metres_to_nm,
    microseconds,
    millimetres,
    number,
    positive,
    sections,
    text,
    value_of,
)

__all__ = ["TAG", "parse_tescan"]

TAG = 50431

_KINDS = {2: "MAIN", 3: "SEM", 4: "GAMA", 5: "FIB"}


def parse_tescan(raw: bytes | str | Mapping[str, Any]) -> Calibration:
    """Bring the content of the tag, or of the file, to common names.

    Parameters
    ----------
    raw : bytes, str or mapping of mappings
        The tag, the file's text, or its sections.
    """
    if isinstance(raw, bytes):
        raw = _of_blocks(raw)
    elif isinstance(raw, str):
        raw = sections(raw, "MAIN")
    # Which beam took the picture: only one of the two sections is there.
    beam = "SEM" if isinstance(raw.get("SEM"), Mapping) else "FIB"
    instrument = Instrument(
        maker="TESCAN",
        voltage_kv=kilovolts(value_of(raw, beam, "HV"))
        or kilovolts(value_of(raw, beam, "AcceleratorVoltage")),
        working_distance_mm=millimetres(value_of(raw, beam, "WD"), "m"),
        magnification=positive(value_of(raw, "MAIN", "Magnification")),
        detector=text(value_of(raw, beam, "Detector")) or text(value_of(raw, beam, "Detector0")),
        dwell_time_us=microseconds(value_of(raw, beam, "DwellTime")),
        stage_tilt_deg=number(value_of(raw, beam, "StageTilt")),
        date=iso_date(value_of(raw, "MAIN", "Date"), value_of(raw, "MAIN", "Time")),
        raw=raw,
    )
    width = metres_to_nm(value_of(raw, "MAIN", "PixelSizeX"))
    height = metres_to_nm(value_of(raw, "MAIN", "PixelSizeY")) or width
    return Calibration(instrument, None if width is None or height is None else (height, width))


def _of_blocks(data: bytes) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    at = 0
    while at + 6 <= len(data):
        # The length counts the two bytes of the kind.
        length, kind = struct.unpack_from("<IH", data, at)
        if length < 2 or at + 4 + length > len(data):
            break
        if kind in _KINDS:
            lines = sections(decode(data[at + 6 : at + 4 + length]), _KINDS[kind])
            for name, values in lines.items():
                found.setdefault(name, {}).update(values)
        at += 4 + length
    if found:
        return found
    # Some versions write the lines alone, behind what this cannot read.
    start = min((p for key in (b"[MAIN]", b"AccFrames=") if (p := data.find(key)) >= 0), default=-1)
    if start < 0:
        return {}
    lines = sections(decode(data[start:]), "MAIN")
    if set(lines) == {"MAIN"}:  # without headings, all are in one
        lines["SEM"] = dict(lines["MAIN"])
    return lines
