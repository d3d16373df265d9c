"""``learn``, and ``classify --learnt``."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

import fakes
from napari_micrograph_vlm import api


@pytest.fixture
def seeing(monkeypatch):
    """A model that shows what it sees, in place of any."""
    model = fakes.FakeModel()
    monkeypatch.setattr(api, "load_model", lambda *_, **__: model)
    return model


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for name, level in (("dark", 40), ("bright", 200)):
        (tmp_path / "wafer" / name).mkdir(parents=True)
        for i in range(6):
            pixels = (level + rng.integers(-20, 20, (40, 48))).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "wafer" / name / f"{i}.png")
    return tmp_path / "wafer"


def test_it_learns_prints_the_table_and_saves(run, seeing, folder, tmp_path):
    (folder / "dark" / "broken.png").write_bytes(b"no picture")
    code, out, err = run("learn", folder, "--out", tmp_path / "out")
    assert code == 0
    assert "broken.png" in err
    assert out.splitlines()[:4] == [
        "labelled    found as",
        "             1 2",
        "bright    1  6 .",
        "dark      2  . 6",
    ]
    assert "100 % of 12 regions right" in out
    with Image.open(tmp_path / "out" / "confusion.png") as picture:
        assert picture.width > 100
    picture = folder / "dark" / "2.png"
    code, out, err = run("classify", picture, "--learnt", tmp_path / "out", "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found["regions"][0]["best"] == "dark"
    assert found["provenance"]["revision"].startswith("1+")


def test_classify_needs_names_or_what_was_learnt(run, seeing, folder):
    code, _, err = run("classify", folder / "dark" / "0.png")
    assert code == 2
    assert "--labels" in err
    assert "--learnt" in err


def test_classify_refuses_other_classes(run, seeing, folder, tmp_path):
    assert run("learn", folder, "--out", tmp_path / "out")[0] == 0
    picture = folder / "dark" / "0.png"
    code, _, err = run("classify", picture, "--learnt", tmp_path / "out", "--labels", "crack,pore")
    assert code == 2
    assert "these are not those chosen" in err


def test_a_label_set_file_names_the_classes(run, seeing, folder, tmp_path):
    (tmp_path / "set.csv").write_text("name,sentence\ndark,\nbright,\nother,\n")
    code, out, _ = run("learn", folder, "--out", tmp_path / "out", "--labels", tmp_path / "set.csv")
    assert code == 0
    assert "of 'other'" in out
    (tmp_path / "set.csv").write_text("name,sentence\ndark,\nother,\n")
    code, _, err = run("learn", folder, "--out", tmp_path / "out", "--labels", tmp_path / "set.csv")
    assert code == 2
    assert "The subfolder 'bright' is none of the classes" in err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--out", "{folder}/out"), "choose another --out"),
        (("--out", "{folder}"), "choose another --out"),
        (("--out", "elsewhere", "--model", "http://box:8000/v1#m"), "choose one that runs here"),
        (("--out", "elsewhere", "--model", "no-such-model"), "no-such-model"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(run, seeing, folder, options, said):
    code, out, err = run("learn", folder, *(o.format(folder=folder) for o in options))
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_a_folder_without_classes_is_refused(run, seeing, tmp_path):
    assert run("learn", tmp_path, "--out", tmp_path.parent / "out")[0] == 2
    assert run("learn", tmp_path / "nowhere", "--out", tmp_path / "out")[0] == 2
