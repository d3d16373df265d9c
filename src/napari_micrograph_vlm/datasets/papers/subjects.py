"""What a teacher is asked about: a figure with its caption, or one panel with its own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ...errors import MicrographError, SourceError
from ..teacher.pictures import Picture, Shown, read_grey_or_colour
from .figure import Panel, PaperFigure, read_figures

__all__ = ["Subject", "panels_of", "picture_file", "subject_of", "subjects_of"]

LONGEST = 6000
"""Letters of a caption that are shown; a longer one has swallowed the paper's text."""

SHORTEST = 12
"""Letters that a caption needs to say anything."""


@dataclass(frozen=True)
class Subject(Picture):
    """A figure, or a panel of one, with the caption that goes with it.

    Attributes
    ----------
    figure : PaperFigure
        Where it is from.
    panel : Panel or None
        None for the whole figure.
    caption : str
        What the caption says of it.
    """

    figure: PaperFigure
    panel: Panel | None
    caption: str

    @property
    def digest(self) -> str:
        """Changes with the caption, the picture's file and the panel's place."""
        box = None if self.panel is None else self.panel.box
        try:
            status = self.path.stat()
            picture = _bytes_hash(self.path, status.st_mtime_ns, status.st_size)
        except OSError:
            picture = ""
        text = f"{self.caption}\0{picture}\0{box}"
        return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:12]

    def show(self, side: int) -> Shown:
        """Read the picture, no side longer than ``side`` pixels.

        Raises
        ------
        SourceError
            If it cannot be read.
        """
        if self.panel is None:
            return super().show(side)
        try:
            image = read_grey_or_colour(self.path).crop(self.panel.box)
        except MicrographError:
            raise
        except Exception as error:  # a damaged file can raise anything
            raise SourceError(f"{self.path} cannot be read: {error}.") from None
        image.thumbnail((side, side))
        return Shown(image)


def picture_file(folder: Path, figure: PaperFigure) -> Path:
    """Return where a figure's picture lies.

    Raises
    ------
    SourceError
        If the list names a file outside its folder, or one that is not there.
    """
    path = folder / figure.image
    try:
        # A list made elsewhere must not make us show other files of this computer to a server.
        inside = path.resolve().is_relative_to(folder.resolve())
        there = path.is_file()
    except (OSError, ValueError, RuntimeError):  # no name that a file can have
        raise SourceError(f"{figure.image[:80]!r} is no name of a picture.") from None
    if not inside:
        raise SourceError(f"{figure.image} lies outside {folder} and is not opened.")
    if not there:
        raise SourceError(f"There is no picture {figure.image} in {folder}.")
    return path


def panels_of(figure: PaperFigure) -> dict[str, Panel]:
    """Return the panels by their letters; of two with one letter the first."""
    found: dict[str, Panel] = {}
    for panel in figure.panels:
        if panel.letter:
            found.setdefault(panel.letter, panel)
    return found


def subject_of(folder: Path, figure: PaperFigure, panel: Panel | None = None) -> Subject:
    """Return a figure, or a panel of it, as a teacher is asked about it.

    Raises
    ------
    SourceError
        If its picture is not there.
    """
    caption = figure.caption if panel is None else panel.caption
    name = figure.id if panel is None else f"{figure.id} ({panel.letter})"
    group = figure.doi or figure.paper
    path = picture_file(folder, figure)
    return Subject(path, name, group, figure, panel, caption[:LONGEST])


def subjects_of(
    folder: Path, *, panels: bool = False, skipped: list[str] | None = None
) -> list[Subject]:
    """Return what there is to ask about in a folder of figures.

    Parameters
    ----------
    folder : Path
        Holds ``figures.jsonl``.
    panels : bool
        Ask about each panel that has a caption of its own, too.
    skipped : list of str, optional
        Gets one sentence for each figure that cannot be asked about.

    Raises
    ------
    SourceError
        If the folder holds no figures.
    """
    why: list[str] = [] if skipped is None else skipped
    found: dict[str, Subject] = {}
    figures = {figure.id: figure for figure in read_figures(folder, why)}
    for figure in figures.values():
        try:
            parts = [subject_of(folder, figure, panel) for panel in _parts(figure, panels)]
        except SourceError as error:
            why.append(f"{figure.label or figure.id}: {error}")
            continue
        for part in parts:
            if len(part.caption.strip()) >= SHORTEST:
                found[part.name] = part
            elif part.panel is None:
                why.append(f"{part.name}: the caption says too little to be checked against.")
    return list(found.values())


def _parts(figure: PaperFigure, panels: bool) -> Iterable[Panel | None]:
    yield None
    if panels:
        yield from (panel for panel in panels_of(figure).values() if panel.caption)


@lru_cache(maxsize=4096)
def _bytes_hash(path: Path, changed: int, size: int) -> str:
    """Return the hash of a file; its time and size tell whether it is another one by now."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
