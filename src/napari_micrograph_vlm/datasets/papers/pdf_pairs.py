"""Which figure belongs to which caption: the nearest above, below or beside, nothing between.

All ways to give a page's captions a side each are weighed together, since a picture between two
captions can belong to either (after Clark and Divvala, PDFFigures 2.0, JCDL 2016).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import prod

from .pdf_atoms import Piece
from .pdf_boxes import Box, area, gap, inside, overlap, union
from .pdf_captions import Caption, Texts

__all__ = ["Habit", "Pair", "pair_up"]

FARTHEST = 130.0
"""Points from a caption to the nearest piece of its figure."""

BETWEEN = 44.0
"""Points between two pieces of one figure."""

_SIDES = ("above", "below", "left", "right")
_COST = {"above": 0.0, "below": 1.5, "left": 2.5, "right": 2.5}
_MOST_WAYS = 4000

Side = tuple[str, list[Piece]]
"""A side of a caption, and the pieces of a figure that lie there."""


@dataclass
class Pair:
    """A caption and the box of its figure, both in the view."""

    caption: Caption
    box: Box
    side: str
    pieces: list[Piece]


@dataclass
class Habit:
    """On which side of their captions a paper's figures have been so far."""

    sides: Counter[str] = field(default_factory=Counter)

    def cost(self, side: str) -> float:
        """Return how much speaks against a side."""
        known = self.sides.total()
        share = self.sides[side] / known if known else 0.0
        return _COST[side] + (2.0 * (1 - share) if known >= 2 else 0.0)


def pair_up(
    texts: Texts, pieces: Sequence[Piece], page: Box, habit: Habit
) -> tuple[list[Pair], list[Piece], list[Caption]]:
    """Give each caption of a page its figure.

    Parameters
    ----------
    texts : Texts
    pieces : sequence of Piece
        What is drawn there, less what stands on every page.
    page : Box
        The whole view.
    habit : Habit
        Of the paper; learns from what is found.

    Returns
    -------
    (list of Pair, list of Piece, list of Caption)
        Pairs in the order of their captions; pieces and captions that found no partner.
    """
    if not any(piece.large for piece in pieces):
        return [], list(pieces), [one for one in texts.captions if not one.table]
    options: list[list[tuple[str, list[Piece]]]] = []
    for caption in texts.captions:
        sides = [(side, _reached(caption, side, texts, pieces)) for side in _SIDES]
        if caption.table:
            sides = [(side, [one for one in found if one.ruled]) for side, found in sides[:2]]
        options.append([one for one in sides if any(piece.large for piece in one[1])])
    best = _best(texts, options, pieces, page, habit)
    pairs: list[Pair] = []
    used: set[int] = set()
    for caption, (side, chosen) in zip(texts.captions, best, strict=True):
        used.update(id(piece) for piece in chosen)
        if chosen and not caption.table:
            box = _with_labels(union(one.box for one in chosen), caption, side, texts)
            habit.sides[side] += 1
            pairs.append(Pair(caption, box, side, chosen))
    left = [piece for piece in pieces if id(piece) not in used]
    paired = {id(pair.caption) for pair in pairs}
    alone = [one for one in texts.captions if not one.table and id(one) not in paired]
    return pairs, left, alone


def _best(
    texts: Texts,
    options: list[list[tuple[str, list[Piece]]]],
    pieces: Sequence[Piece],
    page: Box,
    habit: Habit,
) -> list[tuple[str, list[Piece]]]:
    """Return the best side for each caption, with the pieces that it gets there."""
    nothing: Side = ("", [])
    choices = [[*one, nothing] if one else [nothing] for one in options]

    def tried(way: Sequence[Side]) -> tuple[float, list[Side]]:
        shared = _shared(texts.captions, way)
        return _score(texts, shared, pieces, page, habit), shared

    if prod(map(len, choices)) > _MOST_WAYS:
        ways = [_climbed(choices, side, tried) for side in _SIDES[:2]]
    else:
        ways = [tried(way) for way in product(*choices)]
    return max(ways, key=lambda way: way[0])[1]


def _climbed(
    choices: Sequence[Sequence[Side]],
    side: str,
    tried: Callable[[Sequence[Side]], tuple[float, list[Side]]],
) -> tuple[float, list[Side]]:
    """Return a good way for very many captions: from one side for all, changed one at a time."""
    way = [next((one for one in some if one[0] == side), some[0]) for some in choices]
    best = tried(way)
    left = int(_MOST_WAYS * min(1.0, (20 / len(choices)) ** 2))
    better = True
    while better and left > 0:
        better = False
        for index, some in enumerate(choices):
            for one in some:
                if one is way[index]:
                    continue
                left -= 1
                other = tried([*way[:index], one, *way[index + 1 :]])
                if other[0] > best[0]:
                    best, better = other, True
                    way[index] = one
    return best


def _shared(
    captions: Sequence[Caption], way: Sequence[tuple[str, list[Piece]]]
) -> list[tuple[str, list[Piece]]]:
    """Give each piece to the nearest of the captions that reach it."""
    owner: dict[int, tuple[tuple[float, ...], int]] = {}
    for index, (side, found) in enumerate(way):
        for piece in found:
            x, y = gap(piece.box, captions[index].box)
            middle = abs(sum(piece.box[::2]) - sum(captions[index].box[::2])) / 2
            # What stands in line with a caption is its own before what is only near.
            across = x if side in ("above", "below") else y
            key = (float(across > 0), round((x + y) / 6), middle)
            if id(piece) not in owner or key < owner[id(piece)][0]:
                owner[id(piece)] = (key, index)
    shared = []
    for index, (side, found) in enumerate(way):
        mine = [piece for piece in found if owner[id(piece)][1] == index]
        shared.append((side, mine) if any(piece.large for piece in mine) else ("", []))
    return shared


def _score(
    texts: Texts,
    way: Sequence[tuple[str, list[Piece]]],
    pieces: Sequence[Piece],
    page: Box,
    habit: Habit,
) -> float:
    score = 0.0
    for caption, (side, mine) in zip(texts.captions, way, strict=True):
        if not mine:
            continue
        box = union(piece.box for piece in mine)
        x, y = gap(box, caption.box)
        score += 10 + 4 * min(1.0, area(box) / (0.1 * area(page))) - (x + y) / 15
        if caption.table:
            # Above its table, as most are; figures have the first claim.
            score -= 6 + (0.0 if side == "below" else 1.5)
        else:
            score -= habit.cost(side)
        others = [one.box for one in texts.captions if one is not caption]
        others += [block.box for block in texts.body]
        score -= 8 * sum(inside(other, box) > 0.4 for other in others)
    taken = sum(area(piece.box) for _, mine in way for piece in mine)
    return score + 6 * taken / max(1.0, sum(area(piece.box) for piece in pieces))


def _reached(caption: Caption, side: str, texts: Texts, pieces: Sequence[Piece]) -> list[Piece]:
    """Return the pieces on one side of a caption with no running text or caption between."""
    walls = [block.box for block in texts.body]
    walls += [one.box for one in texts.captions if one is not caption]
    ordered = sorted(pieces, key=lambda piece: sum(gap(piece.box, caption.box)))
    found: list[Piece] = []
    for piece in ordered:
        if not _on_side(piece.box, caption.box, side):
            continue
        if not found:
            x, y = gap(piece.box, caption.box)
            across, along = (x, y) if side in ("above", "below") else (y, x)
            near = across == 0 and along <= (FARTHEST if side in ("above", "below") else 60)
            if near and not _parted(piece.box, caption.box, walls):
                found.append(piece)
            continue
        around = union(one.box for one in found)
        limit = BETWEEN if piece.large else 14.0
        if max(gap(piece.box, around)) > limit or _parted(piece.box, around, walls):
            continue
        bigger = union((around, piece.box))
        if any(inside(wall, bigger) > 0.3 for wall in walls):
            continue
        found.append(piece)
    return found


def _on_side(box: Box, caption: Box, side: str) -> bool:
    if side == "above":
        return box[3] <= caption[1] + 5
    if side == "below":
        return box[1] >= caption[3] - 5
    if side == "left":
        return box[2] <= caption[0] + 4
    return box[0] >= caption[2] - 4


def _parted(a: Box, b: Box, walls: Sequence[Box]) -> bool:
    """Tell whether a wall lies between two boxes."""
    x, y = gap(a, b)
    if y >= x:
        corridor = (max(a[0], b[0]), min(a[3], b[3]), min(a[2], b[2]), max(a[1], b[1]))
    else:
        corridor = (min(a[2], b[2]), max(a[1], b[1]), max(a[0], b[0]), min(a[3], b[3]))
    x0, x1 = sorted(corridor[::2])
    y0, y1 = sorted(corridor[1::2])
    between = (x0 - 0.5, y0 - 0.5, x1 + 0.5, y1 + 0.5)
    return any(
        area(overlap(wall, between)) > 0.12 * min(area(wall), area(between)) for wall in walls
    )


def _with_labels(box: Box, caption: Caption, side: str, texts: Texts) -> Box:
    """Return a figure's box with the writing around it: axes, ticks, letters of panels."""
    walls = [block.box for block in texts.body] + [one.box for one in texts.captions]
    lines = [line for line in texts.labels if line.size < 1.6 * caption.lines[0].size]
    for _ in range(4):
        before = box
        for line in lines:
            x, y = gap(line.box, box)
            inner = side == "above" and line.box[1] >= box[1] and line.box[3] <= caption.box[1] + 2
            inner |= side == "below" and line.box[3] <= box[3] and line.box[1] >= caption.box[3] - 2
            near = (x <= 12 and y <= 9) or (inner and x == 0 and y <= BETWEEN)
            beyond = max(box[0] - line.box[0], line.box[2] - box[2])
            if not near or beyond > 60 or inside(line.box, box) == 1:
                continue
            bigger = union((box, line.box))
            if not any(area(overlap(w, bigger)) > area(overlap(w, box)) + 1 for w in walls):
                box = bigger
        if box == before:
            break
    return box
