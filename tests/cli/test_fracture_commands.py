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
    rows = [row for s in ("train", "validation", "test") for row in read_chat(folder / "chat", s)]
    assert len(rows) == 16
    assert {len(row["messages"]) for row in rows} == {2}


def test_conversations_of_another_form_are_written_anew(call, coarse, tmp_path):
    folder = tmp_path / "plates"
    make = ("data", "fracture", "--runs", 2, "--out", folder, "--family", "notch")
    call(*make)
    notes = folder / "chat" / "runs.txt"
    notes.write_text("notch-1\nnotch-2\n")
    old = folder / "chat" / "old"
    old.touch()
    call(*make)
    assert notes.read_text().endswith("notch-1\nnotch-2\n")
    assert not old.exists()
    old.touch()
    call(*make)
    assert old.exists()


def test_plates_kept_for_the_test_are_to_look_at_and_nothing_to_learn_from(call, coarse, tmp_path):
    folder = tmp_path / "plates"
    code, out, _ = call(
        "data", "fracture", "--runs", 2, "--out", folder, "--family", "honeycomb", "--family",
        "notch",
    )  # fmt: skip
    assert code == 0
    assert "1 of them are kept for the test" in out
    rows = [row for s in ("train", "validation", "test") for row in read_chat(folder / "chat", s)]
    assert {row["group"] for row in rows} == {"notch-2"}
    pytest.importorskip("accelerate")
    code, _, err = call("train-fracture", folder, "--output", tmp_path / "student")
    assert code == 2
    assert "honeycomb-1, which is kept for the test" in err
    assert err.count("\n") == 1
    code, _, err = call("evaluate", "fracture", "--out", tmp_path / "test", "--learnt", folder)
    assert code == 2
    assert "kept for the test" in err
    call("data", "fracture", "--runs", 1, "--out", folder, "--family", "honeycomb")
    assert not (folder / "chat").exists()


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
