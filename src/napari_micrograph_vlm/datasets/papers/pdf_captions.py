"""Which blocks of a page are captions and which are running text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from .captions import caption_start, clean_text, is_table
from .pdf_boxes import Box, gap, inside, union
from .pdf_lines import Block, Line

__all__ = ["Caption", "Style", "Texts", "read_texts"]

_ENDS = re.compile(r"[.!?。)\]]\s*$")
_WIDEST = 2.6
"""Step of lines in sizes of the font; what is farther apart is no paragraph in any manuscript."""

_STARTS = re.compile(r"^\W*[A-ZÀ-ÞА-Я(\d一-鿿]")


@dataclass
class Style:
    """What running text looks like in a paper, learnt as its pages are read."""

    fonts: Counter[tuple[str, float]] = field(default_factory=Counter)
    widths: Counter[int] = field(default_factory=Counter)
    steps: Counter[float] = field(default_factory=Counter)

    def learn(self, lines: Iterable[Line]) -> None:
        """Count the letters of a page by their font, how wide its lines are, and how far apart."""
        long = sorted((one for one in lines if len(one.text) > 20), key=lambda one: one.base)
        for place, line in enumerate(long):
            self.fonts[(line.font, round(2 * line.size) / 2)] += len(line.text)
            self.widths[round((line.box[2] - line.box[0]) / 4)] += 1
            for other in long[place + 1 : place + 5]:
                step = (other.base - line.base) / max(line.size, 1.0)
                if step > 0.5 and gap(line.box, other.box)[0] == 0:
                    self.steps[round(step, 1)] += 1
                    break

    @property
    def step(self) -> float:
        """The widest usual step from a line to the next, in sizes of the font; 0: not known."""
        least = 0.2 * self.steps.total()
        known = [one for one, count in self.steps.items() if count >= least]
        return min(max(known, default=0.0), _WIDEST)

    @property
    def font(self) -> tuple[str, float]:
        """Name and size in points of running text's font."""
        return self.fonts.most_common(1)[0][0] if self.fonts else ("", 10.0)

    @property
    def column(self) -> float:
        """Width of a column in points."""
        near: Counter[int] = Counter()
        for width, count in self.widths.items():
            for shifted in (width - 1, width, width + 1):
                near[shifted] += count
        return 4.0 * near.most_common(1)[0][0] if near else 200.0

    def is_body(self, line: Line) -> bool:
        """Tell whether a line has the font of running text."""
        name, size = self.font
        return line.font == name and abs(line.size - size) < 0.3


@dataclass
class Caption:
    """A caption on a page.

    Attributes
    ----------
    table : bool
        Whether it belongs to a table, listing or box: those are no figures.
    """

    label: str
    lines: list[Line]
    box: Box
    table: bool = False
    continued: bool = False

    @property
    def text(self) -> str:
        """Without its label, cleaned."""
        whole = "\n".join(line.text for line in self.lines)
        start = caption_start(whole)
        return clean_text(whole if start is None else start.rest)


@dataclass
class Texts:
    """A page's text sorted: captions, blocks of running text, and all other lines."""

    captions: list[Caption]
    body: list[Block]
    labels: list[Line]


def read_texts(blocks: Sequence[Block], style: Style, figures: Sequence[Box]) -> Texts:
    """Sort a page's blocks.

    Parameters
    ----------
    blocks : sequence of Block
    style : Style
        Of the paper, as far as it has been read.
    figures : sequence of Box
        Where pictures lie: text within one is its own.
    """
    rest: list[Block] = []
    begun: list[tuple[Caption, Block]] = []
    for block in blocks:
        if any(inside(block.box, box) > 0.8 for box in figures):
            rest.append(block)
            continue
        for part in _parts(block, style):
            caption = _caption(part)
            if caption is None:
                rest.append(part)
            else:
                begun.append((caption, part))
    for caption, part in begun:
        _complete(caption, part, rest, style)
    body = [block for block in rest if _is_body(block, style, figures)]
    labels = [line for block in rest if block not in body for line in block.lines]
    return Texts([caption for caption, _ in begun], body, labels)


def _parts(block: Block, style: Style) -> list[Block]:
    """Cut a block where a caption begins in it, and where one set like the text ends."""
    parts = [Block()]
    right = block.box[2]
    for index, line in enumerate(block.lines):
        begins = False
        if index:
            before = block.lines[index - 1]
            short = before.box[2] < right - 0.12 * (right - block.box[0])
            started = _started(line.text)
            # A mention can begin a line, but then the line above is full and of its font.
            ended = short and _ENDS.search(before.text) is not None
            begins = started and (line.font != before.font or ended)
            if not begins and short and not started and _started(parts[-1].lines[0].text):
                begins = (
                    style.is_body(line)
                    and style.is_body(before)
                    and len(block.lines) - index > 1
                    and bool(_ENDS.search(before.text) and _STARTS.match(line.text))
                    and abs(line.box[0] - block.box[0]) < 2 * line.size
                )
        if begins:
            parts.append(Block())
        parts[-1].lines.append(line)
    return parts


def _started(text: str) -> bool:
    return caption_start(text) is not None or is_table(text)


def _caption(block: Block) -> Caption | None:
    first = block.lines[0].text
    if is_table(first):
        return Caption(first[:20], list(block.lines), block.box, table=True)
    start = caption_start(first)
    if start is None:
        return None
    # With the next line a mention may tell itself: "Fig. 3" / "shows …".
    if not start.rest and len(block.lines) > 1:
        both = caption_start(f"{first} {block.lines[1].text}")
        if both is None:
            return None
    return Caption(clean_text(start.label), list(block.lines), block.box, continued=start.continued)


def _complete(caption: Caption, part: Block, rest: list[Block], style: Style) -> None:
    """Add to a caption what stands apart from its first block: paragraphs, a second column."""
    if not caption.table and not caption.text:
        text = _beside(caption, rest) or _below(caption, rest, 2.2)
        if text is not None:
            _add(caption, text, rest)
    if style.is_body(part.lines[-1]) and style.is_body(caption.lines[-1]):
        return
    top = caption.box
    while (more := _below(caption, rest, 2.4)) is not None:
        last, first = caption.lines[-1], more.lines[0]
        right = max(top[2], top[0] + style.column) + last.size
        aligned = abs(more.box[0] - top[0]) < 2.5 * last.size and more.box[2] < right
        same = first.font == last.font or len(more.lines) > 1
        if style.is_body(first) or not aligned or not same or abs(first.size - last.size) > 0.3:
            break
        _add(caption, more, rest)
    _second_column(caption, top, rest, style)


def _below(caption: Caption, rest: list[Block], lines: float) -> Block | None:
    last = caption.lines[-1]
    found = [
        block
        for block in rest
        if 0 < block.lines[0].base - last.base < lines * max(last.size, block.lines[0].size)
        and gap(block.box, caption.box)[0] == 0
        and not _started(block.lines[0].text)
    ]
    return min(found, key=lambda block: block.lines[0].base, default=None)


def _beside(caption: Caption, rest: list[Block]) -> Block | None:
    last = caption.lines[-1]
    found = [
        block
        for block in rest
        if abs(block.lines[0].base - last.base) < 2 and 0 < block.box[0] - last.box[2] < 60
    ]
    return min(found, key=lambda block: block.box[0], default=None)


def _second_column(caption: Caption, top: Box, rest: list[Block], style: Style) -> None:
    """Add the right half of a caption that is set in two columns below a wide figure."""
    first = caption.lines[0]
    for block in rest:
        line = block.lines[0]
        if (
            not style.is_body(line)
            and line.font == caption.lines[-1].font
            and abs(line.size - first.size) < 0.3
            and abs(line.base - first.base) < 1.5 * first.size
            and 0 < block.box[0] - top[2] < 60
            and len(caption.lines) > 1
            and not _started(line.text)
        ):
            _add(caption, block, rest)
            return


def _add(caption: Caption, block: Block, rest: list[Block]) -> None:
    rest.remove(block)
    caption.lines.extend(block.lines)
    caption.box = union((caption.box, block.box))


def _is_body(block: Block, style: Style, figures: Sequence[Box]) -> bool:
    """Tell whether a block is running text, which parts a figure from a caption."""
    if any(inside(block.box, box) > 0.8 for box in figures):
        return False
    letters = sum(len(line.text) for line in block.lines) / len(block.lines)
    width = block.box[2] - block.box[0]
    if len(block.lines) > 1:
        return letters >= 28 or (style.is_body(block.lines[0]) and letters >= 16)
    return letters >= 45 and width > 0.6 * style.column
