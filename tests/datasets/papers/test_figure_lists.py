"""Lists of figures that were made elsewhere, cut short or written by hand."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from napari_micrograph_vlm.datasets.papers.extract import PAPERS_FILE, extract_figures
from napari_micrograph_vlm.datasets.papers.figure import (
    FIGURES_FILE,
    Panel,
    PaperFigure,
    read_figures,
    write_figures,
)
from napari_micrograph_vlm.datasets.papers.subjects import subjects_of

GOOD = {"id": "a", "image": "images/a.png", "caption": "Pores in steel.", "label": "", "paper": "p"}


@pytest.mark.parametrize(
    "change",
    [
        {"panels": [{"letter": "a", "caption": "", "box": [0, 0, float("inf"), 1]}]},
        {"panels": [{"letter": 5, "caption": "", "box": [0, 0, 1, 1]}]},
        {"panels": None},
        {"box": [0, 0, float("nan"), 1]},
        {"box": [0, 0, 1]},
        {"size": 5},
        {"size": None},
        {"label": 5},
        {"doi": None},
        {"page": "4"},
        {"caption": ["x"]},
    ],
)
def test_a_field_of_another_kind_is_named_and_the_rest_is_read(tmp_path, change):
    lines = [json.dumps({**GOOD, **change}), "[" * 5000, json.dumps({**GOOD, "id": "b"}), ""]
    (tmp_path / FIGURES_FILE).write_text("\n".join(lines))
    broken = []
    assert [one.id for one in read_figures(tmp_path, broken)] == ["b"]
    assert [line.split(":")[0] for line in broken] == [f"{FIGURES_FILE}, line {i}" for i in (1, 2)]


def test_names_that_no_file_can_have_are_skipped(tmp_path):
    rows = [{**GOOD, "id": str(i), "image": name} for i, name in enumerate(("x\0.png", "y" * 400))]
    (tmp_path / FIGURES_FILE).write_text("".join(json.dumps(row) + "\n" for row in rows))
    skipped = []
    assert subjects_of(tmp_path, skipped=skipped) == []
    assert all("is no name of a picture" in line for line in skipped)
    assert len(skipped) == 2


def test_marks_that_end_a_line_in_unicode_end_no_figure(tmp_path):
    captions = [f"Pores in{mark}steel." for mark in "\u2028\u2029\x85\x0b"]
    figures = [PaperFigure(str(i), "a.png", one, "", "p") for i, one in enumerate(captions)]
    write_figures(tmp_path, figures)
    broken = []
    assert [one.caption for one in read_figures(tmp_path, broken)] == captions
    assert broken == []


def test_a_paper_with_such_a_mark_in_its_name_is_read_once(tmp_path):
    paper = tmp_path / "od\u2028d.html"
    paper.write_text("<html><body><p>Nothing to see.</p></body></html>")
    first = extract_figures([paper], tmp_path / "out")
    assert "\u2028" in (tmp_path / "out" / PAPERS_FILE).read_text()
    assert first.before == 0
    assert extract_figures([paper], tmp_path / "out").before == 1


def test_of_two_panels_with_one_letter_the_first_counts(tmp_path):
    panels = (
        Panel("a", (0, 0, 8, 8), "The left panel shows iron."),
        Panel("a", (8, 0, 16, 8), "The right panel shows copper."),
    )
    (tmp_path / "images").mkdir()
    Image.new("L", (16, 8)).save(tmp_path / "images" / "a.png")
    caption = "Iron and copper, side by side."
    write_figures(tmp_path, [PaperFigure("f", "images/a.png", caption, "", "p", panels=panels)])
    assert [one.caption for one in subjects_of(tmp_path, panels=True)] == [
        caption,
        panels[0].caption,
    ]
