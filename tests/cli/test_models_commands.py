"""The commands that list models and bring them here."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

import pytest

from hub_server import Hub, serving
from napari_micrograph_vlm import _offline
from napari_micrograph_vlm.models import catalog


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", _offline._OURS):
        monkeypatch.setenv(name, "")  # main sets them: monkeypatch puts them back
    return tmp_path / "hub"


@pytest.fixture
def hub(monkeypatch):
    made = Hub({"config.json": b'{"model_type": "llava"}', "model.safetensors": b"0" * 100_000})
    with serving(made) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        yield made


def test_list_shows_licence_and_memory(run):
    code, out, _ = run("models", "list")
    assert code == 0
    assert "cephalo-8b-beta (not downloaded): Cephalo, Idefics2, 8.4 billion weights" in out
    assert "19.1 GB with 16 bits" in out
    assert out == run("models")[1]
    assert "cephalo" not in run("models", "list", "--here")[1]


def test_list_as_json(run):
    rows = json.loads(run("models", "--json")[1])
    (row,) = (row for row in rows if row["name"] == "cephalo-4b-beta")
    assert (row["loading"], row["status"]) == ("needs conversion", "not downloaded")
    assert row["parameters"] == row["weights"]


def test_show_says_whether_it_fits(run):
    code, out, _ = run("models", "show", "cephalo-3x8b-beta", "--device", "cpu")
    assert code == 0
    assert "licence: Apache-2.0 (https://" in out
    assert "not yet on the whole model." in out
    assert "on cpu with" in out


def test_download_shows_the_licence_and_wants_agreement(run, hub, monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: False))
    code, out, err = run("models", "download", hub.repo)
    assert code == 2
    assert "the hub says mit" in out
    assert "add --agree" in err
    assert hub.sent == []
    code, out, err = run("models", "download", hub.repo, "--agree")
    assert code == 0, err
    assert out.splitlines()[-1] == str(catalog.find(hub.repo).path)
    assert run("models", "show", hub.repo)[0] == 0


def test_no_to_the_licence_downloads_nothing(run, hub, monkeypatch):
    monkeypatch.setattr(
        sys, "stdin", SimpleNamespace(isatty=lambda: True, readline=lambda *_: "n\n")
    )
    monkeypatch.setattr("builtins.input", lambda *_: "n")
    code, _, _ = run("models", "download", hub.repo)
    assert code != 0
    assert hub.sent == []


def test_remove_asks_first(run, hub, cache, monkeypatch):
    run("models", "download", hub.repo, "--agree")
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: False))
    assert "add --yes" in run("models", "remove", hub.repo)[2]
    assert list(cache.glob("models--*"))
    assert run("models", "remove", hub.repo, "--yes")[0] == 0
    assert not list(cache.glob("models--*"))


def test_pickles_are_converted_and_then_used(run, cache, tmp_path, monkeypatch):
    import torch

    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    folder = cache / "models--lamm-mit--Cephalo-Phi-3-vision-128k-4b-beta"
    snapshot = folder / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("abc")
    (snapshot / "config.json").write_text('{"model_type": "phi3_v"}')
    torch.save({"a": torch.ones(3, 4)}, snapshot / "pytorch_model.bin")
    assert "to be converted" in run("models", "show", "cephalo-4b-beta")[1]
    code, out, err = run("models", "convert", "cephalo-4b-beta")
    assert code == 0, err
    entry = catalog.find("cephalo-4b-beta")
    assert str(entry.path) == out.strip()
    assert entry.path.is_relative_to(tmp_path / "data")
    assert entry.parameters == 12
    run("models", "remove", "cephalo-4b-beta", "--yes")
    assert not entry.path.exists()
    assert not snapshot.exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("show", "gpt"), "There is no model 'gpt'"),
        (("download", "gpt"), "There is no model 'gpt'"),
        (("download", "student", "--agree"), "on this computer already"),
        (("download", "minigpt-4", "--agree"), "cannot be loaded"),
        (("remove", "student", "--yes"), "part of this package"),
        (("remove", "cephalo-8b-beta", "--yes"), "nothing to do"),
        (("convert", "cephalo-4b-beta"), "no pickled weights"),
        (("calibrate", "cephalo-8b-beta"), "not on this computer"),
    ],
)
def test_bad_input_is_one_line(run, arguments, says):
    code, _, err = run("models", *arguments)
    assert code == 2
    assert says in err
    assert err.count("\n") == 1


def test_asking_a_model_that_is_not_here_says_how_to_get_it(run, image):
    code, _, err = run("ask", image, "What?", "--model", "qwen3-vl-2b")
    assert code == 2
    assert "models download qwen3-vl-2b" in err
