"""A region less its reference: registered, brightness matched, in one sentence where it fails."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from scipy.ndimage import shift as move

from napari_micrograph_vlm.errors import RegionError
from napari_micrograph_vlm.finding.difference import compare
from napari_micrograph_vlm.regions import Region


def texture(shape=(160, 200), seed=0, smooth=3):
    noise = np.random.default_rng(seed).normal(size=shape)
    soft = gaussian_filter(noise, smooth, mode="wrap")
    low, high = soft.min(), soft.max()
    return ((soft - low) / (high - low)).astype(np.float32)


def region(pixels, scale=1, **options):
    height, width = pixels.shape[:2]
    pixels = np.clip(pixels, 0, 1).astype(np.float32)
    return Region(pixels, (0, 0, height * scale, width * scale), **options)


def spoiled(pixels):
    bad = pixels.copy()
    bad[70:82, 90:104] = 1
    return bad


def test_a_defect_stands_out_and_nothing_else_does():
    good = texture()
    found = compare(region(spoiled(good)), region(good))
    assert found.shift == (0, 0)
    assert found.correlation > 0.9
    strong = np.abs(found.values) > 0.2
    rows, columns = np.nonzero(strong)
    assert strong.sum() > 20
    assert rows.min() >= 70
    assert rows.max() < 82
    assert columns.min() >= 90
    assert columns.max() < 104
    assert found.values[strong].min() > 0, "brighter is above zero"
    assert found.limits[0] == -found.limits[1]


@settings(max_examples=12, deadline=None)
@given(
    st.floats(-9, 9),
    st.floats(-9, 9),
    st.floats(0.5, 1.3),
    st.floats(-0.1, 0.2),
)
def test_shift_and_brightness_are_found(rows, columns, gain, offset):
    large = texture((200, 240))
    moved = move(large, (rows, columns), order=3, mode="grid-wrap")
    good, suspect = large[20:180, 20:220], moved[20:180, 20:220]
    found = compare(region(suspect * 0.6 + 0.1), region((good * gain + offset) * 0.6 + 0.1))
    assert found.shift == pytest.approx((rows, columns), abs=0.2)
    inside = found.values[15:-15, 15:-15]
    assert np.abs(inside[np.isfinite(inside)]).max() < 0.05


def test_where_the_reference_does_not_reach_nothing_is_shown():
    large = texture((200, 240))
    found = compare(region(large[20:180, 20:220]), region(large[30:190, 12:212]))
    assert found.shift == pytest.approx((10, -8), abs=0.1)
    assert np.isnan(found.values[:9]).all()
    assert np.isnan(found.values[:, -7:]).all()
    assert np.isfinite(found.values[12:, :-10]).all()
    assert 0.85 < found.overlap < 0.95
    assert "covers" in str(found)


def test_the_smallest_of_equal_shifts_of_a_repeating_pattern():
    columns = np.arange(200)
    lines = np.tile(0.5 + 0.4 * np.sin(2 * np.pi * columns / 20), (160, 1)).astype(np.float32)
    found = compare(region(spoiled(lines)), region(np.roll(lines, 3, axis=1)))
    assert abs(found.shift[1] + 3) < 0.3
    assert abs(found.shift[0]) < 0.3


def test_different_sizes_and_levels_have_a_common_size():
    good = texture((160, 200), smooth=6)
    coarse = region(good[::2, ::2], scale=2)
    found = compare(region(spoiled(good)), coarse)
    assert found.values.shape == (160, 200)
    assert np.abs(found.values[72:80, 92:100]).mean() > 0.2
    smaller = compare(region(good), region(good[30:130, 40:160]))
    assert np.abs(np.nanmax(smaller.values)) < 0.05
    assert smaller.overlap == pytest.approx(100 * 120 / 160 / 200, abs=0.02)


def test_magnifications_are_brought_together():
    good = texture((160, 200), smooth=6)
    fine = region(good, pixel_size=(5.0, 5.0), unit="nm")
    half = region(good[::2, ::2], pixel_size=(0.01, 0.01), unit="µm")
    found = compare(fine, half)
    assert found.correlation > 0.97
    assert found.overlap > 0.95


def test_the_shift_in_physical_units():
    large = texture((200, 240))
    options = {"pixel_size": (2.0, 3.0), "unit": "nm"}
    found = compare(
        region(large[20:180, 20:220], **options), region(large[24:184, 20:220], **options)
    )
    assert found.shift_length == pytest.approx((8, 0), abs=0.5)
    assert "+4 rows" in str(found)
    assert "8 nm" in str(found)


def test_only_the_outline_counts():
    good = texture()
    mask = np.zeros((80, 100), bool)
    mask[:40] = True
    found = compare(replace(region(spoiled(good)), mask=mask), region(good))
    assert np.isnan(found.values[80:]).all()
    assert np.isfinite(found.values[:80]).all()


def test_colour_is_compared_in_grey():
    good = texture()
    found = compare(region(np.repeat(good[..., None], 3, axis=2)), region(good))
    assert np.abs(found.values).max() < 1e-4


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        (region(texture(seed=9)), "same pattern"),
        (region(texture((20, 20)), pixel_size=(1.0, 1.0), unit="pm"), "magnified too differently"),
    ],
)
def test_what_cannot_be_compared_is_said_in_one_sentence(reference, expected):
    suspect = region(texture(), pixel_size=(1.0, 1.0), unit="nm")
    with pytest.raises(RegionError, match=expected) as error:
        compare(suspect, reference)
    assert str(error.value).count(". ") == 0
