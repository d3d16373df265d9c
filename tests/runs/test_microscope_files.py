"""Runs and questions about files of microscopes: every plane once, with scale and instrument."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import tifffile

from napari_micrograph_vlm.api import plan_of
from napari_micrograph_vlm.errors import SourceError
from napari_micrograph_vlm.finding.fields import fields_of
from napari_micrograph_vlm.readers.pages import PagesOfFile
from napari_micrograph_vlm.readers.peek import like_first
from napari_micrograph_vlm.runs.choosing import source_of
from napari_micrograph_vlm.runs.folder_source import FolderSource
from napari_micrograph_vlm.runs.stack_source import StackSource
from napari_micrograph_vlm.runs.tiles import Tiles
from readers.making_files import (
    DM_TAGS,
    dm_image,
    write_dm,
    write_emi,
    write_mrc,
    write_ser,
    write_velox,
)

pytest.importorskip("rsciio", reason="needs the extra readers")

GREY = (np.arange(40 * 60) % 251).astype(np.uint8).reshape(40, 60)
STACK = np.stack([GREY, 255 - GREY, GREY // 2]).astype(np.uint16)


@pytest.fixture
def folder(tmp_path):
    write_dm(tmp_path / "a.dm3", dm_image(GREY, [(0.5, "nm")] * 2, **DM_TAGS))
    write_velox(tmp_path / "b.emd", {"HAADF": STACK[:2], "BF": STACK[2]}, 1e-10)
    write_mrc(tmp_path / "c.mrc", STACK, 0.25)
    write_ser(tmp_path / "d_1.ser", STACK[:1])
    write_emi(tmp_path / "d.emi")
    (tmp_path / "notes.csv").write_text("none")
    return tmp_path


def test_a_folder_is_gone_through_plane_by_plane(folder):
    source = FolderSource(folder)
    keys = [item.key for item in source.items()]
    # The pictures of d.emi are those of d_1.ser.
    planes = [f"{name}#{i}" for name in ("b.emd", "c.mrc") for i in range(3)]
    assert keys == ["a.dm3", *planes, "d_1.ser"]
    regions = {item.key: source.read(item) for item in source.items()}
    assert regions["a.dm3"].pixel_size == (0.5, 0.5)
    assert regions["a.dm3"].scale_from == "the file"
    assert regions["a.dm3"].instrument.voltage_kv == 200.0
    assert regions["b.emd#2"].instrument.detector == "BF"
    assert regions["c.mrc#1"].pixel_size == (0.25, 0.25)
    assert regions["c.mrc#1"].instrument is None
    assert regions["d_1.ser"].instrument.voltage_kv == 300.0
    first, second = regions["c.mrc#0"].pixels, regions["c.mrc#1"].pixels
    np.testing.assert_allclose(first, 1 - second, atol=0.02)


def test_what_a_microscope_wrote_beside_a_picture_is_no_picture(tmp_path):
    for name in ("a.tif", "b.tif"):
        tifffile.imwrite(tmp_path / name, GREY)
    for name in ("a.txt", "b-tif.hdr", "c.txt"):
        (tmp_path / name).write_text("settings")
    keys = [item.key for item in FolderSource(tmp_path).items()]
    assert keys == ["a.tif", "b.tif", "c.txt"]


def test_tiles_of_microscope_files(folder):
    source = FolderSource(folder, "*.mrc", Tiles(32, overlap=0))
    items = list(source.items())
    assert len({item.key for item in items}) == len(items) > 3
    assert all(source.read(item).instrument is None for item in items)


def test_pictures_of_one_file_may_differ_in_size(tmp_path):
    wide = np.tile(GREY, (1, 4)).astype(np.uint16)
    path = write_velox(tmp_path / "a.emd", {"HAADF": STACK[:2], "BF": wide})
    source = FolderSource(tmp_path, tiles=Tiles(40, overlap=0))
    boxes: dict[tuple[int, ...], list[int]] = {}
    for item in source.items():
        assert source.read(item).box == item.box
        boxes.setdefault(item.plane, []).append(item.box[3])
    assert {plane: max(right) for plane, right in boxes.items()} == {(0,): 60, (1,): 60, (2,): 240}
    assert like_first(path) == 2
    pages = PagesOfFile(path, (3, *GREY.shape), STACK.dtype)
    np.testing.assert_array_equal(pages[1], STACK[1])
    with pytest.raises(SourceError, match=r"Picture 2 of .* is 40 x 240 pixels, the first 40 x 60"):
        pages[2]
    unlike = write_velox(tmp_path / "b.emd", {"HAADF": STACK[0], "BF": wide})
    with pytest.raises(SourceError, match="differ in size"):
        plan_of(unlike, None, 2)()


def test_one_file_of_several_planes_is_gone_through(folder):
    items = list(source_of(folder / "c.mrc").items())
    assert [item.plane for item in items] == [(0,), (1,), (2,)]


@pytest.mark.parametrize("name", ["c.mrc", "slices"])
def test_slices_of_a_stack(folder, name):
    if name == "slices":
        (folder / name).mkdir()
        for number, data in enumerate(STACK):
            options = {"imagej": True, "resolution": (4.0, 4.0), "metadata": {"unit": "nm"}}
            tifffile.imwrite(folder / name / f"{number}.tif", data, **options)
    source = StackSource(folder / name)
    assert source.pixel_size == (0.25, 0.25)
    travelled = pickle.loads(pickle.dumps(source))
    for one in (source, travelled):
        items = list(one.items())
        assert [item.plane for item in items] == [(0,), (1,), (2,)]
        assert one.read(items[1]).scale_from == "the file"


def test_a_question_is_about_the_first_plane(folder):
    (region,) = plan_of(folder / "b.emd", (2, 2, 34, 34))()
    assert region.shape == (32, 32)
    assert (region.pixel_size, region.scale_from) == ((0.1, 0.1), "the file")
    assert region.instrument.detector == "HAADF"


def test_every_plane_is_looked_through(folder):
    fields = list(fields_of(folder / "c.mrc"))
    assert [field.plane for field in fields] == [(0,), (1,), (2,)]
    assert fields[0].cut((0, 0, 20, 20)).scale_from == "the file"


def test_slices_of_an_ome_zarr_have_its_scale_whatever_its_array_is_called(tmp_path):
    zarr = pytest.importorskip("zarr", minversion="3", reason="zarr 3")
    data = np.stack([STACK, STACK])
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    group.create_array("full", data=data[:1, None], chunks=(1, 1, 1, 40, 50))
    axes = [{"name": name, "type": "space", "unit": "nanometer"} for name in "tczyx"]
    scale = [{"type": "scale", "scale": [1, 1, 5, 2, 3]}]
    datasets = [{"path": "full", "coordinateTransformations": scale}]
    group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": datasets}]
    for source in (StackSource(tmp_path / "a.zarr"), source_of(tmp_path / "a.zarr")):
        assert (source.pixel_size, source.unit) == ((2.0, 3.0), "nm")
    source = StackSource(tmp_path / "a.zarr")
    travelled = pickle.loads(pickle.dumps(source))
    regions = [travelled.read(item) for item in travelled.items()]
    assert [region.shape for region in regions] == [STACK.shape[1:]] * len(STACK)
