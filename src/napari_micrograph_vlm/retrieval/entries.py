"""What an index knows of each figure, and how figures are listed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..datasets.papers.figure import PaperFigure, read_figures
from ..datasets.papers.subjects import picture_file
from ..errors import SourceError

__all__ = ["Change", "Entry", "listed"]

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Entry:
    """A figure in an index.

    Attributes
    ----------
    figure : PaperFigure
        The figure.
    folder : str
        The folder of figures that it lies in.
    stamp : (int, int)
        Size in bytes and time of change (ns) of its picture as it was looked at.
    boxes : tuple of (box or None)
        The parts that were looked at, a row each; None: the whole.
    """

    figure: PaperFigure
    folder: str
    stamp: tuple[int, int]
    boxes: tuple[Box | None, ...] = ()

    @property
    def key(self) -> tuple[Any, ...]:
        """What must be the same for its rows to be used again: not the caption."""
        panels = tuple(panel.box for panel in self.figure.panels)
        return self.folder, self.figure.id, self.figure.image, self.stamp, panels

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON; the folder is kept elsewhere."""
        boxes = [None if box is None else list(box) for box in self.boxes]
        return {"figure": self.figure.to_dict(), "stamp": list(self.stamp), "boxes": boxes}

    @classmethod
    def from_dict(cls, row: dict[str, Any], folder: str) -> Entry:
        """Build an entry from what :meth:`to_dict` returns."""
        boxes = tuple(
            None if box is None else (int(box[0]), int(box[1]), int(box[2]), int(box[3]))
            for box in row["boxes"]
        )
        size, changed = map(int, row["stamp"])
        return cls(PaperFigure.from_dict(row["figure"]), folder, (size, changed), boxes)


@dataclass(frozen=True)
class Change:
    """What an update did.

    Attributes
    ----------
    added, kept, gone : int
        Figures looked at, known already, and no longer there.
    skipped : tuple of str
        One sentence for each figure that could not be looked at.
    """

    added: int
    kept: int
    gone: int
    skipped: tuple[str, ...] = ()


def listed(folder: Path, skipped: list[str]) -> Iterator[Entry]:
    """Return the figures of a folder, not looked at yet.

    Parameters
    ----------
    folder : Path
        Holds ``figures.jsonl`` and ``images/``.
    skipped : list of str
        Gets a sentence for each figure without a picture, and each broken line.

    Raises
    ------
    SourceError
        If the folder holds no figures.
    """
    seen: set[str] = set()
    for figure in read_figures(folder, skipped):
        if figure.id in seen:
            skipped.append(f"The figure {figure.id} is listed twice; the first one counts.")
            continue
        seen.add(figure.id)
        try:
            facts = picture_file(folder, figure).stat()
        except SourceError as error:
            skipped.append(str(error))
            continue
        except OSError as error:
            skipped.append(f"The picture {figure.image} cannot be read: {error.strerror}.")
            continue
        yield Entry(figure, str(folder), (facts.st_size, facts.st_mtime_ns))
