"""One window of a stack in several of its frames."""

import weakref
from dataclasses import replace
from threading import Event

import numpy as np
import pytest

from napari_micrograph_vlm.errors import Cancelled, RegionError
from napari_micrograph_vlm.frames.cutouts import along_axis, of_stack, read_frames, reduced
from napari_micrograph_vlm.regions import Cutout, Region


class Counting:
    """An array that tells what is read of it."""

    def __init__(self, array):
        self.array, self.asked = array, []
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim

    def __getitem__(self, index):
        self.asked.append(index)
        return self.array[index]


def stack(shape=(9, 40, 50), kind=np.uint8):
    return np.random.default_rng(1).integers(0, 255, shape).astype(kind)


def test_only_the_window_of_the_chosen_frames_is_read():
    array = Counting(stack())
    regions = read_frames(of_stack(array, (5, 6, 25, 46), frames=[0, 8, 3], axis_name="t"))
    assert [index[0] for index in array.asked] == [0, 8, 3]
    assert [region.label for region in regions] == ["frame 0", "frame 8", "frame 3"]
    for region, frame in zip(regions, (0, 8, 3), strict=True):
        assert region.placement.plane == (frame,)
        assert region.placement.axes == (1, 2)
        assert region.box == (5, 6, 25, 46)
        np.testing.assert_allclose(region.pixels, array.array[frame, 5:25, 6:46] / 255, atol=1e-6)


def test_frames_lie_along_any_axis_and_may_have_colours():
    array = stack((4, 5, 40, 50, 3))
    regions = read_frames(of_stack(array, axis=1, frames=[1, 4]))
    assert [region.placement.plane for region in regions] == [(0, 1), (0, 4)]
    np.testing.assert_allclose(regions[1].pixels, array[0, 4] / 255, atol=1e-6)


def test_all_frames_have_one_contrast():
    array = stack(kind=np.float32)
    array[5] *= 100
    dim, bright = read_frames(of_stack(array, frames=[0, 5]))
    assert bright.pixels.mean() > 10 * dim.pixels.mean()


def test_a_large_frame_is_reduced_by_a_whole_number():
    (region,) = read_frames(of_stack(stack((2, 101, 203)), frames=[1]), longest=60)
    assert region.pixels.shape == (25, 50)
    assert region.box == (0, 0, 100, 200)


def test_an_outline_is_kept_when_a_frame_is_reduced():
    pixels = stack((60, 60)).astype(np.float32) / 255
    mask = np.zeros((60, 60), bool)
    mask[10:31, 20:50] = True
    small = reduced(Region(pixels, (0, 0, 120, 120), mask), 2)
    assert small.box == (0, 0, 120, 120)
    assert small.mask.sum() == pytest.approx(mask.sum() / 4, rel=0.1)
    np.testing.assert_allclose(small.pixels[3, 4], pixels[6:8, 8:10].mean(), rtol=1e-5)


def test_a_blank_frame_is_named():
    array = stack()
    array[3] = 7
    with pytest.raises(RegionError, match="In slice 3: every pixel"):
        read_frames(of_stack(array, frames=[0, 3]))


def test_reading_can_be_stopped():
    stop = Event()
    with pytest.raises(Cancelled):
        read_frames(of_stack(stack(), frames=[0, 3]), cancel=stop, on_frame=lambda _: stop.set())


def test_a_picture_is_no_stack():
    with pytest.raises(RegionError, match="ask without frames"):
        of_stack(stack((40, 50)), frames=[0])
    with pytest.raises(RegionError, match="no axis 3"):
        of_stack(stack(), axis=3, frames=[0])
    plain = Cutout.of_array(stack((40, 50)))
    with pytest.raises(RegionError, match="no frames along this axis"):
        along_axis(plain, 0, [0])
    with pytest.raises(RegionError, match="no frames along this axis"):
        along_axis(of_stack(stack(), frames=[0])[0], 1, [0])


def test_a_level_of_a_pyramid_may_have_fewer_frames():
    first = of_stack(stack((8, 40, 50)), frames=[0])[0]
    small = replace(first, array=stack((4, 40, 50)))
    assert [one.index[0] for one in along_axis(small, 0, [0, 2, 7])] == [0, 1, 3]


def test_a_frame_that_is_not_there_is_told():
    first = of_stack(stack(), frames=[0])[0]
    for frame in (9, -1):
        with pytest.raises(RegionError, match=f"no frame {frame}; the stack has frames 0 to 8"):
            along_axis(first, 0, [frame])


@pytest.mark.parametrize("transpose", [False, True])
def test_large_frames_are_made_small_before_the_next_is_read(transpose):
    kept, alive = [], []

    class Watched(Counting):
        def __getitem__(self, index):
            found = self.array[index].copy()
            kept.append(weakref.ref(found))
            alive.append(sum(one() is not None for one in kept))
            return found

    array = Watched(stack((3, 101, 203), np.float32))
    array.array[0, 0, :2] = np.nan, np.inf
    cutouts = of_stack(array, frames=[0, 1, 2])
    if transpose:
        cutouts = [replace(one, transpose=True, box=(0, 0, 203, 101)) for one in cutouts]
    regions = read_frames(cutouts, longest=60)
    assert max(alive) == 1
    assert regions[1].box == ((0, 0, 200, 100) if transpose else (0, 0, 100, 200))
    first = regions[0].pixels.T if transpose else regions[0].pixels
    means = array.array[0, :100, :200].reshape(25, 4, 50, 4)
    means = np.nanmean(np.where(np.isfinite(means), means, np.nan), (1, 3))
    low, high = np.percentile(array.array[np.isfinite(array.array)], (0.2, 99.8))
    np.testing.assert_allclose(first, np.clip((means - low) / (high - low), 0, 1), atol=0.01)
