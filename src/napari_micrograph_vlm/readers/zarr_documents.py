"""What a zarr folder says about its arrays, looked at before zarr opens any of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import SourceError

__all__ = [
    "array_folders",
    "attributes",
    "check_array",
    "groups",
    "inside",
    "is_array",
    "is_zarr",
]

_MOST_BYTES = 16 * 2**20
_NUMBERS = re.compile(r"[<>|=]?(?:b1|[iuf][1248])|bool|u?int(?:8|16|32|64)|float(?:16|32|64)")

# fmt: off
_CODECS = frozenset((
    "blosc", "bz2", "bitround", "bytes", "crc32", "crc32c", "delta", "adler32", "fletcher32",
    "fixedscaleoffset", "gzip", "lz4", "lzma", "packbits", "quantize", "sharding_indexed",
    "shuffle", "transpose", "zlib", "zstd", "astype",
))
# fmt: on
"""Ways of packing that only unpack: one that zarr offers, pickle, would run a program instead."""


def is_zarr(path: Path) -> bool:
    """Whether a folder is a zarr array or group."""
    try:
        return any((path / name).is_file() for name in (".zarray", ".zgroup", "zarr.json"))
    except (OSError, ValueError):
        return False


def is_array(folder: Path) -> bool:
    """Whether a folder is a zarr array."""
    if (folder / ".zarray").is_file():
        return True
    return _document(folder / "zarr.json").get("node_type") == "array"


def attributes(folder: Path) -> Mapping[str, Any]:
    """Return what is written about a group or an array beside its pixels.

    Raises
    ------
    SourceError
        If the document is damaged.
    """
    written = _document(folder / "zarr.json").get("attributes")
    found = written if isinstance(written, Mapping) else _document(folder / ".zattrs")
    ome = found.get("ome")  # where it lies since OME-Zarr 0.5
    return {**found, **ome} if isinstance(ome, Mapping) else found


def array_folders(folder: Path) -> list[Path]:
    """Return the arrays right inside a group, in the order of their names' numbers."""
    return sorted(filter(is_array, _folders(folder)), key=_natural)


def groups(folder: Path) -> list[Path]:
    """Return the groups right inside a group, in the order of their names' numbers."""
    return sorted(
        (each for each in _folders(folder) if is_zarr(each) and not is_array(each)), key=_natural
    )


def _natural(path: Path) -> list[Any]:
    """Return a key that puts ``10`` behind ``9``."""
    return [
        (not part.isdigit(), int(part) if part.isdigit() else 0, part)
        for part in re.split(r"(\d+)", path.name)
    ]


def inside(folder: Path, name: Any) -> Path | None:
    """Return a folder by the name that a group gives it; None where it lies outside the group."""
    if not isinstance(name, str) or "\0" in name or "\\" in name:
        return None
    relative = PurePosixPath(name)
    if relative.is_absolute() or ".." in relative.parts:
        return None
    return folder / relative


def check_array(folder: Path) -> None:
    """See that an array holds plain numbers, packed in a way that is safe to unpack.

    Raises
    ------
    SourceError
        If not, or its document is damaged.
    """
    old, new = _document(folder / ".zarray"), _document(folder / "zarr.json")
    if not old and not new:
        raise SourceError(f"{folder} is no zarr array.")
    kinds = [
        document[key]
        for document, key in ((old, "dtype"), (new, "data_type"))
        if document and key in document
    ]
    if not kinds or not all(isinstance(k, str) and _NUMBERS.fullmatch(k) for k in kinds):
        raise SourceError(f"{folder} holds no plain numbers, so it is no micrograph.")
    try:
        named = {*_codecs(old), *_codecs(new)}
    except RecursionError:
        raise SourceError(f"{folder} is damaged or incomplete.") from None
    unsafe = sorted(name for name in named if name.removeprefix("numcodecs.") not in _CODECS)
    if unsafe:
        raise SourceError(
            f"{folder} is packed with “{unsafe[0]}”, which is not opened here; "
            "save it with another compressor, such as zstd."
        )


def _codecs(part: Any) -> Iterator[str]:
    """Yield the names of all ways of packing that a document names, at any depth."""
    if not isinstance(part, Mapping):
        return
    entries = [part.get("compressor"), *_list(part, "filters")]
    for key in ("codecs", "index_codecs", "storage_transformers"):
        entries += _list(part, key)
    for entry in entries:
        if isinstance(entry, str):
            yield entry
        elif isinstance(entry, Mapping):
            yield str(entry.get("id", entry.get("name", "")))
            yield from _codecs(entry.get("configuration"))


def _list(part: Mapping[str, Any], key: str) -> list[Any]:
    found = part.get(key)
    return list(found) if isinstance(found, list) else []


def _folders(folder: Path) -> list[Path]:
    try:
        return [each for each in folder.iterdir() if each.is_dir()]
    except OSError as error:
        raise SourceError(f"{folder} cannot be read: {error.strerror or error}.") from None


def _document(path: Path) -> Mapping[str, Any]:
    """Return a JSON document; empty where there is none."""
    try:
        if not path.is_file():
            return {}
        with path.open("rb") as file:
            written = file.read(_MOST_BYTES)
        found = json.loads(written)
    except (OSError, ValueError, RecursionError):
        raise SourceError(f"{path} is damaged or incomplete.") from None
    return found if isinstance(found, Mapping) else {}
