"""What neighbouring tiles saw in the strip they share is one finding, not two."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING

from ..labelling.label_sets import fold
from ..regions import Box
from ..results import Classification
from .findings import Finding, Status

if TYPE_CHECKING:
    from ..reporting.table import Recorded

__all__ = ["NOTHING", "Places", "counted_once", "same_places"]

CELLS = 1.5
"""Two looks are at the same place when they are at most so many cells of the coarser map apart."""

NOTHING = {
    *("", fold(Classification.UNKNOWN)),
    *("no defect", "no defects", "defect-free", "none", "nothing", "background", "normal"),
}
"""Classes that say that nothing is there, so that no two of them are one thing."""


@dataclass(frozen=True)
class _Look:
    """Where a tile's model looked most, in pixels of the whole plane."""

    number: int
    key: str
    box: Box
    at: tuple[float, float]
    reach: float
    judged: bool
    sure: float

    @property
    def rank(self) -> tuple[bool, float, int]:
        """What stands for others is larger in this: first of all what a person looked at."""
        return self.judged, self.sure, -self.number


def same_places(findings: Iterable[Finding]) -> dict[str, str]:
    """Find the tiles that saw what a neighbour saw.

    Two are one where all of this holds: they lie on the same plane and overlap; their class is
    the same, says that something is there, and was not changed by a person; both looked somewhere
    in particular, and both inside the strip that they share; and the two places are at most one
    and a half cells of the coarser map apart, in rows and in columns. What is one with a third is
    one with all three. One that a person looked at stands for them, else the most probable.

    Parameters
    ----------
    findings : iterable of Finding
        Of a run in tiles, with their maps; none is kept.

    Returns
    -------
    dict of str to str
        Key of each tile that saw the same as another -> key of the one that stands for it.
    """
    places = Places()
    for one in findings:
        places.add(one)
        del one  # its map is large
    return places.stand_ins()


def counted_once(recorded: Recorded) -> dict[str, str]:
    """Return :func:`same_places` of a run in tiles; nothing for any other run."""
    return same_places(recorded.findings()) if recorded.run.source.get("tiles") else {}


class Places:
    """Where tiles looked, gathered one by one: all that :func:`same_places` keeps of them."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, tuple[int, ...], str], list[_Look]] = {}
        self._number = 0

    def add(self, finding: Finding) -> None:
        """Note where one looked."""
        look = _look_of(self._number, finding)
        self._number += 1
        if look is not None:
            item = finding.item
            self._groups.setdefault((item.source, item.plane, finding.final), []).append(look)

    def stand_ins(self) -> dict[str, str]:
        """Return what :func:`same_places` does."""
        stands: dict[str, str] = {}
        for looks in self._groups.values():
            stands.update(_stand_ins(looks))
        return stands

    def doubled(self) -> dict[str, int]:
        """Count for each class the tiles for which another one stands."""
        counts: dict[str, int] = {}
        for (_source, _plane, name), looks in self._groups.items():
            counts[name] = counts.get(name, 0) + len(_stand_ins(looks))
        return counts


def _look_of(number: int, finding: Finding) -> _Look | None:
    box = finding.item.place
    if box is None or finding.status is not Status.DONE or fold(finding.final) in NOTHING:
        return None
    if finding.corrected and finding.corrected != finding.best:
        return None  # its map shows where the model saw something else
    if not finding.maps or not finding.maps[0].has_focus:
        return None
    attention = finding.maps[0]
    rows, columns = attention.values.shape
    height, width = (box[2] - box[0]) / rows, (box[3] - box[1]) / columns
    row, column = attention.peak
    at = box[0] + (row + 0.5) * height, box[1] + (column + 0.5) * width
    sure = -1.0 if isnan(finding.probability) else finding.probability
    judged = finding.reviewed or bool(finding.corrected)
    return _Look(number, finding.item.key, box, at, CELLS * max(height, width), judged, sure)


def _stand_ins(looks: list[_Look]) -> dict[str, str]:
    parent = list(range(len(looks)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for i, j in _near(looks):
        if _is_one(looks[i], looks[j]):
            parent[root(j)] = root(i)
    best: dict[int, _Look] = {}
    for i, look in enumerate(looks):
        if look.rank > best.setdefault(root(i), look).rank:
            best[root(i)] = look
    return {
        look.key: best[root(i)].key for i, look in enumerate(looks) if best[root(i)].key != look.key
    }


def _near(looks: list[_Look]) -> Iterator[tuple[int, int]]:
    """List pairs that may be near enough, each once: those in the same or neighbouring squares."""
    side = max(look.reach for look in looks)
    squares: dict[tuple[int, int], list[int]] = {}
    for i, look in enumerate(looks):
        row, column = int(look.at[0] // side), int(look.at[1] // side)
        for y in (row - 1, row, row + 1):
            for x in (column - 1, column, column + 1):
                for j in squares.get((y, x), ()):
                    yield j, i
        squares.setdefault((row, column), []).append(i)


def _is_one(one: _Look, other: _Look) -> bool:
    if one.box == other.box:
        return False
    reach = max(one.reach, other.reach)
    near = all(abs(a - b) <= reach for a, b in zip(one.at, other.at, strict=True))
    return near and _inside(one.at, other.box) and _inside(other.at, one.box)


def _inside(at: tuple[float, float], box: Box) -> bool:
    return box[0] <= at[0] <= box[2] and box[1] <= at[1] <= box[3]
