"""Compound figures cut into panels; pictures that repeat; pictures that are no figures."""

from __future__ import annotations

import io

import numpy as np
import pytest
from compounds import compound, found_of, picture
from PIL import Image, ImageDraw

from napari_micrograph_vlm.datasets.papers.panels import split_panels
from napari_micrograph_vlm.datasets.papers.repeats import (
    Repeats,
    is_no_figure,
    picture_hash,
)


def _saved_again(image: Image.Image, quality: int = 85) -> Image.Image:
    data = io.BytesIO()
    image.save(data, "JPEG", quality=quality)
    return Image.open(data)


def test_panels_of_compound_figures_are_found() -> None:
    hits = found = true = 0
    for seed in range(12):
        made = compound(np.random.default_rng(20_000 + seed))
        panels = split_panels(_saved_again(made.image), made.caption)
        hits += found_of([one.box for one in panels], made.boxes)
        found += len(panels)
        true += len(made.boxes)
    assert hits / found >= 0.85
    assert hits / true >= 0.85


def test_panels_that_touch_are_found_where_the_caption_counts_them() -> None:
    hits = true = 0
    for seed in range(6):
        made = compound(np.random.default_rng(30_000 + seed), touching=True)
        panels = split_panels(made.image, made.caption)
        hits += found_of([one.box for one in panels], made.boxes)
        true += len(made.boxes)
    assert hits / true >= 0.7


def test_each_panel_has_its_letter_and_its_part_of_the_caption() -> None:
    rng = np.random.default_rng(3)
    sheet = Image.new("RGB", (620, 300), "white")
    for place in range(2):
        sheet.paste(picture(rng, 300, 280), (10 + place * 310, 10))
    left, right = split_panels(sheet, "Foams. (a) Before and (b) after heating.")
    assert (left.letter, left.caption) == ("a", "Before")
    assert (right.letter, right.caption) == ("b", "after heating")
    assert left.box[2] <= right.box[0]


@pytest.mark.parametrize("seed", range(4))
def test_one_micrograph_stays_whole_whatever_its_caption_says(seed: int) -> None:
    alone = picture(np.random.default_rng(seed), 384, 300)
    assert split_panels(alone, "A foam.") == ()
    assert split_panels(alone, "(a) Foam, (b) sponge, (c) its spectrum.") == ()


def test_particles_on_empty_ground_are_no_panels() -> None:
    empty = Image.new("L", (500, 400), 0)
    draw = ImageDraw.Draw(empty)
    draw.ellipse((40, 120, 190, 270), fill=200)
    draw.ellipse((300, 120, 450, 270), fill=200)
    assert split_panels(empty, "Particles of gold.") == ()


def test_tiny_and_even_pictures_have_no_panels() -> None:
    assert split_panels(Image.new("L", (8, 8)), "(a) x (b) y") == ()
    assert split_panels(Image.new("RGBA", (300, 200)), "(a) x (b) y") == ()


def test_copies_are_known_after_scaling_and_saving() -> None:
    seen = Repeats()
    pictures = [picture(np.random.default_rng(seed), 300, 220) for seed in range(8)]
    assert [seen.add(one, str(n)) for n, one in enumerate(pictures)] == [None] * 8
    for number, one in enumerate(pictures):
        assert seen.add(_saved_again(one.resize((450, 330)), 70), "again") == str(number)


def _plot(color: str, bend: float = 0, height: float = 100) -> Image.Image:
    plot = Image.new("RGB", (400, 300), "white")
    draw = ImageDraw.Draw(plot)
    draw.rectangle((40, 20, 380, 260), outline="black")
    draw.rectangle((60, 260 - height, 110, 259), fill="#E69F00")
    line = [(x, 255 - 0.65 * (x - 41) + bend * np.sin(x / 9)) for x in range(41, 380)]
    draw.line(line, fill=color, width=2)
    return plot


def test_other_curves_colours_and_bars_on_the_same_axes_are_no_repeats() -> None:
    seen = Repeats()
    plots = [_plot("#0072B2"), _plot("#D55E00"), _plot("#0072B2", bend=6)]
    plots.append(_plot("#0072B2", height=112))
    assert all((picture_hash(one) != picture_hash(plots[0])).sum() <= 10 for one in plots)
    assert [seen.add(one, str(n)) for n, one in enumerate(plots)] == [None] * 4
    for number, one in enumerate(plots):
        assert seen.add(one.resize((800, 600)), "again") == str(number)


def test_even_pictures_repeat_nothing() -> None:
    seen = Repeats()
    assert seen.add(Image.new("L", (90, 90), 255), "a") is None
    assert seen.add(Image.new("L", (90, 90), 255), "b") is None


def test_marks_and_icons_are_no_figures_and_micrographs_are() -> None:
    mark = Image.new("RGB", (120, 40), "white")
    ImageDraw.Draw(mark).rectangle((10, 10, 50, 30), fill="#0072B2")
    micrograph = picture(np.random.default_rng(0), 300, 200)
    assert is_no_figure(mark)
    assert is_no_figure(micrograph.resize((30, 20)))
    assert is_no_figure(micrograph, "Publisher logo")
    assert is_no_figure(Image.new("L", (300, 200), 255), "Figure 1. Nothing")
    assert not is_no_figure(micrograph)
    assert not is_no_figure(micrograph.resize((36, 30)), "Figure 1. Small")
