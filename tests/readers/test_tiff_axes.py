"""TIFF files of several planes and sizes: their axes, and that only what is asked for is read."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_micrograph_vlm.errors import SourceError
from napari_micrograph_vlm.readers import tiff as tiff_module
from napari_micrograph_vlm.readers import tiff_lazy
from napari_micrograph_vlm.readers.tiff import open_tiff
from napari_micrograph_vlm.regions import Cutout

RANDOM = np.random.default_rng(6)
STACK = RANDOM.integers(0, 4000, (2, 3, 48, 64), np.uint16)
PLANE = RANDOM.integers(0, 255, (256, 320), np.uint8)
GREY = {"photometric": "minisblack"}


@pytest.fixture
def always_lazy(monkeypatch):
    monkeypatch.setattr(tiff_module, "LAZY_ABOVE", 0)


@pytest.fixture
def read_parts(monkeypatch):
    """Offsets of the strips and tiles that were read."""
    offsets = []
    read = tiff_lazy.read_segment

    def counting(file, offset, count):
        offsets.append(offset)
        return read(file, offset, count)

    monkeypatch.setattr(tiff_lazy, "read_segment", counting)
    return offsets


def ome(path, data=STACK, axes="TZYX", **more):
    metadata = {
        "axes": axes,
        "PhysicalSizeX": 2.0,
        "PhysicalSizeXUnit": "nm",
        "PhysicalSizeY": 0.004,  # micrometres where nothing is said
        "PhysicalSizeZ": 5.0,
        "PhysicalSizeZUnit": "nm",
        "TimeIncrement": 500.0,
        "TimeIncrementUnit": "ms",
    }
    tifffile.imwrite(path, data, metadata=metadata, ome=True, **GREY, **more)
    return path


def axes_of(file):
    return [(axis.name, axis.length, axis.step, axis.unit) for axis in file.outer]


def test_ome_axes_and_sizes(tmp_path):
    file = open_tiff(ome(tmp_path / "a.ome.tif"))
    np.testing.assert_array_equal(file.array, STACK)
    assert (file.pixel_size, file.unit, file.scale_from) == ((4.0, 2.0), "nm", "the file")
    assert axes_of(file) == [("time", 2, 0.5, "s"), ("z", 3, 5.0, "nm")]
    assert file.pages == 6


def test_one_plane_of_ome(tmp_path, always_lazy):
    path = ome(tmp_path / "a.ome.tif")
    file = open_tiff(path, 4)
    np.testing.assert_array_equal(np.asarray(file.array), STACK[1, 1])
    assert (file.outer, file.pages) == ((), 6)
    with pytest.raises(SourceError, match="holds 6 pictures, none of number 6"):
        open_tiff(path, 6)


def test_imagej_stack(tmp_path):
    tifffile.imwrite(
        tmp_path / "a.tif",
        STACK,
        imagej=True,
        resolution=(4.0, 2.0),
        metadata={
            "axes": "TZYX",
            "unit": "um",
            "spacing": 0.1,
            "finterval": 2.0,
            "min": 10.0,
            "max": 900.0,
        },
    )
    file = open_tiff(tmp_path / "a.tif")
    np.testing.assert_array_equal(file.array, STACK)
    assert file.pixel_size == pytest.approx((500.0, 250.0))
    assert axes_of(file) == [("time", 2, 2.0, "s"), ("z", 3, 100.0, "nm")]
    assert file.contrast_limits == (10.0, 900.0)
    np.testing.assert_array_equal(open_tiff(tmp_path / "a.tif", 5).array, STACK[1, 2])


def test_pages_alike_are_frames(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for plane in STACK[0]:
            writer.write(plane, metadata=None, **GREY)
    file = open_tiff(tmp_path / "a.tif")
    np.testing.assert_array_equal(file.array, STACK[0])
    assert axes_of(file) == [("frame", 3, 1.0, "pixel")]
    np.testing.assert_array_equal(open_tiff(tmp_path / "a.tif", 2).array, STACK[0, 2])


def test_pages_of_several_shapes_are_read_one_by_one(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for plane in (PLANE, PLANE[:30, :40], PLANE):
            writer.write(plane, metadata=None, **GREY)
    assert open_tiff(tmp_path / "a.tif", 0).pages == 3
    np.testing.assert_array_equal(open_tiff(tmp_path / "a.tif", 1).array, PLANE[:30, :40])
    np.testing.assert_array_equal(open_tiff(tmp_path / "a.tif", 2).array, PLANE)


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"tile": (64, 64), "compression": "zlib"}, 4),  # 2 x 2 of 20
        ({"rowsperstrip": 16, "compression": "zlib"}, 5),  # of 16
        ({"tile": (64, 64), "bigtiff": True, "byteorder": ">"}, 4),
    ],
)
def test_only_the_parts_of_a_window_are_read(tmp_path, always_lazy, read_parts, options, parts):
    tifffile.imwrite(tmp_path / "a.tif", PLANE, **GREY, **options)
    array = open_tiff(tmp_path / "a.tif").array
    read_parts.clear()
    region = Cutout.of_array(array, (60, 60, 120, 120)).read()
    assert region.shape == (60, 60)
    assert len(read_parts) == len(set(read_parts)) == parts
    np.testing.assert_array_equal(array[60:120, 60:120], PLANE[60:120, 60:120])


@pytest.mark.parametrize(("gap", "reads"), [(0, 60), (2**16, 1)])  # unpacked pixels
def test_only_the_rows_of_a_window_are_read(tmp_path, always_lazy, monkeypatch, gap, reads):
    monkeypatch.setattr(tiff_lazy, "_GAP", gap)
    lengths = []
    read = tiff_lazy.read_segment

    def counting(file, offset, count):
        lengths.append(count)
        return read(file, offset, count)

    tifffile.imwrite(tmp_path / "a.tif", PLANE.astype(">u2"), byteorder=">", **GREY)
    array = open_tiff(tmp_path / "a.tif").array
    monkeypatch.setattr(tiff_lazy, "read_segment", counting)
    np.testing.assert_array_equal(array[60:120, 60:120], PLANE[60:120, 60:120])
    assert len(lengths) == reads
    assert sum(lengths) <= 60 * 320 * 2


def test_only_the_planes_asked_for_are_read(tmp_path, always_lazy, read_parts):
    path = ome(tmp_path / "a.ome.tif", tile=(16, 16), compression="zlib")
    array = open_tiff(path).array
    read_parts.clear()
    np.testing.assert_array_equal(array[1, ::2, 16:32, :16], STACK[1, ::2, 16:32, :16])
    assert len(read_parts) == 2


def test_a_pyramid_gives_its_levels(tmp_path, always_lazy, read_parts):
    levels = [PLANE, PLANE[::2, ::2], PLANE[::4, ::4]]
    options = {"tile": (32, 32), "compression": "zlib", "metadata": None, **GREY}
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(PLANE, subifds=2, **options)
        for level in levels[1:]:
            writer.write(level, subfiletype=1, **options)
    file = open_tiff(tmp_path / "a.tif")
    assert (file.pages, file.outer) == (1, ())
    assert [level.shape for level in file.levels] == [(128, 160), (64, 80)]
    read_parts.clear()
    for level, expected in zip(file.levels, levels[1:], strict=True):
        np.testing.assert_array_equal(level[:32, :32], expected[:32, :32])
    assert len(read_parts) == 2


def test_a_pyramid_of_pages_gives_its_levels(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(PLANE, metadata=None, **GREY)
        writer.write(PLANE[::2, ::2], subfiletype=1, metadata=None, **GREY)
    file = open_tiff(tmp_path / "a.tif")
    assert file.pages == 1
    np.testing.assert_array_equal(np.asarray(file.levels[0]), PLANE[::2, ::2])


def test_a_pyramid_of_a_stack(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as writer:
        writer.write(STACK[0], subifds=1, metadata={"axes": "ZYX"}, **GREY)
        writer.write(STACK[0, :, ::2, ::2], subfiletype=1, **GREY)
    file = open_tiff(tmp_path / "a.ome.tif")
    np.testing.assert_array_equal(np.asarray(file.levels[0]), STACK[0, :, ::2, ::2])
    plane = open_tiff(tmp_path / "a.ome.tif", 2)
    np.testing.assert_array_equal(np.asarray(plane.levels[0]), STACK[0, 2, ::2, ::2])


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_a_stack_in_colour(tmp_path, monkeypatch, planar):
    colour = RANDOM.integers(0, 255, (2, 32, 48, 3), np.uint8)
    data = colour if planar == "contig" else np.moveaxis(colour, -1, 1)
    tifffile.imwrite(
        tmp_path / "a.tif",
        data,
        photometric="rgb",
        planarconfig=planar,
        tile=(16, 16),
        compression="zlib",
    )
    whole = open_tiff(tmp_path / "a.tif")
    assert whole.is_rgb
    np.testing.assert_array_equal(whole.array, colour)
    monkeypatch.setattr(tiff_module, "LAZY_ABOVE", 0)
    lazy = open_tiff(tmp_path / "a.tif")
    np.testing.assert_array_equal(lazy.array[1, 10:20, 5:40, 1:], colour[1, 10:20, 5:40, 1:])


@pytest.mark.parametrize(
    "index",
    [
        0,
        (slice(None), 2),
        (..., slice(5, 9)),
        (1, [2, 0], slice(None, None, -3), 7),
        (slice(0, 0), ...),
        (-1, -1, slice(40, 2, -5), [3, 60, 3]),
        (np.int64(1), slice(1, None), slice(None, None, 7), slice(-9, None)),
    ],
)
def test_indices_as_of_numpy(tmp_path, always_lazy, index):
    array = open_tiff(ome(tmp_path / "a.ome.tif", rowsperstrip=8, compression="zlib")).array
    expected = STACK
    if isinstance(index, tuple) and Ellipsis not in index:
        # Axis by axis: numpy would move that of a list beside a number.
        for axis in reversed(range(len(index))):
            expected = expected[(*(slice(None),) * axis, index[axis])]
    else:
        expected = STACK[index]
    np.testing.assert_array_equal(array[index], expected)


def test_indices_outside_are_refused(tmp_path, always_lazy):
    array = open_tiff(ome(tmp_path / "a.ome.tif")).array
    for index in ((2,), (0, 0, 0, 64), (0,) * 5, ([0], [1]), (None, 0)):
        with pytest.raises((IndexError, TypeError)):
            array[index]


def test_a_lazy_array_travels(tmp_path, always_lazy):
    array = open_tiff(ome(tmp_path / "a.ome.tif")).array
    array[0, 0]
    again = pickle.loads(pickle.dumps(array))
    np.testing.assert_array_equal(again[1, 2], STACK[1, 2])


def test_a_file_cut_off_while_it_is_read(tmp_path, always_lazy, monkeypatch):
    tifffile.imwrite(tmp_path / "a.tif", PLANE, metadata=None, **GREY)
    array = open_tiff(tmp_path / "a.tif").array
    whole = (tmp_path / "a.tif").read_bytes()
    known = array._planes([0])
    (tmp_path / "a.tif").write_bytes(whole[: len(whole) // 2])
    monkeypatch.setattr(array, "_planes", lambda numbers: known)  # looked up before it was cut
    with pytest.raises(ValueError, match="the file ends before its pixels do"):
        array[...]


def test_a_file_that_became_another_is_noticed(tmp_path, always_lazy):
    tifffile.imwrite(tmp_path / "a.tif", PLANE, tile=(64, 64), **GREY)
    array = open_tiff(tmp_path / "a.tif").array
    tifffile.imwrite(tmp_path / "a.tif", 255 - PLANE[:100], tile=(64, 64), **GREY)
    with pytest.raises(ValueError, match="another file"):
        array[:10, :10]


def test_a_damaged_ome_header_leaves_the_pixels(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", PLANE, description="<OME><Image>", metadata=None, **GREY)
    file = open_tiff(tmp_path / "a.tif")
    np.testing.assert_array_equal(file.array, PLANE)
    assert file.pixel_size is None


@pytest.fixture
def no_imagecodecs(monkeypatch):
    """Leave tifffile without the package that unpacks LZW."""

    class Without(dict):
        def __missing__(self, key):
            raise KeyError(f"{key} requires the 'imagecodecs' package")

    monkeypatch.setattr(tifffile.TIFF, "DECOMPRESSORS", Without())


@pytest.mark.parametrize("lazy", [0, 2**30])
def test_what_tifffile_cannot_unpack_pillow_does(tmp_path, monkeypatch, no_imagecodecs, lazy):
    monkeypatch.setattr(tiff_module, "LAZY_ABOVE", lazy)
    pictures = [Image.fromarray(plane) for plane in STACK[0]]
    pictures[0].save(
        tmp_path / "a.tif",
        compression="tiff_lzw",
        save_all=True,
        append_images=pictures[1:],
        tiffinfo={50431: b"[MAIN]\nPixelSizeX=2e-9\n"},
    )
    file = open_tiff(tmp_path / "a.tif")
    np.testing.assert_array_equal(file.array[1:, ::-2, 3:9], STACK[0, 1:, ::-2, 3:9])
    assert (file.pages, file.pixel_size) == (3, (2.0, 2.0))
    np.testing.assert_array_equal(open_tiff(tmp_path / "a.tif", 2).array, STACK[0, 2])


def test_what_nobody_can_unpack_names_the_package(tmp_path, monkeypatch, no_imagecodecs):
    tifffile.imwrite(tmp_path / "a.tif", PLANE, compression="zlib", **GREY)
    with Image.open(tmp_path / "a.tif") as image:
        monkeypatch.setattr(type(image), "load", lambda *_: (_ for _ in ()).throw(OSError("no")))
        with pytest.raises(SourceError, match="pip install imagecodecs"):
            open_tiff(tmp_path / "a.tif")
