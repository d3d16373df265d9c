"""Through aicsimageio: pixels plane by plane, sizes with their units, what is missing named."""

from __future__ import annotations

import struct
from importlib.util import find_spec

import numpy as np
import pytest
import tifffile

from napari_micrograph_vlm.errors import SourceError
from napari_micrograph_vlm.readers import read_micrograph
from napari_micrograph_vlm.readers.aics import read, read_all
from napari_micrograph_vlm.regions import Cutout

STACK = np.random.default_rng(9).integers(0, 4000, (2, 3, 48, 64), np.uint16)
AXES = [("time", 2, 0.5, "s"), ("z", 3, 5.0, "nm")]

needs_aicsimageio = pytest.mark.skipif(
    find_spec("aicsimageio") is None, reason="the extra aicsimageio is not installed"
)


def ome_tiff(path):
    metadata = {
        "axes": "TZYX",
        "PhysicalSizeX": 2.0,
        "PhysicalSizeXUnit": "nm",
        "PhysicalSizeY": 2.0,
        "PhysicalSizeYUnit": "nm",
        "PhysicalSizeZ": 5.0,
        "PhysicalSizeZUnit": "nm",
        "TimeIncrement": 0.5,
    }
    tifffile.imwrite(path, STACK, ome=True, photometric="minisblack", metadata=metadata)
    return path


def lif(path, data):
    """Write a LIF file of one scene, (Z, Y, X) of uint16, 2 nm a pixel and 5 nm between planes."""
    depth, height, width = data.shape
    dimensions = "".join(
        f'<DimensionDescription DimID="{number}" NumberOfElements="{length}" Origin="0" '
        f'Length="{step * (length - 1)}" Unit="m" BitInc="0" BytesInc="{inc}"/>'
        for number, length, step, inc in (
            (1, width, 2e-9, 2),
            (2, height, 2e-9, 2 * width),
            (3, depth, 5e-9, 2 * width * height),
        )
    )
    header = (
        '<LMSDataContainerHeader Version="2"><Element Name="all"><Data><Experiment/></Data>'
        '<Memory Size="0" MemoryBlockID="MemBlock_0"/><Children><Element Name="one"><Data><Image>'
        '<ImageDescription><Channels><ChannelDescription DataType="0" ChannelTag="0" '
        'Resolution="16" BytesInc="0" BitInc="0" LUTName="Gray"/></Channels>'
        f"<Dimensions>{dimensions}</Dimensions></ImageDescription></Image></Data>"
        f'<Memory Size="{data.nbytes}" MemoryBlockID="MemBlock_1"/>'
        "</Element></Children></Element></LMSDataContainerHeader>"
    )
    written = header.encode("utf-16-le")
    parts = [struct.pack("<iici", 0x70, 5 + len(written), b"*", len(header)), written]
    for name, block in (("MemBlock_0", b""), ("MemBlock_1", data.astype("<u2").tobytes())):
        label = name.encode("utf-16-le")
        parts += [struct.pack("<ii", 0x70, 14 + len(label)), b"*", struct.pack("<q", len(block))]
        parts += [b"*", struct.pack("<i", len(name)), label, block]
    path.write_bytes(b"".join(parts))
    return path


def axes_of(file):
    return [(axis.name, axis.length, axis.step, axis.unit) for axis in file.outer]


@needs_aicsimageio
def test_ome_tiff_with_its_units(tmp_path):
    file = read(ome_tiff(tmp_path / "a.ome.tif"))
    assert axes_of(file) == AXES
    assert (file.pixel_size, file.unit, file.scale_from) == ((2.0, 2.0), "nm", "the file")
    assert file.pages == 6
    np.testing.assert_array_equal(np.asarray(file.array), STACK)
    np.testing.assert_array_equal(np.asarray(read(tmp_path / "a.ome.tif", 4).array), STACK[1, 1])


@needs_aicsimageio
def test_a_region_reads_its_plane_alone(tmp_path):
    from dask.callbacks import Callback

    array = read(ome_tiff(tmp_path / "a.ome.tif"), 4).array
    read_planes = []

    def counting(key, *_more):
        name = str(key[0] if isinstance(key, tuple) else key)
        if "get_image_data" in name:
            read_planes.append(key)

    with Callback(pretask=counting):
        region = Cutout.of_array(array, (8, 8, 40, 40)).read()
    assert region.shape == (32, 32)
    assert len(read_planes) == 1


@needs_aicsimageio
def test_czi(tmp_path):
    pytest.importorskip("aicspylibczi")
    czi = pytest.importorskip("pylibCZIrw.czi")
    with czi.create_czi(str(tmp_path / "a.czi")) as document:
        for time, z in np.ndindex(STACK.shape[:2]):
            document.write(STACK[time, z][..., None], plane={"T": time, "Z": z, "C": 0})
        document.write_metadata("a", scale_x=2e-9, scale_y=2e-9, scale_z=5e-9)
    file = read_micrograph(tmp_path / "a.czi")
    np.testing.assert_array_equal(np.asarray(file.array), STACK)
    assert file.pixel_size == (2.0, 2.0)
    assert axes_of(file)[1] == ("z", 3, 5.0, "nm")


@needs_aicsimageio
def test_lif(tmp_path):
    pytest.importorskip("readlif")
    file = read_micrograph(lif(tmp_path / "a.lif", STACK[0]))
    np.testing.assert_array_equal(np.asarray(file.array[2]), STACK[0, 2])
    assert axes_of(file) == AXES[1:]
    assert file.pixel_size == (2.0, 2.0)


@needs_aicsimageio
@pytest.mark.parametrize(
    ("suffix", "begins", "package"),
    [
        ("czi", b"ZISRAWFILE", "aicspylibczi"),
        ("lif", b"\x70\0\0\0", "readlif"),
        ("nd2", b"\xda\xce\xbe\x0a", "nd2"),
    ],
)
def test_what_is_missing_is_named(tmp_path, suffix, begins, package):
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(begins + bytes(200))
    says = "is damaged" if find_spec(package) else f"pip install '{package}"
    with pytest.raises(SourceError, match=says):
        read_all(path)


@pytest.mark.skipif(find_spec("aicsimageio") is not None, reason="aicsimageio is installed")
def test_without_the_extra_it_names_the_extra(tmp_path):
    (tmp_path / "a.czi").write_bytes(b"ZISRAWFILE" + bytes(200))
    with pytest.raises(SourceError, match=r"pip install napari-micrograph-vlm\[aicsimageio\]"):
        read_micrograph(tmp_path / "a.czi")
