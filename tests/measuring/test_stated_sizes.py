"""Sizes that an answer states, and those that cannot be true."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_micrograph_vlm.measuring.stated import sizes_in
from napari_micrograph_vlm.regions import Region
from napari_micrograph_vlm.results import Answer, Provenance

# 1.11 x 0.83 µm, 1.39 µm from corner to corner, 0.93 µm² large; a pixel is 0.543 nm.
REGION = Region(
    np.zeros((8, 8), np.float32), (0, 0, 1536, 2048), pixel_size=(0.543, 0.543), unit="nm"
)


def warnings(text: str, *regions: Region) -> tuple[str, ...]:
    made = Provenance("tiny", "1", "cpu", 0.1, "0")
    return Answer("How long?", text, regions or (REGION,), (), (), 0.5, made).warnings


@pytest.mark.parametrize(
    ("text", "metres"),
    [
        ("A crack, 4.1 µm long", 4.1e-6),
        ("4.1 μm with the Greek letter", 4.1e-6),
        ("4.1um", 4.1e-6),
        ("it is 4,100 nm wide", 4.1e-6),
        ("0,5 µm", 5e-7),
        ("0,500 µm", 5e-7),
        ("0,125 mm", 1.25e-4),
        ("1,250,000 nm", 1.25e-3),
        ("2 M pixels, each 5 nm wide", 5e-9),
        ("a spacing of 5 pm", 5e-12),
        ("layers at 235.5 pm", 2.355e-10),
        ("4 Micrometers", 4e-6),
        ("25 microns in diameter", 2.5e-5),
        ("two 35-nm lines", 3.5e-8),
        ("35 nanometres", 3.5e-8),
        ("30 nanometer-sized", 3e-8),
        ("20 Å", 2e-9),
        ("1.5×10^3 nm", 1.5e-6),
        ("1.5 × 10⁻³ mm", 1.5e-6),
        ("2e3 nm", 2e-6),
    ],
)
def test_lengths_are_read_as_people_write_them(text: str, metres: float) -> None:
    (size,) = sizes_in(text)
    assert size.smallest == size.largest == pytest.approx(metres)
    assert text[size.start : size.stop].strip() == size.text
    assert not size.area
    assert size.in_plane


@pytest.mark.parametrize("text", ["10 µm²", "10 um2", "10 µm^2", "10 square micrometers"])
def test_areas_are_read(text: str) -> None:
    (size,) = sizes_in(text)
    assert size.area
    assert size.smallest == pytest.approx(1e-11)


@pytest.mark.parametrize(
    ("text", "smallest", "largest"),
    [
        ("5-10 nm", 5e-9, 1e-8),
        ("5 to 10 nm", 5e-9, 1e-8),
        ("less than 5 nm", 0.0, 5e-9),
        ("at least 5 nm", 5e-9, float("inf")),
    ],
)
def test_ranges_and_bounds_are_kept(text: str, smallest: float, largest: float) -> None:
    (size,) = sizes_in(text)
    assert (size.smallest, size.largest) == pytest.approx((smallest, largest))


@pytest.mark.parametrize(
    "text",
    ["5 nm/s", "3 nm⁻¹", "4 µm³", "0.5 nm per pixel", "10 particles/µm²", "5 min", "5 mV", "0 nm",
     "version 1.2.3 nm", "a 5 M solution", "25 M pixels", "5 NM", "taken at 5 pm",
     "at 5:30 pm", "at 05 pm", "from 3 to 5 pm", "before 12 pm.",
     "at 20 kV and 500,000x", "40 % of the picture", ""],
)  # fmt: skip
def test_other_quantities_are_no_sizes(text: str) -> None:
    assert sizes_in(text) == []


@pytest.mark.parametrize(
    ("text", "about"),
    [
        ("A crack 4.1 µm long.", "“4.1 µm” is longer than the region, which is 1.39 µm"),
        ("Grains of 2 × 0.1 µm.", "“2 × 0.1 µm” is longer"),
        ("Pores of 2 to 5 µm.", "“2 to 5 µm” is longer"),
        ("They are more than 3 mm apart.", "“3 mm” is longer"),
        ("Pores of 0.1 nm.", "“0.1 nm” is less than half a pixel, which is 543 pm wide"),
        ("It covers 3 µm².", "“3 µm²” is more than the whole area of the region, 0.928 µm²"),
        ("Dots of 0.01 nm².", "“0.01 nm²” is less than a quarter of a pixel's area"),
    ],
)
def test_what_cannot_be_true_is_said(text: str, about: str) -> None:
    (said,) = warnings(text)
    assert said.startswith(about)
    assert said.endswith(".")


@pytest.mark.parametrize(
    "text",
    [
        "A crack 1.3 µm long.",
        "A crack 1.4 µm long, as long as the region is from corner to corner.",
        "Pores of 0.5 to 5 µm.",
        "Nothing larger than 0.1 nm and less than 5 mm.",
        "Taken at a working distance of 6.2 mm.",
        "The film is 40 µm thick.",
        "Part of a 300 mm wafer.",
        "It covers 0.9 µm².",
        "about 40 % of the picture (about 0.45 µm)",
    ],
)
def test_what_can_be_true_is_let_pass(text: str) -> None:
    assert warnings(text) == ()


def test_without_a_scale_nothing_is_judged() -> None:
    plain = replace(REGION, pixel_size=None, unit="pixel")
    assert warnings("5 m", plain) == warnings("5 m", REGION, plain) == ()


def test_the_largest_of_several_regions_counts() -> None:
    wider = replace(REGION, pixel_size=(5.43, 5.43))
    assert warnings("4.1 µm", REGION, wider) == ()
    assert "a region" in warnings("41 µm", REGION, wider)[0]


def test_an_uncertain_scale_is_given_its_due() -> None:
    rough = replace(REGION, scale_error=0.1)
    assert warnings("1.6 µm") != ()
    assert warnings("1.6 µm", rough) == ()


def test_only_what_lies_inside_the_outline_counts_as_area() -> None:
    mask = np.zeros((8, 8), bool)
    mask[:4] = True
    assert warnings("0.6 µm²", replace(REGION, mask=mask)) != ()
    assert warnings("0.6 µm²") == ()


def test_warnings_are_kept_with_the_answer() -> None:
    made = Provenance("tiny", "1", "cpu", 0.1, "0")
    answer = Answer("How long?", "5 mm and 5 mm", (REGION,), (), (), 0.5, made)
    assert answer.to_dict()["warnings"] == list(answer.warnings)
    assert len(answer.warnings) == 1


_PIECES = st.lists(
    st.sampled_from([*"0123456789.,×x-–^⁻²³ µ", "nm", "µm", "m", " to ", "10", "e", "1e999", "/"]),
    max_size=25,
).map("".join)


@settings(max_examples=150, deadline=None)
@given(st.one_of(_PIECES, st.text(max_size=60)))
def test_any_text_gives_sizes_that_stand_in_it(text: str) -> None:
    for size in sizes_in(text):
        assert text[size.start : size.stop].strip() == size.text
        assert size.largest > 0
        assert size.smallest < float("inf")
    warnings(text)
