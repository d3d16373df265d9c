"""From things drawn on a page to pieces of figures: strips, curves and axes joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .pdf_boxes import Box, area, inside, overlap, union
from .pdf_graphics import Drawn

__all__ = ["Piece", "pieces_of"]

CELL = 2.0
"""Side in points of the cells in which neighbours are looked for."""

REACH = 3.5
"""How far in points a thing reaches: two are joined when they are twice as far apart."""

SMALL = 24.0
"""Sides in points; what is smaller in one of them is no figure by itself."""

_MOST_CELLS = 1500


@dataclass(frozen=True)
class Piece:
    """A connected piece of what is drawn.

    Attributes
    ----------
    box : Box
        In the view, in points.
    ruled : bool
        Whether it is made of straight lines and rectangles alone, as tables are.
    images : tuple of Drawn
        Those in it.
    """

    box: Box
    ruled: bool
    images: tuple[Drawn, ...] = ()

    @property
    def large(self) -> bool:
        """Whether it can be a figure by itself."""
        return min(self.box[2] - self.box[0], self.box[3] - self.box[1]) >= SMALL


def pieces_of(
    drawn: Sequence[Drawn], page: Box, texts: Sequence[Box], captions: Sequence[Box]
) -> list[Piece]:
    """Join what is drawn close together.

    Parameters
    ----------
    drawn : sequence of Drawn
    page : Box
        The whole view.
    texts : sequence of Box
        Lines of running text. A frame or form around some of it is a box of text, no figure.
    captions : sequence of Box
        What holds one of them is no part of a figure but lies around it.
    """
    free: list[Drawn] = []
    groups: dict[int, list[Drawn]] = {}
    for one in drawn:
        if one.form >= 0:
            groups.setdefault(one.form, []).append(one)
        elif _is_part(one, page, texts, captions):
            free.append(one)
    pieces: list[Piece] = []
    for members in groups.values():
        seen = [one for one in members if one.kind != "text"]
        if not seen:
            continue
        around = union(one.box for one in members)
        whole = area(around) < 0.75 * area(page) and min(_sides(around)) >= SMALL
        if whole and not _holds(around, texts, captions, 2):
            images = tuple(one for one in seen if one.kind == "image")
            pieces.append(Piece(around, _is_ruled(seen), images))
        else:
            free += [one for one in seen if _is_part(one, page, texts, captions)]
    for members in _joined(free, page):
        around = union(one.box for one in members)
        kinds = {one.kind for one in members}
        width, height = _sides(around)
        lines = kinds == {"rule"} and (width < 3 or height < 3 or _parallel(members))
        if not lines and max(width, height) > 4:
            images = tuple(one for one in members if one.kind == "image")
            pieces.append(Piece(around, _is_ruled(members), images))
    return pieces


def _sides(box: Box) -> tuple[float, float]:
    return box[2] - box[0], box[3] - box[1]


def _is_ruled(members: Sequence[Drawn]) -> bool:
    return all(one.kind in ("rule", "frame") for one in members)


def _parallel(members: Sequence[Drawn]) -> bool:
    """Tell whether lines all go the same way, as those of a table without columns."""
    flat = {_sides(one.box)[0] >= _sides(one.box)[1] for one in members}
    return len(flat) == 1


def _holds(box: Box, texts: Sequence[Box], captions: Sequence[Box], least: int) -> bool:
    held = sum(inside(text, box) > 0.7 for text in texts)
    return held >= least or any(inside(one, box) > 0.7 for one in captions)


def _is_part(one: Drawn, page: Box, texts: Sequence[Box], captions: Sequence[Box]) -> bool:
    if one.kind == "text" or area(overlap(one.box, page)) > 0.9 * area(page):
        return False
    if one.kind == "rule":
        # Between columns.
        return _sides(one.box)[1] < 0.5 * _sides(page)[1]
    if one.kind == "image":
        return not _holds(one.box, texts, captions, 6)
    return not _holds(one.box, texts, captions, 2)


def _joined(things: Sequence[Drawn], page: Box) -> list[list[Drawn]]:
    """Return the things in groups of those that are near one another."""
    if not things:
        return []
    from scipy.ndimage import label

    width, height = _sides(page)
    cell = max(CELL, width / _MOST_CELLS, height / _MOST_CELLS)
    grid = np.zeros((int(height / cell) + 2, int(width / cell) + 2), bool)
    places = []
    for one in things:
        reach = 1.2 if one.kind == "image" else REACH
        x0, y0, x1, y1 = one.box
        rows = slice(max(0, int((y0 - reach) / cell)), int((y1 + reach) / cell) + 1)
        columns = slice(max(0, int((x0 - reach) / cell)), int((x1 + reach) / cell) + 1)
        grid[rows, columns] = True
        row = min(int((y0 + y1) / 2 / cell), grid.shape[0] - 1)
        places.append((row, min(int((x0 + x1) / 2 / cell), grid.shape[1] - 1)))
    labels: Any = label(grid)[0]
    groups: dict[int, list[Drawn]] = {}
    for one, place in zip(things, places, strict=True):
        groups.setdefault(int(labels[place]), []).append(one)
    return list(groups.values())
