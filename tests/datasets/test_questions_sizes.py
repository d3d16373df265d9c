"""Sizes, shapes, sides and numbers: masks drawn by hand, answers that follow from them alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_micrograph_vlm.datasets.facts import DefectFact, Facts, on_grid
from napari_micrograph_vlm.datasets.questions import BUILDERS, Asker
from napari_micrograph_vlm.datasets.shapes import direction_of, half_of, outline, shape_of

SIDE = 120
Y, X = np.mgrid[:SIDE, :SIDE]


def box(y0, x0, y1, x1, shape=(SIDE, SIDE)):
    mask = np.zeros(shape, dtype=bool)
    mask[y0:y1, x0:x1] = True
    return mask


def disc(y, x, radius):
    return (Y - y) ** 2 + (X - x) ** 2 <= radius**2


def band(degrees, length=80, width=4):
    """Draw a straight band through the centre that rises by so many degrees."""
    t = np.radians(degrees)
    y, x = Y - SIDE / 2, X - SIDE / 2
    along, across = x * np.cos(t) - y * np.sin(t), x * np.sin(t) + y * np.cos(t)
    return (abs(along) < length / 2) & (abs(across) < width / 2)


def facts_of(*defects, **known):
    return Facts(defects=tuple(DefectFact(kind, mask) for kind, mask in defects), **known)


def asked(facts, kind, seeds=1):
    found = [BUILDERS[kind](Asker(facts, np.random.default_rng(seed))) for seed in range(seeds)]
    return [item for item in found if item is not None]


def answers(facts, kind, seeds=1):
    return [item.answer for item in asked(facts, kind, seeds)]


@pytest.mark.parametrize(
    ("degrees", "direction"),
    [(0, "horizontal"), (12, "horizontal"), (90, "vertical"), (101, "vertical"),
     (45, "diagonal"), (135, "diagonal"), (25, None), (65, None), (155, None)],
)  # fmt: skip
def test_direction_is_that_of_the_band(degrees, direction):
    assert direction_of(band(degrees)) == direction


def test_what_is_hardly_longer_than_wide_has_no_direction():
    assert direction_of(disc(60, 60, 15)) is None
    assert direction_of(box(40, 40, 60, 80)) is None
    assert answers(facts_of(("pore", disc(60, 60, 15))), "direction") == []


def test_direction_is_measured_in_the_proportions_of_the_picture():
    # Twice as wide as high: what falls by 45 degrees on the square grid of the cache is flatter.
    assert direction_of(band(45)) == "diagonal"
    assert direction_of(band(45), aspect=2) is None
    assert direction_of(band(45), aspect=4) == "horizontal"
    wide = np.zeros((60, 240), bool)
    wide[30:33, 20:220] = True
    assert direction_of(on_grid(wide, 96), aspect=4) == direction_of(wide) == "horizontal"


@pytest.mark.parametrize(
    ("mask", "shape"),
    [
        (disc(50, 50, 12), "round"),
        (band(30), "elongated"),
        (box(30, 30, 60, 60), None),  # a square is neither
        (box(20, 20, 60, 30) | box(20, 20, 30, 60), "irregular"),
        (disc(5, 5, 1), None),  # too small to have one
    ],
)
def test_shapes_are_told_apart(mask, shape):
    assert shape_of(mask) == shape


def test_an_ellipse_fills_its_own_ellipse():
    found = outline((Y - 60) ** 2 / 900 + (X - 60) ** 2 / 225 <= 1)
    assert found.elongation == pytest.approx(2, rel=0.05)
    assert found.angle == pytest.approx(90, abs=2)
    assert found.filled == pytest.approx(1, rel=0.03)
    assert found.boxed == pytest.approx(np.pi / 4, rel=0.06)


@pytest.mark.parametrize(
    ("mask", "sides"),
    [
        (box(10, 10, 20, 20), ("left", "upper")),
        (box(100, 100, 110, 110), ("right", "lower")),
        (box(10, 50, 20, 70), (None, "upper")),
        (box(10, 5, 15, 115), (None, "upper")),  # mean in the middle
        (box(10, 20, 20, 75), (None, "upper")),  # reaches over the middle
    ],
)
def test_halves(mask, sides):
    assert (half_of(mask, 0), half_of(mask, 1)) == sides


def test_the_half_is_right_and_as_often_wrong():
    facts = facts_of(("pore", box(10, 90, 20, 100)))
    items = [
        # Phrasings of the test have no typing errors in the name of the half.
        BUILDERS["half"](Asker(facts, np.random.default_rng(seed), held_out=True))
        for seed in range(200)
    ]
    for item in items:
        if "right half" in item.question or "upper half" in item.question:
            assert item.answer == "yes"
        else:
            wrong = "right" if "left half" in item.question else "upper"
            assert item.answer == f"no, in the {wrong} half"
    assert 70 < sum(item.answer == "yes" for item in items) < 130


def test_sizes_are_shares_of_the_longer_side():
    facts = facts_of(("crack", box(10, 20, 13, 56)))
    assert answers(facts, "how large") == ["large, about 30 % of the picture"]
    assert answers(facts, "how large in units") == ["about 30 % of the picture"]
    # 36 of 120 columns, but of a picture half as wide as high: 15 % of its height.
    assert answers(replace(facts, aspect=0.5), "how large in units") == [
        "about 15 % of the picture"
    ]
    # Across the width of a picture twice as wide as high, and down its height.
    across, down = DefectFact("crack", box(5, 0, 7, 120)), DefectFact("crack", box(0, 5, 120, 7))
    assert (across.extent(2.0), down.extent(2.0)) == (1.0, 0.5)


def test_a_size_is_asked_only_where_there_is_one_defect():
    two = facts_of(("crack", band(0)), ("crack", box(0, 0, 5, 5)))
    rough = facts_of(("edge roughness", band(0)))
    for facts in (two, rough, Facts(), facts_of()):
        for kind in ("how large", "how large in units", "direction", "defect shape", "half"):
            assert answers(facts, kind, 5) == []


def test_objects_are_measured_against_the_longer_side():
    facts = Facts(objects="lines", object_size=0.1, aspect=2.0)
    assert answers(facts, "object size") == ["about 5 % of the picture"]
    assert answers(replace(facts, aspect=0.5), "object size in units") == [
        "about 5 % of the picture"
    ]
    assert answers(replace(facts, aspect=None), "object size") == ["about 10 % of the picture"]
    assert answers(replace(facts, object_size=None), "object size") == []


def test_coverage_is_that_of_the_mask_and_no_length():
    facts = Facts(objects="particles", object_mask=box(0, 0, 60, 72))
    assert answers(facts, "coverage") == ["about 30 % of the area"]
    assert answers(replace(facts, coverage=0.6), "coverage") == ["about 60 % of the area"]
    assert answers(Facts(), "coverage") == []


def test_the_largest_of_several():
    small, large = box(100, 100, 105, 105), box(10, 10, 20, 20)
    facts = facts_of(("pore", small), ("pore", large))
    (item,) = asked(facts, "largest where")
    assert item.answer == "at the top left"
    np.testing.assert_array_equal(item.grounded, large)
    # Hardly larger: nobody could say.
    assert answers(facts_of(("pore", box(0, 0, 9, 9)), ("pore", large)), "largest where") == []


def test_the_larger_of_two_kinds():
    facts = facts_of(("pore", box(10, 10, 14, 14)), ("residue", box(60, 60, 90, 90)))
    items = asked(facts, "which larger", 20)
    assert {item.answer for item in items} == {"residue"}
    np.testing.assert_array_equal(items[0].grounded, box(60, 60, 90, 90))
    facts = facts_of(("pore", box(10, 10, 40, 40)), ("crack", box(60, 60, 70, 70)))
    assert set(answers(facts, "which larger", 20)) == {"the pore"}
    # Longer, but thinner: one would say the one, one the other.
    facts = facts_of(("pore", box(10, 10, 40, 40)), ("crack", box(60, 10, 61, 100)))
    assert answers(facts, "which larger", 20) == []


def test_the_most_frequent_is_the_one_with_most_instances():
    facts = facts_of(("crack", band(0)), ("pore", disc(9, 9, 3)), ("pore", disc(90, 90, 3)))
    assert answers(facts, "most frequent") == ["pore"]
    assert answers(facts_of(("crack", band(0)), ("pore", disc(9, 9, 3))), "most frequent") == []


@pytest.mark.parametrize("count", [3, 5, 9, 12, 20, 60])
def test_more_than_is_true_of_the_count(count):
    facts = Facts(objects="lines", count=count)
    # "Yes or no" and "quick one" are no numbers; fewer than two is never asked for.
    words = ["-", "-", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    seen = set()
    for item in asked(facts, "more than", 80):
        typed = [word.strip(",.:;?") for word in item.question.lower().split()]
        number = next(
            (int(w) if w.isdigit() else words.index(w) for w in typed if w.isdigit() or w in words),
            None,
        )
        if number is not None:
            assert number >= 2
            assert item.answer == ("yes" if count > number else "no")
            seen.add(item.answer)
    assert seen == {"yes", "no"}


def test_cracks_that_go_through():
    crack = facts_of(("crack", band(90)), through=True)
    assert answers(crack, "through") == ["yes, through the coating"]
    assert answers(replace(crack, through=False), "through") == ["no, it stops inside"]
    several = facts_of(("crack", band(90)), ("crack", band(80)), through=False)
    assert answers(several, "through") == ["no, they stop inside"]
    assert answers(replace(crack, through=None), "through") == []
    assert answers(facts_of(("pore", disc(9, 9, 3)), through=True), "through") == []
