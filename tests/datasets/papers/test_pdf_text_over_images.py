"""Captions over tinted columns and watermarks, far apart lines, and very many on one page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from drawing import reader_of
from PIL import Image
from reportlab.pdfgen.canvas import Canvas
from test_pdf_figures import paper, photo, shared
from typeset import SAID

from napari_micrograph_vlm.datasets.papers.found import Found
from napari_micrograph_vlm.datasets.papers.pdf import figures_of_pdf

RUNNING = [SAID[start : start + 60].strip() for start in range(0, 200, 20)]


def text(canvas: Canvas, top: float, lines: list[str], step: float = 11.0, x: float = 50) -> None:
    canvas.setFont("Times-Roman", 9)
    for place, line in enumerate(lines):
        canvas.drawString(x, top - place * step, line)


def found(path: Path) -> list[Found]:
    return list(figures_of_pdf(path))


def figure(canvas: Canvas, label: str) -> None:
    canvas.drawImage(reader_of(photo()), 100, 300, 200, 150)
    text(canvas, 285, [f"{label} Grains of the film after heating."])


def test_a_tinted_column_does_not_swallow_its_captions(tmp_path: Path) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.drawImage(reader_of(Image.new("RGB", (9, 9), (225, 235, 245))), 30, 50, 340, 530)
        text(canvas, 570, RUNNING)
        figure(canvas, "Figure 1.")
        text(canvas, 250, RUNNING)

    (one,) = found(paper(tmp_path / "a.pdf", draw))
    assert one.caption == "Grains of the film after heating."
    assert shared(one.box, (100, 150, 300, 300)) > 0.9


@pytest.mark.parametrize("side", [90, 200, 380])
def test_a_watermark_on_every_page_hides_no_figure(tmp_path: Path, side: int) -> None:
    mark = np.zeros((80, 80, 4), np.uint8)
    mark[20:60, 20:60] = (200, 0, 0, 50)

    def page(number: int):
        def draw(canvas: Canvas) -> None:
            low = 235 - side / 2
            canvas.drawImage(
                reader_of(Image.fromarray(mark)), 200 - side / 2, low, side, side, mask="auto"
            )
            text(canvas, 570, RUNNING)
            figure(canvas, f"Figure {number}.")
            text(canvas, 262, RUNNING)

        return draw

    pages = found(paper(tmp_path / "a.pdf", page(1), page(2)))
    assert [one.label for one in pages] == ["Figure 1", "Figure 2"]
    for one in pages:
        assert shared(one.box, (100, 150, 300, 300)) > 0.9


def test_a_caption_on_a_strip_in_its_picture_is_cut_off_and_read(tmp_path: Path) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.drawImage(reader_of(photo()), 50, 200, 300, 240)
        canvas.setFillGray(1)
        canvas.rect(60, 205, 280, 30, fill=1, stroke=0)
        canvas.setFillGray(0)
        text(canvas, 222, ["Figure 1. Grains of the film after heating."], x=65)

    (one,) = found(paper(tmp_path / "a.pdf", draw))
    assert one.caption == "Grains of the film after heating."
    assert shared(one.box, (50, 160, 350, 366)) > 0.9


def test_a_bare_label_on_a_picture_does_not_cut_it(tmp_path: Path) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.drawImage(reader_of(photo()), 50, 200, 300, 240)
        text(canvas, 400, ["Figure 1"], x=65)
        text(canvas, 185, ["Figure 1. Grains of the film after heating."])

    (one,) = found(paper(tmp_path / "a.pdf", draw))
    assert shared(one.box, (50, 160, 350, 400)) > 0.9


@pytest.mark.parametrize("step", [16.0, 18.0, 20.7])
def test_captions_of_double_spaced_manuscripts_are_whole(tmp_path: Path, step: float) -> None:
    said = ["Figure 1. Grains of the film as they were grown, seen from"]
    said += ["the side and after annealing, in a second line of the text,", "and a third."]

    def draw(canvas: Canvas) -> None:
        text(canvas, 580, RUNNING[:6], step)
        canvas.drawImage(reader_of(photo()), 100, 300, 200, 150)
        text(canvas, 280, said, step)
        text(canvas, 280 - 5 * step, RUNNING[:5], step)

    (one,) = found(paper(tmp_path / "a.pdf", draw))
    assert one.caption == " ".join(said).removeprefix("Figure 1. ")


@pytest.mark.parametrize(("columns", "rows"), [(3, 4), (4, 6)])
def test_every_caption_of_a_crowded_page_gets_its_own_figure(
    tmp_path: Path, columns: int, rows: int
) -> None:
    boxes = {
        f"Figure {row * columns + column + 1}": (20 + 95 * column, 20 + 95 * row)
        for row in range(rows)
        for column in range(columns)
    }

    def draw(canvas: Canvas) -> None:
        for label, (x, y) in boxes.items():
            canvas.drawImage(reader_of(photo(60, 50)), x, 600 - y - 60, 80, 60)
            canvas.setFont("Times-Roman", 6)
            canvas.drawString(x, 600 - y - 68, f"{label}. Grains of a film.")

    every = {one.label: one.box for one in found(paper(tmp_path / "a.pdf", draw))}
    assert every.keys() == boxes.keys()
    for label, (x, y) in boxes.items():
        assert shared(every[label], (x, y, x + 80, y + 60)) > 0.85
