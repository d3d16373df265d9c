"""The catalog: names and folders to entries."""

from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from napari_micrograph_vlm.errors import ModelError
from napari_micrograph_vlm.models import catalog, families, hub_cache
from napari_micrograph_vlm.models.catalog import Loading, Status

COMMIT = "0" * 40


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache of the hub, and no converted weights."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(catalog, "converted_folder", lambda name: tmp_path / "own" / name)
    return tmp_path / "hub"


def put(cache, repo, **files):
    """Put a downloaded repository into the cache."""
    folder = cache / ("models--" + repo.replace("/", "--"))
    (folder / "refs").mkdir(parents=True, exist_ok=True)
    (folder / "refs" / "main").write_text(COMMIT)
    snapshot = folder / "snapshots" / COMMIT
    snapshot.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (snapshot / name.replace("__", ".")).write_text(content)
    return snapshot


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
    assert [entry.name for entry in catalog.entries()][:2] == ["student", "mine"]
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


CEPHALO = (
    "Phi-3-vision-128k-4b-alpha", "Phi-3-vision-128k-4b-beta", "Phi-3-MoE-vision-128k-3x4b-beta",
    "Idefics-2-vision-8b-alpha", "Idefics-2-vision-8b-beta", "Idefics-2-vision-10b-alpha",
    "Idefics-2-vision-10b-beta", "Idefics-2-vision-12b-alpha", "Idefics2-vision-3x8b-beta",
    "Llava-v1.6-Mistral-vision-8b-alpha", "Llama-3.2-11B-Vision-Instruct-128k",
)  # fmt: skip


def test_every_published_cephalo_and_the_paper_s_baselines_are_listed():
    repos = {entry.repo for entry in catalog.published()}
    assert {f"lamm-mit/Cephalo-{name}" for name in CEPHALO} <= repos
    names = {entry.name for entry in catalog.published()}
    assert {"instructblip-vicuna-7b", "llava-1.5-7b", "minigpt-4", "minigpt-v2"} <= names


def test_every_published_model_tells_all_that_is_needed():
    known = catalog.published()
    assert len({entry.name for entry in known}) == len(known)
    for entry in known:
        assert entry.licence, entry.name
        assert entry.licence_link.startswith("https://")
        assert entry.good_at
        assert entry.family
        assert entry.weights > 10**8
        assert "GB" in entry.memory or "MB" in entry.memory
        assert entry.repo.count("/") == 1
        if entry.loading is Loading.NEVER:
            assert entry.note, entry.name
            assert catalog.describe(entry.instead).loading is not Loading.NEVER
        else:
            # Weights of 16 or 32 bits, nothing more and nothing less.
            assert 1.8 < entry.download / entry.weights < 4.4, entry.name
            assert families.is_known(entry.model_type), entry.name
    json.dumps([entry.to_dict() for entry in known])


def test_a_downloaded_model_is_found_by_both_its_names(cache):
    with pytest.raises(ModelError, match="models download smolvlm-256m"):
        catalog.find("smolvlm-256m")
    repo = catalog.describe("smolvlm-256m").repo
    snapshot = put(cache, repo, config__json="{}", model__safetensors="")
    for name in ("smolvlm-256m", repo):
        entry = catalog.find(name)
        assert (entry.name, entry.path, entry.status) == (
            "smolvlm-256m", snapshot, Status.DOWNLOADED,
        )  # fmt: skip


def test_half_a_download_is_none(cache):
    repo = catalog.describe("smolvlm-2b").repo
    index = json.dumps({"weight_map": {"a": "m-1.safetensors", "b": "m-2.safetensors"}})
    snapshot = put(cache, repo, config__json="{}")
    (snapshot / "model.safetensors.index.json").write_text(index)
    (snapshot / "m-1.safetensors").write_text("")
    with pytest.raises(ModelError, match="not on this computer"):
        catalog.find("smolvlm-2b")
    (snapshot / "m-2.safetensors").write_text("")
    assert catalog.find("smolvlm-2b").is_here


def test_any_model_of_the_hub_that_is_here_can_be_named(cache):
    snapshot = put(
        cache, "somebody/model", config__json='{"model_type": "llava"}', model__safetensors=""
    )
    entry = catalog.find("somebody/model")
    assert (entry.path, entry.model_type, entry.name) == (snapshot, "llava", "somebody/model")
    assert "LLaVA 1.5" in entry.family


def test_pickles_must_be_converted_and_then_the_converted_are_taken(cache, tmp_path):
    put(cache, catalog.describe("cephalo-4b-beta").repo, config__json="{}")
    snapshot = put(
        cache, catalog.describe("cephalo-4b-beta").repo, **{"pytorch_model-1__bin": "pickle"}
    )
    assert hub_cache.has_pickles(snapshot)
    with pytest.raises(ModelError, match="models convert cephalo-4b-beta"):
        catalog.find("cephalo-4b-beta")
    converted = tmp_path / "own" / "cephalo-4b-beta"
    converted.mkdir(parents=True)
    (converted / "config.json").write_text("{}")
    save_file({"a": np.zeros(3, np.float32)}, converted / "model.safetensors")
    entry = catalog.find("cephalo-4b-beta")
    assert (entry.path, entry.status) == (converted, Status.DOWNLOADED)


def test_the_cards_are_in_plain_words():
    jargon = ("pickle", "projection", "q-former", "checkpoint", "key names", "random weights")
    for entry in catalog.entries():
        told = f"{entry.family} {entry.good_at} {entry.note}".casefold()
        assert not [word for word in jargon if word in told], entry.name


def test_what_cannot_be_loaded_says_why_and_what_to_take():
    with pytest.raises(ModelError, match=r"take instructblip-vicuna-7b instead.*Only a small part"):
        catalog.find("minigpt-4")


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({"HF_HUB_CACHE": "/a"}, "/a"),
        ({"HF_HOME": "/b"}, "/b/hub"),
        ({"XDG_CACHE_HOME": "/c"}, "/c/huggingface/hub"),
    ],
)
def test_the_cache_is_where_other_programs_have_it(monkeypatch, variables, folder):
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert str(hub_cache.hub_cache()) == folder
