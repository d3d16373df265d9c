"""Frames of arrays and files, as a script asks about them."""

import numpy as np
import pytest
import tifffile

from fakes import FakeModel
from napari_micrograph_vlm import ask
from napari_micrograph_vlm.errors import MicrographError, RegionError, SourceError
from napari_micrograph_vlm.frames.sources import axis_of, cutouts_of_array

STACK = np.random.default_rng(2).integers(0, 255, (10, 40, 50), np.uint8)


def planes(answer):
    return [region.placement.plane for region in answer.regions]


def test_a_script_asks_about_frames_of_an_array():
    model = FakeModel()
    answer = ask(STACK, "Does it grow?", (4, 5, 30, 45), model, frames=3)
    assert planes(answer) == [(0,), (5,), (9,)]
    assert [one.box for one in answer.regions] == [(4, 5, 30, 45)] * 3
    assert [one["label"] for one in answer.to_dict()["regions"]] == [
        "slice 0",
        "slice 5",
        "slice 9",
    ]
    again = ask(answer.regions, "Are you sure?", model=model)
    assert len(again.regions) == len(again.attention) == 3


def test_a_script_asks_about_pages_of_a_file(tmp_path):
    path = tmp_path / "heating.tif"
    tifffile.imwrite(path, STACK, photometric="minisblack")
    answer = ask(path, "What changes?", None, FakeModel(), frames="2, 7-8")
    assert planes(answer) == [(2,), (7,), (8,)]
    np.testing.assert_allclose(answer.regions[1].pixels, STACK[7] / 255, atol=1e-6)
    tifffile.imwrite(path, STACK[0], photometric="minisblack")
    with pytest.raises(SourceError, match="no frames"):
        ask(path, "What changes?", None, FakeModel(), frames=2)


def test_an_axis_is_named_or_numbered():
    assert axis_of("Time", ("z", "time")) == 1
    assert axis_of(None) == 0
    with pytest.raises(RegionError, match="There is no axis “t”; the axes of frames are “z”"):
        axis_of("t", ("z",))
    with pytest.raises(RegionError, match="has no axis 7"):
        cutouts_of_array(STACK, None, 3, 7)


def test_an_axis_is_counted_from_the_last_before_rows_and_columns():
    answer = ask(STACK, "Does it grow?", None, FakeModel(), frames=3, axis=-1)
    assert planes(answer) == [(0,), (5,), (9,)]
    with pytest.raises(RegionError, match="no axis -2 of frames; choose 0 to 0"):
        cutouts_of_array(STACK, None, 3, -2)


def test_the_information_bar_of_the_first_frame_is_left_out_of_all():
    from napari_micrograph_vlm.readers.picture_area import PictureArea

    looked = []

    def area_of(plane):
        looked.append(np.asarray(plane[:]))
        return PictureArea((0, 0, 32, 50), (40, 50))

    cutouts = cutouts_of_array(STACK, None, [3, 4], area_of=area_of)
    (first,) = looked
    np.testing.assert_array_equal(first, STACK[3])
    assert [one.box for one in cutouts] == [(0, 0, 32, 50)] * 2


@pytest.mark.parametrize("source", [STACK[0], FakeModel(), "nowhere.tif"])
def test_what_has_no_frames_is_told(source):
    with pytest.raises(MicrographError):
        ask(source, "What?", None, FakeModel(), frames=2)
