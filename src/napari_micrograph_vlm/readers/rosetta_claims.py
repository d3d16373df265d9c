"""What files that RosettaSciIO reads claim to hold, against how many bytes they have.

Some of its plugins make arrays as large as a header says before they read a pixel. So the headers
of formats that pack nothing are looked at first; formats that do (HDF5) are read chunk by chunk, so
there a chunk has to fit into memory.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping
from glob import escape
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import SourceError
from .limits import check_claim, check_shape

__all__ = ["OtherFormatError", "check_header"]

_MRC_BYTES = {0: 1.0, 1: 2.0, 2: 4.0, 3: 4.0, 4: 8.0, 6: 2.0, 7: 4.0, 12: 2.0, 16: 3.0, 101: 0.5}

_MRC_STAMP = b"MAP"

_LARGEST = 2**50
"""Bytes; a longer number tells a reader nothing."""

_EMI_BYTES = 2**26
"""Settings lie behind pixels in some; a file of more bytes is taken on trust of its series."""


class OtherFormatError(SourceError):
    """A file that only has the name of the format."""


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
        If the size of a picture is impossible, or needs more bytes than the file has; an
        :class:`OtherFormatError` where it is no such file at all.
    """
    check = _emi if path.suffix.lower() == ".emi" else _CHECKS.get(plugin)
    if check is None:
        return
    with path.open("rb") as file:
        check(path, file, path.stat().st_size)


def _mrc(path: Path, file: BinaryIO, size: int) -> None:
    head = file.read(1024)
    if len(head) < 1024:
        raise SourceError(f"{path} is damaged or incomplete: {size:,} bytes are no MRC header.")
    width, height, depth, mode = struct.unpack("<4i", head[:16])
    (extended,) = struct.unpack("<i", head[92:96])
    try:
        check_shape(path, (depth, height, width))
        if extended < 0:
            raise SourceError(f"{path} is damaged: the length of its header is negative.")
        # Of an unknown mode no more is asked than there are pixels; the plugin says what it is.
        pixels = width * height * depth * _MRC_BYTES.get(mode, 0.5)
        _check_bytes(path, 1024 + extended + pixels, size)
    except SourceError:
        if head[208:211] == _MRC_STAMP:
            raise
        # The oldest files have no stamp, but sizes that can be.
        raise OtherFormatError(
            f"{path} is no MRC file, although its name says so; save it again from the program "
            "that wrote it."
        ) from None


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


def _emi(path: Path, file: BinaryIO, size: int) -> None:
    beside = path.parent.glob(f"{escape(path.stem)}_[0-9]*.ser")
    if next(beside, None) is None and b"<ObjectInfo>" not in file.read(_EMI_BYTES):
        raise OtherFormatError(f"{path} is no TIA file: it has no settings, and no .ser beside it.")


def _hdf5(path: Path, file: BinaryIO, size: int) -> None:
    """See to the parts in which arrays are packed: a single pixel needs the whole of one."""
    h5py = import_module("h5py")

    def check(name: str, found: Any) -> None:
        if isinstance(found, h5py.Dataset) and found.chunks is not None:
            check_claim(path, found.chunks, found.dtype, hint="write it again in smaller chunks")

    try:
        opened = h5py.File(path, "r")
    except OSError as error:
        cut = "truncated" in str(error)
        what = "it ends before its contents do" if cut else "its HDF5 structure cannot be read"
        raise SourceError(f"{path} is damaged or incomplete: {what}.") from None
    with opened:
        opened.visititems(check)


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
        takes = f"{math.ceil(needed):,}" if needed < _LARGEST else "more than any file has"
        raise SourceError(
            f"{path} is damaged or incomplete: it has {size:,} bytes, and what its header says "
            f"takes {takes}."
        )


_CHECKS: Mapping[str, Callable[[Path, BinaryIO, int], None]] = {
    "mrc": _mrc,
    "tia": _tia,
    "digitalmicrograph": _digital_micrograph,
    "emd": _hdf5,
    "hspy": _hdf5,
}
