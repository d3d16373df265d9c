"""Downloads from a hub on this machine that speaks the real one's language."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from threading import Event
from time import perf_counter

import numpy as np
import pytest
from safetensors.numpy import save

from hub_server import COMMIT, Hub, serving
from napari_micrograph_vlm import _offline
from napari_micrograph_vlm._download_process import wanted
from napari_micrograph_vlm.errors import Cancelled, ModelError
from napari_micrograph_vlm.models import catalog
from napari_micrograph_vlm.models.catalog import Loading, Status
from napari_micrograph_vlm.models.download import download, look_up, remove, verify

WEIGHTS = save({"a": np.arange(200_000, dtype=np.float32)})

FILES = {
    "config.json": json.dumps({"model_type": "llava"}).encode(),
    "model.safetensors": WEIGHTS,
    "pytorch_model.bin": b"never",
    "modeling_evil.py": b"never",
    "onnx/model.onnx": b"never",
    "README.md": b"A model.",
}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty cache, and a network that may be used."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(catalog, "converted_folder", lambda name: tmp_path / "own" / name)
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_TOKEN", _offline._OURS):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    return tmp_path / "hub"


@pytest.fixture
def hub(here, monkeypatch):
    made = Hub(dict(FILES))
    with serving(made) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        yield made


def test_only_what_cannot_run_code_is_downloaded(hub):
    seen = []
    folder = download(
        catalog.on_hub(hub.repo), agreed=True, on_progress=lambda *told: seen.append(told)
    )
    assert sorted(file.name for file in folder.iterdir()) == [
        "README.md", "config.json", "model.safetensors",
    ]  # fmt: skip
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    total = sum(len(FILES[name]) for name in ("README.md", "config.json", "model.safetensors"))
    assert ("Downloading", total, total) in seen
    assert seen[-1] == ("Checking", total, total)
    entry = catalog.find(hub.repo)
    assert (entry.path, entry.status, entry.model_type) == (folder, Status.DOWNLOADED, "llava")
    assert entry.parameters == 200_000


def test_nothing_is_downloaded_before_the_user_agreed(hub):
    with pytest.raises(ModelError, match="agree to it first"):
        download(catalog.on_hub(hub.repo), agreed=False)
    offer = look_up(catalog.on_hub(hub.repo))
    assert offer.licence == "mit"
    assert offer.size == sum(map(len, FILES.values())) - len(b"never" * 3)
    assert hub.sent == []


def test_the_user_s_wish_to_be_offline_is_respected(hub, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match="HF_HUB_OFFLINE"):
        download(catalog.on_hub(hub.repo), agreed=True)
    assert not hub.agents


def test_what_the_command_line_forbids_itself_a_download_may(hub, monkeypatch):
    monkeypatch.setattr(os, "environ", dict(os.environ))
    _offline.forbid_network()
    assert os.environ["HF_HUB_OFFLINE"] == "1"
    assert not _offline.is_offline()
    _offline.forbid_network()
    assert not _offline.is_offline()
    assert "HF_HUB_OFFLINE" not in _offline.online_environment()
    assert _offline.online_environment()["HF_HUB_DISABLE_TELEMETRY"] == "1"
    os.environ.pop(_offline._OURS)
    _offline.forbid_network()
    assert _offline.is_offline()  # now it was the user who had set it


def test_cancel_ends_it_at_once_and_leaves_no_rest(hub, here):
    hub.pause = 0.5
    cancel = Event()
    seen = []

    def tell(what, done, total):
        seen.append(done)
        if done:
            cancel.set()

    with pytest.raises(Cancelled):
        download(catalog.on_hub(hub.repo), agreed=True, on_progress=tell, cancel=cancel)
    started = perf_counter()
    cancelled = Event()
    cancelled.set()
    with pytest.raises(Cancelled):
        download(catalog.on_hub(hub.repo), agreed=True, cancel=cancelled)
    assert perf_counter() - started < 3
    assert 0 < max(seen) < len(WEIGHTS)
    assert not list(here.rglob("*.incomplete"))
    with pytest.raises(ModelError, match=r"not on this computer|There is no model"):
        catalog.find(hub.repo)
    hub.pause = 0
    folder = download(catalog.on_hub(hub.repo), agreed=True)
    assert catalog.find(hub.repo).path == folder


def test_a_broken_download_is_noticed_and_mended_by_the_next(hub):
    hub.spoil = "model.safetensors"
    with pytest.raises(ModelError, match=r"model\.safetensors came broken"):
        download(catalog.on_hub(hub.repo), agreed=True)
    with pytest.raises(ModelError, match=r"There is no model|not on this computer"):
        catalog.find(hub.repo)
    hub.spoil = ""
    folder = download(catalog.on_hub(hub.repo), agreed=True)
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS


def test_one_changed_bit_on_the_disk_is_noticed(hub):
    folder = download(catalog.on_hub(hub.repo), agreed=True)
    blob = (folder / "config.json").resolve()
    content = bytearray(blob.read_bytes())
    content[0] ^= 1
    blob.write_bytes(content)
    with pytest.raises(ModelError, match=r"config\.json"):
        verify(folder)


def test_pickles_are_refused_unless_the_catalog_converts_them(hub):
    del hub.files["model.safetensors"]
    entry = catalog.on_hub(hub.repo)
    with pytest.raises(ModelError, match="can run code"):
        download(entry, agreed=True)
    assert hub.sent == []
    folder = download(replace(entry, loading=Loading.CONVERT), agreed=True)
    assert (folder / "pytorch_model.bin").is_file()
    assert catalog.describe(hub.repo).status is Status.TO_CONVERT
    with pytest.raises(ModelError, match="convert them once"):
        catalog.find(hub.repo)


def test_safetensors_are_preferred_to_pickles():
    names = ["model.safetensors", "pytorch_model.bin", "config.json", "a/config.json"]
    assert wanted(names, pickles=True) == ["model.safetensors", "config.json"]
    assert "pytorch_model.bin" in wanted(names[1:], pickles=True)
    assert wanted(names[1:], pickles=False) == ["config.json"]


def test_texts_in_the_folders_that_models_need_come_too():
    names = ["qformer_tokenizer/vocab.txt", "qformer_tokenizer/evil.py", "original/params.json"]
    assert wanted(names, pickles=False) == names[:1]


def test_a_gated_model_says_where_to_agree(hub):
    hub.gated = True
    with pytest.raises(ModelError, match="owner/model and log in"):
        look_up(catalog.on_hub(hub.repo))


def test_an_unknown_repository_is_named(hub):
    with pytest.raises(ModelError, match="no model owner/other on the hub"):
        look_up(catalog.on_hub("owner/other"))


def test_no_network_is_one_sentence(here, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ModelError, match="cannot be reached"):
        look_up(catalog.on_hub("owner/model"))


def test_removing_frees_the_disk(hub, here):
    download(catalog.on_hub(hub.repo), agreed=True)
    assert remove(catalog.find(hub.repo)) >= len(WEIGHTS)
    assert not list(here.glob("models--*"))
    with pytest.raises(ModelError, match="nothing to do"):
        remove(catalog.on_hub(hub.repo))
    with pytest.raises(ModelError, match="part of this package"):
        remove(catalog.STUDENT)


def test_the_commit_is_known(hub):
    assert download(catalog.on_hub(hub.repo), agreed=True).name == COMMIT
