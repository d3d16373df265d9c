"""Pixels of kept answers come from the picture that the answer was about."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tifffile

from napari_micrograph_vlm.errors import SourceError
from napari_micrograph_vlm.readers import read_pictures
from napari_micrograph_vlm.regions import Cutout
from napari_micrograph_vlm.reporting.late_regions import pixels_of_file
from readers.making_files import write_velox

GREY = (np.arange(40 * 60) % 251).astype(np.uint8).reshape(40, 60)


def test_each_detector_of_a_file_has_its_own_pixels(tmp_path):
    pytest.importorskip("rsciio", reason="needs the extra readers")
    path = write_velox(tmp_path / "a.emd", {"HAADF": GREY, "BF": 255 - GREY})
    for file in read_pictures(path):
        region = Cutout.of_array(file.array, (2, 3, 30, 40), source=file.name).read()
        again = pixels_of_file(path, region, region.pixels.shape, None)
        np.testing.assert_allclose(again, region.pixels)
    renamed = replace(region, source="my layer")
    with pytest.raises(SourceError, match=r"Open a\.emd in napari to see"):
        pixels_of_file(path, renamed, region.pixels.shape, None)


def test_each_image_of_a_tiff_has_its_own_pixels(tmp_path):
    path = tmp_path / "a.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as writer:
        for pixels in (GREY, (255 - GREY)[:, ::-1].astype(np.uint16)):
            writer.write(pixels, metadata={"axes": "YX"})
    files = read_pictures(path)
    assert len(files) == 2
    for file in files:
        region = Cutout.of_array(file.array, (2, 3, 30, 40), source=file.name).read()
        again = pixels_of_file(path, region, region.pixels.shape, None)
        np.testing.assert_allclose(again, region.pixels)
