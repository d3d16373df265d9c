"""One page of a PDF file: its text and drawings, and the figures with captions on it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .captions import caption_start
from .pdf_atoms import Piece, pieces_of
from .pdf_boxes import Box, Turn, area, inside, overlap, turned
from .pdf_captions import Caption, Style, Texts, read_texts
from .pdf_graphics import Drawn, drawn_on, is_background
from .pdf_lines import Line, Run, blocks_of, lines_of, runs_of
from .pdf_pairs import Habit, Pair, pair_up

__all__ = ["Page", "Paired", "View", "open_page", "pair_page"]

MARGIN = 0.06
"""Part of a page's height at top and bottom where running heads and page numbers stand."""

_RUNNING = 6
"""Lines of running text over an image that show that it lies behind them."""


@dataclass
class View:
    """A page seen so that the text of one direction stands upright."""

    quarter: int
    turn: Turn
    lines: list[Line]
    aside: list[Line]


@dataclass
class Page:
    """A page, read but not yet searched.

    Attributes
    ----------
    number : int
        Counted from 0.
    shown : Turn
        From the page's own coordinates to the page as it is shown.
    drawn : list of Drawn
        Boxes on the page as it is shown.
    scanned : bool
        Whether all that is seen of it is one picture.
    """

    handle: Any
    number: int
    shown: Turn
    views: list[View]
    drawn: list[Drawn]
    letters: int
    scanned: bool


@dataclass
class Paired:
    """What was found on a page, in the view where the caption is read.

    Attributes
    ----------
    left : list of Piece
        Drawings without a caption.
    alone : list of Caption
        Captions without a figure.
    """

    view: View
    pairs: list[Pair] = field(default_factory=list)
    left: list[Piece] = field(default_factory=list)
    alone: list[Caption] = field(default_factory=list)
    texts: Texts = field(default_factory=lambda: Texts([], [], []))


def open_page(document: Any, number: int, style: Style) -> Page:
    """Read text and drawings of a page.

    Parameters
    ----------
    document : pypdfium2.PdfDocument
    number : int
        Counted from 0.
    style : Style
        Learns from the page.
    """
    import pypdfium2.raw as pdfium

    handle = document[number]
    rect = pdfium.FS_RECTF()
    pdfium.FPDF_GetPageBoundingBox(handle.raw, rect)
    origin = (rect.left, rect.bottom, rect.right, rect.top)
    rotation = pdfium.FPDFPage_GetRotation(handle.raw) % 4
    shown = Turn(origin, rotation)
    runs = runs_of(handle)
    drawn = drawn_on(handle, shown)
    whole = (0.0, 0.0, *shown.size)
    background = any(one.kind == "image" and is_background(one, whole) for one in drawn)
    hidden = sum(len(run.text) for run in runs if run.hidden)
    letters = sum(len(run.text) for run in runs)
    views = _views(runs, origin, rotation)
    if views:
        style.learn(views[0].lines)
    return Page(handle, number, shown, views, drawn, letters, background and hidden >= letters / 2)


def _views(runs: list[Run], origin: Box, rotation: int) -> list[View]:
    """Return the views that are worth looking at, that of most text first."""
    counts: Counter[int] = Counter({-rotation % 4: 1})
    for run in runs:
        counts[run.quarter] += len(run.text)
    views = []
    for place, (quarter, _) in enumerate(counts.most_common()):
        turn = Turn(origin, -quarter % 4)
        lines = lines_of(runs, turn, quarter)
        if place and not any(caption_start(line.text) for line in lines):
            continue
        width = turn.size[0]
        aside = []
        for run in runs:
            box = turn.box(*run.box)
            if run.quarter != quarter and width * MARGIN < box[0] and box[2] < width * (1 - MARGIN):
                aside.append(Line(run.text, box, box[3], run.size, run.font, -1, -1))
        views.append(View(quarter, turn, lines, aside))
    return views


def pair_page(page: Page, neighbours: Sequence[Page], style: Style, habit: Habit) -> list[Paired]:
    """Find the figures of a page.

    Parameters
    ----------
    page : Page
    neighbours : sequence of Page
        The pages before and after it: what stands on one of them, too, at the same place is a
        running head or a logo.
    style : Style
    habit : Habit
        Learns from what is found.

    Returns
    -------
    list of Paired
        One for each view of it, that of most text first.
    """
    repeated = _repeated(page, neighbours)
    drawn = [one for place, one in enumerate(page.drawn) if place not in repeated]
    elsewhere = {_mark(one) for other in neighbours for one in other.drawn if one.stored}
    again = {one.stored for one in drawn if one.stored and _mark(one) in elsewhere}
    heads = {_head(line) for other in neighbours for view in other.views for line in view.lines}
    found: list[Paired] = []
    taken: list[Box] = []
    for view in page.views:
        size = view.turn.size
        quarters = view.turn.quarters - page.shown.quarters
        whole = (0.0, 0.0, *size)
        there = [replace(one, box=turned(one.box, page.shown.size, quarters)) for one in drawn]
        back = -quarters
        there = [
            one
            for one in there
            if not any(
                area(overlap(turned(one.box, size, back), box)) > 0.5 * area(one.box) > 0
                for box in taken
            )
        ]
        lines = [
            line
            for line in view.lines
            if 0.1 * size[1] < line.base < 0.9 * size[1]
            or _head(line) not in heads
            or caption_start(line.text) is not None
        ]
        there = _before_text(there, lines, style, again, whole)
        blocks = blocks_of(lines, style.step)
        images = [one.box for one in there if one.kind == "image" and not is_background(one, whole)]
        texts = read_texts(blocks, style, images)
        running = [
            line.box
            for block in texts.body
            for line in block.lines
            if abs(line.size - style.font[1]) < 1.2
        ]
        captions = [line.box for one in texts.captions for line in one.lines[:1]]
        pieces = pieces_of(there, whole, running, captions)
        texts = read_texts(blocks, style, images + [one.box for one in pieces if one.large])
        low, high = size[1] * MARGIN, size[1] * (1 - MARGIN)
        texts.labels = [
            line for line in texts.labels + view.aside if line.box[3] > low and line.box[1] < high
        ]
        pairs, left, alone = pair_up(texts, pieces, whole, habit)
        taken += [turned(pair.box, size, back) for pair in pairs]
        found.append(Paired(view, pairs, left, alone, texts))
    return found


def _before_text(
    drawn: Sequence[Drawn], lines: Sequence[Line], style: Style, again: set[int], page: Box
) -> list[Drawn]:
    """Return what is drawn less the images that lie behind text, as tints and watermarks do.

    Text in a picture is the picture's own, but not lines of running text. A strip with a caption in
    a picture is cut off.

    Parameters
    ----------
    again : set of int
        What marks images that a neighbouring page has at the same place: one line tells.
    """
    kept: list[Drawn] = []
    pictures = [one.box for one in drawn if one.kind == "image"]
    for one in drawn:
        if one.kind != "image" or is_background(one, page):
            kept.append(one)
            continue
        crossing = [line for line in lines if _crosses(line.box, one.box)]
        body = [line for line in crossing if len(line.text) > 20 and style.is_body(line)]
        begun = [
            line
            for line in crossing
            if inside(line.box, one.box) > 0.8
            and (start := caption_start(line.text))
            and start.rest
        ]
        if len(body) >= (1 if one.stored in again else _RUNNING):
            continue
        if not begun:
            kept.append(one)
        elif not any(
            inside(box, one.box) > 0.9 and 0.05 < area(box) / area(one.box) < 0.9
            for box in pictures
        ):
            kept.append(replace(one, box=_cut(one.box, begun[0].box, crossing)))
    return kept


def _crosses(line: Box, image: Box) -> bool:
    """Tell whether a line of text runs over an image."""
    both = overlap(line, image)
    return both[3] - both[1] > 0.5 * (line[3] - line[1]) and both[2] - both[0] > 0.3 * (
        line[2] - line[0]
    )


def _cut(image: Box, caption: Box, lines: Sequence[Line]) -> Box:
    """Return the larger part of an image, above or below a caption that lies in it."""
    last = max((line.box[3] for line in lines if line.box[1] >= caption[1]), default=caption[3])
    if caption[1] - image[1] >= image[3] - last:
        return (image[0], image[1], image[2], caption[1] - 2)
    return (image[0], min(last + 2, image[3]), image[2], image[3])


def _mark(one: Drawn) -> tuple[int, tuple[int, int], tuple[int, ...]]:
    return one.stored, one.pixels, tuple(round(side / 1.5) for side in one.box)


def _head(line: Line) -> tuple[str, int]:
    """Return what is the same of a running head on the next page."""
    return re.sub(r"\d+", "#", line.text).strip(), round(line.base / 3)


def _repeated(page: Page, neighbours: Sequence[Page]) -> set[int]:
    """Return which drawings are on a neighbour, too, at the same place.

    Of a head or foot one neighbour tells; anywhere else it is an image that both have.
    """
    seen = {
        (one.kind, one.pixels, tuple(round(side / 1.5) for side in one.box))
        for neighbour in neighbours
        for one in neighbour.drawn
    }
    around = [{_mark(one) for one in other.drawn if one.stored} for other in neighbours]
    height = page.shown.size[1]
    return {
        place
        for place, one in enumerate(page.drawn)
        if (
            not 0.09 * height < (one.box[1] + one.box[3]) / 2 < 0.92 * height
            and one.box[3] - one.box[1] < 0.08 * height
            and (one.kind, one.pixels, tuple(round(side / 1.5) for side in one.box)) in seen
        )
        or (one.stored and len(around) == 2 and all(_mark(one) in marks for marks in around))
    }
