"""From an answer to objects: inside the region, where the model looked, zero for nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from threading import Event

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter, label

import napari_micrograph_vlm
from barred import BAR, barred
from fakes import FakeModel
from napari_micrograph_vlm import measure
from napari_micrograph_vlm.errors import Cancelled, QuestionError, RegionError
from napari_micrograph_vlm.measuring import reduction
from napari_micrograph_vlm.measuring.reduction import mean_on
from napari_micrograph_vlm.measuring.seeds import (
    darker,
    denied,
    kind_of,
    most_attended,
    named,
    on_pixels,
)
from napari_micrograph_vlm.measuring.segment import METHODS, segment
from napari_micrograph_vlm.measuring.walker import walk
from napari_micrograph_vlm.regions import Region
from napari_micrograph_vlm.results import Answer, AttentionMap, Provenance

WAYS = [method for method in METHODS if method != "otsu"]


def answer(pixels, attention=None, question="How many particles are there?", text="3", **place):
    place.setdefault("box", (0, 0, *pixels.shape[:2]))
    values = np.ones((6, 6), np.float32) if attention is None else attention
    about = AttentionMap((values / values.sum()).astype(np.float32), "made")
    by = Provenance("made", "1", "cpu", 0.0, "0")
    region = Region(pixels.astype(np.float32), **place)
    return Answer(question, text, (region,), (about,), (), 0.9, by)


def discs(centres, radius=9, shape=(160, 200), bright=True, seed=0):
    rows, columns = np.indices(shape)
    mask = np.zeros(shape, bool)
    for y, x in centres:
        mask |= (rows - y) ** 2 + (columns - x) ** 2 <= radius**2
    noise = np.random.default_rng(seed).normal(0, 0.02, shape)
    picture = gaussian_filter(np.where(mask == bright, 0.7, 0.3), 0.7) + noise
    return np.clip(picture, 0, 1).astype(np.float32), mask


def looked_at(mask, cells=(8, 10)):
    """A map whose cells got as much attention as they hold of a mask."""
    rows, columns = (n // c for n, c in zip(mask.shape, cells, strict=True))
    held = mask.reshape(cells[0], rows, cells[1], columns).mean(axis=(1, 3))
    return (held + 0.0005).astype(np.float32)


def overlap(labels, mask):
    return ((labels > 0) & mask).sum() / ((labels > 0) | mask).sum()


CENTRES = [(30, 40), (110, 60), (70, 150)]


@pytest.mark.parametrize("method", WAYS)
@pytest.mark.parametrize("bright", [True, False])
def test_discs_are_found_counted_and_measured(method, bright):
    pixels, mask = discs(CENTRES, bright=bright)
    said = answer(pixels, looked_at(mask), pixel_size=(2.0, 2.0), unit="nm", scale_error=0.02)
    found = measure(said, method=method)
    assert found.count == 3
    assert found.labels.dtype == np.int32
    assert found.labels.shape == pixels.shape
    assert overlap(found.labels, mask) > 0.75
    assert found.what == "particle"
    if method != "local threshold":
        assert list(found.table["equivalent_diameter"]) == pytest.approx([36] * 3, rel=0.06)
        assert found.coverage == pytest.approx(mask.mean(), rel=0.1)


def test_touching_discs_are_counted_apart():
    pixels, mask = discs([(60, 60), (60, 90), (86, 75), (120, 150)], radius=16)
    assert label(mask)[1] == 2
    assert measure(answer(pixels, looked_at(mask))).count == 4


def test_of_two_discs_the_one_that_was_looked_at():
    pixels, mask = discs([(40, 40), (40, 150)])
    meant = mask.copy()
    meant[:, 100:] = False
    found = measure(answer(pixels, looked_at(meant)))
    assert found.count == 1
    assert overlap(found.labels, meant) > 0.8
    assert "looked at most" in found.method


def test_a_map_without_focus_leads_to_the_whole_region_and_says_so():
    pixels, _ = discs(CENTRES)
    found = measure(answer(pixels))
    assert found.count == 3
    assert "whole region" in found.method
    assert "singles nothing out" in found.method


@pytest.mark.parametrize("zoom", [1, 2])
def test_a_crack_is_found_among_pores_and_as_long_as_it_is(zoom):
    shape = (200 * zoom, 200 * zoom)
    rows, columns = np.indices(shape) / zoom
    crack = (np.abs(columns - 100 - 6 * np.sin(rows / 18)) <= 2) & (rows > 30) & (rows < 150)
    pores = (rows - 60) ** 2 + (columns - 40) ** 2 <= 12**2
    pores |= (rows - 150) ** 2 + (columns - 160) ** 2 <= 12**2
    noise = np.random.default_rng(1).normal(0, 0.02, shape)
    pixels = gaussian_filter(np.where(crack | pores, 0.3, 0.6), 0.7) + noise
    said = answer(
        pixels,
        looked_at(crack, (10, 10)),
        "Where is the crack?",
        "In the centre",
        pixel_size=(5.0 / zoom, 5.0 / zoom),
        unit="nm",
    )
    found = measure(said)
    assert (found.count, found.what) == (1, "crack")
    assert overlap(found.labels, crack) > 0.6
    y = np.arange(30, 150.01, 0.01)
    length = np.hypot(np.diff(y), np.diff(6 * np.sin(y / 18))).sum() * 5
    assert found.table["length"][0] == pytest.approx(length, rel=0.06)
    assert found.summary().startswith("1 crack, ")


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([*WAYS, "otsu"]))
def test_nothing_lies_outside_the_mask(seed, method):
    rng = np.random.default_rng(seed)
    pixels = gaussian_filter(rng.random((90, 110)), 3)
    pixels = (pixels - pixels.min()) / np.ptp(pixels)
    mask = gaussian_filter(rng.random((90, 110)), 12) > 0.5
    mask[40:60, 40:60] = True
    about = rng.random((5, 7)).astype(np.float32) ** 4
    found = measure(answer(pixels, about, mask=mask), method=method)
    assert not (found.labels[~mask] > 0).any()
    assert set(np.unique(found.labels)) - {0} == set(found.table["label"])
    assert sorted(found.table["label"]) == list(range(1, found.count + 1))
    assert 0 <= found.coverage <= 1
    assert np.isfinite(found.table.drop(columns="cut").to_numpy()).all()


def test_reduced_pixels_and_unequal_sides_keep_their_physical_size():
    pixels, mask = discs(CENTRES)
    fine = answer(pixels, looked_at(mask), pixel_size=(3.0, 3.0), unit="nm")
    coarse = answer(
        pixels, looked_at(mask), box=(50, 60, 50 + 320, 60 + 800), pixel_size=(1.5, 0.75), unit="nm"
    )
    one, other = (measure(each).table for each in (fine, coarse))
    for column in ("area", "length", "equivalent_diameter", "orientation", "aspect_ratio"):
        assert list(one[column]) == pytest.approx(list(other[column]))
    assert list(other["x"]) == pytest.approx(list(60 + (one["x"] + 0.5) * 4 - 0.5))
    assert list(other["y"]) == pytest.approx(list(50 + (one["y"] + 0.5) * 2 - 0.5))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("steps", [1, 3, 500])
def test_a_region_of_all_but_one_brightness_holds_nothing(method, steps):
    pixels = np.full((50, 50), 0.5, np.float32)
    pixels[:25, 7] += steps * np.spacing(np.float32(0.5))
    assert measure(answer(pixels, looked_at(pixels > 0.5, (10, 10))), method=method).count == 0


def test_nothing_is_measured_in_an_information_bar_that_is_shown():
    pixels = barred((200, 260)) / np.float32(255)
    pixels[:-BAR] = gaussian_filter(pixels[:-BAR], 3)
    pixels[60:80, 100:120] += 0.4
    weight = np.zeros((10, 13), np.float32)
    weight[3, 5] = 1
    weight[-1] = 0.5
    found = measure(answer(np.clip(pixels, 0, 1), weight / weight.sum()))
    assert found.count
    assert not found.labels[-BAR:].any()


@pytest.mark.parametrize("method", METHODS)
def test_a_region_of_one_brightness_holds_nothing(method):
    found = measure(answer(np.full((50, 50), 0.5)), method=method)
    assert found.count == 0
    assert found.coverage == 0
    assert found.summary() == "No particle was found in the region."
    assert json.loads(json.dumps(found.to_dict()))["objects"] == []


def test_an_answer_that_there_is_none_is_a_count_of_zero():
    pixels, _ = discs(CENTRES)
    found = measure(answer(pixels, text="No particle"))
    assert found.count == 0
    assert "says that there is none" in found.method
    assert "nothing was measured" in found.summary()
    assert measure(answer(pixels, text="No particle"), method="watershed").count == 3


@pytest.mark.parametrize(
    ("question", "text", "expected"),
    [
        ("How many cracks are there?", "No crack", True),
        ("What is wrong?", "None.", True),
        ("Is there a crack?", "No.", True),
        ("How many?", "There are no pores", True),
        ("What is it?", "not a micrograph", False),
        ("Is the crack on the left?", "No, on the right", False),
        ("How many cracks are there?", "1 crack", False),
        ("Where is the crack?", "North of the pore", False),
        ("How many?", "10 pores", False),
        ("Are there cracks?", "No doubt, there are several cracks.", False),
        ("How many cracks are there?", "No fewer than five cracks.", False),
        ("How many cracks are there?", "No more than three cracks.", False),
        ("What do you see?", "There are no voids, but there are three cracks.", False),
        ("Are there voids?", "There are no voids, but there are three cracks.", True),
        ("How many cracks are there?", "No cracks, only two pores.", True),
        ("Are there cracks?", "There is no single crack but a network of cracks.", False),
        ("Is the film intact?", "No, a crack runs across it.", False),
        ("What is seen?", "Nothing but a single crack.", False),
        ("Is there a crack?", "No, but the picture is blurred.", True),
    ],
)
def test_denials_are_told_from_other_answers(question, text, expected):
    assert denied(question, text) is expected


def test_the_object_is_named_after_the_answer_then_the_question():
    assert named("Cracks in the centre", "Where is the pore?") == "crack"
    assert named("In the centre", "Where are the pores?") == "pore"
    assert named("holes and particles") == "hole"
    assert named("nothing known") == "object"
    assert kind_of("What is seen?", "There are no voids, but there are three cracks.") == "crack"
    assert kind_of("Are there voids?", "There are no voids, but there are cracks.") == "void"
    assert kind_of("What is wrong?", "No crack") == "crack"
    assert kind_of("What is seen?", "Nothing but a crack") == "crack"
    assert kind_of("Where is the pore?", "In the centre, but not at the edge") == "pore"


def test_cracks_are_dark_and_of_others_the_map_decides():
    pixels, mask = discs(CENTRES)
    inside = np.ones(mask.shape, bool)
    weight = on_pixels(AttentionMap(looked_at(mask), "made"), mask.shape)
    assert darker("crack", pixels, weight, inside)
    assert not darker("object", pixels, weight, inside)
    assert darker("object", 1 - pixels, weight, inside)
    assert not darker("object", pixels, None, inside), "the discs are in pieces"
    assert darker("object", 1 - pixels, None, inside)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.05, 0.95))
def test_the_most_attended_part_holds_its_share(seed, share):
    rng = np.random.default_rng(seed)
    weight = rng.random((20, 30)).astype(np.float32)
    mask = rng.random((20, 30)) > 0.3
    part = most_attended(weight, mask, share)
    assert not (part & ~mask).any()
    assert weight[part].sum() >= share * weight[mask].sum() * 0.999
    assert weight[part].min() >= weight[mask & ~part].max(initial=0)


def test_a_classification_is_measured_row_by_row():
    pixels, mask = discs(CENTRES)
    regions = [Region(pixels, (0, 0, *pixels.shape)), Region(1 - pixels, (0, 0, *pixels.shape))]
    found = FakeModel(flat=True).classify(regions, ["particle", "pore"])
    second = measure(found, 1)
    assert second.what == "pore"
    assert second.region is regions[1]
    assert overlap(second.labels, mask) > 0.8


def test_sizes_are_said_with_unit_and_uncertainty():
    pixels, mask = discs([(80, 100)])
    place = {"pixel_size": (20.0, 20.0), "unit": "nm"}
    said = measure(answer(pixels, looked_at(mask), scale_error=0.03, **place))
    assert "± " in said.summary()
    assert "the pixel size (3 %)" in said.summary()
    assert "area (nm²)" in said.headed().columns
    assert said.to_dict()["objects"][0]["area"] == pytest.approx(said.table["area"][0])
    unsure = measure(answer(pixels, looked_at(mask), **place)).summary()
    assert "± of the pixel size is not known" in unsure
    unknown = measure(answer(pixels, looked_at(mask)))
    assert unknown.unit == "pixel"
    assert "the pixel size is not known" in unknown.summary()


def test_colour_is_measured_in_grey():
    pixels, mask = discs(CENTRES)
    colour = np.repeat(pixels[..., None], 3, axis=2)
    assert measure(answer(colour, looked_at(mask))).count == 3


def test_what_cannot_be_measured_is_said_in_one_sentence():
    pixels, _ = discs(CENTRES)
    with pytest.raises(RegionError, match="no region 2"):
        measure(answer(pixels), 2)
    with pytest.raises(QuestionError, match="random walker"):
        measure(answer(pixels), method="magic")
    with pytest.raises(QuestionError, match="cannot be measured"):
        measure("a crack")
    with pytest.raises(QuestionError, match="no map"):
        measure(replace(answer(pixels), attention=()))


class Countdown(Event):
    """Set once it has been looked at so often."""

    def __init__(self, looks):
        super().__init__()
        self.looks = looks

    def is_set(self):
        self.looks -= 1
        return self.looks < 0


@pytest.mark.parametrize("method", METHODS)
def test_measuring_stops_between_its_stages(method):
    pixels, mask = discs(CENTRES)
    said = answer(pixels, looked_at(mask))
    clock = Countdown(1000)
    whole = measure(said, method=method, cancel=clock)
    assert whole.count == measure(said, method=method).count
    looks = 1000 - clock.looks
    assert looks > 4 + whole.count, "before each object, too"
    for after in (0, 1, looks // 2, looks - 1):
        with pytest.raises(Cancelled):
            measure(said, method=method, cancel=Countdown(after))


@pytest.mark.parametrize("method", METHODS)
def test_a_large_region_is_measured_on_a_coarser_grid(method, monkeypatch):
    shape = (200, 320)
    pixels, mask = discs([(60, 80), (130, 240)], radius=25, shape=shape)
    inside = np.indices(shape)[1] < 200
    said = answer(
        pixels,
        looked_at(mask, (10, 10)),
        mask=inside,
        box=(30, 40, 30 + 400, 40 + 640),
        pixel_size=(2.0, 2.0),
        unit="nm",
    )
    monkeypatch.setattr(reduction, "SIDE", 130)
    found = measure(said, method=method, dark=False)
    assert found.labels.shape == (81, 130)
    assert found.count == 1
    assert not found.labels[:, 82:].any(), "outside the outline"
    (row,) = found.table.to_dict("records")
    assert (row["y"], row["x"]) == pytest.approx((30 + 120.5, 40 + 160.5), abs=3)
    if method != "local threshold":
        assert row["area"] == pytest.approx(np.pi * 100**2, rel=0.06)
        assert row["length"] == pytest.approx(200, rel=0.1)
        assert found.coverage == pytest.approx((mask & inside).sum() / inside.sum(), rel=0.06)
    assert found.pixel == pytest.approx((800 / 81, 1280 / 130))


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 10**6))
def test_means_over_the_places_of_a_coarser_grid_are_exact(rows, columns, seed):
    values = np.random.default_rng(seed).random((rows, columns)).astype(np.float32)
    shape = (max(rows // 3, 1), max(columns * 2 // 3, 1))
    fine = np.kron(values, np.ones(shape))  # a place of either grid is a whole number of these
    exact = fine.reshape(shape[0], rows, shape[1], columns).mean(axis=(1, 3))
    np.testing.assert_allclose(mean_on(values, shape), exact, rtol=1e-5)


def test_function_and_room_of_one_name_can_both_be_called():
    pixels, _ = discs(CENTRES)
    assert napari_micrograph_vlm.measure(answer(pixels)).count == 3
    assert segment(pixels, np.ones(pixels.shape, bool), None).labels.max() == 3


def test_noise_is_measured_without_a_warning():
    noise = np.random.default_rng(0).integers(0, 255, (40, 48)) / 255
    assert measure(answer(noise)).count >= 0


def test_a_walker_comes_first_to_what_is_as_bright_as_where_it_starts():
    shade = np.zeros((20, 30), np.float32)
    shade[:, 12:] = 1
    sure, never = np.zeros((2, 20, 30), bool)
    sure[10, 28], never[10, 1] = True, True
    inside = np.ones((20, 30), bool)
    inside[:3] = False
    chance = walk(shade, sure, never, inside)
    assert (chance[3:, 12:] > 0.5).all()
    assert (chance[3:, :12] < 0.5).all()
    assert not chance[:3].any()


def test_lines_that_run_on_are_no_bridges():
    pixels = np.full((160, 160), 0.2, np.float32)
    for left in (10, 50, 90, 130):
        pixels[:, left : left + 20] = 0.8
    pixels[70:90, 70:90] = 0.8
    near = np.zeros(pixels.shape, bool)
    near[60:100, 60:100] = True
    looked = looked_at(near, (16, 16))
    asked = {"question": "What defect is there?"}
    bridges = measure(answer(pixels, looked, text="A bridge", **asked))
    lines = measure(answer(pixels, looked, text="A line", **asked))
    assert lines.count
    assert bridges.count < lines.count or bridges.coverage < lines.coverage
