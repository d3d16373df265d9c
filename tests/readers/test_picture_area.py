"""The picture beside its information bar."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from barred import BAR, barred
from napari_micrograph_vlm.errors import RegionError
from napari_micrograph_vlm.planning import plan_of
from napari_micrograph_vlm.readers.bar import BarReading
from napari_micrograph_vlm.readers.picture_area import InBarError, PictureArea, find_area
from napari_micrograph_vlm.readers.scale_proposal import per_pixel, propose
from napari_micrograph_vlm.regions import Cutout
from napari_micrograph_vlm.windows import level_factors, level_window

HEIGHT, WIDTH = 160, 240
TOP = HEIGHT - BAR


@pytest.fixture(scope="module")
def picture():
    return barred((HEIGHT, WIDTH))


@pytest.fixture
def area():
    return PictureArea((0, 0, TOP, WIDTH), (HEIGHT, WIDTH))


class Counted:
    """An array that notes which rows are read."""

    def __init__(self, array):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype
        self.rows = np.zeros(len(array), bool)

    def __getitem__(self, index):
        self.rows[index[0] if isinstance(index, tuple) else index] = True
        return self.array[index]


def test_the_bar_is_found_below_above_and_in_colour(picture):
    assert find_area(picture).box == (0, 0, TOP, WIDTH)
    assert find_area(picture[::-1]).box == (BAR, 0, HEIGHT, WIDTH)
    assert find_area(np.stack([picture] * 3, axis=-1)).box == (0, 0, TOP, WIDTH)
    assert find_area(picture[:TOP]) is None


def test_the_middle_of_the_picture_is_not_read_to_find_it(picture):
    counted = Counted(picture)
    assert find_area(counted) is not None
    assert not counted.rows[HEIGHT // 3 : HEIGHT // 2].any()


def test_rows_that_cannot_be_read_leave_the_picture_alone(picture):
    class Broken(Counted):
        def __getitem__(self, index):
            raise OSError("gone")

    assert find_area(Broken(picture)) is None
    assert find_area(picture.astype(complex)) is None


def test_the_side_of_a_mosaic_is_never_read():
    huge = Counted(np.broadcast_to(np.uint8(0), (20_000, 20_000)))
    assert find_area(huge) is None
    assert not huge.rows.any()


def test_what_is_bar_and_what_is_picture_make_up_the_window(area):
    assert area.clip((100, 10, HEIGHT, 50)) == (100, 10, TOP, 50)
    assert area.strip((100, 10, HEIGHT, 50)) == (TOP, 10, HEIGHT, 50)
    assert area.strip((10, 10, 50, 50)) is None
    turned = area.transposed()
    assert turned.clip((10, 100, 50, HEIGHT)) == (10, 100, 50, TOP)
    assert turned.strip((10, 100, 50, HEIGHT)) == (10, TOP, 50, HEIGHT)


@pytest.mark.parametrize("top", [TOP, TOP - 7])
def test_a_window_with_next_to_no_picture_is_refused(area, top):
    with pytest.raises(InBarError, match="inside the information bar"):
        area.clip((top, 0, HEIGHT, WIDTH))


def test_a_region_is_read_without_the_bar_at_full_resolution(picture, area):
    region = Cutout.of_array(picture, (90, 20, HEIGHT, 80), area=area).read()
    assert region.box == (90, 20, TOP, 80)
    assert region.left_out == (TOP, 20, HEIGHT, 80)
    np.testing.assert_allclose(region.pixels * 255, picture[90:TOP, 20:80], atol=0.01)


def test_masks_and_outlines_keep_their_places(picture, area):
    mask = np.zeros(picture.shape, bool)
    mask[100:150, 30:60] = mask[100:110, 60:90] = True
    region = Cutout.of_array(picture, mask, area=area).read()
    assert region.box == (100, 30, TOP, 90)
    np.testing.assert_array_equal(region.mask, mask[100:TOP, 30:90])
    outline = np.array([[80, 20], [150, 60], [80, 100]], float)
    with_bar = Cutout.of_array(picture, outline).read()
    without = Cutout.of_array(picture, outline, area=area).read()
    np.testing.assert_array_equal(without.mask, with_bar.mask[: TOP - 80])


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 5),
    st.integers(2, 9),
    st.integers(0, 60),
    st.integers(80, 160),
    st.integers(0, 40),
    st.integers(110, 160),
)
def test_no_level_of_a_pyramid_reaches_into_the_bar(levels, longest, y0, y1, top, bottom):
    shapes = [(160 // 2**i, 200 // 2**i) for i in range(levels)]
    window = (max(y0, top), 0, min(y1, bottom), 200)
    if window[2] - window[0] < 32:  # the coarsest level has one pixel there
        return
    found = level_window(
        shapes, level_factors(shapes), window, longest=longest, within=(top, 0, bottom, 200)
    )
    assert found.box[0] >= top
    assert found.box[2] <= bottom
    assert found.box[2] > found.box[0]


def test_a_file_is_asked_about_without_its_bar(picture, tmp_path):
    path = tmp_path / "one.png"
    Image.fromarray(picture).save(path)
    for source in (path, picture):
        (region,) = plan_of(source)()
        assert region.box == (0, 0, TOP, WIDTH)
        (region,) = plan_of(source, include_bar=True)()
        assert region.box == (0, 0, HEIGHT, WIDTH)
        with pytest.raises(RegionError, match="information bar"):
            plan_of(source, (TOP + 2, 0, HEIGHT, 50))()


def test_a_reading_becomes_a_proposal_that_can_be_mended():
    read = BarReading(length_px=37, length_error_px=1, length_nm=20, pixel_size_error=1 / 37)
    proposal = propose(read, 1024)
    assert proposal.pixel_size_nm == pytest.approx(0.543, rel=0.05)
    assert proposal.with_length(20, "µm").pixel_size_nm == pytest.approx(540.5, rel=1e-3)
    assert per_pixel(proposal.pixel_size_nm) == "0.541 nm per pixel"
    nameless = propose(BarReading(length_px=37, length_error_px=1), 1024)
    assert nameless.pixel_size_nm is None
    assert nameless.error == pytest.approx(1 / 37)


def test_the_width_of_the_image_serves_where_no_bar_was_measured():
    proposal = propose(BarReading(field_width_nm=2_000, pixel_size_error=0.02), 1000)
    assert (proposal.what, proposal.length, proposal.unit) == ("Image width", 2, "µm")
    assert proposal.pixel_size_nm == pytest.approx(2)
    assert propose(BarReading(), 1000) is None
    assert propose(BarReading(length_px=float("nan")), 1000) is None
