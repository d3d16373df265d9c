from __future__ import annotations

import pickle
from itertools import pairwise

import dask.array as da
import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_micrograph_vlm.errors import MicrographError, RegionError
from napari_micrograph_vlm.regions import Cutout
from napari_micrograph_vlm.runs.choosing import source_of
from napari_micrograph_vlm.runs.items import Item
from napari_micrograph_vlm.runs.sources import (
    ArraySource,
    CutoutSource,
    FolderSource,
    LabelsSource,
    StackSource,
    TiledSource,
    Tiles,
)
from napari_micrograph_vlm.runs.tiles import NOTHING_TO_SEE
from runs.making import noise


def read(source):
    return {item.key: source.read(item) for item in source.items()}


def test_boxes_and_outlines_are_cut_out_of_an_array():
    pixels = noise((60, 80))
    found = list(read(ArraySource(pixels, [(0, 0, 20, 30), (10, 40, 60, 100)])).values())
    assert [one.box for one in found] == [(0, 0, 20, 30), (10, 40, 60, 80)]
    np.testing.assert_allclose(found[0].pixels * 255, pixels[:20, :30], atol=0.01)
    triangle = [(5, 5), (40, 5), (5, 50)]
    (drawn,) = read(ArraySource(pixels, outlines=[triangle])).values()
    assert drawn.mask is not None
    assert 0.4 < drawn.mask.mean() < 0.6


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_slices_go_along_any_axis(axis):
    stack = noise((20, 24, 28))
    found = read(StackSource(stack, axis))
    assert len(found) == stack.shape[axis]
    for number, region in enumerate(found.values()):
        expected = np.take(stack, number, axis)
        np.testing.assert_allclose(region.pixels * 255, expected, atol=0.01)


@pytest.mark.parametrize("axis", [0, 1])
def test_slices_of_more_axes_and_of_colour(axis):
    stack = noise((3, 4, 20, 24, 3))
    source = StackSource(stack, axis)
    items = list(source.items())
    assert len(items) == 12
    region = source.read(items[5])
    assert items[5].plane == (1, 1)
    np.testing.assert_allclose(region.pixels * 255, stack[1, 1], atol=0.01)


def test_a_stack_that_is_three_columns_wide_has_no_colours():
    assert len(list(StackSource(noise((20, 24, 3)), 2).items())) == 3


@pytest.mark.parametrize("kind", ["tif", "packed.tif", "npy", "zarr"])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_stacks_of_files_are_read_slice_by_slice(tmp_path, kind, axis):
    stack, path = noise((9, 20, 24)), tmp_path / f"stack.{kind}"
    if kind == "npy":
        np.save(path, stack)
    elif kind == "zarr":
        zarr.save_array(path, stack)
    else:
        packing = "zlib" if "packed" in kind else None
        tifffile.imwrite(path, stack, photometric="minisblack", compression=packing)
    source = StackSource(path, axis)
    items = list(source.items())
    assert len(items) == stack.shape[axis]
    for number in (8, 3):
        expected = np.take(stack, number, axis)
        if axis:
            np.testing.assert_allclose(source.read(items[number]).pixels * 255, expected, atol=0.01)
        else:
            assert source.read(items[number]).shape == (20, 24)


@pytest.mark.parametrize("packing", [None, "zlib"])
@pytest.mark.parametrize("shape", [(3, 20, 24), (2, 3, 20, 24)])
def test_stacks_whose_white_is_0_are_turned_round(tmp_path, packing, shape):
    stack = noise(shape)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, stack, photometric="miniswhite", compression=packing)
    source, files = StackSource(path), FolderSource(path)
    for item, page in zip(source.items(), files.items(), strict=True):
        expected = 255 - stack[item.plane]
        np.testing.assert_allclose(source.read(item).pixels * 255, expected, atol=0.01)
        np.testing.assert_allclose(files.read(page).pixels * 255, expected, atol=0.01)


def test_slices_that_are_pages_know_their_pixel_size(tmp_path):
    path = tmp_path / "a.tif"
    metadata = {"unit": "um"}
    tifffile.imwrite(
        path, noise((9, 20, 24)), imagej=True, resolution=(100, 200), metadata=metadata
    )
    (known, *_), (unknown, *_) = (
        list(map(source.read, source.items()))
        for source in (StackSource(path), StackSource(path, 1))
    )
    assert (known.pixel_size, known.unit) == (pytest.approx((5, 10)), "nm")
    assert (unknown.pixel_size, unknown.unit) == (None, "pixel")


def test_a_packed_colour_picture_has_slices(tmp_path):
    pixels = noise((20, 24, 3))
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", compression="zlib")
    source = StackSource(tmp_path / "a.tif", 2)
    for number, item in enumerate(source.items()):
        np.testing.assert_allclose(source.read(item).pixels * 255, pixels[..., number], atol=0.01)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.tif", None, "There is no file"),
        ("a.tif", b"II*\0 broken", "is damaged or incomplete"),
        ("a.npy", b"broken", "holds no stack that can be read"),
    ],
)
def test_files_that_hold_no_stack_say_so(tmp_path, name, content, words):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(MicrographError, match=words):
        StackSource(tmp_path / name, 0)


def test_a_pickled_array_is_not_opened(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"evil": 1}], object), allow_pickle=True)
    with pytest.raises(MicrographError, match="holds no stack"):
        StackSource(tmp_path / "a.npy", 0)


def test_axes_that_are_not_there_are_said():
    with pytest.raises(MicrographError, match="no axis 3"):
        StackSource(noise((9, 20, 24)), 3)
    with pytest.raises(MicrographError, match="at least 3 axes"):
        StackSource(noise((20, 24)), 0)


@settings(deadline=None)
@given(
    height=st.integers(1, 500),
    width=st.integers(1, 500),
    side=st.integers(8, 200),
    share=st.floats(0, 0.5),
)
def test_tiles_cover_every_pixel_and_overlap_as_asked(height, width, side, share):
    overlap = int(side * share)
    tiles = Tiles(side, overlap)
    seen = np.zeros((height, width), int)
    boxes = list(tiles.boxes((height, width)))
    for y0, x0, y1, x1 in boxes:
        assert 0 <= y0 < y1 <= height
        assert 0 <= x0 < x1 <= width
        assert y1 - y0 == min(side, height)
        seen[y0:y1, x0:x1] += 1
    assert seen.min() >= 1
    assert len(boxes) == len(set(boxes)) == tiles.count((height, width))
    rows = sorted({box[0] for box in boxes})
    assert all(b - a <= side - overlap for a, b in pairwise(rows))


@pytest.mark.parametrize(("side", "overlap"), [(4, 0), (64, -1), (64, 33)])
def test_tiles_that_cannot_be_are_refused(side, overlap):
    with pytest.raises(MicrographError, match="pixels"):
        Tiles(side, overlap)


class Counted:
    """An array that is never whole in memory and remembers the largest piece that was read."""

    shape, ndim, dtype = (40_000, 50_000), 2, np.dtype(np.uint16)

    def __init__(self):
        self.largest = 0

    def __getitem__(self, index):
        y, x = (np.arange(n)[one] for n, one in zip(self.shape, index, strict=True))
        self.largest = max(self.largest, y.size * x.size)
        grey = 1000 + 30 * ((y[:, None] // 3 + x // 5) % 7)
        return np.where((y[:, None] < 2000) & (x < 3000), grey, 1000).astype(np.uint16)


def test_an_image_larger_than_memory_is_read_tile_by_tile():
    array = Counted()
    source = TiledSource(array, Tiles(1000, 100), name="wafer")
    items = list(source.items())
    assert len(items) == 45 * 56
    assert source.read(items[0]).shape == (1000, 1000)
    with pytest.raises(RegionError, match=NOTHING_TO_SEE):
        source.read(items[-1])
    assert array.largest == 1000 * 1000


@pytest.mark.parametrize("make", [da.from_array, zarr.array, np.asarray])
def test_lazy_arrays_give_the_same_tiles(make):
    pixels = noise((90, 100))
    found = read(TiledSource(make(pixels), Tiles(64, 8)))
    assert len(found) == 4
    np.testing.assert_allclose(
        found["array[26,36,90,100]"].pixels * 255, pixels[26:, 36:], atol=0.01
    )


def test_tiles_of_one_image_share_their_contrast():
    pixels = np.random.default_rng(0).normal(1000, 10, (200, 400)).astype(np.float32)
    pixels[:, 200:] += 500
    dark, bright = read(TiledSource(pixels, Tiles(200, 0))).values()
    assert dark.pixels.mean() < 0.1
    assert bright.pixels.mean() > 0.9


def test_a_small_thing_on_nothing_is_something():
    pixels = np.full((256, 512), 20, np.uint8)
    pixels[100:110, 300:312] = 200
    pixels[:64, :64] = noise((64, 64))
    keys = [key for key, one in outcomes(TiledSource(pixels, Tiles(256, 0))).items() if one]
    assert keys == ["array[0,0,256,256]", "array[0,256,256,512]"]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_speck_anywhere_is_something(dtype):
    pixels = np.zeros((1024, 2048), dtype)
    pixels[:64, :64] = noise((64, 64))
    pixels[515:523, 1541:1549] = 255
    if dtype == np.float32:
        pixels[700, 1500:1600] = np.nan
    assert all(outcomes(TiledSource(pixels, Tiles(1024, 0))).values())
    pixels[515:523, 1541:1549] = 0
    assert list(outcomes(TiledSource(pixels, Tiles(1024, 0))).values()) == [True, False]


def test_empty_tiles_can_be_kept():
    pixels = np.full((64, 128), 20, np.uint8)
    pixels[:, :64] = noise((64, 64))
    pixels[0, 127] = 21
    assert list(outcomes(TiledSource(pixels, Tiles(64, 0))).values()) == [True, False]
    kept = TiledSource(pixels, Tiles(64, 0, skip_empty=False))
    assert list(outcomes(kept).values()) == [True, True]


def outcomes(source):
    """Whether each item can be read."""
    found = {}
    for item in source.items():
        try:
            source.read(item)
            found[item.key] = True
        except RegionError:
            found[item.key] = False
    return found


def test_all_objects_of_a_labels_image_are_regions():
    pixels, labels = noise((80, 100)), np.zeros((80, 100), int)
    labels[10:30, 20:50] = 7
    labels[60:62, 90:93] = 2_000_000_000
    source = LabelsSource(pixels, labels, margin=5)
    first, second = source.items()
    assert (first.label, first.box) == (7, (5, 15, 35, 55))
    assert second.label == 2_000_000_000
    region = source.read(first)
    assert region.mask.sum() == 20 * 30
    assert region.mask[5:25, 5:35].all()
    assert min(source.read(second).shape) >= 8
    assert LabelsSource(pixels, labels, masked=False).read(first).mask is None


@given(st.lists(st.tuples(st.integers(0, 29), st.integers(0, 29)), min_size=1, max_size=6))
def test_an_object_anywhere_is_inside_its_box(points):
    labels = np.zeros((30, 30), np.uint8)
    for number, point in enumerate(points, start=1):
        labels[point] = number
    source = LabelsSource(noise((30, 30)), labels, margin=0)
    assert [item.label for item in source.items()] == sorted(set(labels[labels > 0].tolist()))
    for item in source.items():
        y0, x0, y1, x1 = item.box
        assert min(y1 - y0, x1 - x0) >= 8
        assert min(y0, x0) >= 0
        assert max(y1, x1) <= 30
        assert (labels[y0:y1, x0:x1] == item.label).sum() == (labels == item.label).sum()


def test_objects_of_a_stack_are_those_of_its_slices():
    labels = np.zeros((3, 40, 40), int)
    labels[1, 5:20, 5:20] = 4
    labels[2, 5:30, 5:20] = 4
    items = list(LabelsSource(noise((3, 40, 40)), labels).items())
    assert [(item.plane, item.label) for item in items] == [((1,), 4), ((2,), 4)]
    assert len({item.key for item in items}) == 2


def test_a_negative_label_is_an_object_and_0_is_none():
    labels = np.zeros((60, 60), int)
    labels[5:20, 5:20], labels[30:50, 30:50] = -1, 5
    source = LabelsSource(noise((60, 60)), labels, margin=0)
    assert [(one.label, one.box) for one in source.items()] == [
        (-1, (5, 5, 20, 20)),
        (5, (30, 30, 50, 50)),
    ]
    assert all(source.read(one).mask is None for one in source.items())  # all of its box


def test_labels_of_another_image_are_refused():
    with pytest.raises(MicrographError, match="labels of that image"):
        LabelsSource(noise((40, 40)), np.zeros((30, 40), int))
    with pytest.raises(MicrographError, match="whole numbers"):
        LabelsSource(noise((40, 40)), np.zeros((40, 40)))


def test_cutouts_are_read_as_they_were_made():
    pixels = noise((60, 60))
    cutouts = [
        (Item(f"shape {i}", "layer", shape_id=str(i)), Cutout.of_array(pixels, (0, 0, 20, 20 + i)))
        for i in range(3)
    ]
    source = CutoutSource("layer", cutouts)
    assert [one.shape for one in read(source).values()] == [(20, 20), (20, 21), (20, 22)]
    assert source.to_dict() == CutoutSource("layer", cutouts).to_dict()
    assert source.to_dict() != CutoutSource("layer", cutouts[:2]).to_dict()
    with pytest.raises(MicrographError, match="same key"):
        CutoutSource("layer", [cutouts[0], cutouts[0]])


def test_other_pixels_and_parts_are_another_source():
    made = [
        ArraySource(noise()),
        ArraySource(noise(seed=1)),
        ArraySource(noise(), name="b"),
        ArraySource(noise(), [(0, 0, 20, 20)]),
        ArraySource(noise(), [(0, 0, 20, 21)]),
        TiledSource(noise(), Tiles(16, 2)),
        LabelsSource(noise(), np.zeros((40, 48), int)),
        LabelsSource(noise(), np.ones((40, 48), int)),
    ]
    assert len({str(source.to_dict()) for source in made}) == len(made)
    assert ArraySource(noise()).to_dict() == ArraySource(noise()).to_dict()


def test_a_stack_of_a_file_goes_to_another_machine(tmp_path):
    np.save(tmp_path / "a.npy", noise((3, 40, 40)))
    source = StackSource(tmp_path / "a.npy", 1, tiles=Tiles(8, 0))
    sent = pickle.dumps(source)
    there = pickle.loads(sent)
    assert len(sent) < 2000
    assert list(there.items()) == list(source.items())
    assert there.to_dict() == source.to_dict()


def test_what_is_named_becomes_a_source(tmp_path):
    np.save(tmp_path / "a.npy", noise((3, 40, 40)))
    tifffile.imwrite(tmp_path / "a.tif", noise((3, 40, 40)), photometric="minisblack")
    plane = noise((40, 40))
    objects = np.pad(np.ones((20, 20), int), 10)
    assert len(list(source_of(tmp_path / "a.npy").items())) == 3
    assert len(list(source_of(tmp_path / "a.tif", axis=1).items())) == 40
    assert len(list(source_of(tmp_path / "a.tif", regions=[(0, 0, 9, 9)]).items())) == 1
    assert len(list(source_of(plane, tiles=Tiles(20, 0)).items())) == 4
    assert len(list(source_of(plane, objects=objects).items())) == 1
    assert len(list(source_of(plane, regions=[[(0, 0), (0, 20), (20, 20)]]).items())) == 1
    made = ArraySource(plane)
    assert source_of(made) is made
    with pytest.raises(MicrographError, match="Give one of"):
        source_of(plane, axis=0, objects=objects)
    with pytest.raises(MicrographError, match="cannot be gone through"):
        source_of(3)
    with pytest.raises(MicrographError, match="leave the rest out"):
        source_of(made, axis=0)
