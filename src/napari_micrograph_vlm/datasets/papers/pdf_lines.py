"""Lines and blocks of text on a page of a PDF file, whatever their order in the file."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from .captions import caption_start
from .pdf_boxes import Box, Turn, gap, quarter_of, union

__all__ = ["Block", "Line", "Run", "blocks_of", "lines_of", "runs_of"]

_CORK = {
    0x10: "“", 0x11: "”", 0x12: "„", 0x15: "–", 0x16: "—", 0x1B: "ff", 0x1C: "fi", 0x1D: "fl",
    0x1E: "ffi", 0x1F: "ffl",
}  # fmt: skip
"""TeX's places for what has no other code, where a font does not say what it shows."""

_STEP = 1.75
"""From a line to the next, in sizes of the font, where it is not known of the paper."""

_WHOLE = 30
"""Letters of a line after which another may follow at the paper's own step."""

MOST_CHARACTERS = 200_000
"""A page with more holds no text to read: a drawing made of characters."""


@dataclass
class Run:
    """Characters that follow one another on one line, in one go.

    Attributes
    ----------
    quarter : int
        Where the text goes on the page's own coordinates: 0 right, 1 down, 2 left, 3 up.
    box : Box
        In the page's own coordinates: left, bottom, right, top.
    origin : (float, float)
        Of its first character, on the baseline.
    size : float
        Of the font, in points as shown.
    """

    text: str
    quarter: int
    box: Box
    origin: tuple[float, float]
    size: float
    font: str
    hidden: bool = False


@dataclass
class Line:
    """A line of text in the view where it stands upright."""

    text: str
    box: Box
    base: float
    size: float
    font: str
    order: int
    last: int


@dataclass
class Block:
    """Lines that stand below one another like a paragraph."""

    lines: list[Line] = field(default_factory=list)

    @property
    def box(self) -> Box:
        """Around all lines."""
        return union(line.box for line in self.lines)

    @property
    def text(self) -> str:
        """With its line ends."""
        return "\n".join(line.text for line in self.lines)

    @property
    def size(self) -> float:
        """Of the font, in points."""
        return median(line.size for line in self.lines)


def runs_of(page: Any) -> list[Run]:
    """Return a page's text in runs, in the order in which the file draws it.

    Parameters
    ----------
    page : pypdfium2.PdfPage
    """
    import pypdfium2.raw as pdfium

    textpage = page.get_textpage()
    try:
        handle = textpage.raw
        runs: list[Run] = []
        x, y, loose = ctypes.c_double(), ctypes.c_double(), pdfium.FS_RECTF()
        matrix, seen, style = pdfium.FS_MATRIX(), None, (0, 0.0, "", False)
        end: tuple[float, float] | None = None
        place = (0.0, 0.0)
        blank = False
        for i in range(min(pdfium.FPDFText_CountChars(handle), MOST_CHARACTERS)):
            code = pdfium.FPDFText_GetUnicode(handle, i)
            if pdfium.FPDFText_IsGenerated(handle, i) == 1 or code in (0x20, 0xA0, 0x0D, 0x0A, 9):
                blank = True
                continue
            owner = pdfium.FPDFText_GetTextObject(handle, i)
            key = ctypes.addressof(owner.contents) if owner else None
            if key is None or key != seen:
                seen = key
                pdfium.FPDFText_GetMatrix(handle, i, matrix)
                size = pdfium.FPDFText_GetFontSize(handle, i)
                size *= (matrix.c**2 + matrix.d**2) ** 0.5 or 1.0
                quarter = quarter_of(pdfium.FPDFText_GetCharAngle(handle, i))
                mode = pdfium.FPDFTextObj_GetTextRenderMode(owner) if owner else 0
                style = (quarter, size, _font_name(handle, i), mode == 3)
            pdfium.FPDFText_GetCharOrigin(handle, i, x, y)
            pdfium.FPDFText_GetLooseCharBox(handle, i, loose)
            letter = _CORK.get(code) or (chr(code) if code else "")
            quarter, size, font, hidden = style
            # Along the line and across it, with the text going to the right.
            along, across = _upright(x.value, y.value, quarter)
            box = (loose.left, loose.bottom, loose.right, loose.top)
            ahead = max(_upright(box[0], box[1], quarter)[0], _upright(box[2], box[3], quarter)[0])
            here = runs[-1] if runs else None
            if here is not None and end is not None and not blank and place == (x.value, y.value):
                here.text += letter  # a ligature given letter by letter
                continue
            place = (x.value, y.value)
            if (
                here is not None
                and end is not None
                and here.quarter == quarter
                and here.hidden == hidden
                and -0.6 * size < along - end[0] < 1.7 * max(size, here.size)
                and abs(across - end[1]) < 0.5 * max(size, here.size)
            ):
                if blank or along - end[0] > 0.22 * size:
                    here.text += " "
                here.text += letter
                old = here.box
                here.box = (
                    min(old[0], box[0]),
                    min(old[1], box[1]),
                    max(old[2], box[2]),
                    max(old[3], box[3]),
                )
                if size > 1.15 * here.size:
                    here.size, here.font = size, font
                # A raised or lowered letter does not move the line.
                across = end[1] if abs(across - end[1]) < 0.5 * here.size else across
            else:
                runs.append(Run(letter, quarter, box, (x.value, y.value), size, font, hidden))
            end = (ahead, across)
            blank = False
        for run in runs:
            run.text = _paired(run.text)
        return runs
    finally:
        textpage.close()


def lines_of(runs: list[Run], turn: Turn, quarter: int) -> list[Line]:
    """Return the lines that go in one direction, runs of one line joined.

    Runs that are not drawn after one another belong to one line only where they all but touch: so
    the columns of a page stay apart.
    """
    lines: list[Line] = []
    for order, run in enumerate(runs):
        if run.quarter != quarter or not run.text.strip():
            continue
        box = turn.box(*run.box)
        base = turn.point(*run.origin)[1]
        lines.append(Line(run.text, box, base, run.size, run.font, order, order))
    lines.sort(key=lambda line: (round(line.base), line.box[0]))
    joined: list[Line] = []
    for line in lines:
        for other in reversed(joined[-60:]):
            if abs(line.base - other.base) > 0.35 * max(line.size, other.size):
                continue
            space = line.box[0] - other.box[2]
            size = max(line.size, other.size)
            near = 1.7 if 0 < line.order - other.last <= 2 else 0.75
            if -0.5 * size < space < near * size:
                _join(other, line, space > 0.12 * size)
                break
        else:
            joined.append(line)
    return joined


def blocks_of(lines: list[Line], step_usual: float = 0.0) -> list[Block]:
    """Return lines joined to blocks: below one another, of one size, and overlapping in x.

    Parameters
    ----------
    lines : list of Line
    step_usual : float
        From a line of the paper's text to the next, in sizes of the font: where lines are set far
        apart, whole ones are joined over up to 1.3 times that.
    """
    blocks: list[Block] = []
    for line in sorted(lines, key=lambda line: (line.base, line.box[0])):
        best: Block | None = None
        for block in blocks:
            last = block.lines[-1]
            step = line.base - last.base
            same = line.font == last.font or caption_start(last.text) is not None
            whole = same and len(last.text) > _WHOLE
            most = max(_STEP, 1.3 * step_usual) if whole else _STEP
            if not 0.5 * line.size < step < most * max(line.size, last.size):
                continue
            if abs(line.size - last.size) > 0.12 * max(line.size, last.size):
                continue
            if len(block.lines) > 1:
                usual = last.base - block.lines[-2].base
                if step > 1.3 * usual + 0.5:
                    continue
            if gap(line.box, last.box)[0] > 0:
                continue
            if best is None or abs(last.box[0] - line.box[0]) < abs(
                best.lines[-1].box[0] - line.box[0]
            ):
                best = block
        if best is None:
            blocks.append(Block([line]))
        else:
            best.lines.append(line)
    return blocks


def _join(first: Line, second: Line, blank: bool) -> None:
    first.text += (" " if blank else "") + second.text
    first.box = union((first.box, second.box))
    first.last = second.last
    if second.size > 1.15 * first.size:
        first.size, first.font = second.size, second.font


def _paired(text: str) -> str:
    """Return a text in which letters that PDFium gives in two halves are one."""
    if not any("\ud800" <= letter <= "\udfff" for letter in text):
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _upright(x: float, y: float, quarter: int) -> tuple[float, float]:
    return ((x, y), (-y, x), (-x, -y), (y, -x))[quarter]


def _font_name(handle: Any, index: int) -> str:
    import pypdfium2.raw as pdfium

    buffer, flags = ctypes.create_string_buffer(128), ctypes.c_int()
    length = pdfium.FPDFText_GetFontInfo(handle, index, buffer, 128, flags)
    return buffer.value.decode("utf-8", "replace") if 0 < length <= 128 else ""
