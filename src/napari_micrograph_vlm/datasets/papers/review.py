"""What a person says of the texts about figures: accepted, rejected, or put in other words."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from ...errors import SourceError
from ..labelled import append_line, cut_torn_line
from .figure import Panel, PaperFigure, read_figures
from .refined import FigureText, read_refined
from .verdicts import VERDICTS, VERDICTS_FILE, Tally, read_saved, read_verdicts

__all__ = ["Review", "Reviewed"]


@dataclass(frozen=True)
class Reviewed:
    """A text about a figure with what a person said of it.

    Attributes
    ----------
    text : FigureText
        As the teacher wrote it.
    figure : PaperFigure
        What it is about.
    panel : Panel or None
        None for the whole figure.
    picture : str
        Kind of picture.
    verdict : str
        One of :data:`.verdicts.VERDICTS`.
    asked, said : str
        In the person's words where they were changed, else the teacher's.
    """

    text: FigureText
    figure: PaperFigure
    panel: Panel | None
    picture: str
    verdict: str
    asked: str
    said: str

    @property
    def id(self) -> str:
        """The text's id."""
        return self.text.id

    @property
    def is_edited(self) -> bool:
        """Whether the words are not the teacher's any more."""
        return (self.asked, self.said) != (self.text.asked, self.text.said)

    @property
    def caption(self) -> str:
        """The caption that goes with it."""
        return self.figure.caption if self.panel is None else self.panel.caption

    @property
    def where(self) -> str:
        """Where it is from, as one would cite it."""
        part = f"panel {self.panel.letter} of " if self.panel is not None else ""
        return f"{part}{self.figure.where}"


class Review:
    """The texts of a folder and what was said of them; each verdict is on disk at once.

    Parameters
    ----------
    folder : Path
        Holds ``figures.jsonl`` and ``refined.jsonl``.

    Raises
    ------
    SourceError
        If it does not, or ``verdicts.jsonl`` holds other things.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.broken: list[str] = []
        self.file = folder / VERDICTS_FILE
        figures = {figure.id: figure for figure in read_figures(folder, self.broken)}
        refined = read_refined(folder, self.broken)
        cut_torn_line(self.file)
        said = read_verdicts(self.file)
        self._texts: dict[str, Reviewed] = {}
        for one in refined:
            figure = figures.get(one.figure)
            if figure is None:
                self.broken.append(f"{one.name}: this figure is not in the folder any more.")
                continue
            panel = next((p for p in figure.panels if p.letter == one.panel), None)
            if one.panel and panel is None:
                self.broken.append(f"{one.name}: the figure has no such panel any more.")
                continue
            for text in one.texts:
                entry = said.get(text.id, {})
                self._texts[text.id] = Reviewed(
                    text,
                    figure,
                    panel,
                    one.picture,
                    entry.get("verdict", "open"),
                    entry.get("asked", text.asked),
                    entry.get("said", text.said),
                )

    @property
    def texts(self) -> list[Reviewed]:
        """All texts, those about one figure together."""
        return list(self._texts.values())

    def text(self, key: str) -> Reviewed | None:
        """Return one text by its id; None where there is none."""
        return self._texts.get(key)

    def say(self, key: str, verdict: str, asked: str = "", said: str = "") -> bool:
        """Keep a verdict; returns whether it is another one than before.

        Parameters
        ----------
        key : str
            The text's id.
        verdict : str
            One of :data:`.verdicts.VERDICTS`.
        asked, said : str
            The words it is about; empty: as they were.

        Raises
        ------
        SourceError
            If there is no such text or verdict, or it cannot be written.
        """
        before = self._texts.get(key)
        if before is None or verdict not in VERDICTS:
            raise SourceError("There is no such text to judge any more; open the folder again.")
        after = replace(
            before,
            verdict=verdict,
            asked=" ".join(asked.split()) if before.text.asked and asked.strip() else before.asked,
            said=" ".join(said.split()) or before.said,
        )
        if after == before:
            return False
        entry = {
            "id": key,
            "image": after.figure.image,
            "figure": after.figure.id,
            "kind": after.text.kind,
            "verdict": verdict,
            "asked": after.asked,
            "said": after.said,
        }
        try:
            append_line(self.file, entry)
        except OSError as error:
            raise SourceError(
                f"{self.file} cannot be written: {error.strerror or error}; nothing was kept."
            ) from None
        self._texts[key] = after
        return True

    def take(self, saved: Path) -> tuple[int, int]:
        """Keep the verdicts that a review sheet saved.

        Returns
        -------
        (int, int)
            How many were new or changed, and how many were about texts that are not there any more.

        Raises
        ------
        SourceError
            If the file holds no verdicts.
        """
        new = gone = 0
        for entry in read_saved(saved):
            if entry["id"] not in self._texts:
                gone += 1
            else:
                new += self.say(entry["id"], entry["verdict"], entry["asked"], entry["said"])
        return new, gone

    def tallies(self) -> list[Tally]:
        """Return what was said of each kind."""
        counts: dict[str, Counter[str]] = {}
        for one in self._texts.values():
            word = "edited" if one.verdict == "accepted" and one.is_edited else one.verdict
            counts.setdefault(one.text.kind, Counter())[word] += 1
        return [
            Tally(kind, *(count[word] for word in ("accepted", "edited", "rejected", "open")))
            for kind, count in counts.items()
        ]
