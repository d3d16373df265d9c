"""Texts about figures as a teacher wrote them and the checks left them: ``refined.jsonl``."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from ...errors import SourceError

__all__ = [
    "KINDS",
    "REFINED_FILE",
    "FigureText",
    "Refined",
    "read_records",
    "read_refined",
    "text_id",
]

REFINED_FILE = "refined.jsonl"
"""One JSON object a line beside ``figures.jsonl``: what was written about one figure or panel."""

KINDS = ("description", "reasoning", "question")


@dataclass(frozen=True)
class FigureText:
    """A text about a figure that passed the checks.

    Attributes
    ----------
    id : str
        The same for the same words about the same figure.
    kind : str
        One of :data:`KINDS`.
    asked : str
        The question; empty for the other kinds.
    said : str
        The text, or the answer.
    support : str
        What it rests on: ``"caption"``, ``"picture"`` or ``"both"``; ``"mixed"`` where a part of
        it rests on the caption alone; empty where nobody was asked (``--rounds 0``).
    """

    id: str
    kind: str
    asked: str
    said: str
    support: str

    @property
    def needs_caption(self) -> bool:
        """Whether the picture alone is not known to bear it out."""
        return self.support not in ("picture", "both")


@dataclass(frozen=True)
class Refined:
    """What was written about one figure or panel.

    Attributes
    ----------
    figure, panel : str
        Id of the figure; letter of the panel, or empty.
    picture : str
        What kind of picture the teacher calls it, such as ``"micrograph"``.
    texts : tuple of FigureText
        What passed the checks.
    dropped : tuple of dict
        What did not: ``kind``, ``asked``, ``said``, ``why``.
    teacher : str
        Who wrote it.
    digest : str
        Of the caption and the picture it is about.
    """

    figure: str
    panel: str
    picture: str
    texts: tuple[FigureText, ...]
    dropped: tuple[dict[str, str], ...]
    teacher: str
    digest: str

    @property
    def name(self) -> str:
        """Figure and panel in a word."""
        return f"{self.figure} ({self.panel})" if self.panel else self.figure


def text_id(figure: str, panel: str, kind: str, asked: str, said: str) -> str:
    """Return the id of a text: another one for other words."""
    whole = "\0".join((figure, panel, kind, asked, said))
    return sha256(whole.encode(errors="replace")).hexdigest()[:16]


def read_refined(folder: Path, broken: list[str] | None = None) -> list[Refined]:
    """Read what was written about the figures of a folder; the last word about each counts.

    Parameters and errors are those of :func:`read_records`.
    """
    return list({one.name: one for one in read_records(folder, broken)}.values())


def read_records(folder: Path, broken: list[str] | None = None) -> list[Refined]:
    """Read all that was ever written about the figures of a folder, the oldest first.

    Parameters
    ----------
    folder : Path
        Holds ``refined.jsonl``.
    broken : list of str, optional
        Gets one sentence for each line that cannot be read.

    Raises
    ------
    SourceError
        If there is no such file.
    """
    try:
        lines = (folder / REFINED_FILE).read_bytes().split(b"\n")
    except OSError:
        raise SourceError(
            f"{folder} holds no {REFINED_FILE}; make it with "
            "`napari-micrograph-vlm data refine FOLDER --server ADDRESS`, or with --model MODEL."
        ) from None
    found: list[Refined] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            found.append(_refined(json.loads(line)))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            if broken is not None:
                broken.append(f"{REFINED_FILE}, line {number}: no record of texts")
    return found


def to_record(texts: tuple[FigureText, ...]) -> list[dict[str, str]]:
    """Return texts ready for JSON."""
    return [asdict(text) for text in texts]


def _refined(row: dict[str, Any]) -> Refined:
    names = ("id", "kind", "asked", "said", "support")
    texts = tuple(FigureText(*(_text(one[name]) for name in names)) for one in row["texts"])
    if any(text.kind not in KINDS for text in texts):
        raise ValueError("kind")
    dropped = tuple({str(k): str(v) for k, v in one.items()} for one in row.get("dropped", ()))
    return Refined(
        _text(row["figure"]),
        _text(row["panel"]),
        _text(row["picture"]),
        texts,
        dropped,
        str(row.get("teacher")),
        str(row.get("digest")),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not text")
    return value
