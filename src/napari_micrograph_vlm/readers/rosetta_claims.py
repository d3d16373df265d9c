"""What files that RosettaSciIO reads claim to hold, against how many bytes they have.

Some of its plugins make arrays as large as a header says before they read a pixel. So the headers
of formats that pack nothing are looked at first; formats that do (HDF5) are read chunk by chunk.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import SourceError
from .limits import check_claim, check_shape

__all__ = ["check_header"]

_MRC_BYTES = {0: 1.0, 1: 2.0, 2: 4.0, 3: 4.0, 4: 8.0, 6: 2.0, 7: 4.0, 12: 2.0, 16: 3.0, 101: 0.5}


def check_header(path: Path, plugin: str) -> None:
    """See that a file can hold what its header says.

    Parameters
    ----------
    path : Path
        The file.
    plugin : str
        What RosettaSciIO calls its format.

    Raises
    ------
    SourceError
        If the size of a picture is impossible, or needs more bytes than the file has.
    """
    check = _CHECKS.get(plugin)
    if check is None or path.suffix.lower() == ".emi":
        return
    with path.open("rb") as file:
        check(path, file, path.stat().st_size)


def _mrc(path: Path, file: BinaryIO, size: int) -> None:
    head = file.read(1024)
    if len(head) < 1024:
        raise SourceError(f"{path} is damaged or incomplete: {size:,} bytes are no MRC header.")
    width, height, depth, mode = struct.unpack("<4i", head[:16])
    (extended,) = struct.unpack("<i", head[92:96])
    check_shape(path, (depth, height, width))
    if extended < 0:
        raise SourceError(f"{path} is damaged: the length of its header is negative.")
    # Of an unknown mode no more is asked than there are pixels; the plugin says what it is.
    pixels = width * height * depth * _MRC_BYTES.get(mode, 0.5)
    _check_bytes(path, 1024 + extended + pixels, size)


def _tia(path: Path, file: BinaryIO, size: int) -> None:
    head = file.read(34)
    if len(head) < 30:
        raise SourceError(f"{path} is damaged or incomplete: {size:,} bytes are no TIA header.")
    (version,) = struct.unpack("<H", head[4:6])
    total, valid = struct.unpack("<2I", head[14:22])
    long = version > 0x210
    (offset,) = struct.unpack("<Q" if long else "<I", head[22 : 30 if long else 26])
    _check_bytes(path, offset + max(total, valid) * (8 if long else 4), size)
    if valid:
        file.seek(offset)
        (first,) = struct.unpack("<Q" if long else "<I", file.read(8 if long else 4))
        (kind,) = struct.unpack("<H", head[6:8])
        file.seek(first)
        element = file.read(50)
        if kind == 0x4122 and len(element) == 50:
            width, height = struct.unpack("<2I", element[42:50])
            check_shape(path, (height, width))
            _check_bytes(path, first + height * width, size)
            _check_bytes(path, valid * height * width, size)
    # The plugin holds all of a series in memory.
    check_claim(path, (size,), "u1", hint="cut the series into shorter ones")


def _digital_micrograph(path: Path, file: BinaryIO, size: int) -> None:
    reader = import_module("rsciio.digitalmicrograph._api").DigitalMicrographReader(file)
    reader.parse_file()
    for image in reader.get_image_dictionaries() or ():
        data: Mapping[str, Any] = image.get("ImageData") or {}
        sides = [int(n) for n in (data.get("Dimensions") or {}).values()]
        if not sides:
            continue
        check_shape(path, sides)
        depth = max(int(data.get("PixelDepth") or 1), 1)
        _check_bytes(path, math.prod(sides) * depth, size)


def _check_bytes(path: Path, needed: float, size: int) -> None:
    if needed > size:
        raise SourceError(
            f"{path} is damaged or incomplete: it has {size:,} bytes, and what its header says "
            f"takes {math.ceil(needed):,}."
        )


_CHECKS: Mapping[str, Callable[[Path, BinaryIO, int], None]] = {
    "mrc": _mrc,
    "tia": _tia,
    "digitalmicrograph": _digital_micrograph,
}
