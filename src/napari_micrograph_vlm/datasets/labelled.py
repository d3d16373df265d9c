"""Labelled folders: images, and one record a line that says what is known about each."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import SourceError
from .facts import ACROSS, SPREAD
from .synthetic.truth import CATEGORIES, DEFECT_KINDS
from .teacher_labels import LABELS_FILE

__all__ = [
    "CLOSED",
    "DEFECT_NAMES",
    "FIELDS",
    "LABELS_FILE",
    "NO_DEFECT",
    "PLACES",
    "TRUTH",
    "Labelled",
    "Record",
    "append_line",
    "cut_torn_line",
    "place_word",
    "read_labelled",
]

Record = dict[str, Any]

TRUTH = "truth"
"""What stands for the teacher in records that are exact."""

NO_DEFECT = "none visible"

CLOSED: dict[str, tuple[str, ...]] = {
    "technique": ("SEM", "TEM", "STEM", "other"),
    "category": (*CATEGORIES, "other"),
    "shape": (
        "spherical",
        "irregular",
        "rod-like",
        "polyhedral",
        "cubic",
        "layered",
        "fibrous",
        "plate-like",
        "hollow",
        "lattice fringes",
        "wire-like",
        "tubular",
        "flower-like",
        "none",
    ),
    "arrangement": (
        "isolated",
        "dispersed",
        "clustered",
        "close-packed",
        "ordered array",
        "aligned",
        "random network",
        "layered",
        "continuous",
    ),
    "density": ("sparse", "moderate", "dense"),
    "size_uniformity": ("uniform", "moderate", "broad", "not applicable"),
    "contrast": ("bright on dark", "dark on bright", "mixed"),
    "surface": ("smooth", "rough", "granular", "porous", "faceted", "cracked", "not resolved"),
    "orientation": ("horizontal", "vertical", "diagonal", "random", "none"),
}
"""Fields that take one of some values."""

SUFFIX = ".jsonl"
"""What names of files of records end in."""

FIELDS: tuple[str, ...] = (
    *CLOSED,
    "count",
    "defects",
    "scale_bar",
    "annotations",
    "description",
)
"""All fields of a record besides image, group and questions; null where it is not known."""

DEFECT_NAMES: tuple[str, ...] = tuple(
    dict.fromkeys(
        (
            "agglomerate",
            "pore or void",
            "contamination",
            "crack",
            "broken part",
            "missing part",
            "grain boundary",
            "scratch",
            "delamination",
            *DEFECT_KINDS,
        )
    )
)
"""Kinds of defect that a record may name, besides ``NO_DEFECT``."""

PLACES: tuple[str, ...] = (
    "top left",
    "top",
    "top right",
    "left",
    "centre",
    "right",
    "bottom left",
    "bottom",
    "bottom right",
    "across",
    "spread",
)


def place_word(place: str | None) -> str | None:
    """Return the record's word for a place such as ``"at the top left"``; None stays None."""
    if place is None:
        return None
    if place in (ACROSS, SPREAD):
        return "across" if place == ACROSS else "spread"
    return place.removeprefix("at the ").removeprefix("on the ").removeprefix("in the ")


@dataclass(frozen=True)
class Labelled:
    """What a labelled folder holds.

    Attributes
    ----------
    folder : Path
        The images' names are relative to it.
    records : list of dict
        The records that can be read.
    broken : list of str
        One sentence for each line that cannot.
    """

    folder: Path
    records: list[Record] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def path(self, record: Record, key: str = "image") -> Path:
        """Return where the image (or another file) of a record lies."""
        return self.folder / str(record[key])


def read_labelled(path: Path) -> Labelled:
    """Read the records of a labelled folder; lines that are broken are named, not fatal.

    Parameters
    ----------
    path : Path
        The folder, or its file of records.

    Raises
    ------
    SourceError
        If there is no such file.
    """
    labels = path if path.is_file() else path / LABELS_FILE
    if not labels.is_file():
        raise SourceError(f"{path} holds no {LABELS_FILE}; give the folder that does.")
    found = Labelled(labels.parent)
    for number, line in enumerate(labels.read_bytes().split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            found.records.append(_record(line))
        except ValueError as error:
            found.broken.append(f"{labels.name}, line {number}: {error}")
    return found


def _record(line: bytes) -> Record:
    record = _json(line)
    if not isinstance(record, dict) or not isinstance(record.get("image"), str):
        raise ValueError("names no image")
    if record.get("group") is None:
        record["group"] = record["image"]
    pairs = record.get("qa") or []
    if not isinstance(pairs, list) or any(
        not isinstance(pair, list | tuple) or len(pair) != 2 for pair in pairs
    ):
        raise ValueError("its questions are not pairs of question and answer")
    record["qa"] = [(str(question), str(answer)) for question, answer in pairs]
    if not isinstance(record.get("qa_kinds", []), list):
        del record["qa_kinds"]
    return record


def _json(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        raise ValueError("not a JSON record") from None


def append_line(path: Path, record: Record) -> None:
    """Add a record at the end of a file, so that a crash leaves it whole or leaves it out."""
    # A model may write half of a character.
    line = (json.dumps(record, ensure_ascii=False) + "\n").encode(errors="replace")
    with path.open("ab", buffering=0) as file:
        file.write(line)
        os.fsync(file.fileno())


def cut_torn_line(path: Path) -> None:
    """Make a file ready for more records: take off a last line that was not written to its end.

    Nothing else is ever taken off: a file that holds other things than records is left as it is.

    Parameters
    ----------
    path : Path
        The file; there need not be one yet.

    Raises
    ------
    SourceError
        If its name does not end in ``.jsonl``, or it holds other things.
    """
    if path.suffix.lower() != SUFFIX or (path.exists() and not path.is_file()):
        raise SourceError(f"{path} is no file of records; choose a name that ends in {SUFFIX}.")
    if not path.is_file():
        return
    *lines, last = path.read_bytes().split(b"\n")
    # A broken record among others is passed over and named; what is no record at all is not ours.
    if any(map(_is_other, filter(bytes.strip, (*lines, last)))):
        raise SourceError(f"{path} holds other things than records; choose another file.")
    if not last.strip():
        return
    try:
        _json(last)
    except ValueError:
        if all(map(_is_record, filter(bytes.strip, lines))):
            os.truncate(path, path.stat().st_size - len(last))
            return
    # Whole, but without its end of line, as an editor may leave it; or not ours to cut.
    with path.open("ab") as file:
        file.write(b"\n")


def _is_other(line: bytes) -> bool:
    """Whether a line is neither a record nor what may be left of one."""
    try:
        found = _json(line)
    except ValueError:
        return not line.lstrip().startswith(b"{")
    return not isinstance(found, dict) or "image" not in found


def _is_record(line: bytes) -> bool:
    try:
        _record(line)
    except ValueError:
        return False
    return True
