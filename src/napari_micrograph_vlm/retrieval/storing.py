"""An index on disk: numbers as safetensors, all else as JSON; nothing in it can run code."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import SourceError, one_line
from ..whole_files import file_error, write_whole
from .embedding import Rows
from .entries import Entry

__all__ = ["DEFAULT", "FILE", "Stored", "index_folder", "read_index", "real", "write_index"]

FILE = "index.json"
"""Names the file of numbers, so an index is the old one or the new one, never half of each."""

DEFAULT = "index"
"""Name of an index inside the folder of its figures."""

_FORMAT, _VERSION = "napari-micrograph-vlm figure index", 1


@dataclass(frozen=True, eq=False)
class Stored:
    """An index as it is kept.

    Attributes
    ----------
    model, revision : str
        Name of the model that looked, and what identifies its weights.
    asked_as : str
        What :func:`..api.load_model` finds it by; empty: the default.
    folders : list of str
        Folders of figures, absolute.
    entries : list of Entry
        The figures, in the order of their rows.
    rows : dict of str to (n, F) float32 arrays
        One row a part of a figure.
    complete : bool
        Whether all figures of the folders were looked at.
    """

    model: str
    revision: str
    asked_as: str
    folders: Sequence[str]
    entries: Sequence[Entry]
    rows: Rows
    complete: bool = True


def index_folder(place: Path) -> Path:
    """Return the folder of an index: the one that is given, or the one inside it.

    Raises
    ------
    SourceError
        If there is no index.
    """
    for folder in (place, place / DEFAULT):
        if (folder / FILE).is_file():
            return folder
    raise SourceError(
        f"{place} holds no index of figures; make one with "
        "`napari-micrograph-vlm figures index FOLDER`."
    )


def write_index(folder: Path, stored: Stored) -> None:
    """Write an index in place of an earlier one.

    Raises
    ------
    SourceError
        If the folder cannot be written, or the disk is full.
    """
    from safetensors.numpy import save

    rows = {name: np.asarray(block, np.float16) for name, block in stored.rows.items()}
    data = save({name: np.ascontiguousarray(block) for name, block in rows.items()})
    numbers = f"rows-{sha256(data).hexdigest()[:16]}.safetensors"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise file_error(folder, error) from None
    known = list(stored.folders)
    whole = {
        "format": _FORMAT,
        "version": _VERSION,
        "model": stored.model,
        "revision": stored.revision,
        "asked_as": stored.asked_as,
        "complete": stored.complete,
        "rows": numbers,
        "folders": [{"path": one, "from_here": _from(folder, one)} for one in known],
        "figures": [{**e.to_dict(), "folder": known.index(e.folder)} for e in stored.entries],
    }
    # The numbers first: the index is there once its JSON file is.
    write_whole(folder / numbers, data)
    write_whole(folder / FILE, json.dumps(whole, ensure_ascii=False))
    for old in folder.glob("rows-*.safetensors"):
        if old.name != numbers:
            with suppress(OSError):  # another program reads it
                old.unlink()


def read_index(place: Path) -> Stored:
    """Read an index.

    Raises
    ------
    SourceError
        If there is none, it is damaged, or a newer version wrote it.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    folder = index_folder(place)
    try:
        whole = json.loads((folder / FILE).read_text(encoding="utf-8"))
        if whole["format"] != _FORMAT:
            raise ValueError("it is of another kind")
        if int(whole["version"]) > _VERSION:
            raise SourceError(f"{folder} was written by a newer version; update this program.")
        rows = load((folder / Path(whole["rows"]).name).read_bytes())
        folders = [_found(folder, one) for one in whole["folders"]]
        entries = [Entry.from_dict(one, folders[one["folder"]]) for one in whole["figures"]]
        count = sum(len(one.boxes) for one in entries)
        for name, block in rows.items():
            if block.shape[0] != count or block.ndim != 2:
                raise ValueError(f"the rows “{name}” do not fit its figures")
            if not np.isfinite(block).all():
                raise ValueError("some numbers are none")
        return Stored(
            str(whole["model"]),
            str(whole["revision"]),
            str(whole["asked_as"]),
            folders,
            entries,
            {name: block.astype(np.float32) for name, block in rows.items()},
            bool(whole.get("complete", True)),
        )
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        IndexError,
        AttributeError,
        OverflowError,
        RecursionError,
        SafetensorError,
    ) as error:
        if isinstance(error, SourceError) and "newer" in str(error):
            raise
        raise SourceError(
            f"The index {folder} is damaged ({one_line(error)}); make it again with "
            "`napari-micrograph-vlm figures index FOLDER --again`."
        ) from None


def real(place: str | os.PathLike[str]) -> str:
    """Return a folder by the one name that an index knows it by: absolute, without ``..``."""
    return os.path.realpath(place)


def _from(folder: Path, other: str) -> str:
    """Return the way from the index to a folder; empty on another drive."""
    try:
        return Path(os.path.relpath(other, real(folder))).as_posix()
    except ValueError:
        return ""


def _found(folder: Path, kept: dict[str, Any]) -> str:
    """Return where a folder of figures is now: moved along with the index, or where it was."""
    beside = kept["from_here"]
    moved = real(Path(real(folder)) / beside) if beside else ""
    return moved if moved and Path(moved).is_dir() else real(str(kept["path"]))
