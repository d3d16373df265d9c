"""The catalog: names and folders to entries."""

from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from napari_micrograph_vlm.errors import ModelError
from napari_micrograph_vlm.models import catalog


@pytest.fixture
def folder(tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "config.json").write_text("{}")
    return mine


def test_the_bundled_student_is_the_default():
    assert catalog.find() is catalog.find("student") is catalog.STUDENT


def test_a_folder_is_a_model(folder):
    entry = catalog.find(folder)
    assert (entry.name, entry.status, entry.path) == ("mine", "local", folder)
    assert catalog.find(str(folder)) == entry


def test_folders_of_your_own_are_listed(folder, monkeypatch):
    monkeypatch.setenv(catalog.FOLDERS_VARIABLE, str(folder))
    assert [entry.name for entry in catalog.entries()] == ["student", "mine"]
    assert catalog.find("mine").path == folder


def test_unknown_names_the_known(tmp_path):
    with pytest.raises(ModelError, match="known are student"):
        catalog.find("gpt")
    with pytest.raises(ModelError, match=r"config\.json"):
        catalog.find(tmp_path)


def test_weights_are_counted_without_loading_them(folder):
    assert catalog.find(folder).parameters is None
    tensors = {"a": np.zeros((3, 4), np.float16), "norm.running_mean": np.zeros(9, np.float32)}
    save_file(tensors, folder / "model.safetensors")
    assert catalog.find(folder).parameters == 12
    (folder / "model.safetensors").write_bytes(b"Dear reader")
    assert catalog.find(folder).parameters is None


def test_ready_for_json():
    assert json.loads(json.dumps(catalog.STUDENT.to_dict()))["name"] == "student"
