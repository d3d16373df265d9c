"""What is read of a large array: the right level, every pixel in its place, little memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_micrograph_vlm import windows
from napari_micrograph_vlm.errors import SourceError
from napari_micrograph_vlm.regions import Cutout
from napari_micrograph_vlm.windows import level_factors, level_window, read_averaged

RANDOM = np.random.default_rng(0)


class Endless:
    """An array of any size that is worked out where it is looked at, and counts what it gave."""

    ndim = 2

    def __init__(self, side, dtype=np.uint8):
        self.shape, self.dtype, self.values = (side, side), np.dtype(dtype), 0

    def __getitem__(self, index):
        rows, columns = (np.arange(n)[part] for n, part in zip(self.shape, index, strict=True))
        self.values += len(rows) * len(columns)
        return ((rows[:, None] // 7 + columns // 5) % 251).astype(self.dtype)


def test_a_small_region_of_a_huge_array_is_read_as_it_is():
    array = Endless(100_000)
    region = Cutout.of_array(array, (70_000, 20_000, 70_900, 20_800)).read()
    assert region.pixels.shape == (900, 800)
    assert array.values == 900 * 800


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_all_of_a_huge_array_is_sampled(dtype):
    array = Endless(100_000, dtype)
    cutout = Cutout.of_array(array)
    tracemalloc.start()
    region = cutout.read()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert array.values < 8192**2
    # The memory of the samples, of the pixels and of what lies between; not of 10^10 pixels.
    assert peak < 450e6
    height, width = region.shape
    assert height > 99_900
    assert height % region.pixels.shape[0] == width % region.pixels.shape[1] == 0


def test_of_a_pyramid_the_level_that_is_fine_enough_is_read():
    levels = [Endless(100_000 // 2**i) for i in range(8)]
    whole = Cutout.of_array(levels[0], levels=levels[1:])
    assert whole.array is levels[6]
    assert Cutout.of_array(levels[0], (0, 0, 1500, 900), levels=levels[1:]).array is levels[0]
    part = Cutout.of_array(levels[0], (0, 0, 12_288, 12_288), levels=levels[1:])
    assert part.array is levels[3]
    assert part.read().pixels.shape == (1536, 1536)
    assert part.box == (0, 0, 12_288, 12_288)


def test_a_mask_is_read_on_the_grid_of_the_level():
    side = 4096
    array = RANDOM.integers(0, 255, (side, side)).astype(np.uint8)
    mask = np.zeros((side, side), bool)
    mask[: side // 2] = True
    mask[-1, 0] = True
    region = Cutout.of_array(array, mask, levels=[array[::2, ::2]]).read()
    assert region.pixels.shape == region.mask.shape == (2048, 2048)
    assert region.mask[:1024].all()
    assert not region.mask[1024:-1].any()


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(1, 5000), st.integers(1, 5000)),
    st.data(),
    st.integers(1, 4),
    st.integers(1, 3),
)
def test_the_box_holds_whole_samples_and_nearly_the_window(shape, data, levels, channels):
    y0, x0 = (data.draw(st.integers(0, n - 1)) for n in shape)
    y1, x1 = data.draw(st.integers(y0 + 1, shape[0])), data.draw(st.integers(x0 + 1, shape[1]))
    shapes = [tuple(-(-n // 2**i) for n in shape) for i in range(levels)]
    factors = level_factors(shapes)
    found = level_window(
        shapes, factors, (y0, x0, y1, x1), longest=300, most=500, channels=channels
    )
    size = shapes[found.level]
    for side in (0, 1):
        part, each = found.slices[side], found.average[side]
        count = len(range(*part.indices(size[side])))
        assert count > 0
        assert count % each == 0
        low, high = found.box[side], found.box[side + 2]
        step = factors[found.level, side]
        assert 0 <= low < high <= shape[side] + 1
        # Outwards to whole pixels of the level; the rest of a stride is left out at the end.
        assert low <= (y0, x0)[side] + 1 + step
        assert high >= (y1, x1)[side] - step * ((part.step or 1) * each + 1)


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(1, 200_000), st.integers(1, 200_000)),
    st.integers(1, 4),
    st.sampled_from([1, 3]),
)
def test_both_axes_are_reduced_alike_and_little_is_read(shape, levels, channels):
    shapes = [tuple(-(-n // 2**i) for n in shape) for i in range(levels)]
    found = level_window(shapes, level_factors(shapes), (0, 0, *shape), channels=channels)
    size = shapes[found.level]
    parts = [
        (part.step or 1, each, len(range(*part.indices(n))))
        for part, each, n in zip(found.slices, found.average, size, strict=True)
    ]
    assert all(count <= 2 * windows.MOST_PIXELS for _, _, count in parts)
    left = [count // each for _, each, count in parts]
    assert left[0] * left[1] * channels <= windows.MOST_VALUES
    if min(left) > 2 * windows.FEWEST:
        assert parts[0][:2] == parts[1][:2]
    for stride, each, n in zip(*list(zip(*parts, strict=True))[:2], size, strict=True):
        # A narrow strip stays wide enough to be seen.
        assert n // (stride * each) >= min(windows.FEWEST, n)


def test_a_large_square_keeps_square_pixels():
    region = Cutout.of_array(Endless(5000), pixel_size=(2.0, 2.0), unit="nm").read()
    assert region.box == (0, 0, 5000, 5000)
    assert region.pixels.shape == (2500, 2500)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.float64, bool])
@pytest.mark.parametrize("average", [(1, 1), (2, 3), (4, 2)])
def test_averages_are_those_of_the_whole(monkeypatch, dtype, average):
    monkeypatch.setattr(windows, "BAND_BYTES", 300)
    array = (RANDOM.random((48, 60)) * 200).astype(dtype)
    found = read_averaged(array, (slice(4, 40), slice(3, 57)), average)
    assert found.dtype == dtype
    blocks = array[4:40, 3:57].reshape(36 // average[0], average[0], 54 // average[1], average[1])
    if dtype is bool:
        np.testing.assert_array_equal(found, blocks[:, average[0] // 2, :, average[1] // 2])
    else:
        tolerance = 0.51 if np.dtype(dtype).kind in "iu" else 1e-4
        np.testing.assert_allclose(found, blocks.mean(axis=(1, 3)), atol=tolerance)


def test_an_array_that_cannot_be_read_says_so_in_one_sentence():
    class Broken(Endless):
        def __getitem__(self, index):
            raise OSError("the disk\nis gone")

    with pytest.raises(SourceError, match="of wafer cannot be read: the disk is gone"):
        Cutout.of_array(Broken(100), source="wafer").read()


def test_too_little_memory_says_so_in_one_sentence():
    class Greedy(Endless):
        def __getitem__(self, index):
            raise MemoryError

    with pytest.raises(SourceError, match="not enough memory"):
        Cutout.of_array(Greedy(100)).read()
