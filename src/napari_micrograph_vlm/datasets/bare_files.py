"""Picture files without what lies beside the pixels: places, names, programs, thumbnails."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["bare_jpeg", "bare_png"]

_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8"

_PNG_KEPT = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
"""Chunks without which the pixels would be others."""

_START_OF_SCAN, _END = 0xDA, 0xD9
_JFIF, _ADOBE, _COMMENT = 0xE0, 0xEE, 0xFE


def bare_png(data: bytes) -> bytes | None:
    """Copy a PNG file without its texts, times, profiles and what follows its end.

    Returns
    -------
    bytes or None
        None where it is no PNG file or ends too early.
    """
    if not data.startswith(_PNG):
        return None
    kept, at = [_PNG], len(_PNG)
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        name = data[at + 4 : at + 8]
        if end > len(data):
            return None
        if name in _PNG_KEPT:
            kept.append(data[at:end])
        if name == b"IEND":
            return b"".join(kept)
        at = end
    return None


def bare_jpeg(data: bytes) -> bytes | None:
    """Copy a JPEG file without EXIF, comments, profiles, thumbnails and what follows its end.

    Returns
    -------
    bytes or None
        None where it is no JPEG file or is not built as one.
    """
    if not data.startswith(_JPEG):
        return None
    kept = [_JPEG]
    for marker, part in _segments(data):
        if marker == _END:
            return b"".join([*kept, b"\xff\xd9"])
        if marker == _JFIF:
            # "JFIF", version and density; its thumbnail is left out.
            if part[4:9] == b"JFIF\0" and len(part) >= 18:
                kept.append(b"\xff\xe0\0\x10" + part[4:16] + b"\0\0")
        # Adobe's segment says which colours the channels are.
        elif not (0xE1 <= marker <= 0xEF or marker == _COMMENT) or marker == _ADOBE:
            kept.append(part)
    return None


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Return each marker with its whole segment; a scan comes with its pixels."""
    at = len(_JPEG)
    while at + 2 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # filling
            at += 1
            continue
        if marker == _END:
            yield marker, b""
            return
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if end < at + 4 or end > len(data):
            return
        if marker == _START_OF_SCAN:
            end = _end_of_scan(data, end)
        yield marker, data[at:end]
        at = end


def _end_of_scan(data: bytes, at: int) -> int:
    """Return where the next marker is that is neither a restart nor a byte of the pixels."""
    while True:
        at = data.find(b"\xff", at)
        if at < 0 or at + 1 >= len(data):
            return len(data)
        if data[at + 1] != 0 and not 0xD0 <= data[at + 1] <= 0xD7:
            return at
        at += 2
