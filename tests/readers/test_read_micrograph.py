"""Files of every kind that can be read, and sentences for those that cannot."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_micrograph_vlm.errors import SourceError
from napari_micrograph_vlm.readers import read_micrograph
from napari_micrograph_vlm.readers import tiff as tiff_module
from napari_micrograph_vlm.regions import Cutout

GREY = (np.arange(40 * 60) % 251).astype(np.uint8).reshape(40, 60)
COLOUR = np.stack([GREY, GREY[::-1], GREY[:, ::-1]], axis=-1)

ZEISS = "\r\n".join(
    [
        *("0", "0", "0", "5.0e-010"),
        *("AP_WD", "WD = 4.5 mm"),
        *("AP_ACTUALKV", "EHT = 5.00 kV"),
        *("AP_MAG", "Mag =  50.00 K X"),
        *("DP_DETECTOR_CHANNEL", "Signal A = SE2"),
        *("AP_IMAGE_PIXEL_SIZE", "Image Pixel Size = 2.250 nm"),
        *("AP_DATE", "Date :03 Mar 2021"),
        *("AP_TIME", "Time :09:08:07"),
        "",
    ]
)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.bmp"])
def test_grey_pictures(tmp_path, name):
    Image.fromarray(GREY).save(tmp_path / name)
    file = read_micrograph(tmp_path / name)
    np.testing.assert_array_equal(file.array, GREY)
    assert (file.name, file.pixel_size, file.unit, file.pages) == ("a", None, "pixel", 1)


def test_jpeg(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "a.jpg", quality=95)
    assert read_micrograph(tmp_path / "a.jpg").array.shape == GREY.shape


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.int16, bool])
def test_tiff_of_any_type(tmp_path, dtype):
    array = GREY.astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="minisblack")
    file = read_micrograph(tmp_path / "a.tif")
    np.testing.assert_array_equal(file.array, array)
    Cutout.of_array(file.array).read()


def test_16_bit_png(tmp_path):
    Image.fromarray(GREY.astype(np.uint16) * 200).save(tmp_path / "a.png")
    np.testing.assert_array_equal(
        read_micrograph(tmp_path / "a.png").array, GREY.astype(np.uint16) * 200
    )


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_colour_tiff(tmp_path, planar):
    data = COLOUR if planar == "contig" else np.moveaxis(COLOUR, -1, 0)
    tifffile.imwrite(tmp_path / "a.tif", data, photometric="rgb", planarconfig=planar)
    file = read_micrograph(tmp_path / "a.tif")
    assert file.is_rgb
    np.testing.assert_array_equal(file.array, COLOUR)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_grey_saved_as_colour_is_grey(tmp_path, name):
    Image.fromarray(GREY).convert("RGB").save(tmp_path / name)
    np.testing.assert_array_equal(read_micrograph(tmp_path / name).array, GREY)


def test_transparency_is_dropped(tmp_path):
    Image.fromarray(COLOUR).convert("RGBA").save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_micrograph(tmp_path / "a.png").array, COLOUR)


def test_white_is_zero(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", 255 - GREY, photometric="miniswhite")
    np.testing.assert_array_equal(read_micrograph(tmp_path / "a.tif").array, GREY)


def test_grey_palette(tmp_path):
    picture = Image.fromarray(GREY).convert("P")
    picture.putpalette([value for i in range(256) for value in (255 - i,) * 3])
    picture.save(tmp_path / "a.tif")
    np.testing.assert_array_equal(read_micrograph(tmp_path / "a.tif").array, 255 - GREY)


def test_several_pages_are_a_stack_and_one_of_them_a_picture(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.stack([GREY, 255 - GREY]), photometric="minisblack")
    stack, page = read_micrograph(tmp_path / "a.tif"), read_micrograph(tmp_path / "a.tif", 1)
    np.testing.assert_array_equal(stack.array, [GREY, 255 - GREY])
    assert [(axis.name, axis.length) for axis in stack.outer] == [("frame", 2)]
    np.testing.assert_array_equal(page.array, 255 - GREY)
    assert page.outer == ()
    assert stack.pages == page.pages == 2


def test_lzw_needs_no_other_package(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "a.tif", compression="tiff_lzw")
    np.testing.assert_array_equal(read_micrograph(tmp_path / "a.tif").array, GREY)


def test_suffix_may_lie(tmp_path):
    tifffile.imwrite(tmp_path / "a.png", GREY)
    np.testing.assert_array_equal(read_micrograph(tmp_path / "a.png").array, GREY)


@pytest.mark.parametrize("options", [{}, {"tile": (16, 16)}, {"tile": (16, 16), "compression": 8}])
def test_a_large_tiff_is_read_where_it_is_indexed(tmp_path, monkeypatch, options):
    monkeypatch.setattr(tiff_module, "LAZY_ABOVE", 1000)
    tifffile.imwrite(tmp_path / "a.tif", GREY, photometric="minisblack", **options)
    array = read_micrograph(tmp_path / "a.tif").array
    assert type(array) is not np.ndarray
    assert array.shape == GREY.shape
    np.testing.assert_array_equal(array[3:20, 30:50], GREY[3:20, 30:50])
    Cutout.of_array(array, (2, 2, 30, 30)).read()


def test_zeiss_tag(tmp_path):
    text = ZEISS.encode("ascii")
    tifffile.imwrite(tmp_path / "a.tif", GREY, extratags=[(34118, "s", len(text), text, True)])
    file = read_micrograph(tmp_path / "a.tif")
    assert file.pixel_size == (2.25, 2.25)
    assert file.unit == "nm"
    assert file.instrument.to_dict() == {
        "maker": "Zeiss",
        "voltage_kv": 5.0,
        "working_distance_mm": 4.5,
        "magnification": 50_000.0,
        "detector": "SE2",
        "date": "2021-03-03T09:08:07",
    }
    assert file.instrument.raw["ap_wd"] == ("WD", 4.5, "mm")


def test_imagej_calibration(tmp_path):
    tifffile.imwrite(
        tmp_path / "a.tif", GREY, imagej=True, resolution=(4.0, 2.0), metadata={"unit": "um"}
    )
    file = read_micrograph(tmp_path / "a.tif")
    assert file.pixel_size == pytest.approx((500.0, 250.0))


def test_print_resolution_is_no_pixel_size(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", GREY, resolution=(300, 300), resolutionunit="INCH")
    assert read_micrograph(tmp_path / "a.tif").pixel_size is None


def test_layer_data(tmp_path):
    text = ZEISS.encode("ascii")
    tifffile.imwrite(tmp_path / "a.tif", GREY, extratags=[(34118, "s", len(text), text, True)])
    array, keywords, kind = read_micrograph(tmp_path / "a.tif").to_layer()
    assert kind == "image"
    assert array.shape == GREY.shape
    assert keywords["scale"] == (2.25, 2.25)
    assert keywords["units"] == ("nm", "nm")
    assert keywords["metadata"]["instrument"]["voltage_kv"] == 5.0


def _write(name, content):
    def make(folder):
        (folder / name).write_bytes(content)
        return folder / name

    return make


def _truncated(name):
    def make(folder):
        whole = folder / f"whole_{name}"
        noise = np.random.default_rng(0).integers(0, 255, (200, 200), np.uint8)
        Image.fromarray(noise).save(whole)
        (folder / name).write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
        return folder / name

    return make


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda folder: folder / "none.tif", "There is no file"),
        (lambda folder: folder / "none" / "none.tif", "There is no file"),
        (lambda folder: folder, "is a folder"),
        (_write("a.tif", b""), "is empty"),
        (_write("a.txt", b"Dear reader"), "is not a picture"),
        (_write("a.tif", b"Dear reader"), "damaged"),
        (_write("a.tif", b"II*\0"), "damaged"),
        (_write("a.tif", b"II*\0\xff\xff\xff\xff"), "damaged"),
        (_truncated("a.tif"), "damaged"),
        (_truncated("a.png"), "damaged"),
        (_truncated("a.jpg"), "damaged"),
    ],
)
def test_one_clear_sentence(tmp_path, make, says):
    path = make(tmp_path)
    with pytest.raises(SourceError, match=says) as caught:
        read_micrograph(path)
    text = str(caught.value)
    assert path.name in text
    assert "\n" not in text
    assert text.endswith(".")


def test_a_volume_page_is_no_micrograph(tmp_path):
    tifffile.imwrite(
        tmp_path / "a.tif", np.zeros((32, 32, 32), np.uint8), volumetric=True, tile=(16, 16, 16)
    )
    with pytest.raises(SourceError, match="no micrograph"):
        read_micrograph(tmp_path / "a.tif")
