import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_micrograph_vlm.models.views import describe_loss, prepare_views
from napari_micrograph_vlm.regions import Cutout, Region

RNG = np.random.default_rng(0)


def region(height, width, **kwargs):
    return Region(RNG.random((height, width)).astype(np.float32), (0, 0, height, width), **kwargs)


def test_small_region_is_one_view_of_the_longest_side():
    given_ = prepare_views(region(100, 100), side=384, token=32)
    assert [view.pixels.shape for view in given_.views] == [(384, 384, 3)]
    assert not given_.tiled
    assert not given_.could_tile


def test_proportions_are_kept_to_whole_tokens():
    given_ = prepare_views(region(100, 200), side=384, token=32)
    assert given_.views[0].pixels.shape == (192, 384, 3)


@pytest.mark.parametrize(("side", "tiles"), [(1100, 0), (1200, 16)])
def test_tiled_by_default_above_threefold(side, tiles):
    given_ = prepare_views(region(side, side), side=384, token=32)
    assert len(given_.views) == 1 + tiles


def test_user_can_tile_and_untile():
    assert prepare_views(region(800, 800), side=384, token=32, tiled=True).tiled
    assert not prepare_views(region(2000, 2000), side=384, token=32, tiled=False).tiled


@settings(max_examples=40, deadline=None)
@given(st.integers(8, 900), st.integers(8, 900), st.sampled_from([None, True, False]))
def test_tiles_cover_the_region_exactly_once(height, width, tiled):
    given_ = prepare_views(region(height, width), side=128, token=32, tiled=tiled)
    for view in given_.views:
        assert all(n % 32 == 0 and 32 <= n <= 128 for n in view.pixels.shape[:2])
    if given_.tiled:
        area = sum((v.box[2] - v.box[0]) * (v.box[3] - v.box[1]) for v in given_.views[1:])
        assert area == pytest.approx(1)


def test_a_bright_corner_stays_in_its_corner():
    pixels = np.zeros((1600, 1600), np.float32)
    pixels[-100:, :100] = 1
    corner = Region(pixels, (0, 0, 1600, 1600))
    given_ = prepare_views(corner, side=384, token=32)
    whole = given_.views[0].pixels[..., 0]
    assert whole[-10:, :10].mean() > 250
    assert whole[:10].mean() < 5
    bright = [view.box for view in given_.views[1:] if view.pixels.max() > 200]
    assert [(box[0], box[1]) for box in bright] == [(0.75, 0.0)]


def test_pixels_outside_the_outline_are_hidden():
    array = np.zeros((100, 100), np.uint8)
    array[:, 50:] = 255
    array[:50, :50] = 100
    outline = np.array([[0, 0], [0, 40], [99, 40], [99, 0]], float)
    drawn = Cutout.of_array(array, outline).read()
    seen = prepare_views(drawn, side=96, token=32).views[0].pixels
    assert seen.max() < 140  # the bright half was never inside


def test_loss_names_size_in_pixels_and_units():
    big = region(768, 768, pixel_size=(9.5, 9.5), unit="nm")
    text = describe_loss(big, prepare_views(big, side=384, token=32))
    assert text == "details below 38 nm, 4 pixels, are lost: tile?"
    small = region(200, 200)
    assert describe_loss(small, prepare_views(small, side=384, token=32)) == ""
    tiled = prepare_views(region(768, 768), side=384, token=32, tiled=True)
    assert describe_loss(big, tiled) == ""


def test_reduction_counts_full_resolution_pixels_of_a_pyramid():
    coarse = Region(RNG.random((384, 384)).astype(np.float32), (0, 0, 1536, 1536))
    assert prepare_views(coarse, side=384, token=32, tiled=False).reduction == 4
