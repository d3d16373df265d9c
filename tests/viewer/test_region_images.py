"""Every kind of image gives the pixels that the user sees, and only those are computed."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_micrograph_vlm.viewer import region_window
from napari_micrograph_vlm.viewer.geometry import RegionChoice, plan_regions

RANDOM = np.random.default_rng(0)
SQUARE = np.array([[10, 20], [10, 39], [29, 39], [29, 20]], float)


@pytest.fixture
def viewer():
    return ViewerModel()


def whole(viewer, image, **options):
    (cutout,) = plan_regions(viewer, image, RegionChoice.WHOLE_LAYER, **options)()
    return cutout


def square(viewer, image, factor=1, **options):
    drawn = viewer.add_shapes((SQUARE + 0.5) * factor - 0.5)
    (cutout,) = plan_regions(viewer, image, RegionChoice.EVERY_SHAPE, drawn=drawn, **options)()
    return cutout


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int32, np.float32, np.float64])
def test_contrast_limits_are_followed(viewer, kind):
    pixels = (RANDOM.random((60, 80)) * 200).astype(kind)
    image = viewer.add_image(pixels, contrast_limits=(50, 150))
    region = square(viewer, image).read()
    seen = np.clip((pixels[10:30, 20:40].astype(float) - 50) / 100, 0, 1)
    np.testing.assert_allclose(region.pixels, seen, atol=1e-5)


def test_inverted_colormap_and_gamma_are_followed(viewer):
    pixels = RANDOM.random((60, 80))
    image = viewer.add_image(pixels, contrast_limits=(0, 1), colormap="gray_r", gamma=0.5)
    region = square(viewer, image).read()
    seen = image.colormap.map(pixels[10:30, 20:40].ravel() ** 0.5)[:, 0].reshape(20, 20)
    np.testing.assert_allclose(region.pixels, seen, atol=0.01)


@pytest.mark.parametrize(
    ("name", "inverted"),
    [("gray", False), ("viridis", False), ("green", False), ("gray_r", True), ("HiLo", False)],
)
def test_only_a_darkening_colormap_inverts(viewer, name, inverted):
    image = viewer.add_image(RANDOM.random((60, 80)), colormap=name)
    assert whole(viewer, image).inverted is inverted


def test_nan_becomes_black(viewer):
    pixels = RANDOM.random((60, 80)) + 1
    pixels[15, 25] = np.nan
    region = square(viewer, viewer.add_image(pixels, contrast_limits=(1, 2))).read()
    assert region.pixels[5, 5] == 0


@pytest.mark.parametrize(
    ("kind", "top", "channels"),
    [(np.uint8, 255, 3), (np.uint8, 255, 4), (np.uint16, 65535, 3), (np.float32, 1, 3)],
)
def test_colour(viewer, kind, top, channels):
    pixels = (RANDOM.random((60, 80, channels)) * 0.5 * top).astype(kind)
    region = square(viewer, viewer.add_image(pixels, rgb=True)).read()
    assert region.is_rgb
    np.testing.assert_allclose(region.pixels, pixels[10:30, 20:40, :3] / top, atol=1e-4)


def test_colour_stack_in_swapped_order(viewer):
    pixels = RANDOM.integers(0, 255, (4, 60, 80, 3)).astype(np.uint8)
    image = viewer.add_image(pixels, rgb=True)
    viewer.dims.order = (0, 2, 1)
    viewer.dims.set_point(0, 1)
    cutout = whole(viewer, image)
    assert cutout.box == (0, 0, 80, 60)
    region = cutout.read()
    seen = pixels[1].swapaxes(0, 1)
    np.testing.assert_allclose(region.pixels * 255, seen, atol=1)


# ---------------------------------------------------------------- pyramids and large arrays


def pyramid(shape=(2048, 1024), levels=4):
    base = RANDOM.integers(1, 255, shape).astype(np.uint8)
    return [base[:: 2**i, :: 2**i] for i in range(levels)]


def test_coarsest_level_that_is_fine_enough_is_read(viewer):
    levels = pyramid()
    image = viewer.add_image(levels)
    assert whole(viewer, image, longest=1024).array is levels[1]
    assert whole(viewer, image, longest=1025).array is levels[0]
    assert whole(viewer, image, longest=10).array is levels[3]
    coarse = whole(viewer, image, longest=256)
    assert coarse.box == (0, 0, 2048, 1024)
    assert coarse.read().pixels.shape == (256, 128)


def test_window_on_a_level_grows_to_whole_level_pixels(viewer):
    image = viewer.add_image(pyramid())
    drawn = viewer.add_shapes(np.array([[101, 203], [101, 899], [903, 899], [903, 203]]))
    (cutout,) = plan_regions(viewer, image, RegionChoice.EVERY_SHAPE, drawn=drawn, longest=200)()
    assert cutout.index == (slice(25, 226), slice(50, 225))
    assert cutout.box == (100, 200, 904, 900)
    region = cutout.read()
    assert region.shape == (804, 700)
    assert (region.shape[0] % region.pixels.shape[0], region.shape[1] % region.pixels.shape[1]) == (
        0,
        0,
    )


def test_small_region_is_read_at_full_resolution(viewer):
    levels = pyramid()
    cutout = square(viewer, viewer.add_image(levels))
    assert cutout.array is levels[0]
    assert cutout.box == (10, 20, 30, 40)


def test_level_factors_need_not_be_whole_numbers(viewer):
    levels = [RANDOM.random((1001, 751)), RANDOM.random((500, 375))]
    image = viewer.add_image(levels)
    cutout = whole(viewer, image, longest=400)
    assert cutout.array is levels[1]
    assert cutout.box == (0, 0, 1001, 751)
    drawn = viewer.add_shapes(np.array([[500, 300], [500, 700], [990, 700], [990, 300]]))
    (cutout,) = plan_regions(viewer, image, RegionChoice.EVERY_SHAPE, drawn=drawn, longest=200)()
    factor = np.array([1001 / 500, 751 / 375])
    start = np.array([part.start for part in cutout.index]) * factor
    stop = np.array([part.stop for part in cutout.index]) * factor
    np.testing.assert_allclose(cutout.box, [*start, *stop], atol=0.5)


def test_pyramid_with_a_shrinking_stack_axis(viewer):
    levels = [RANDOM.random((8, 400, 400)), RANDOM.random((4, 200, 200))]
    image = viewer.add_image(levels)
    viewer.dims.set_point(0, 7)
    cutout = whole(viewer, image, longest=100)
    assert cutout.array is levels[1]
    assert cutout.index[0] == 3
    assert cutout.placement.plane == (7,)


class Counting:
    """Stands for a huge array and notes what is asked of it."""

    def __init__(self, shape):
        self.shape, self.ndim, self.dtype = shape, len(shape), np.dtype(np.uint8)
        self.asked = []

    def __getitem__(self, index):
        self.asked.append(index)
        size = [len(range(*i.indices(n))) for i, n in zip(index, self.shape, strict=True)]
        return RANDOM.integers(0, 255, size).astype(np.uint8)


def test_large_array_is_read_with_a_stride(viewer, monkeypatch):
    monkeypatch.setattr(region_window, "MOST_PIXELS", 40)
    image = viewer.add_image(Counting((503, 301)), contrast_limits=(0, 255), multiscale=False)
    image.data.asked.clear()
    cutout = whole(viewer, image, include_bar=True)
    assert image.data.asked == []
    # As coarse along both sides, but for 32 samples that a narrow one keeps.
    assert cutout.box == (0, 0, 492, 297)
    assert cutout.index == (slice(6, 492, 12), slice(4, 297, 9))
    region = cutout.read()
    assert region.pixels.shape == (41, 33)
    assert len(image.data.asked) == 1


def test_long_thin_region_keeps_its_short_side(viewer):
    image = viewer.add_image(Counting((20, 10_000)), contrast_limits=(0, 255), multiscale=False)
    assert whole(viewer, image).read().pixels.shape == (20, 5000)


# ---------------------------------------------------------------- lazy arrays


def test_dask_computes_only_the_chunks_of_the_window(viewer):
    da = pytest.importorskip("dask.array")
    seen = []

    def block(block_info=None):
        seen.append(block_info[None]["chunk-location"])
        shape = block_info[None]["chunk-shape"]
        return RANDOM.integers(0, 255, shape).astype(np.uint8)

    array = da.map_blocks(block, chunks=((1,) * 8, (64,) * 8, (64,) * 8), dtype=np.uint8)
    image = viewer.add_image(array, contrast_limits=(0, 255), cache=False)
    viewer.dims.set_point(0, 5)
    seen.clear()
    cutout = square(viewer, image, 3, include_bar=True)
    assert seen == []
    region = cutout.read()
    assert region.pixels.shape == (58, 58)
    assert {location[0] for location in seen} == {5}
    assert len(seen) <= 4


def test_zarr_reads_only_the_chunks_of_the_window(viewer):
    zarr = pytest.importorskip("zarr")
    array = zarr.create_array(
        zarr.storage.MemoryStore(), shape=(4, 512, 512), chunks=(1, 64, 64), dtype="uint8"
    )
    array[2] = RANDOM.integers(0, 255, (512, 512)).astype(np.uint8)
    image = viewer.add_image(array, contrast_limits=(0, 255))
    viewer.dims.set_point(0, 2)
    cutout = square(viewer, image)
    assert cutout.array is array
    np.testing.assert_allclose(cutout.read().pixels * 255, array[2, 10:30, 20:40], atol=1)


# ---------------------------------------------------------------- pixel size


@pytest.mark.parametrize(
    ("place", "size", "unit"),
    [
        ({"scale": (2, 3), "units": ("nm", "nm")}, (2, 3), "nm"),
        ({"scale": (2, 3), "units": ("um", "um")}, (2, 3), "µm"),
        ({"scale": (2, 3), "units": ("um", "nm")}, (2, 0.003), "µm"),
        ({"scale": (-2, 3), "units": ("nm", "nm"), "rotate": 30}, (2, 3), "nm"),
        ({"scale": (2, 3), "units": ("nm", "nm"), "affine": np.diag([2, 5, 1])}, (4, 15), "nm"),
        ({"scale": (2, 3)}, None, "pixel"),
    ],
)
def test_pixel_size(viewer, place, size, unit):
    image = viewer.add_image(RANDOM.random((60, 80)), **place)
    cutout = whole(viewer, image)
    assert cutout.unit == unit
    assert cutout.pixel_size == (size if size is None else pytest.approx(size))


def test_pixel_size_is_along_the_displayed_axes(viewer):
    image = viewer.add_image(RANDOM.random((9, 60, 80)), scale=(50, 2, 3), units=("nm", "nm", "nm"))
    viewer.dims.order = (1, 2, 0)
    cutout = whole(viewer, image)
    assert cutout.pixel_size == pytest.approx((3, 50))
