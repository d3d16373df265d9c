"""Text files that some microscopes write beside the picture: same name, other suffix."""

from __future__ import annotations

import re
from pathlib import Path

from ..metadata import Calibration
from .fields import decode
from .hitachi import is_hitachi, parse_hitachi
from .jeol import is_jeol, parse_jeol
from .tescan import parse_tescan

__all__ = ["side_calibration"]

_MOST_BYTES = 2**20


def side_calibration(path: Path, width: int | None = None) -> Calibration | None:
    """Return what the text file beside a picture says.

    Parameters
    ----------
    path : Path
        The picture.
    width : int, optional
        Its pixels in a row. A picture of another width than the file says was made smaller or
        cut since: its pixel size is not known any more.

    Returns
    -------
    Calibration or None
        None where there is no such file, or it is none of a microscope (JEOL and Hitachi:
        ``picture.txt``; TESCAN: ``picture-tif.hdr`` or ``picture.hdr``).
    """
    found = _beside(path)
    stated = None if found is None else _stated_width(found)
    if found is None or width is None or stated is None or stated == width:
        return found
    return Calibration(found.instrument)


def _stated_width(found: Calibration) -> int | None:
    for name in ("CM_IMAGE_SIZE", "CM_FULL_SIZE", "DataSize"):
        match = re.match(r"\s*(\d{1,9})(?=\D|$)", str(found.instrument.raw.get(name, "")))
        if match:
            return int(match[1])
    return None


def _beside(path: Path) -> Calibration | None:
    kind = path.suffix[1:]
    names = (f"{path.stem}-{kind}.hdr", f"{path.stem}.hdr", f"{path.stem}.txt", f"{path.stem}.TXT")
    for name in names:
        written = _written(path.with_name(name)) if kind else None
        if written is None:
            continue
        if name.endswith(".hdr"):
            if "[MAIN]" in written and "PixelSizeX" in written:
                return parse_tescan(written)
        elif is_hitachi(written):
            return parse_hitachi(written)
        elif is_jeol(written):
            return parse_jeol(written)
    return None


def _written(path: Path) -> str | None:
    try:
        if not path.is_file():  # a pipe would wait for someone to write into it
            return None
        with path.open("rb") as file:
            return decode(file.read(_MOST_BYTES))
    except (OSError, ValueError):
        return None
