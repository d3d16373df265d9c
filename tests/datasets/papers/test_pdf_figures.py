from __future__ import annotations

from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
import pytest
from drawing import reader_of
from layouts import LAYOUTS, ONE, write, write_all
from PIL import Image
from reportlab.pdfgen.canvas import Canvas
from typeset import Setter

from napari_micrograph_vlm.datasets.papers.found import Found
from napari_micrograph_vlm.datasets.papers.pdf import figures_of_pdf
from napari_micrograph_vlm.datasets.papers.pdf_boxes import Box, Turn, area, overlap, turned
from napari_micrograph_vlm.datasets.papers.pdf_facts import doi_in, title_of
from napari_micrograph_vlm.datasets.papers.pdf_images import MOST_PIXELS, scale_for


def shared(a: Box, b: Box) -> float:
    both = area(overlap(a, b))
    return both / (area(a) + area(b) - both)


def alike(a: str, b: str) -> float:
    first, second = ("".join(one.lower().split()) for one in (a, b))
    return SequenceMatcher(None, first, second, autojunk=False).ratio()


def paper(path: Path, *pages) -> Path:
    """Write a paper; each page draws on the canvas, y counted from the bottom."""
    canvas = Canvas(str(path), pagesize=(400, 600))
    for draw in pages:
        canvas.setFont("Times-Roman", 9)
        draw(canvas)
        canvas.showPage()
    canvas.save()
    return path


def photo(width: int = 200, height: int = 150, mode: str = "L") -> Image.Image:
    noise = np.random.default_rng(3).integers(0, 255, (height, width), np.uint8)
    return Image.fromarray(noise).convert(mode)


def captioned(canvas: Canvas, label: str = "Figure 1.") -> None:
    canvas.drawImage(reader_of(photo()), 50, 300, 200, 150)
    canvas.drawString(50, 285, f"{label} Grains of the film.")


def test_pairs_of_fifty_layouts_are_found(tmp_path):
    right = found = there = 0
    for path, known in write_all(tmp_path).items():
        left = list(known)
        there += len(left)
        for one in figures_of_pdf(path):
            found += 1
            same = [
                truth
                for truth in left
                if truth.page == one.page
                and alike(truth.caption, one.caption) >= 0.9
                and shared(truth.box, one.box) >= 0.7
            ]
            if same:
                left.remove(same[0])
                right += 1
    assert len(LAYOUTS) >= 40
    assert right / found >= 0.95
    assert right / there >= 0.95


def test_labels_page_title_and_doi_are_told(tmp_path):
    def first(canvas: Canvas) -> None:
        canvas.setTitle("Grains in thin films")
        canvas.drawString(50, 550, "https://doi.org/10.1234/films.2024.7.")
        captioned(canvas, "Extended Data Fig. 2 |")

    (one,) = figures_of_pdf(paper(tmp_path / "a.pdf", first))
    assert (one.label, one.page, one.doi, one.title, one.caption) == (
        "Extended Data Fig. 2",
        1,
        "10.1234/films.2024.7",
        "Grains in thin films",
        "Grains of the film.",
    )


def test_a_picture_comes_back_pixel_for_pixel(tmp_path):
    (one,) = figures_of_pdf(paper(tmp_path / "a.pdf", captioned))
    assert one.image.mode == "L"
    got = np.asarray(one.image.resize((202, 152)))[1:-1, 1:-1].astype(float)
    assert np.corrcoef(got.ravel(), np.asarray(photo()).ravel().astype(float))[0, 1] > 0.8


@pytest.mark.parametrize("mode", ["RGB", "CMYK"])
def test_colours_stay(tmp_path, mode):
    red = Image.new("RGB", (200, 150), (200, 30, 20))
    red.paste((20, 60, 200), (0, 0, 100, 150))

    def draw(canvas: Canvas) -> None:
        canvas.drawImage(reader_of(red.convert(mode)), 50, 300, 200, 150)
        canvas.drawString(50, 285, "Figure 1. Two colours.")

    (one,) = figures_of_pdf(paper(tmp_path / "a.pdf", draw))
    left, right = one.image.getpixel((40, 70)), one.image.getpixel((160, 70))
    assert left[2] > left[0] + 80
    assert right[0] > right[2] + 80


def test_a_sideways_figure_is_set_upright(tmp_path):
    known = write(next(one for one in LAYOUTS if one.name == "sideways"), tmp_path / "a.pdf")
    for one in figures_of_pdf(tmp_path / "a.pdf"):
        truth = next(t for t in known if t.label == one.label)
        lying = truth.box[3] - truth.box[1] > truth.box[2] - truth.box[0]
        assert one.image.width > one.image.height
        if lying:  # on the page
            assert one.box[3] - one.box[1] > one.box[2] - one.box[0]


def test_what_is_clipped_away_is_no_part_of_the_figure(tmp_path):
    def draw(canvas: Canvas) -> None:
        canvas.saveState()
        path = canvas.beginPath()
        path.rect(50, 300, 100, 80)
        canvas.clipPath(path, stroke=0)
        canvas.drawImage(reader_of(photo()), 0, 200, 400, 300)
        canvas.restoreState()
        canvas.drawString(50, 285, "Fig. 1. A part of it.")

    (one,) = figures_of_pdf(paper(tmp_path / "a.pdf", draw))
    assert shared(one.box, (50, 220, 150, 300)) > 0.9


def test_logos_tables_and_pictures_without_a_caption_are_no_figures(tmp_path):
    def draw(canvas: Canvas) -> None:
        canvas.drawImage(reader_of(photo(60, 20)), 300, 560, 60, 20)
        canvas.drawImage(reader_of(photo()), 50, 400, 100, 80)
        canvas.drawString(50, 200, "Table 1. Grains of the film.")
        for step in range(5):
            canvas.line(50, 190 - 20 * step, 250, 190 - 20 * step)
            canvas.line(50 + 50 * step, 190, 50 + 50 * step, 110)

    assert list(figures_of_pdf(paper(tmp_path / "a.pdf", draw, draw))) == []


def test_a_caption_at_the_end_of_a_manuscript_finds_its_figure(tmp_path):
    def list_of_captions(canvas: Canvas) -> None:
        canvas.drawString(50, 500, "Figure 1. Grains of the film after heating.")
        canvas.drawString(50, 440, "Figure 2. Cracks of the film after heating.")

    def plate(number: int):
        def draw(canvas: Canvas) -> None:
            canvas.drawImage(reader_of(photo()), 50, 200, 300, 225)
            canvas.drawString(180, 150, f"Figure {number}")

        return draw

    path = paper(tmp_path / "a.pdf", list_of_captions, plate(1), plate(2))
    captions = [(one.page, one.caption) for one in figures_of_pdf(path)]
    assert captions == [
        (2, "Grains of the film after heating."),
        (3, "Cracks of the film after heating."),
    ]


def test_a_mention_at_a_lines_beginning_is_no_caption(tmp_path):
    setter = Setter(ONE, tmp_path / "a.pdf")
    setter.figure("photo", "below")
    for _ in range(4):
        setter.y += 11
        setter.text(
            "and this is a line of running text that goes on as", 58, setter.y, "Times-Roman", 10
        )
        setter.y += 12
        setter.text(
            "Figure 1. Another line of it, which ends somewhere else",
            58,
            setter.y,
            "Times-Roman",
            10,
        )
    setter.canvas.save()
    found: list[Found] = list(figures_of_pdf(tmp_path / "a.pdf"))
    assert [one.caption for one in found] == [setter.known[0].caption]


def test_resolution_follows_the_images_and_is_bounded():
    from napari_micrograph_vlm.datasets.papers.pdf_graphics import Drawn

    box = (0.0, 0.0, 100.0, 100.0)
    assert scale_for(box, [Drawn("image", box, (300, 300))]) == pytest.approx(3)
    assert scale_for(box, []) == pytest.approx(200 / 72)
    wide = (0.0, 0.0, 14_400.0, 14_400.0)
    assert scale_for(wide, [Drawn("image", wide, (90_000, 90_000))]) ** 2 * area(wide) <= (
        MOST_PIXELS * 1.001
    )


@pytest.mark.parametrize("quarters", range(4))
def test_turning_a_box_and_back_changes_nothing(quarters):
    box, size = (10.0, 20.0, 50.0, 90.0), (100.0, 200.0)
    view = Turn((0, 0, *size), quarters)
    there = turned(box, size, quarters)
    assert there == view.box(box[0], size[1] - box[3], box[2], size[1] - box[1])
    assert turned(there, view.size, -quarters) == box


@pytest.mark.parametrize(
    ("text", "doi"),
    [
        ("DOI: 10.1016/j.actamat.2020.01.002.", "10.1016/j.actamat.2020.01.002"),
        ("(https://doi.org/10.1002/adma.201(5)00)", "10.1002/adma.201(5)00"),
        ("10.1234/\nfilms.5", "10.1234/films.5"),
        ("version 10.12 of it", ""),
    ],
)
def test_doi_as_printed(text, doi):
    assert doi_in([text]) == doi


def test_a_programs_name_for_a_file_is_no_title():
    assert title_of({"Title": "Microsoft Word - final_v3.docx"}, []) == ""
