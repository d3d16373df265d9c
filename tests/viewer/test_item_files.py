"""The file of a run's item opens so that its plane is where the run found it."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_micrograph_vlm.runs.folder_source import FolderSource
from napari_micrograph_vlm.viewer.item_files import OPENED, as_stack, layer_data, read_file_region
from readers.making_files import write_mrc, write_velox

GREY = (np.arange(40 * 60) % 251).astype(np.uint8).reshape(40, 60)
STACK = np.stack([GREY, 255 - GREY, GREY // 2]).astype(np.uint16)


@pytest.mark.parametrize("name", ["a.mrc", "several.emd", "a.tif", "axes.tif"])
def test_every_plane_of_a_run_is_a_plane_of_the_layer(tmp_path, name):
    if not name.endswith("tif"):
        pytest.importorskip("rsciio", reason="needs the extra readers")
    expected = STACK
    if name == "a.mrc":
        write_mrc(tmp_path / name, STACK, 0.25)
    elif name == "several.emd":
        write_velox(tmp_path / name, {"HAADF": STACK[:2], "BF": STACK[2]})
    elif name == "a.tif":
        tifffile.imwrite(tmp_path / name, STACK, photometric="minisblack")
    else:
        expected = np.concatenate([STACK, STACK[::-1]])
        options = {"imagej": True, "metadata": {"axes": "TZYX"}}
        tifffile.imwrite(tmp_path / name, expected.reshape(2, 3, 40, 60), **options)
    items = list(FolderSource(tmp_path).items())
    assert len(items) == len(expected)
    for item in items:
        array, keywords, _kind = layer_data(tmp_path / name, item)
        assert keywords["metadata"][OPENED] == item.source
        assert len(keywords["axis_labels"]) == array.ndim == len(item.plane) + 2
        np.testing.assert_array_equal(np.asarray(array[item.plane]), expected[item.plane[0]])
        assert read_file_region(tmp_path / name, item).shape == (40, 60)


def test_a_file_looked_at_as_one_picture_opens_as_one(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", STACK, photometric="minisblack")
    assert as_stack(tmp_path / "a.tif", 0).array.shape == (40, 60)
    assert as_stack(tmp_path / "a.tif", 1).array.shape == (3, 40, 60)
