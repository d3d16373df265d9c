"""Label sets as files: JSON, which says everything, and CSV, which a spreadsheet opens."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from io import StringIO
from os import PathLike
from pathlib import Path
from typing import Any

from ..errors import QuestionError
from ..spreadsheet import escaped, unescaped
from ..whole_files import write_whole
from .label_sets import LabelClass, LabelSet, label_set_of

__all__ = [
    "SUFFIXES",
    "is_label_set_file",
    "label_set_from_text",
    "read_label_set",
    "write_label_set",
]

SUFFIXES = (".json", ".csv")
"""Kinds of file, by the end of the name."""

MOST_BYTES = 20_000_000
"""Larger files are no lists of classes."""

_KIND = "micrograph label set"

_COLUMNS = ("name", "sentence")


def is_label_set_file(text: str) -> bool:
    """Whether a text is the path of a label-set file rather than a class name."""
    return Path(text.strip()).suffix.lower() in SUFFIXES


def label_set_from_text(text: str) -> LabelSet:
    """Return the label set of a file, or one of names that commas separate.

    Raises
    ------
    QuestionError
        As for :func:`read_label_set`, or if the names cannot be told apart.
    """
    # "a.json,b.csv" is two odd names rather than a file.
    if is_label_set_file(text) and ("," not in text or Path(text.strip()).is_file()):
        return read_label_set(text.strip())
    return label_set_of(text.split(","))


def read_label_set(path: str | PathLike[str]) -> LabelSet:
    """Read a label set.

    Parameters
    ----------
    path : str or path
        ``.json`` as :func:`write_label_set` writes it, or a plain list of names; or ``.csv`` with
        a first line ``name,sentence`` (the second column may be missing; separated by commas,
        semicolons or tabs). In UTF-8, or in UTF-16 with its mark.

    Returns
    -------
    LabelSet
        One from CSV is named after the file.

    Raises
    ------
    QuestionError
        With one sentence that says what is wrong with the file.
    """
    path = Path(path)
    kind = _kind_of(path)
    text = _text_of(path)
    try:
        return _from_json(text, path) if kind == ".json" else _from_csv(text, path)
    except QuestionError as error:
        if path.name in str(error):
            raise
        raise QuestionError(f"{path.name}: {error}") from None


def write_label_set(label_set: LabelSet, path: str | PathLike[str]) -> None:
    """Write a label set as JSON or CSV, as the end of the name says.

    What a spreadsheet would take for a formula gets an apostrophe before it in CSV, which
    :func:`read_label_set` takes off again. A file is replaced only once all of it is written.

    Raises
    ------
    QuestionError
        If the name ends otherwise.
    SourceError
        If the file cannot be written.
    """
    path = Path(path)
    if _kind_of(path) == ".json":
        values = {"kind": _KIND, "version": 1, **label_set.to_dict()}
        text = json.dumps(values, ensure_ascii=False, indent=2) + "\n"
        coding = "utf-8"
    else:
        lines = StringIO(newline="")
        writer = csv.writer(lines, lineterminator="\r\n")
        writer.writerow(_COLUMNS)
        writer.writerows((escaped(one.name), escaped(one.sentence)) for one in label_set.classes)
        text = lines.getvalue()
        coding = "utf-8-sig"  # else Excel takes it for the local coding
    write_whole(path, text.encode(coding))


def _kind_of(path: Path) -> str:
    kind = path.suffix.lower()
    if kind not in SUFFIXES:
        raise QuestionError(
            f"{path.name} is no label-set file; its name must end in .json or .csv."
        )
    return kind


def _text_of(path: Path) -> str:
    """Return the text of a file without the mark that some programs put first."""
    try:
        size = path.stat().st_size
        data = b"" if size > MOST_BYTES else path.read_bytes()
    except OSError as error:
        raise QuestionError(
            f"The label-set file {path} cannot be read ({error.strerror or error})."
        ) from None
    if size > MOST_BYTES:
        raise QuestionError(
            f"{path.name} holds {size / 1e6:.0f} MB, too much for a list of classes; choose "
            "another file."
        )
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError:
        raise QuestionError(f"{path.name} is no UTF-8 text; save it as UTF-8 and try again.") from (
            None
        )
    if not text.strip() or "\0" in text:
        raise QuestionError(f"{path.name} holds no text; choose a list of classes.")
    return text


def _from_json(text: str, path: Path) -> LabelSet:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        raise QuestionError(f"{path.name} is no JSON; it is broken or another kind of file.") from (
            None
        )
    name = path.stem
    if isinstance(values, Mapping):
        name = str(values.get("name") or name)
        values = values.get("classes")
    if not isinstance(values, list):
        raise QuestionError(f"{path.name} has no list “classes”; it is no label set.")
    return LabelSet(name, tuple(map(_class_of, values, range(1, len(values) + 1))))


def _class_of(value: Any, number: int) -> LabelClass:
    given: Mapping[str, Any] = {"name": value} if isinstance(value, str) else value
    if not isinstance(given, Mapping) or not isinstance(given.get("name"), str):
        raise QuestionError(f"Class {number} has no name; give it one, or remove it.")
    sentence = given.get("sentence")
    if not isinstance(sentence, str | None):
        raise QuestionError(f"The sentence of class {number} is no text; put it in quotes.")
    return LabelClass(given["name"], sentence or "")


def _from_csv(text: str, path: Path) -> LabelSet:
    first = text.lstrip().splitlines()[0]
    mark = max(",;\t", key=first.count)
    try:
        rows = list(csv.reader(StringIO(text, newline=""), delimiter=mark, strict=True))
    except csv.Error:
        raise QuestionError(f"{path.name} is no CSV; a quotation mark may be left open.") from None
    rows = [row for row in rows if any(cell.strip() for cell in row)]
    header = [cell.strip().casefold() for cell in rows[0]]
    if "name" not in header:
        raise QuestionError(
            f"{path.name} has no column “name”; its first line must be name,sentence."
        )
    name = header.index("name")
    sentence = header.index("sentence") if "sentence" in header else -1
    wide = next((i for i, row in enumerate(rows[1:], 2) if _spills(row, len(header))), None)
    if wide is not None:
        raise QuestionError(
            f"Row {wide} of {path.name} has more cells than the first; put a text that holds a "
            "separator in quotation marks."
        )
    return LabelSet(path.stem, tuple(_classes(rows[1:], name, sentence)))


def _spills(row: list[str], width: int) -> bool:
    return any(cell.strip() for cell in row[width:])


def _classes(rows: Iterable[list[str]], name: int, sentence: int) -> Iterable[LabelClass]:
    for row in rows:
        cells = [unescaped(cell.strip()) for cell in row] + [""]
        said = cells[sentence] if 0 <= sentence < len(cells) else ""
        yield LabelClass(cells[name] if name < len(cells) else "", said)
