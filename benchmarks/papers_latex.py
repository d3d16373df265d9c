"""Papers set with LaTeX whose figures, captions and places are known.

``python -m benchmarks.papers_latex FOLDER [--half development|held-out]`` writes 20 PDF files a
half and ``truth.json``. Needs pdflatex. Whoever tunes on them uses the development half only.

Where a picture stands is written by TeX itself as it ships the page out (``\\pdfsavepos``), so the
truth comes from another program than the one that is measured.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

HALVES = ("development", "held-out")
EACH = 20
_SCALED = 65536 * 72.27 / 72
"""TeX's scaled points in one point of a PDF."""


@dataclass(frozen=True)
class TrueFigure:
    """What a paper shows: the box in points from the page's top left corner, pages from 1."""

    label: str
    caption: str
    page: int
    box: tuple[float, float, float, float]
    panels: int = 1


@dataclass(frozen=True)
class TruePaper:
    file: str
    layout: str
    figures: tuple[TrueFigure, ...]


# What a caption is put together from, as TeX reads it and as a person does.
_WORDS = (
    ("SEM micrograph of the fractured surface", None),
    ("diffraction pattern of the first film", None),
    ("fluorescence of the modified fibres", None),
    ("grains of $\\alpha$-Fe after annealing", "grains of α-Fe after annealing"),
    ("scale bar 5\\,$\\mu$m", "scale bar 5 µm"),
    ("efficient flow through the porous sponge", None),
    ("at 600\\,$^\\circ$C for 2 h", "at 600 °C for 2 h"),
    ("TEM image of affected nanowires", None),
    ("size distribution with $\\sigma = 3$ nm", "size distribution with σ = 3 nm"),
    ("cross-section of the coating", None),
    ("arrows mark the cracks near the interface", None),
    ("high-resolution view of a grain boundary", None),
)
_TEXT = (
    "We measured the specimens under the same conditions.",
    "The coating was deposited on silicon wafers by evaporation.",
    "As Figure 1 shows, the particles are uniform in size.",
    "These results agree with earlier work on similar alloys.",
    "The samples were imaged in a microscope at an accelerating voltage of 5 kV.",
    "In Fig. 2 the grains are larger than before annealing.",
    "This behaviour can be seen in Figure 1. However, the effect is small.",
    "Cracks begin at the interface and grow along the grain boundaries.",
    "The porosity was found from ten images of each of the samples.",
    "Elongated grains are common where the cooling was slow.",
)
_NAMES = ("Figure", "Fig.", "FIG.", "Abb.", "Figura", "Scheme", "Figure")
_SEPARATORS = ("period", "colon", "quad", "space", "endash")
_FONTS = ("", "lmodern", "mathptmx", "palatino", "charter", "utopia", "helvet")
_LAYOUTS = ("below", "above", "side", "wide", "grid", "vector", "pair", "drawn")


def make_papers(folder: Path, half: str = "development", count: int = EACH) -> list[TruePaper]:
    """Typeset papers of one half into a folder and return what they show.

    Raises
    ------
    RuntimeError
        If there is no pdflatex, or it fails.
    """
    if shutil.which("pdflatex") is None:
        raise RuntimeError("These papers need pdflatex; install TeX Live.")
    folder.mkdir(parents=True, exist_ok=True)
    first = 1000 * HALVES.index(half)
    papers = [_paper(folder, f"{half}-{number:02d}", first + number) for number in range(count)]
    (folder / "truth.json").write_text(json.dumps([asdict(one) for one in papers], indent=1))
    return papers


def read_truth(folder: Path) -> list[TruePaper]:
    rows = json.loads((folder / "truth.json").read_text())
    return [
        TruePaper(row["file"], row["layout"], tuple(
            TrueFigure(one["label"], one["caption"], one["page"], tuple(one["box"]), one["panels"])
            for one in row["figures"]
        ))
        for row in rows
    ]  # fmt: skip


def _paper(folder: Path, name: str, seed: int) -> TruePaper:
    rng = np.random.default_rng(seed)
    columns = "twocolumn" if rng.random() < 0.5 else "onecolumn"
    paper = rng.choice(["a4paper", "letterpaper"])
    size = rng.choice(["10pt", "11pt", "12pt"])
    figure_name = str(rng.choice(_NAMES))
    separator = str(rng.choice(_SEPARATORS))
    font = str(rng.choice(_FONTS))
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        _picture(rng, 200, 60).save(work / "logo.png")
        body = [_paragraphs(rng, 3)]
        told: list[tuple[str, str, int]] = []
        for number in range(int(rng.integers(2, 6))):
            layout = str(rng.choice(_LAYOUTS))
            if layout == "wide" and columns == "onecolumn":
                layout = "below"
            tex, caption, panels = _figure(rng, work, number, layout, columns == "twocolumn")
            told.append((f"{figure_name} {number + 1}", caption, panels))
            body += [tex, _paragraphs(rng, int(rng.integers(2, 6)))]
            if rng.random() < 0.3:
                body.append(_decoy(rng))
        source = _HEAD.format(
            options=f"{size},{paper},{columns}",
            font=f"\\usepackage{{{font}}}" if font else "",
            sans="\\renewcommand{\\familydefault}{\\sfdefault}" if font == "helvet" else "",
            separator=separator,
            label=str(
                rng.choice(["bf", "sc", "normalfont", "it"] if figure_name != "Abb." else ["bf"])
            ),
            small=str(rng.choice(["small", "footnotesize", "normalsize"])),
            name=figure_name,
            title="On the structure of coatings",
            body="\n".join(body),
        )
        (work / "paper.tex").write_text(source, encoding="utf-8")
        for _ in range(2):
            ran = subprocess.run(
                ["pdflatex", "-interaction=nonstopmode", "-no-shell-escape", "paper.tex"],
                cwd=work, capture_output=True, check=False,
            )  # fmt: skip
        if not (work / "paper.pdf").exists():
            raise RuntimeError(f"pdflatex failed on {name}: {ran.stdout[-800:].decode('latin-1')}")
        shutil.copy(work / "paper.pdf", folder / f"{name}.pdf")
        height = 297 / 25.4 * 72 if paper == "a4paper" else 792.0
        boxes = _boxes(work / "paper.pos", height)
    figures = tuple(
        TrueFigure(label, caption, *boxes[number], panels)
        for number, (label, caption, panels) in enumerate(told)
    )
    return TruePaper(f"{name}.pdf", columns, figures)


def _boxes(file: Path, height: float) -> dict[int, tuple[int, tuple[float, float, float, float]]]:
    """Join what TeX wrote of the parts of each figure."""
    found: dict[int, tuple[int, tuple[float, float, float, float]]] = {}
    for line in file.read_text().splitlines():
        number, page, x, y, across, up, down = (int(part) for part in line.split())
        left, base = x / _SCALED, height - y / _SCALED
        box = (left, base - up / _SCALED, left + across / _SCALED, base + down / _SCALED)
        if number in found:
            old = found[number][1]
            box = (
                min(old[0], box[0]),
                min(old[1], box[1]),
                max(old[2], box[2]),
                max(old[3], box[3]),
            )
        found[number] = (page, box)
    return found


def _figure(
    rng: np.random.Generator, work: Path, number: int, layout: str, narrow: bool
) -> tuple[str, str, int]:
    """Return a figure's source, its caption as read, and how many panels it has."""
    tex, plain = _caption(rng, int(rng.integers(1, 6)))
    place = str(rng.choice(["t", "b", "ht", "p"], p=[0.45, 0.15, 0.35, 0.05]))
    share = float(rng.uniform(0.55, 0.98))
    width = f"{share:.2f}\\linewidth"
    star = "*" if layout == "wide" else ""
    shape = (640, int(rng.integers(300, 520)))
    if layout == "wide":
        shape, place = (1100, 360), "t"
    panels = 1
    if layout == "vector":
        shown = _included(work, number, _drawing(rng, work, number), width)
    elif layout == "drawn":
        shown = f"\\tracked{{{number}}}{{{_drawn(rng)}}}"
    elif layout == "grid":
        panels = int(rng.choice([2, 4]))
        cells = []
        for part in range(panels):
            file = f"f{number}-{part}.png"
            _picture(rng, 360, 260).save(work / file)
            picture = f"\\includegraphics[width=\\linewidth]{{{file}}}"
            cells.append(
                f"\\begin{{minipage}}{{0.46\\linewidth}}\\centering\\tracked{{{number}}}{{{picture}}}"
                f"\\end{{minipage}}"
            )
        rows = [" \\hfill ".join(cells[i : i + 2]) for i in range(0, panels, 2)]
        shown = "\\\\[6pt]\n".join(rows)
        letters = [chr(97 + part) for part in range(panels)]
        parts = [_caption(rng, 1) for _ in letters]
        tex += "".join(f" ({a}) {one[0]}" for a, one in zip(letters, parts, strict=True))
        plain += "".join(f" ({a}) {one[1]}" for a, one in zip(letters, parts, strict=True))
    elif layout == "pair":
        files = [f"f{number}-{part}.jpg" for part in range(2)]
        for file in files:
            _picture(rng, 500, 200).save(work / file, quality=90)
        shown = "\\\\[2pt]\n".join(
            f"\\tracked{{{number}}}{{\\includegraphics[width={width}]{{{file}}}}}" for file in files
        )
        panels = 2
    else:
        file = f"f{number}.{rng.choice(['png', 'jpg'])}"
        _picture(rng, *shape).save(work / file)
        shown = _included(work, number, file, width)
    caption = f"\\caption{{{tex}}}"
    if layout == "side" and not narrow:
        picture = f"\\tracked{{{number}}}{{\\includegraphics[width=0.98\\linewidth]{{{file}}}}}"
        inside = (
            f"\\begin{{minipage}}[c]{{0.58\\linewidth}}{picture}\\end{{minipage}}\\hfill"
            f"\\begin{{minipage}}[c]{{0.38\\linewidth}}{caption}\\end{{minipage}}"
        )
    elif layout == "above":
        inside = f"\\centering {caption}\\vspace{{4pt}}\n{shown}"
    else:
        inside = f"\\centering {shown}\n{caption}"
    return f"\\begin{{figure{star}}}[{place}]{inside}\\end{{figure{star}}}", plain, panels


def _included(work: Path, number: int, file: str, width: str) -> str:
    return f"\\tracked{{{number}}}{{\\includegraphics[width={width}]{{{file}}}}}"


def _drawing(rng: np.random.Generator, work: Path, number: int) -> str:
    """Write a diagram as a PDF file of paths and text."""
    from reportlab.pdfgen import canvas

    file = f"v{number}.pdf"
    sheet = canvas.Canvas(str(work / file), pagesize=(300, 200))
    sheet.rect(35, 30, 255, 160)
    for colour in ((0.0, 0.45, 0.7), (0.84, 0.37, 0.0)):
        sheet.setStrokeColorRGB(*colour)
        line = sheet.beginPath()
        heights = 110 + 60 * np.cumsum(rng.normal(0, 0.1, 50))
        line.moveTo(35, float(np.clip(heights[0], 30, 190)))
        for step, height in enumerate(heights):
            line.lineTo(35 + step * 5.2, float(np.clip(height, 30, 190)))
        sheet.drawPath(line)
    sheet.setFont("Helvetica", 9)
    for step in range(6):
        sheet.drawString(33 + step * 50, 18, str(step * 10))
    sheet.drawString(130, 5, "Energy (eV)")
    sheet.save()
    return file


def _drawn(rng: np.random.Generator) -> str:
    """Return a diagram that TeX draws itself."""
    curves = []
    for _ in range(3):
        y = [int(v) for v in rng.integers(10, 110, 3)]
        curves.append(f"\\qbezier(20,{y[0]})(100,{y[1]})(190,{y[2]})")
    ticks = "".join(f"\\put({20 + 34 * n},4){{\\tiny {n * 5}}}" for n in range(6))
    return (
        "\\setlength{\\unitlength}{1bp}\\begin{picture}(200,124)\\linethickness{0.7pt}"
        "\\put(20,14){\\line(1,0){175}}\\put(20,14){\\line(0,1){106}}"
        "\\put(20,120){\\line(1,0){175}}\\put(195,14){\\line(0,1){106}}"
        f"{''.join(curves)}{ticks}\\end{{picture}}"
    )


def _caption(rng: np.random.Generator, sentences: int) -> tuple[str, str]:
    tex, plain = [], []
    for _ in range(sentences):
        chosen = [_WORDS[i] for i in rng.permutation(len(_WORDS))[: int(rng.integers(1, 4))]]
        for kept, which in ((tex, 0), (plain, 1)):
            said = ", ".join(one[which] or one[0] for one in chosen)
            kept.append(said[0].upper() + said[1:] + ".")
    return " ".join(tex), " ".join(plain)


def _paragraphs(rng: np.random.Generator, count: int) -> str:
    return "\n\n".join(
        " ".join(_TEXT[i] for i in rng.integers(0, len(_TEXT), int(rng.integers(4, 10))))
        for _ in range(count)
    )


def _decoy(rng: np.random.Generator) -> str:
    """Return a table with a caption of its own, or an equation."""
    if rng.random() < 0.5:
        return (
            "\\begin{equation}\\sigma_{ij} = \\frac{E}{1+\\nu}\\,\\varepsilon_{ij}\\end{equation}"
        )
    rows = " \\\\ ".join(f"{n} & {rng.integers(1, 99)} & {rng.integers(1, 99)}" for n in "ABCD")
    return (
        "\\begin{table}[ht]\\centering\\caption{Composition of the samples in per cent.}"
        f"\\begin{{tabular}}{{lcc}}\\hline {rows} \\\\ \\hline\\end{{tabular}}\\end{{table}}"
    )


def _picture(rng: np.random.Generator, width: int, height: int) -> Image.Image:
    noise = Image.fromarray(rng.integers(0, 256, (height, width), dtype=np.uint8))
    blurred = np.asarray(noise.filter(ImageFilter.GaussianBlur(float(rng.uniform(2, 6)))), float)
    spread = (blurred - blurred.mean()) / blurred.std()
    return Image.fromarray(np.clip(120 + 45 * spread, 0, 255).astype(np.uint8))


_HEAD = r"""\documentclass[{options}]{{article}}
\usepackage[T1]{{fontenc}}\usepackage[utf8]{{inputenc}}
{font}{sans}
\usepackage{{graphicx}}\usepackage[margin=2.2cm]{{geometry}}\usepackage{{caption}}
\captionsetup{{labelsep={separator},labelfont={label},font={small}}}
\renewcommand{{\figurename}}{{{name}}}
\pdfminorversion=5 \pdfpageattr{{}}
\newwrite\places \immediate\openout\places=paper.pos
\newsavebox\kept
\newcommand\tracked[2]{{\sbox\kept{{#2}}\leavevmode\pdfsavepos
  \edef\sizes{{\number\wd\kept\space\number\ht\kept\space\number\dp\kept}}%
  \expandafter\noteplace\expandafter{{\sizes}}{{#1}}\usebox\kept}}
\newcommand\noteplace[2]{{\write\places{{#2 \number\value{{page}}
  \number\pdflastxpos\space\number\pdflastypos\space #1}}}}
\pagestyle{{myheadings}}\markright{{Journal of Coatings 12 (2024) 345--350}}
\title{{{title}}}\author{{A. Author}}\date{{\includegraphics[width=2cm]{{logo.png}}}}
\begin{{document}}\maketitle
\begin{{abstract}}Coatings were looked at in a microscope. doi:10.1234/coat.2024.7\end{{abstract}}
{body}
\end{{document}}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--half", choices=HALVES, default="development")
    parser.add_argument("--count", type=int, default=EACH)
    chosen = parser.parse_args()
    papers = make_papers(chosen.folder, chosen.half, chosen.count)
    print(f"{len(papers)} papers with {sum(len(one.figures) for one in papers)} figures")


if __name__ == "__main__":
    main()
