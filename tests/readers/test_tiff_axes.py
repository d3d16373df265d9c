"""TIFF files of several planes and sizes: their axes, and that only what is asked for is read."""

from __future__ import annotations

import pickle
import struct
import uuid

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_micrograph_vlm.errors import SourceError
from napari_micrograph_vlm.readers import read_micrograph, read_pictures, tiff_lazy
from napari_micrograph_vlm.readers import tiff as tiff_module
from napari_micrograph_vlm.readers.tiff import open_tiff, plane_count
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


def test_every_image_of_an_ome_tiff_is_read(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as writer:
        for plane, size in ((STACK[0, 0], 2.0), (STACK[1], 4.0)):
            sizes = {
                f"PhysicalSize{side}{end}": v
                for side in "XY"
                for end, v in (("", size), ("Unit", "nm"))
            }
            writer.write(
                plane[..., : int(32 * size / 2)], metadata={"axes": "ZYX"[-plane.ndim :], **sizes}
            )
    first, second = read_pictures(tmp_path / "a.ome.tif")
    np.testing.assert_array_equal(first.array, STACK[0, 0, :, :32])
    np.testing.assert_array_equal(second.array, STACK[1])
    assert [file.pixel_size for file in (first, second)] == [(2.0, 2.0), (4.0, 4.0)]
    assert [file.pages for file in (first, second)] == [4, 4]
    assert first.name != second.name
    plane = read_micrograph(tmp_path / "a.ome.tif", 2)
    np.testing.assert_array_equal(plane.array, STACK[1, 1])
    assert plane.pixel_size == (4.0, 4.0)
    assert plane_count(tmp_path / "a.ome.tif") == 1


def test_pages_of_several_shapes_are_several_pictures(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for plane in (PLANE, PLANE[:30, :40], 255 - PLANE):
            writer.write(plane, metadata=None, **GREY)
    stack, small = read_pictures(tmp_path / "a.tif")
    np.testing.assert_array_equal(stack.array, [PLANE, 255 - PLANE])
    np.testing.assert_array_equal(small.array, PLANE[:30, :40])


@pytest.mark.parametrize("lazy", [0, 2**30])
def test_pages_packed_in_several_ways_are_one_stack(tmp_path, monkeypatch, lazy):
    monkeypatch.setattr(tiff_module, "LAZY_ABOVE", lazy)
    planes = STACK.reshape(6, 48, 64)
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for number, plane in enumerate(planes):
            packing = "zlib" if number % 2 else None
            kind = "miniswhite" if number == 2 else "minisblack"
            stored = ~plane if number == 2 else plane
            writer.write(stored, metadata=None, compression=packing, photometric=kind)
    file = open_tiff(tmp_path / "a.tif")
    assert (file.pages, axes_of(file)) == (6, [("frame", 6, 1.0, "pixel")])
    np.testing.assert_array_equal(np.asarray(file.array), planes)
    assert len(read_pictures(tmp_path / "a.tif")) == 1
    assert plane_count(tmp_path / "a.tif") == 6


def test_strips_of_a_later_page_may_lie_in_any_order(tmp_path, always_lazy):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as writer:
        for plane in STACK[0]:
            writer.write(plane, rowsperstrip=16, metadata=None, **GREY)
    with tifffile.TiffFile(path) as tiff:
        offsets = tiff.pages[2].tags["StripOffsets"]
        first, _, last = offsets.value
        length, place = tiff.pages[2].databytecounts[0], offsets.valueoffset
        letter = {3: "H", 4: "I"}[int(offsets.dtype)]
    data = bytearray(path.read_bytes())
    parts = [bytes(data[start : start + length]) for start in (first, last)]
    data[first : first + length], data[last : last + length] = parts[1], parts[0]
    struct.pack_into(f"<3{letter}", data, place, last, offsets.value[1], first)
    path.write_bytes(data)
    np.testing.assert_array_equal(open_tiff(path).array[:, 5:40, 3:9], STACK[0][:, 5:40, 3:9])


def test_a_plane_of_another_file_is_read_without_a_word(tmp_path):
    names = [tmp_path / f"{letter}.ome.tif" for letter in "ab"]
    identities = [f"urn:uuid:{uuid.uuid4()}" for _ in names]
    data = "".join(
        f'<TiffData IFD="0" FirstT="{n}" PlaneCount="1"><UUID FileName="{path.name}">{identity}'
        "</UUID></TiffData>"
        for n, (path, identity) in enumerate(zip(names, identities, strict=True))
    )
    for path, identity, plane in zip(names, identities, STACK[0, :2], strict=True):
        xml = (
            '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
            f'UUID="{identity}"><Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" '
            'Type="uint16" SizeX="64" SizeY="48" SizeZ="1" SizeC="1" SizeT="2">'
            f'<Channel ID="Channel:0:0" SamplesPerPixel="1"/>{data}</Pixels></Image></OME>'
        )
        tifffile.imwrite(path, plane, description=xml, metadata=None, compression="zlib", **GREY)
    for page in (0, 1):  # a warning would be an error
        np.testing.assert_array_equal(open_tiff(names[0], page).array, STACK[0, page])


def test_a_thumbnail_of_another_type_is_no_smaller_version(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(STACK[0, 0], metadata=None, **GREY)
        small = (STACK[0, 0, ::2, ::2] >> 8).astype(np.uint8)
        writer.write(small, subfiletype=1, metadata=None, **GREY)
    assert open_tiff(tmp_path / "a.tif").levels == ()


def test_the_colours_of_print_are_shown_as_they_look(tmp_path):
    inks = np.zeros((40, 50, 4), np.uint8)
    inks[:20, :, 0] = 255  # cyan
    Image.fromarray(inks, "CMYK").save(tmp_path / "a.tif")
    array = open_tiff(tmp_path / "a.tif").array
    assert array[0, 0].tolist() == [0, 255, 255]
    assert array[30, 0].tolist() == [255, 255, 255]
    tifffile.imwrite(tmp_path / "b.tif", inks.astype(np.uint16), photometric="separated")
    with pytest.raises(SourceError, match="save it as RGB"):
        open_tiff(tmp_path / "b.tif")


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


@pytest.mark.parametrize(
    ("pixels", "photometric"),
    [
        (STACK[0, 0], "miniswhite"),
        (STACK[0, 0].astype(np.uint32), "minisblack"),
        (STACK[0, 0].astype(np.int8), "minisblack"),
        (np.dstack([STACK[0, 0], STACK[0, 1], STACK[0, 2]]), "rgb"),
    ],
)
def test_values_that_pillow_would_change_are_refused(tmp_path, no_imagecodecs, pixels, photometric):
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric=photometric, compression="zlib")
    with pytest.raises(SourceError, match="pip install imagecodecs"):
        open_tiff(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("pixels", "photometric"),
    [
        (PLANE, "miniswhite"),
        (STACK[0, 0].astype(np.int16) - 2000, "minisblack"),
        (STACK[0, 0].astype(np.float32), "minisblack"),
    ],
)
def test_values_that_pillow_keeps(tmp_path, no_imagecodecs, pixels, photometric):
    stored = ~pixels if photometric == "miniswhite" else pixels
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric=photometric, compression="zlib")
    array = open_tiff(tmp_path / "a.tif").array
    assert array.dtype == pixels.dtype
    np.testing.assert_array_equal(array, pixels)
