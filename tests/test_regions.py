import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_micrograph_vlm.errors import RegionError
from napari_micrograph_vlm.regions import Cutout, clip_box, polygon_mask, to_unit_range


def ramp(height=40, width=60, dtype=np.uint8):
    return (np.arange(height * width).reshape(height, width) % 251).astype(dtype)


def test_reads_only_the_window():
    array = ramp()
    region = Cutout.of_array(array, (5, 10, 25, 50)).read()
    assert region.box == (5, 10, 25, 50)
    assert region.shape == region.pixels.shape == (20, 40)
    np.testing.assert_allclose(region.pixels, array[5:25, 10:50] / 255, atol=1e-6)
    assert region.mask is None


def test_lazy_array_is_indexed_once_and_only_on_read():
    class Lazy:
        shape, dtype, ndim = (1000, 1000), np.dtype(np.uint8), 2

        def __init__(self):
            self.asked = []

        def __getitem__(self, index):
            self.asked.append(index)
            return ramp(20, 30)

    lazy = Lazy()
    cutout = Cutout.of_array(lazy, (100, 200, 120, 230))
    assert lazy.asked == []
    cutout.read()
    assert lazy.asked == [(slice(100, 120), slice(200, 230))]


def test_partly_outside_is_clipped():
    assert Cutout.of_array(ramp(), (-10, -10, 20, 1000)).box == (0, 0, 20, 60)


@pytest.mark.parametrize("box", [(50, 0, 70, 10), (0, 60, 20, 80), (-9, -9, 0, 0)])
def test_outside_is_refused_with_a_sentence(box):
    with pytest.raises(RegionError, match="outside the image"):
        Cutout.of_array(ramp(), box)


@pytest.mark.parametrize("box", [(0, 0, 1), (0, 0, np.nan, 5), (0, 0, np.inf, 5)])
def test_a_box_is_four_finite_numbers(box):
    with pytest.raises(RegionError, match=r"four (finite )?numbers"):
        Cutout.of_array(ramp(), box)


@pytest.mark.parametrize("box", [(0, 0, 1, 1), (0, 0, 7, 30)])
def test_tiny_region_is_refused(box):
    with pytest.raises(RegionError, match="at least 8 x 8"):
        Cutout.of_array(ramp(), box).read()


def test_a_stack_is_refused():
    with pytest.raises(RegionError, match="pick one slice"):
        Cutout.of_array(np.zeros((5, 40, 40)))


def test_vertices_give_box_and_mask():
    triangle = np.array([[10.0, 10.0], [10.0, 30.0], [30.0, 10.0]])
    region = Cutout.of_array(ramp(), triangle).read()
    assert region.box == (10, 10, 31, 31)
    assert region.mask is not None
    assert region.mask[2, 2]
    assert not region.mask[18, 18]


def test_mask_on_a_coarser_grid_covers_the_same_part():
    outline = np.array([[-0.5, -0.5], [-0.5, 19.5], [39.5, 19.5], [39.5, -0.5]])
    fine = polygon_mask(outline, (0, 0, 40, 40), (40, 40))
    coarse = polygon_mask(outline, (0, 0, 40, 40), (10, 10))
    assert fine[:, :20].all()
    assert not fine[:, 20:].any()
    assert coarse[:, :5].all()
    assert not coarse[:, 5:].any()


def test_sixteen_bit_uses_its_own_range():
    raw = ramp(dtype=np.uint16) + 30_000
    unit = to_unit_range(raw)
    assert unit.min() == 0
    assert unit.max() == 1
    assert unit.std() > 0.2


def test_contrast_limits_are_what_the_user_sees():
    raw = np.array([[0.0, 50.0, 100.0, 200.0]])
    np.testing.assert_allclose(to_unit_range(raw, (50, 150)), [[0, 0, 0.5, 1]])
    np.testing.assert_allclose(to_unit_range(raw, (150, 50)), [[1, 1, 0.5, 0]])


def test_nan_becomes_black_and_the_rest_keeps_its_contrast():
    raw = np.linspace(0, 1, 400).reshape(20, 20)
    raw[3, 3] = np.nan
    raw[4, 4] = np.inf
    unit = to_unit_range(raw)
    assert unit[3, 3] == unit[4, 4] == 0
    assert unit.max() == 1


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nothing_finite_is_refused(value):
    with pytest.raises(RegionError, match="no finite value"):
        to_unit_range(np.full((10, 10), value))


def test_constant_is_refused():
    with pytest.raises(RegionError, match="same value"):
        to_unit_range(np.full((10, 10), 7, np.uint16))


@given(
    hnp.arrays(
        st.sampled_from([np.uint8, np.uint16, np.int32, np.float32, np.float64, np.bool_]),
        hnp.array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=20),
    )
)
def test_any_array_gives_brightness_or_a_sentence(raw):
    try:
        unit = to_unit_range(raw)
    except RegionError:
        assert not np.isfinite(raw).any() or len(np.unique(raw[np.isfinite(raw)])) == 1
        return
    assert unit.dtype == np.float32
    assert unit.shape == raw.shape
    assert np.isfinite(unit).all()
    assert unit.min() >= 0
    assert unit.max() <= 1


@given(st.lists(st.floats(-50, 150), min_size=4, max_size=4))
def test_clipped_box_lies_inside(box):
    try:
        y0, x0, y1, x1 = clip_box(box, (100, 80))
    except RegionError:
        return
    assert 0 <= y0 < y1 <= 100
    assert 0 <= x0 < x1 <= 80


def test_inverted_swaps_dark_and_bright():
    array = ramp()
    plain = Cutout(array, (slice(0, 20), slice(0, 20)), (0, 0, 20, 20)).read()
    inverted = Cutout(array, (slice(0, 20), slice(0, 20)), (0, 0, 20, 20), inverted=True).read()
    np.testing.assert_allclose(inverted.pixels, 1 - plain.pixels)


def test_transposed_display_gives_transposed_pixels():
    array = ramp()
    index = (slice(0, 10), slice(0, 20))
    region = Cutout(array, index, (0, 0, 20, 10), transpose=True).read()
    np.testing.assert_allclose(region.pixels, array[0:10, 0:20].T / 255, atol=1e-6)


def test_mask_of_labels_is_asked_for_the_grid_that_was_read():
    half = lambda shape: np.arange(shape[1]) < np.full((shape[0], 1), shape[1] // 2)  # noqa: E731
    index = (slice(0, 20), slice(0, 20))
    region = Cutout(ramp(), index, (0, 0, 20, 20), mask_of=half).read()
    assert region.mask is not None
    assert region.mask[:, :10].all()
    assert not region.mask[:, 10:].any()
    with pytest.raises(RegionError, match="encloses no pixel"):
        Cutout(ramp(), index, (0, 0, 20, 20), mask_of=lambda shape: np.zeros(shape, bool)).read()


def test_nothing_inside_the_outline_is_refused_whatever_lies_around_it():
    triangle = [(10, 5), (90, 60), (10, 60)]
    flat = np.zeros((100, 100))
    flat[:, :5] = np.arange(500).reshape(100, 5)
    with pytest.raises(RegionError, match="same value"):
        Cutout.of_array(flat[:, 2:], triangle).read()
    hollow = np.full((100, 100), np.nan)
    hollow[10:13, 5:8] = [[1, 2, 3]] * 3
    with pytest.raises(RegionError, match="no finite value"):
        Cutout.of_array(hollow, [(12, 60), (60, 5), (90, 90)]).read()


def test_contrast_limits_that_hide_all_are_named():
    index = (slice(0, 20), slice(0, 20))
    hidden = Cutout(ramp(), index, (0, 0, 20, 20), contrast_limits=(300.0, 400.0))
    with pytest.raises(RegionError, match="contrast limits hide"):
        hidden.read()


def test_a_mask_is_a_region():
    mask = np.zeros((40, 60), bool)
    mask[5:25, 10:40] = True
    mask[5, 10] = False
    region = Cutout.of_array(ramp(), mask).read()
    assert region.box == (5, 10, 25, 40)
    assert region.mask is not None
    assert not region.mask[0, 0]
    assert region.mask[1:].all()
    with pytest.raises(RegionError, match="encloses no pixel"):
        Cutout.of_array(ramp(), np.zeros((40, 60), bool))


@pytest.mark.parametrize(
    "region", [5, (1, 2, 3), "abcd", np.s_[1:2, 3:4], np.zeros((0, 2)), [(1, 1), (9, 9)], [None]]
)
def test_what_is_no_region_is_told_what_is_one(region):
    with pytest.raises(RegionError, match="four numbers"):
        Cutout.of_array(ramp(), region)


@pytest.mark.parametrize("kind", ["complex64", "M8[s]", "object", "U3"])
def test_pixels_are_real_numbers(kind):
    array = np.arange(400).reshape(20, 20).astype(kind)
    with pytest.raises(RegionError, match="not real numbers"):
        Cutout.of_array(array).read()
