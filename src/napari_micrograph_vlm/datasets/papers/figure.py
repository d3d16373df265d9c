"""A figure of a paper with its caption, and the folder that keeps many of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from math import isfinite
from pathlib import Path
from typing import Any

from ...errors import SourceError, one_line
from ...whole_files import write_whole

__all__ = ["FIGURES_FILE", "IMAGES", "Panel", "PaperFigure", "read_figures", "write_figures"]

FIGURES_FILE = "figures.jsonl"
"""One JSON object a line, one line a figure."""

IMAGES = "images"
"""Folder of the pictures, beside the file."""


@dataclass(frozen=True)
class Panel:
    """One part of a compound figure.

    Attributes
    ----------
    letter : str
        As printed, without brackets: ``"a"``; ``""`` where it has none.
    box : (int, int, int, int)
        x0, y0, x1, y1 in pixels of the figure's picture.
    caption : str
        What the caption says of this panel alone; empty where it says nothing.
    """

    letter: str
    box: tuple[int, int, int, int]
    caption: str = ""


@dataclass(frozen=True)
class PaperFigure:
    """A figure of a paper with its caption and where it is from.

    Attributes
    ----------
    id : str
        The same for the same figure of the same file in every run.
    image : str
        The picture's path, relative to the folder, with ``/``.
    caption : str
        The whole caption without its label, cleaned.
    label : str
        As printed, such as ``"Figure 3"``.
    paper : str
        Name of the file, without its folders.
    page : int or None
        Counted from 1; None for formats without pages.
    box : (float, float, float, float) or None
        x0, y0, x1, y1 on the page as it is shown, in points from its top left corner.
    doi, title : str
        As printed or in the file's metadata; empty where there are none.
    size : (int, int)
        Width and height of the picture in pixels.
    panels : tuple of Panel
        Parts of a compound figure, in reading order; empty for a single picture.
    """

    id: str
    image: str
    caption: str
    label: str
    paper: str
    page: int | None = None
    box: tuple[float, float, float, float] | None = None
    doi: str = ""
    title: str = ""
    size: tuple[int, int] = (0, 0)
    panels: tuple[Panel, ...] = ()

    @property
    def where(self) -> str:
        """Where it is from, as one would cite it: ``"Figure 3, page 4 of paper.pdf"``."""
        page = f"page {self.page} of " if self.page is not None else ""
        parts = (self.label, f"{page}{self.title or self.paper}", self.doi and f"doi:{self.doi}")
        return ", ".join(part for part in parts if part)

    def to_dict(self) -> dict[str, Any]:
        """Return the figure ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, row: dict[str, Any]) -> PaperFigure:
        """Build a figure from what :meth:`to_dict` returns.

        Raises
        ------
        SourceError
            If something that every figure has is missing or of another kind.
        """
        try:
            known = {field.name: row[field.name] for field in fields(cls) if field.name in row}
            for name in _WORDS & known.keys():
                known[name] = _word(known[name], name)
            if known.get("box") is not None:
                known["box"] = _numbers(known["box"], 4, "box")
            if "size" in known:
                known["size"] = tuple(map(int, _numbers(known["size"], 2, "size")))
            page = known.get("page")
            if page is not None and (isinstance(page, bool) or not isinstance(page, int)):
                raise TypeError("page is no whole number")
            known["panels"] = tuple(
                Panel(_word(one["letter"], "letter"), _pixels(one["box"]), _caption(one))
                for one in known.get("panels", ())
            )
            return cls(**known)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise SourceError(f"This is no figure of a paper: {error}.") from None


def read_figures(folder: Path, broken: list[str] | None = None) -> list[PaperFigure]:
    """Read the figures that a folder keeps.

    Parameters
    ----------
    folder : Path
        Holds ``figures.jsonl`` and ``images/``.
    broken : list of str, optional
        Gets one sentence for each line that cannot be read.

    Raises
    ------
    SourceError
        If there is no such file.
    """
    file = folder / FIGURES_FILE
    try:
        # Not by str.splitlines: it ends a line at marks that a caption may hold.
        lines = file.read_bytes().split(b"\n")
    except OSError:
        raise SourceError(
            f"{folder} holds no {FIGURES_FILE}; make it with "
            "`napari-micrograph-vlm data figures PAPER.pdf --out FOLDER`."
        ) from None
    figures = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line.decode("utf-8-sig"))
            if not isinstance(row, dict):
                raise SourceError("This is no figure of a paper: no JSON object.")
            figures.append(PaperFigure.from_dict(row))
        except (ValueError, RecursionError, SourceError) as error:
            why = "nested too deeply" if isinstance(error, RecursionError) else one_line(error)
            if broken is not None:
                broken.append(f"{FIGURES_FILE}, line {number}: {why}")
    return figures


def write_figures(folder: Path, figures: Iterable[PaperFigure]) -> None:
    """Replace the list of a folder's figures; the pictures stay as they are."""
    rows = (json.dumps(figure.to_dict(), ensure_ascii=False) for figure in figures)
    write_whole(folder / FIGURES_FILE, "".join(f"{row}\n" for row in rows))


_WORDS = {"id", "image", "caption", "label", "paper", "doi", "title"}


def _word(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} is no text")
    return value


def _caption(panel: dict[str, Any]) -> str:
    return _word(panel["caption"], "a panel's caption")


def _numbers(given: Sequence[Any], count: int, name: str) -> tuple[Any, ...]:
    """Return finite numbers as they are."""
    numbers = tuple(given)
    good = all(isinstance(n, int | float) and not isinstance(n, bool) for n in numbers)
    if not good or len(numbers) != count or not all(map(isfinite, numbers)):
        raise ValueError(f"{name} is not {count} finite numbers")
    return numbers


def _pixels(box: Any) -> tuple[int, int, int, int]:
    x0, y0, x1, y1 = map(int, _numbers(box, 4, "a panel's box"))
    return x0, y0, x1, y1
