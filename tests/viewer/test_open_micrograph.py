"""Micrographs open with their scale: through napari's reader and through our menu commands."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest
import tifffile
from napari.utils.notifications import notification_manager
from npe2 import PluginManifest
from qtpy.QtWidgets import QFileDialog

from napari_micrograph_vlm.readers.micrograph import Axis, MicrographFile
from napari_micrograph_vlm.viewer import open_micrograph as module
from readers.making_files import DM_TAGS, dm_image, write_dm

pytestmark = pytest.mark.gui

GREY = (np.arange(40 * 60) % 251).astype(np.uint8).reshape(40, 60)
NAME = "napari-micrograph-vlm"


@pytest.fixture
def our_plugin(npe2pm):
    """Our manifest, beside napari's own reader of ordinary pictures."""
    for name in ("napari", NAME):
        npe2pm.register(PluginManifest.from_distribution(name))
    return npe2pm


def test_napari_opens_files_of_microscopes_and_asks_nobody(
    our_plugin, make_napari_viewer, tmp_path
):
    pytest.importorskip("rsciio", reason="needs the extra readers")
    path = write_dm(tmp_path / "a.dm3", dm_image(GREY, [(250.0, "nm")] * 2, **DM_TAGS))
    readers = {
        name: {reader.plugin_name for reader in our_plugin.iter_compatible_readers(name)}
        for name in ("a.dm3", "a.DM4", "a.png", "a.jpg", "a.tif", "a.tiff")
    }
    assert readers["a.dm3"] == readers["a.DM4"] == {NAME}
    assert not any(NAME in readers[name] for name in ("a.png", "a.jpg", "a.tif", "a.tiff"))
    viewer = make_napari_viewer()
    (layer,) = viewer.open(str(path), plugin=None)
    np.testing.assert_array_equal(layer.data, GREY)
    np.testing.assert_allclose(layer.scale, (0.25, 0.25))
    assert [f"{unit:~}" for unit in layer.units] == ["µm", "µm"]
    assert layer.axis_labels == ("y", "x")
    assert layer.metadata["instrument"]["voltage_kv"] == 200.0
    assert layer.metadata["scale_from"] == "the file"


def test_a_damaged_file_dropped_on_the_window_is_explained(
    our_plugin, make_napari_viewer, tmp_path
):
    (tmp_path / "a.mrc").touch()
    viewer = make_napari_viewer()
    assert viewer.open(str(tmp_path / "a.mrc"), plugin=None) == []
    assert "a.mrc is empty" in notification_manager.records[-1].message


def test_commands_open_files_and_folders_and_say_what_is_wrong(make_napari_viewer, tmp_path, qtbot):
    for number in (1, 2):
        tifffile.imwrite(tmp_path / f"{number}.tif", GREY + number)
    for name in ("bad.png", "worse.png"):
        (tmp_path / name).write_bytes(b"no picture")
    viewer = make_napari_viewer()
    chosen = [str(tmp_path / name) for name in ("bad.png", "1.tif", "worse.png")], ""
    with patch.object(QFileDialog, "getOpenFileNames", return_value=chosen) as dialog:
        module.open_micrograph(viewer)
    assert "*.dm3" in dialog.call_args.args[3]
    qtbot.waitUntil(lambda: len(viewer.layers) == 1)
    np.testing.assert_array_equal(viewer.layers[0].data, GREY + 1)
    assert viewer.layers[0].source.path == str(tmp_path / "1.tif")
    message = notification_manager.records[-1].message
    assert message.startswith("2 of 3 could not be opened:")
    assert "bad.png is not a picture" in message
    assert "worse.png is not a picture" in message
    for name in ("bad.png", "worse.png"):
        (tmp_path / name).unlink()
    with patch.object(QFileDialog, "getExistingDirectory", return_value=str(tmp_path)):
        module.open_folder(viewer)
    qtbot.waitUntil(lambda: len(viewer.layers) == 2)
    np.testing.assert_array_equal(np.asarray(viewer.layers[1].data[1]), GREY + 2)


def test_nothing_chosen_opens_nothing():
    with (
        patch.object(QFileDialog, "getOpenFileNames", return_value=([], "")),
        patch.object(QFileDialog, "getExistingDirectory", return_value=""),
        patch.object(module, "open_paths") as opened,
    ):
        module.open_micrograph(None)
        module.open_folder(None)
    opened.assert_not_called()


def test_contrast_of_a_lazy_array_is_found_in_the_worker(tmp_path):
    class Lazy:
        shape, ndim, dtype = (3, 8, 8), 3, np.dtype(np.uint16)

        def __getitem__(self, index):
            return (np.arange(192, dtype=np.uint16).reshape(3, 8, 8) + 100)[index]

    file = MicrographFile(Lazy(), "a", tmp_path / "a.dm3", outer=(Axis("z", 3),))
    with patch("napari_micrograph_vlm.readers.micrograph.read_pictures", return_value=[file]):
        ((_array, keywords, _kind),) = module.layers_of(tmp_path / "a.dm3")
    assert keywords["contrast_limits"] == (164.0, 227.0)
