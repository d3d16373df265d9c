"""Papers whose figures, captions, pages and boxes are known: set with reportlab in many layouts.

``python tests/datasets/papers/typeset.py FOLDER`` writes them all.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from drawing import Drawing
from reportlab.lib.utils import simpleSplit
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

SAID = (
    "the film was annealed and its grains grew along steps of surface while cracks between voids "
    "remained open after cooling in vacuum so that particles of oxide formed near every boundary "
    "with density rising slowly under load as shown by measured spectra from several samples"
)
WORDS = SAID.split()
LATIN1 = {"Times": ("Times-Roman", "Times-Bold"), "Helvetica": ("Helvetica", "Helvetica-Bold")}
OWN = {
    "Рис.": "Поверхность плёнки после отжига при температуре 900 °C с порами и зёрнами оксида",
    "图": "退火后薄膜表面的扫描电子显微镜图像 其中可见晶粒和孔洞 标尺为五微米",
    "Abb.": "Größe der Körner in der Schicht nach dem Glühen und über die Länge gemessen",
    "Figura": "Superficie de la película después del recocido con granos y poros de óxido",
}


@dataclass
class Known:
    """A figure that is there: box as shown, in points from the top left corner."""

    page: int
    box: tuple[float, float, float, float]
    caption: str
    label: str


@dataclass
class Layout:
    """How a paper is set."""

    name: str
    kinds: Sequence[str] = ("photo", "plot", "grid")
    places: Sequence[str] = ("below",)
    columns: int = 1
    size: tuple[float, float] = (612.0, 792.0)
    font: str = "Times"
    points: float = 10.0
    small: float = 8.5
    label: str = "Figure {}."
    bold: bool = False
    gap: float = 12.0
    near: float = 7.0
    sentences: int = 2
    wide: bool = False
    extras: Sequence[str] = ()
    rotate: int = 0


@dataclass
class Setter(Drawing):
    """Sets one paper; y is counted from the top of the page."""

    layout: Layout
    path: Path
    known: list[Known] = field(default_factory=list)

    def __post_init__(self) -> None:
        seed = sum(map(ord, self.layout.name))
        self.random, self.noise = random.Random(seed), np.random.default_rng(seed)
        self.width, self.height = self.layout.size
        self.canvas = Canvas(str(self.path), pagesize=self.layout.size, invariant=True)
        self.regular, self.heavy = fonts(self.layout.font)
        self.page, self.column, self.number = 1, 0, 0
        self.margin, self.gutter = 58.0, 18.0
        self.top, self.bottom = 64.0, self.height - 62.0
        self.y = self.ceiling = self.top
        self._head()

    @property
    def measure(self) -> float:
        """Width of a column."""
        n = self.layout.columns
        return (self.width - 2 * self.margin - (n - 1) * self.gutter) / n

    @property
    def x(self) -> float:
        return self.margin + self.column * (self.measure + self.gutter)

    def _head(self) -> None:
        if self.layout.rotate:
            if self.layout.rotate % 180:  # reportlab exchanges the sides of turned pages
                self.canvas.setPageSize((self.height, self.width))
            self.canvas.setPageRotation(self.layout.rotate)
        if "head" in self.layout.extras:
            self.text("Journal of Films and Grains, vol. 7", self.margin, 40, self.regular, 8)
            self.text(f"{self.page}", self.width / 2, self.height - 30, self.regular, 8)
            self.canvas.line(
                self.margin, self.height - 44, self.width - self.margin, self.height - 44
            )
        if "logo" in self.layout.extras:
            self.image(self.picture(60, 24), self.width - 110, 20, 55, 22)

    def new_page(self) -> None:
        self.canvas.showPage()
        self.page += 1
        self.column, self.y = 0, self.top
        self.ceiling = self.top
        self._head()

    def advance(self) -> None:
        if self.column + 1 < self.layout.columns:
            self.column, self.y = self.column + 1, self.ceiling
        else:
            self.new_page()

    def words(self, count: int) -> str:
        said = " ".join(self.random.choice(WORDS) for _ in range(count))
        return said[0].upper() + said[1:] + "."

    def lines(
        self, text: str, x: float, width: float, font: str, size: float, first: str = ""
    ) -> None:
        """Set a paragraph at ``self.y``; ``first`` is set bold before it."""
        step = 1.2 * size
        for index, line in enumerate(_split(f"{first} {text}".strip(), font, size, width)):
            self.y += step
            if index == 0 and first and self.layout.bold:
                self.text(first, x, self.y, self.heavy, size)
                shift = pdfmetrics.stringWidth(first + " ", self.heavy, size)
                self.text(line[len(first) :].strip(), x + shift, self.y, font, size)
            else:
                self.text(line, x, self.y, font, size)

    def paragraph(self, count: int = 60) -> None:
        text = self.words(count)
        if "mentions" in self.layout.extras:
            text += f" Figure {self.number + 1} shows the same. " + self.words(14)
            text = f"Fig. {self.number + 1} and the table agree with this. {text}"
        for line in _split(text, self.regular, self.layout.points, self.measure):
            if self.y + 1.2 * self.layout.points > self.bottom:
                self.advance()
            self.y += 1.2 * self.layout.points
            self.text(line, self.x, self.y, self.regular, self.layout.points)
        self.y += 3

    def heading(self) -> None:
        if self.y + 60 > self.bottom:
            self.advance()
        self.y += 24
        self.text("2. Results and grains", self.x, self.y, self.heavy, self.layout.points + 1)
        self.y += 6

    def equation(self) -> None:
        self.y += 26
        middle = self.x + self.measure / 2
        self.text("E = a + b", middle - 60, self.y, self.regular, self.layout.points)
        up = self.height - self.y + 3
        self.canvas.line(middle, up, middle + 30, up)
        self.text("c", middle + 12, self.y - 7, self.regular, self.layout.points)
        self.text("d", middle + 12, self.y + 7, self.regular, self.layout.points)
        self.y += 20

    def table(self, ruled: bool) -> None:
        if self.y + 130 > self.bottom:
            self.advance()
        self.y += 8
        self.lines(self.words(8), self.x, self.measure, self.regular, self.layout.small, "Table 1.")
        self.y += 6
        left, width, top = self.x, self.measure, self.y
        for row in range(5):
            for column in range(4):
                x = left + (column + 0.1) * width / 4
                self.text(f"{row}.{column}", x, top + 12 + 14 * row, self.regular, 8)
        for row in range(6):
            if ruled or row in (0, 1, 5):
                up = self.height - top - 14 * row - 1
                self.canvas.line(left, up, left + width, up)
        for column in range(5 if ruled else 0):
            x = left + column * width / 4
            self.canvas.line(x, self.height - top - 1, x, self.height - top - 71)
        self.y = top + 84

    def new_caption(self) -> tuple[str, str]:
        """Return label and text of the next figure's caption."""
        self.number += 1
        label = self.layout.label.format(self.number)
        own = next((text for word, text in OWN.items() if label.startswith(word)), "")
        said = [self.words(self.random.randint(7, 16)) for _ in range(self.layout.sentences)]
        said[0] = self.random.choice(("Grains", "Cracks", "Film")) + " " + said[0].lower()
        return label, f"{own} {self.number} nm. {'' if label[0] == '图' else said[0]}".strip() if (
            own
        ) else " ".join(said)

    def figure(self, kind: str, place: str, wide: bool = False) -> None:
        """Set a figure and its caption, and note what is known of it."""
        span = self.width - 2 * self.margin if wide else self.measure
        if wide and (self.column or self.y > self.top):
            self.new_page()
        w = span * (0.5 if place in ("left", "right") else self.random.uniform(0.6, 1.0))
        h = min(w * self.random.uniform(0.5, 0.8), 0.34 * self.height)
        label, text = self.new_caption()
        size = self.layout.small
        whole = f"{label} {text}"
        beside = place in ("left", "right")
        measure = span - w - 12 if beside else span
        tall = 1.2 * size * len(_split(whole, self.regular, size, measure)) + self.layout.near
        if self.y + h + tall + 2 * self.layout.gap > self.bottom:
            self.advance()
        self.y += self.layout.gap if self.y > self.top else 0
        x0, top = self.x, self.y
        left = x0 if beside else x0 + (span - w) / 2
        if place == "right":  # the caption
            self.y = top + 4
            self.lines(text, x0 + w + 12, measure, self.regular, size, label)
        elif place == "left":
            left = x0 + span - w
            self.y = top + h / 3
            self.lines(text, x0, measure, self.regular, size, label)
        elif place == "above":
            self.lines(text, x0, span, self.regular, size, label)
            self.y += self.layout.near
            top = self.y
        self.draw(kind, left, top, w, h)
        self.note((left, top, left + w, top + h), text, label)
        if place == "below":
            self.y = top + h + self.layout.near - 0.2 * size
            if "halves" in self.layout.extras and wide:
                self.halves(f"{label} {text}", size)
            else:
                self.lines(text, x0, span, self.regular, size, label)
            if "paragraphs" in self.layout.extras:
                self.y += 4
                more = self.words(30)
                self.lines(more, x0, span, self.regular, size)
                self.known[-1].caption += " " + more
        elif place == "next":
            self.new_page()
            self.lines(text, x0, span, self.regular, size, label)
        else:
            self.y = max(self.y, top + h)
        self.y += self.layout.gap + 4
        if wide:
            self.ceiling = self.y

    def halves(self, text: str, size: float) -> None:
        """Set a caption in two columns below a wide figure."""
        measure = (self.width - 2 * self.margin - 20) / 2
        lines = _split(text, self.regular, size, measure)
        half = (len(lines) + 1) // 2
        top = self.y
        for index, line in enumerate(lines):
            right = index >= half
            self.y = top + 1.2 * size * (1 + index % half)
            self.text(line, self.margin + right * (measure + 20), self.y, self.regular, size)
        self.y = top + 1.2 * size * half

    def pair(self, kinds: tuple[str, str]) -> None:
        """Set two figures beside one another, each with its caption."""
        w = (self.width - 2 * self.margin - 24) / 2
        h = 0.65 * w
        if self.y + h + 90 > self.bottom:
            self.new_page()
        self.y += self.layout.gap
        top, ends = self.y, []
        for index, kind in enumerate(kinds):
            label, text = self.new_caption()
            x = self.margin + index * (w + 24)
            self.draw(kind, x, top, w, h)
            self.note((x, top, x + w, top + h), text, label)
            self.y = top + h + self.layout.near
            self.lines(text, x, w, self.regular, self.layout.small, label)
            ends.append(self.y)
        self.y = max(ends) + self.layout.gap + 4

    def note(self, box: tuple[float, float, float, float], text: str, label: str) -> None:
        x0, y0, x1, y1 = box
        if self.layout.rotate == 90:
            box = (self.height - y1, x0, self.height - y0, x1)
        elif self.layout.rotate == 270:
            box = (y0, self.width - x1, y1, self.width - x0)
        elif self.layout.rotate == 180:
            box = (self.width - x1, self.height - y1, self.width - x0, self.height - y0)
        self.known.append(Known(self.page, box, text, label.rstrip(".:|— ")))


def fonts(name: str) -> tuple[str, str]:
    """Return the regular and the bold font of a name; other scripts come with matplotlib."""
    if name in LATIN1:
        return LATIN1[name]
    if name == "Song":
        pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
        return "STSong-Light", "STSong-Light"
    import matplotlib

    folder = Path(matplotlib.get_data_path(), "fonts", "ttf")
    pdfmetrics.registerFont(TTFont("DejaVu", folder / "DejaVuSerif.ttf"))
    pdfmetrics.registerFont(TTFont("DejaVu-Bold", folder / "DejaVuSerif-Bold.ttf"))
    return "DejaVu", "DejaVu-Bold"


def _split(text: str, font: str, size: float, width: float) -> list[str]:
    if font == "STSong-Light":
        step = int(width / size)
        return [text[i : i + step] for i in range(0, len(text), step)]
    return list(simpleSplit(text, font, size, width))


if __name__ == "__main__":
    from layouts import write_all

    for path, known in write_all(Path(sys.argv[1])).items():
        print(f"{len(known)} figures: {path}")
