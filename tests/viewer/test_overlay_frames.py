"""Maps of some frames as one array, and which regions share an overlay."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.layers import Image

from fakes import FakeModel
from napari_micrograph_vlm import ask
from napari_micrograph_vlm.errors import RegionError
from napari_micrograph_vlm.frames import of_stack, read_frames
from napari_micrograph_vlm.results import Question
from napari_micrograph_vlm.viewer.overlay_frames import FrameMaps, groups_of


def maps(numbers, axis):
    shape = [1, 1, 1, 1]
    kept = [i for i in range(4) if i != axis][-2:]
    shape[kept[0]], shape[kept[1]] = 4, 5
    rng = np.random.default_rng(0)
    return {number: rng.random(shape, np.float32) for number in numbers}


@given(
    st.lists(st.integers(0, 12), min_size=1, max_size=5, unique=True),
    st.sampled_from([0, 1]),
    st.lists(
        st.one_of(
            st.just(slice(None)), st.slices(4), st.just(0), st.just(Ellipsis), st.integers(-1, 0)
        ),
        max_size=4,
    ),
)
@settings(max_examples=60)
def test_it_is_indexed_like_the_dense_array(numbers, axis, index):
    if sum(one is Ellipsis for one in index) > 1:
        return
    given_maps = maps(numbers, axis)
    sparse = FrameMaps(given_maps, axis)
    dense = np.full(sparse.shape, np.nan, np.float32)
    for number, one in given_maps.items():
        place = [slice(None)] * 4
        place[axis] = slice(number - min(numbers), number - min(numbers) + 1)
        dense[tuple(place)] = one
    np.testing.assert_array_equal(np.asarray(sparse), dense)
    try:
        wanted = dense[tuple(index)]
    except IndexError:
        return
    np.testing.assert_array_equal(sparse[tuple(index)], wanted)


def test_many_slices_between_frames_take_no_memory():
    sparse = FrameMaps(maps([0, 1_000_000], 0), 0)
    assert sparse.shape == (1_000_001, 1, 4, 5)
    assert np.isnan(sparse[500_000]).all()
    assert np.isfinite(sparse[1_000_000]).all()
    with pytest.raises(IndexError):
        sparse[1_000_001]


def test_other_maps_of_the_same_frames_are_put_in():
    sparse, other = FrameMaps(maps([2, 4], 0), 0), FrameMaps(maps([2, 4], 0), 0)
    other.maps[0][:] = 7
    sparse[...] = other
    assert (sparse[0] == 7).all()
    with pytest.raises(ValueError, match="same frames"):
        sparse[...] = FrameMaps(maps([2, 5], 0), 0)


def test_regions_on_no_layer_share_no_overlay():
    stack = np.random.default_rng(0).integers(0, 255, (5, 20, 20), np.uint8)
    answer = FakeModel().ask(Question("?", tuple(read_frames(of_stack(stack, frames=[0, 3])))))
    assert [group.rows for group in groups_of(answer, "?")] == [(0,), (1,)]


def test_a_script_asks_about_frames_of_a_layer_that_share_an_overlay():
    stack = np.random.default_rng(0).integers(0, 255, (3, 9, 40, 50), np.uint8)
    layer = Image(stack, axis_labels=("z", "time", "y", "x"))
    answer = ask(layer, "?", (5, 5, 35, 45), FakeModel(), frames=3, axis="time")
    planes = [region.placement.plane for region in answer.regions]
    assert [plane[1] for plane in planes] == [0, 4, 8]
    assert len({plane[0] for plane in planes}) == 1  # the slice that is shown
    (group,) = groups_of(answer, "?")
    assert (group.rows, group.axis, group.place) == ((0, 1, 2), 1, "frames 0, 4, 8")
    with pytest.raises(RegionError, match="no frames along axis tilt; choose 0"):
        ask(layer, "?", None, FakeModel(), frames=3, axis="tilt")
    with pytest.raises(RegionError, match="choose one to look at"):
        ask(layer, "?", [(0, 0, 20, 20), (20, 20, 40, 40)], FakeModel(), frames=2)
