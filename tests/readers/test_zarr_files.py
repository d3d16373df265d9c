"""Zarr folders: axes, scale, smaller versions, chunks read; nothing that could run a program."""

from __future__ import annotations

import json

import numpy as np
import pytest

from napari_micrograph_vlm.errors import SourceError
from napari_micrograph_vlm.readers.zarr_documents import is_zarr
from napari_micrograph_vlm.readers.zarr_files import read, read_all
from napari_micrograph_vlm.regions import Cutout

zarr = pytest.importorskip("zarr", minversion="3", reason="zarr 3")

STACK = np.random.default_rng(8).integers(0, 4000, (1, 2, 3, 64, 80), np.uint16)
OLD, NEW = 2, 3


def ome_zarr(path, version=NEW, unit="nanometer", **more):
    group = zarr.open_group(path, mode="w", zarr_format=version)
    for level in range(2):
        data = STACK[..., :: 2**level, :: 2**level]
        group.create_array(str(level), shape=data.shape, chunks=(1, 1, 1, 16, 16), dtype="u2")[
            ...
        ] = data
    units = {"t": ("time", "second"), "c": ("channel", None), "z": ("space", unit)}
    axes = [
        {"name": name, "type": kind, **({"unit": each} if each else {})}
        for name, (kind, each) in {**units, "y": ("space", unit), "x": ("space", unit)}.items()
    ]
    datasets = [
        {
            "path": str(level),
            "coordinateTransformations": [
                {"type": "scale", "scale": [1, 1, 5, 2 * 2**level, 3 * 2**level]}
            ],
        }
        for level in range(2)
    ]
    multiscales = [{"axes": axes, "datasets": datasets, "name": "x", **more}]
    group.attrs.update(
        {"multiscales": multiscales}
        if version == OLD
        else {"ome": {"version": "0.5", "multiscales": multiscales}}
    )
    return path


@pytest.fixture
def chunks_read(monkeypatch):
    """Names of the chunks that were read."""
    names = []
    get = zarr.storage.LocalStore.get

    async def counting(self, key, *args, **more):
        if not key.endswith(("zarr.json", ".zarray", ".zattrs", ".zgroup", ".zmetadata")):
            names.append(key)
        return await get(self, key, *args, **more)

    monkeypatch.setattr(zarr.storage.LocalStore, "get", counting)
    return names


@pytest.mark.parametrize("version", [OLD, NEW])
def test_ome_zarr(tmp_path, version):
    file = read(ome_zarr(tmp_path / "a.ome.zarr", version))
    assert (file.name, file.pages) == ("a", 6)
    assert (file.pixel_size, file.unit, file.scale_from) == ((2.0, 3.0), "nm", "the file")
    axes = [(axis.name, axis.length, axis.step, axis.unit) for axis in file.outer]
    assert axes == [("channel", 2, 1.0, "pixel"), ("z", 3, 5.0, "nm")]
    np.testing.assert_array_equal(np.asarray(file.array), STACK[0])
    assert [level.shape for level in file.levels] == [(2, 3, 32, 40)]
    np.testing.assert_array_equal(np.asarray(file.levels[0]), STACK[0, ..., ::2, ::2])


def test_only_the_chunks_of_a_window_are_read(tmp_path, chunks_read):
    file = read(ome_zarr(tmp_path / "a.zarr"))
    assert not chunks_read
    plane = file.plane((1, 2))
    Cutout.of_array(plane.array, (20, 20, 40, 40)).read()
    assert len(chunks_read) == 4  # 2 x 2 of 120


def test_the_scale_of_all_versions_counts(tmp_path):
    more = {"coordinateTransformations": [{"type": "scale", "scale": [1, 1, 1, 10, 10]}]}
    assert read(ome_zarr(tmp_path / "a.zarr", **more)).pixel_size == (20.0, 30.0)


def test_before_axes_had_names(tmp_path):
    path = ome_zarr(tmp_path / "a.zarr", OLD)
    zarr.open_group(path).attrs["multiscales"] = [
        {"version": "0.2", "datasets": [{"path": "0"}, {"path": "1"}]}
    ]
    file = read(path)
    assert [axis.name for axis in file.outer] == ["channel", "z"]
    assert (file.pixel_size, len(file.levels)) == (None, 1)


@pytest.mark.parametrize(
    ("unit", "size"),
    [("micrometer", (2000.0, 3000.0)), ("angstrom", (0.2, 0.3)), ("furlong", None), ("", None)],
)
def test_units(tmp_path, unit, size):
    file = read(ome_zarr(tmp_path / "a.zarr", unit=unit))
    assert file.pixel_size == (None if size is None else pytest.approx(size))
    assert file.unit == ("nm" if size else "pixel")


def test_contrast_limits_of_one_channel(tmp_path):
    path = tmp_path / "a.zarr"
    group = zarr.open_group(path, mode="w")
    group.create_array("0", shape=(16, 16), chunks=(8, 8), dtype="u2")
    window = {"start": 7, "end": 500, "min": 0, "max": 65535}
    multiscale = {"axes": [{"name": "y"}, {"name": "x"}], "datasets": [{"path": "0"}]}
    group.attrs["ome"] = {
        "multiscales": [multiscale],
        "omero": {"channels": [{"window": window}]},
    }
    assert read(path).contrast_limits == (7.0, 500.0)


def test_a_plain_array(tmp_path, chunks_read):
    array = zarr.open_array(
        tmp_path / "a.zarr", mode="w", shape=(5, 32, 48), chunks=(1, 16, 16), dtype="f4"
    )
    array[:] = np.broadcast_to(np.arange(5.0)[:, None, None], (5, 32, 48))
    assert is_zarr(tmp_path / "a.zarr")
    chunks_read.clear()
    file = read(tmp_path / "a.zarr")
    assert [axis.length for axis in file.outer] == [5]
    assert file.array[3, :10, :10].max() == 3
    assert len(chunks_read) == 1


def test_an_array_in_colour(tmp_path):
    zarr.open_array(tmp_path / "a", mode="w", shape=(32, 48, 3), chunks=(16, 16, 3), dtype="u1")
    file = read(tmp_path / "a")
    assert file.is_rgb
    assert file.outer == ()


def test_transparency_is_left_out(tmp_path):
    pixels = np.random.default_rng(4).integers(0, 255, (40, 60, 4), np.uint8)
    zarr.create_array(tmp_path / "a.zarr", data=pixels, chunks=(20, 20, 4))
    file = read(tmp_path / "a.zarr")
    assert (file.is_rgb, file.shape, file.outer) == (True, (40, 60), ())
    for index in (..., 3, (slice(2, 9), 5), (..., 1), (slice(None), slice(4, 40, 3), slice(0, 2))):
        np.testing.assert_array_equal(file.array[index], pixels[..., :3][index])


def test_smaller_versions_are_of_the_same_type_and_sides(tmp_path):
    path = ome_zarr(tmp_path / "a.zarr")
    group = zarr.open_group(path, mode="a")
    small = STACK[..., ::2, ::2]
    group.create_array("grey", data=(small >> 8).astype(np.uint8), chunks=(1, 1, 1, 16, 16))
    group.create_array("square", data=STACK[..., :16, :16], chunks=(1, 1, 1, 16, 16))
    written = dict(group.attrs["ome"])
    datasets = written["multiscales"][0]["datasets"]
    others = [{**datasets[1], "path": name} for name in ("grey", "square")]
    written["multiscales"][0]["datasets"] = [others[0], datasets[1], others[1], datasets[0]]
    group.attrs["ome"] = written
    file = read(path)
    assert (file.shape, file.pixel_size) == ((64, 80), (2.0, 3.0))
    assert [level.shape for level in file.levels] == [(2, 3, 32, 40)]
    assert file.levels[0].dtype == np.uint16


def test_a_group_of_arrays_is_several_pictures(tmp_path):
    group = zarr.open_group(tmp_path / "a", mode="w")
    for name, side in (("2", 20), ("10", 30)):
        group.create_array(name, shape=(side, side), chunks=(side, side), dtype="u1")
    assert [file.array.shape for file in read_all(tmp_path / "a")] == [(20, 20), (30, 30)]
    assert read(tmp_path / "a", 1).array.shape == (30, 30)
    with pytest.raises(SourceError, match="holds 2 pictures, none of number 2"):
        read(tmp_path / "a", 2)


def test_images_of_a_converter(tmp_path):
    zarr.open_group(tmp_path / "a", mode="w")
    for number in "01":
        ome_zarr(tmp_path / "a" / number)
    assert [file.pixel_size for file in read_all(tmp_path / "a")] == [(2.0, 3.0)] * 2


def _write(path, **changes):
    document = {
        "zarr_format": 2,
        "shape": [16, 16],
        "chunks": [16, 16],
        "dtype": "|u1",
        "compressor": None,
        "filters": None,
        "fill_value": 0,
        "order": "C",
    }
    path.mkdir()
    (path / ".zarray").write_text(json.dumps({**document, **changes}), "utf-8")
    return path


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"filters": [{"id": "pickle"}]}, "packed with “pickle”"),
        ({"compressor": {"id": "pickle"}}, "packed with “pickle”"),
        ({"dtype": "|O"}, "no plain numbers"),
        ({"dtype": [["a", "<u2"]]}, "no plain numbers"),
        ({"dtype": "<c8"}, "no plain numbers"),
        ({"shape": [16], "chunks": [16]}, "no micrograph"),
        ({"shape": "many"}, "damaged"),
    ],
)
def test_what_is_refused(tmp_path, changes, says):
    with pytest.raises(SourceError, match=says) as caught:
        read(_write(tmp_path / "a.zarr", **changes))
    assert str(caught.value).endswith(".")


def test_unsafe_packing_inside_a_shard_is_refused(tmp_path):
    path = tmp_path / "a.zarr"
    zarr.create_array(path, shape=(16, 16), chunks=(8, 8), shards=(16, 16), dtype="u1")
    document = json.loads((path / "zarr.json").read_text("utf-8"))
    document["codecs"][0]["configuration"]["codecs"].append({"name": "numcodecs.pickle"})
    (path / "zarr.json").write_text(json.dumps(document), "utf-8")
    with pytest.raises(SourceError, match="packed with “numcodecs"):
        read(path)


def test_versions_outside_the_folder_are_left_out(tmp_path):
    _write(tmp_path / "secret")
    path = ome_zarr(tmp_path / "a.zarr")
    document = json.loads((path / "zarr.json").read_text("utf-8"))
    document["attributes"]["ome"]["multiscales"][0]["datasets"][1]["path"] = "../secret"
    (path / "zarr.json").write_text(json.dumps(document), "utf-8")
    assert read(path).levels == ()


@pytest.mark.parametrize("name", ["zarr.json", ".zgroup"])
def test_an_empty_or_damaged_group(tmp_path, name):
    (tmp_path / name).write_text('{"zarr_format": 3, "node_type": "group"}', "utf-8")
    with pytest.raises(SourceError, match="holds no zarr array"):
        read(tmp_path)
    (tmp_path / name).unlink()
    (tmp_path / "zarr.json").write_text("{", "utf-8")
    with pytest.raises(SourceError, match="damaged"):
        read(tmp_path)
