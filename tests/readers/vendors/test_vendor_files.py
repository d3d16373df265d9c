"""Files of each maker, read through the one way in."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_micrograph_vlm.readers import read_micrograph

GREY = (np.arange(40 * 60) % 251).astype(np.uint8).reshape(40, 60)

FEI = """[User]\r
Date=2019-03-12\r
Time=22:22:13\r
[Beam]\r
HV=5000\r
Beam=EBeam\r
Scan=EScan\r
[EBeam]\r
HV=5000\r
WD=0.00412\r
[Scan]\r
Dwelltime=3e-006\r
PixelWidth=2.0345e-009\r
PixelHeight=2.0345e-009\r
[Stage]\r
StageT=0.0\r
[Detectors]\r
Name=TLD\r
"""
TESCAN = "[MAIN]\nMagnification=25000\nPixelSizeX=8.138e-9\nPixelSizeY=8.138e-9\n[SEM]\nHV=15000\n"
JEOL = "$CM_FORMAT\n$CM_MAG 500\n$CM_ACCEL_VOLT 7.0\n$$SM_MICRON_BAR 200\n$$SM_MICRON_MARKER 10µm\n"
HITACHI = "[SemImageFile]\r\nPixelSize=9.922\r\nAcceleratingVoltage=5000 Volt\r\n"


def tagged(path, code, text, pages=1):
    data = text.encode("latin-1")
    tifffile.imwrite(
        path,
        np.stack([GREY] * pages) if pages > 1 else GREY,
        photometric="minisblack",
        extratags=[(code, 1, len(data), data, True)],
    )
    return path


@pytest.mark.parametrize("code", [34680, 34682])
def test_thermo_fisher(tmp_path, code):
    file = read_micrograph(tagged(tmp_path / "a.tif", code, FEI))
    assert (file.pixel_size, file.unit, file.scale_from) == ((2.0345, 2.0345), "nm", "the file")
    assert file.instrument.to_dict() == {
        "maker": "Thermo Fisher (FEI)",
        "voltage_kv": 5.0,
        "working_distance_mm": 4.12,
        "detector": "TLD",
        "dwell_time_us": 3.0,
        "stage_tilt_deg": 0.0,
        "date": "2019-03-12T22:22:13",
    }
    assert file.instrument.raw["Scan"]["Dwelltime"] == 3e-6
    np.testing.assert_array_equal(file.array, GREY)


def test_tescan(tmp_path):
    file = read_micrograph(tagged(tmp_path / "a.tif", 50431, TESCAN))
    assert file.pixel_size == (8.138, 8.138)
    assert file.instrument.voltage_kv == 15.0


def test_digital_micrograph(tmp_path):
    tags = [(65003, "s", 3, "nm", True), (65004, "s", 3, "nm", True)]
    scales = [(65009, "d", 1, 0.25, True), (65010, "d", 1, 0.5, True)]
    tifffile.imwrite(tmp_path / "a.tif", GREY, extratags=tags + scales)
    file = read_micrograph(tmp_path / "a.tif")
    assert file.pixel_size == (0.5, 0.25)
    assert file.instrument.maker == "Gatan"


def test_every_page_has_the_settings(tmp_path):
    file = read_micrograph(tagged(tmp_path / "a.tif", 34682, FEI, pages=3), 2)
    assert file.pixel_size == (2.0345, 2.0345)
    assert file.instrument.voltage_kv == 5.0


@pytest.mark.parametrize(
    ("name", "encoding", "text", "maker", "size"),
    [
        ("a.txt", "cp1252", JEOL, "JEOL", 50.0),
        ("a.txt", "utf-8", JEOL, "JEOL", 50.0),
        ("a.txt", "utf-16", JEOL, "JEOL", 50.0),
        ("a.txt", "ascii", HITACHI, "Hitachi", 9.922),
        ("a.hdr", "ascii", TESCAN, "TESCAN", 8.138),
        ("a-{kind}.hdr", "ascii", TESCAN, "TESCAN", 8.138),
    ],
)
@pytest.mark.parametrize("kind", ["tif", "png"])
def test_a_text_file_beside_the_picture(tmp_path, name, encoding, text, maker, size, kind):
    path = tmp_path / f"a.{kind}"
    Image.fromarray(GREY).save(path)
    (tmp_path / name.format(kind=kind)).write_bytes(text.encode(encoding))
    file = read_micrograph(path)
    assert file.instrument.maker == maker
    assert file.pixel_size == pytest.approx((size, size))
    assert file.scale_from == "the file"
    assert (file.scale_error is not None) == (maker == "JEOL")


@pytest.mark.parametrize("kind", ["tif", "png"])
@pytest.mark.parametrize(
    ("text", "line"), [(JEOL, "$CM_FULL_SIZE {} 40\n"), (HITACHI, "DataSize={}x40\r\n")]
)
def test_a_picture_made_smaller_since_has_no_pixel_size(tmp_path, kind, text, line):
    Image.fromarray(GREY).save(tmp_path / f"a.{kind}")
    for width, known in ((60, True), (120, False)):
        (tmp_path / "a.txt").write_bytes((text + line.format(width)).encode("cp1252"))
        file = read_micrograph(tmp_path / f"a.{kind}")
        assert (file.pixel_size is not None) == known
        assert file.instrument.voltage_kv in (5.0, 7.0)


def test_other_text_files_say_nothing(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "a.tif")
    (tmp_path / "a.txt").write_text("Sample 7, after 3 h at 900 °C. Pixel size: 5 nm?", "utf-8")
    (tmp_path / "a.hdr").write_bytes(b"\xff\xfe\x00" * 50)
    file = read_micrograph(tmp_path / "a.tif")
    assert file.pixel_size is None
    assert file.instrument.to_dict() == {}


def test_the_tag_counts_more_than_the_text_beside(tmp_path):
    path = tagged(tmp_path / "a.tif", 34682, FEI)
    (tmp_path / "a.txt").write_text(HITACHI, "ascii")
    file = read_micrograph(path)
    assert file.pixel_size == (2.0345, 2.0345)
    assert file.instrument.maker == "Thermo Fisher (FEI)"


def test_a_tag_without_pixel_size_leaves_it_to_others(tmp_path):
    path = tagged(tmp_path / "a.tif", 34682, "[Beam]\nHV=5000\n")
    (tmp_path / "a.txt").write_text(JEOL, "utf-8")
    file = read_micrograph(path)
    assert file.pixel_size == pytest.approx((50.0, 50.0))
    assert file.instrument.maker == "Thermo Fisher (FEI)"


def test_a_damaged_tag_leaves_the_pixels(tmp_path):
    file = read_micrograph(tagged(tmp_path / "a.tif", 34682, "[Scan\nPixelWidth\n[Scan]\n=\n"))
    np.testing.assert_array_equal(file.array, GREY)
    assert file.pixel_size is None
