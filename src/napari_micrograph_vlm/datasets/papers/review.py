"""What a person says of the texts about figures: accepted, rejected, or put in other words."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from ...errors import SourceError
from ..labelled import append_line, cut_torn_line
from .figure import Panel, PaperFigure, read_figures
from .refined import FigureText, Refined, read_records
from .subjects import panels_of, subject_of
from .verdicts import VERDICTS, VERDICTS_FILE, Kept, Tally, read_saved

__all__ = ["Review", "Reviewed", "Taken"]

QUOTED = 80
"""Letters of a person's words that are named where they do not count any more."""


class Taken(NamedTuple):
    """What became of the verdicts of a review sheet.

    Attributes
    ----------
    new : int
        New or changed.
    gone : int
        About texts that are not there any more.
    moved : int
        Not taken: something else was said since the sheet was written.
    """

    new: int
    gone: int
    moved: int


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
    digest : str
        Of the caption and the picture that it is about.
    """

    text: FigureText
    figure: PaperFigure
    panel: Panel | None
    picture: str
    verdict: str
    asked: str
    said: str
    digest: str = ""

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
        records: dict[str, list[Refined]] = {}
        for one in read_records(folder, self.broken):
            records.setdefault(one.name, []).append(one)
        cut_torn_line(self.file)
        self._kept = Kept(self.file)
        self._kept.follow()
        self._texts: dict[str, Reviewed] = {}
        for name, about in records.items():
            figure = figures.get(about[-1].figure)
            if figure is None:
                self.broken.append(f"{name}: this figure is not in the folder any more.")
            else:
                self._add(name, about, figure)

    def _add(self, name: str, about: list[Refined], figure: PaperFigure) -> None:
        """Add the texts about one figure or panel, as they are in its records."""
        *earlier, last = about
        panel = panels_of(figure).get(last.panel) if last.panel else None
        if last.panel and panel is None:
            self.broken.append(f"{name}: the figure has no such panel any more.")
            return
        try:
            digest = subject_of(self.folder, figure, panel).digest
        except SourceError as error:
            self.broken.append(f"{name}: {error}")
            return
        if last.digest == digest:
            for text in last.texts:
                self._texts[text.id] = self._judged(
                    Reviewed(text, figure, panel, last.picture, "open", "", "", digest)
                )
        else:
            self.broken.append(
                f"{name}: its texts are about another caption or picture; run `data refine` again."
            )
        # A person's own words must not vanish because the teacher was asked again.
        for record in (*earlier, last):
            for text in record.texts:
                before = self._judged(
                    Reviewed(text, figure, panel, record.picture, "open", "", "", record.digest)
                )
                if before.verdict != "accepted" and not before.is_edited:
                    continue
                if record.digest == digest:
                    self._texts.setdefault(text.id, before)
                else:
                    what = "accepted" if before.verdict == "accepted" else "put in other words"
                    self.broken.append(
                        f"{name}: “{before.said[:QUOTED]}” was {what} for another caption or "
                        "picture and is left out."
                    )

    def _judged(self, one: Reviewed) -> Reviewed:
        """Return a text as it was judged last, for the same caption and picture."""
        entry = self._kept.entries.get(one.id, {})
        if entry.get("digest", one.digest) != one.digest:
            entry = {}
        verdict = entry.get("verdict", "open")
        asked, said = entry.get("asked", one.text.asked), entry.get("said", one.text.said)
        return replace(one, verdict=verdict, asked=asked, said=said)

    def refresh(self) -> None:
        """Take in what was said elsewhere meanwhile, in another window or by a command."""
        self._kept.follow()
        self._texts = {key: self._judged(one) for key, one in self._texts.items()}

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
        self._kept.follow()
        before = self._texts.get(key)
        if before is None or verdict not in VERDICTS:
            raise SourceError("There is no such text to judge any more; open the folder again.")
        before = self._judged(before)
        after = replace(
            before,
            verdict=verdict,
            asked=" ".join(asked.split()) if before.text.asked and asked.strip() else before.asked,
            said=" ".join(said.split()) or before.said,
        )
        if after == before:
            self._texts[key] = after
            return False
        entry = {
            "id": key,
            "image": after.figure.image,
            "figure": after.figure.id,
            "kind": after.text.kind,
            "verdict": verdict,
            "asked": after.asked,
            "said": after.said,
            "digest": after.digest,
        }
        try:
            append_line(self.file, entry)
        except OSError as error:
            raise SourceError(
                f"{self.file} cannot be written: {error.strerror or error}; nothing was kept."
            ) from None
        self._texts[key] = after
        return True

    def take(self, saved: Path) -> Taken:
        """Keep the verdicts that a review sheet saved, unless others were said since.

        Returns
        -------
        Taken
            How many were new or changed, about texts that are gone, and not taken.

        Raises
        ------
        SourceError
            If the file holds no verdicts.
        """
        new = gone = moved = 0
        self.refresh()
        for entry in read_saved(saved):
            now = self._texts.get(entry["id"])
            if now is None:
                gone += 1
                continue
            said, known = (entry["verdict"], entry["asked"], entry["said"]), entry["known"]
            state = [now.verdict, now.asked, now.said]
            if known is not None and state != list(said) and state not in known:
                moved += 1
            else:
                new += self.say(entry["id"], *said)
        return Taken(new, gone, moved)

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
