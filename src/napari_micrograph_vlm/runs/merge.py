"""What neighbouring tiles saw in the strip they share is one finding, not two."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import isnan

from ..regions import Box
from ..results import Classification
from .findings import Finding, Status

__all__ = ["merged", "same_places"]

CELLS = 1.5
"""Two looks are at the same place when they are at most so many cells of the coarser map apart."""

_ALONE = {"", Classification.UNKNOWN}
"""Classes that say nothing, so that two of them say nothing together."""


@dataclass(frozen=True)
class _Look:
    """Where a tile's model looked most, in pixels of the whole plane."""

    number: int
    key: str
    box: Box
    at: tuple[float, float]
    reach: float
    sure: float


def same_places(findings: Iterable[Finding]) -> dict[str, str]:
    """Find the tiles that saw what a neighbour saw.

    Two are one where all of this holds: they lie on the same plane and overlap; their class is
    the same; both looked somewhere in particular, and both inside the strip that they share; and
    the two places are at most one and a half cells of the coarser map apart, in rows and in
    columns. What is one with a third is one with all three. The most probable stands for them.

    Parameters
    ----------
    findings : iterable of Finding
        Of a run in tiles, with their maps.

    Returns
    -------
    dict of str to str
        Key of each tile that saw the same as another -> key of the one that stands for it.
    """
    groups: dict[tuple[str, tuple[int, ...], str], list[_Look]] = {}
    for number, one in enumerate(findings):
        look = _look_of(number, one)
        if look is not None:
            groups.setdefault((one.item.source, one.item.plane, one.final), []).append(look)
    stands: dict[str, str] = {}
    for looks in groups.values():
        stands.update(_stand_ins(looks))
    return stands


def merged(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Leave out the tiles for which another one stands; see :func:`same_places`."""
    found = list(findings)
    stands = same_places(found)
    return (one for one in found if one.item.key not in stands)


def _look_of(number: int, finding: Finding) -> _Look | None:
    box = finding.item.box
    if box is None or finding.status is not Status.DONE or finding.final in _ALONE:
        return None
    if not finding.maps or not finding.maps[0].has_focus:
        return None
    attention = finding.maps[0]
    rows, columns = attention.values.shape
    height, width = (box[2] - box[0]) / rows, (box[3] - box[1]) / columns
    row, column = attention.peak
    at = box[0] + (row + 0.5) * height, box[1] + (column + 0.5) * width
    sure = -1.0 if isnan(finding.probability) else finding.probability
    return _Look(number, finding.item.key, box, at, CELLS * max(height, width), sure)


def _stand_ins(looks: list[_Look]) -> dict[str, str]:
    parent = list(range(len(looks)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    farthest = max(look.reach for look in looks)
    # Downwards, so that only what is near in rows is compared.
    order = sorted(range(len(looks)), key=lambda i: looks[i].at)
    for place, i in enumerate(order):
        for j in order[place + 1 :]:
            if looks[j].at[0] - looks[i].at[0] > farthest:
                break
            if _is_one(looks[i], looks[j]):
                parent[root(j)] = root(i)
    best: dict[int, _Look] = {}
    for i, look in enumerate(looks):
        first = best.setdefault(root(i), look)
        if (look.sure, -look.number) > (first.sure, -first.number):
            best[root(i)] = look
    return {
        look.key: best[root(i)].key for i, look in enumerate(looks) if best[root(i)].key != look.key
    }


def _is_one(one: _Look, other: _Look) -> bool:
    if one.box == other.box:
        return False
    reach = max(one.reach, other.reach)
    near = all(abs(a - b) <= reach for a, b in zip(one.at, other.at, strict=True))
    return near and _inside(one.at, other.box) and _inside(other.at, one.box)


def _inside(at: tuple[float, float], box: Box) -> bool:
    return box[0] <= at[0] <= box[2] and box[1] <= at[1] <= box[3]
