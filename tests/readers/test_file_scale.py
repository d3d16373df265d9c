"""Pixel sizes taken from the file of an image that was opened without them."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_micrograph_vlm.errors import SourceError
from napari_micrograph_vlm.readers.file_scale import may_give_scale, scale_in

GREY = (np.arange(40 * 60) % 251).astype(np.uint8).reshape(40, 60)


def thermo(path, width="1.5e-09", height="1.5e-09"):
    scan = f"[Scan]\r\nPixelWidth={width}\r\nPixelHeight={height}\r\n"
    text = f"[Beam]\r\nHV=15000\r\n{scan}[Stage]\r\nWorkingDistance=0.004\r\n"
    tifffile.imwrite(path, GREY, extratags=[(34682, "s", 0, text, True)])
    return path


def test_pixel_size_and_instrument_come_from_the_file(tmp_path):
    found = scale_in(thermo(tmp_path / "a.tif"), (40, 60))
    assert found.nanometres == pytest.approx(1.5)
    assert found.metadata["instrument"]["voltage_kv"] == 15.0
    assert found.metadata["raw"]


def test_what_cannot_be_the_pixel_size_of_the_image_is_refused(tmp_path):
    with pytest.raises(SourceError, match="60 × 40 pixels, which this image is not"):
        scale_in(thermo(tmp_path / "a.tif"), (20, 30))
    with pytest.raises(SourceError, match="not square"):
        scale_in(thermo(tmp_path / "b.tif", height="3e-09"), (40, 60))
    with pytest.raises(SourceError, match="no microscope gives"):
        scale_in(thermo(tmp_path / "c.tif", "0.5", "0.5"), (40, 60))
    tifffile.imwrite(tmp_path / "d.tif", GREY)
    with pytest.raises(SourceError, match=r"d\.tif does not say"):
        scale_in(tmp_path / "d.tif", (40, 60))


@pytest.mark.parametrize(
    ("name", "may"), [("a.TIF", True), ("a.dm3", True), ("a.npy", False), (None, False)]
)
def test_only_files_that_can_be_read_may_give_a_pixel_size(name, may):
    assert may_give_scale(name) is may
