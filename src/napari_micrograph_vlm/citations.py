"""Figures of papers that an answer points to, and which of its parts are from where."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import isnan, nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .datasets.papers.figure import PaperFigure

__all__ = ["Citation", "Part", "cited_lines", "unmarked"]

SHORT = 90
"""Letters of a caption that are shown where there is little room."""


@dataclass(frozen=True)
class Citation:
    """A figure of a paper that is like a region or fits a text.

    Attributes
    ----------
    number : int
        Counted from 1, the best first: the mark ``[1]`` in an answer means it.
    figure : PaperFigure
        The figure, with its caption and where it is from.
    folder : str
        The folder that holds ``figures.jsonl`` and ``images/``.
    score : float
        How well it fits, 0 to 1: ``image_score`` (no less than 0) or ``text_score`` where only one
        of them is known, else 0.75 of the first and 0.25 of the second unless other shares were
        asked for.
    image_score : float
        How alike the pictures are, -1 to 1; NaN where no region was given.
    text_score : float
        How many of the words asked about the caption has, rare ones counting more, 0 to 1; NaN
        where no text was given.
    box : (int, int, int, int) or None
        x0, y0, x1, y1 in pixels of the figure: the part that is most alike; None: the whole.
    told : bool
        Whether the model was given the caption before it answered. Where it was not, the figure
        stands beside the answer and the answer does not rest on it.
    used : bool
        Whether a part of the answer is marked as from it, and the caption supports that.
    """

    number: int
    figure: PaperFigure
    folder: str
    score: float
    image_score: float = nan
    text_score: float = nan
    box: tuple[int, int, int, int] | None = None
    told: bool = False
    used: bool = False

    @property
    def image(self) -> Path:
        """The picture's file."""
        return Path(self.folder) / self.figure.image

    @property
    def where(self) -> str:
        """Where it is from, as one would cite it."""
        return self.figure.where or self.figure.id

    def __str__(self) -> str:
        return f"[{self.number}] {self.where}"

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return {
            "number": self.number,
            "where": self.where,
            "figure": self.figure.to_dict(),
            "folder": self.folder,
            "score": _rounded(self.score),
            "image_score": _rounded(self.image_score),
            "text_score": _rounded(self.text_score),
            "box": None if self.box is None else list(self.box),
            "told": self.told,
            "used": self.used,
        }

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> Citation:
        """Build a citation from what :meth:`to_dict` returns.

        Raises
        ------
        ValueError, KeyError, TypeError
            If it is none.
        """
        from .datasets.papers.figure import PaperFigure

        box = row.get("box")
        return cls(
            number=int(row["number"]),
            figure=PaperFigure.from_dict(row["figure"]),
            folder=str(row["folder"]),
            **{n: _number(row.get(n)) for n in ("score", "image_score", "text_score")},
            box=None if box is None else (int(box[0]), int(box[1]), int(box[2]), int(box[3])),
            told=bool(row.get("told")),
            used=bool(row.get("used")),
        )


@dataclass(frozen=True)
class Part:
    """A part of an answer and what it is from.

    Attributes
    ----------
    start, stop : int
        The part is ``answer.text[start:stop]``, with its marks.
    sources : tuple of int
        Numbers of the citations whose captions say it; empty: what the model says of the image.
    """

    start: int
    stop: int
    sources: tuple[int, ...] = ()

    @property
    def origin(self) -> str:
        """``"source"`` or ``"image"``."""
        return "source" if self.sources else "image"

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return {**asdict(self), "sources": list(self.sources), "origin": self.origin}


def cited_lines(citations: Sequence[Citation]) -> list[str]:
    """Return a line for each citation: number, paper and page, and how its caption begins."""
    lines = []
    for one in citations:
        caption = " ".join(one.figure.caption.split())
        short = caption if len(caption) <= SHORT else f"{caption[: SHORT - 1].rstrip()}…"
        lines.append(f"{one} — {short}" if short else str(one))
    return lines


def unmarked(text: str, parts: Sequence[Part]) -> str:
    """Return an answer's text without its marks: in a further question [1] is another figure."""
    found = []
    for part in parts:
        piece = text[part.start : part.stop]
        for number in part.sources:
            piece = piece.replace(f" [{number}]", "").replace(f"[{number}]", "")
        found.append(piece)
    return "".join(found) if parts else text


def _rounded(value: float) -> float | None:
    return None if isnan(value) else round(value, 4)


def _number(value: Any) -> float:
    return nan if value is None else float(value)
