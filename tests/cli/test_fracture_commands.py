"""``data fracture``, ``train-fracture`` and ``evaluate fracture`` as a person calls them."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from napari_micrograph_vlm.cli import main
from napari_micrograph_vlm.datasets.chat import read_chat
from napari_micrograph_vlm.simulation import records
from napari_micrograph_vlm.simulation.runs import simulate


@pytest.fixture
def call(capsys):
    def run(*arguments):
        with pytest.raises(SystemExit) as left:
            main([*map(str, arguments)])
        out, err = capsys.readouterr()
        return left.value.code or 0, out, err

    return run


@pytest.fixture
def coarse(monkeypatch):
    calls = []

    def quick(plate):
        calls.append(plate.seed)
        return simulate(plate, columns=12)

    monkeypatch.setattr(records, "simulate", quick)
    return calls


def test_plates_are_pulled_drawn_and_asked_about_once(call, coarse, tmp_path):
    folder = tmp_path / "plates"
    code, out, _ = call("data", "fracture", "--runs", 3, "--out", folder, "--family", "notch")
    assert code == 0
    assert out.startswith("3 plates in ")
    code, out, _ = call(
        "data", "fracture", "--runs", 4, "--out", folder, "--family", "notch", "--json"
    )
    assert json.loads(out)["plates"] == 4
    assert coarse == [1, 2, 3, 4]
    names = sorted(path.name for path in (folder / "images").iterdir())
    assert names == [f"notch-{seed}.png" for seed in (1, 2, 3, 4)]
    with Image.open(folder / "images" / names[0]) as picture:
        assert picture.size == (384, 384)
    assert sum(len(read_chat(folder / "chat", s)) for s in ("train", "validation", "test")) == 4


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["data", "fracture", "--out", "x", "--seed", "9999990"], "kept for the test"),
        (["data", "fracture", "--out", "x", "--family", "sponge"], "honeycomb"),
        (["train-fracture", "nowhere", "--output", "x"], "data fracture"),
        (["evaluate", "fracture", "--out", "x", "--learnt", "nowhere"], "data fracture"),
        (["evaluate", "fracture", "--out", "x", "--json", "no/x.json"], "does not exist"),
    ],
)
def test_what_is_wrong_is_told_in_one_sentence(call, tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    code, _, err = call(*arguments)
    assert code == 2
    assert said in err
    assert err.count("\n") == 1
    assert "Traceback" not in err
