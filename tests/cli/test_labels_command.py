"""``labels`` on the command line, and label-set files given to ``classify``."""

from __future__ import annotations

import json

import pytest

from napari_micrograph_vlm import classify
from napari_micrograph_vlm.labelling import LabelClass, LabelSet, kept
from napari_micrograph_vlm.labelling.files import read_label_set, write_label_set

MINE = LabelSet("mine", (LabelClass("short", "joins two lines"), LabelClass("open")))


@pytest.fixture
def own(tmp_path, monkeypatch):
    monkeypatch.setattr(kept, "kept_sets_folder", lambda: tmp_path / "own")
    kept.keep(MINE)
    path = tmp_path / "mine.csv"
    write_label_set(MINE, path)
    return path


def test_presets_and_own_sets_are_listed(run, own):
    code, out, _ = run("labels")
    assert code == 0
    assert "Semiconductor defects: 18 classes; comes with the program" in out
    assert "mine: 2 classes; your own, in " in out
    assert [one["name"] for one in json.loads(run("labels", "--json")[1])][-1] == "mine"


def test_one_is_shown_and_checked(run, own):
    assert run("labels", "show", "MINE")[1] == "mine\n  short: joins two lines\n  open\n"
    assert json.loads(run("labels", "show", own, "--json")[1])["classes"][1]["name"] == "open"
    _, out, _ = run("labels", "check", own)
    assert out == "mine: 2 classes, no mistakes.\nWithout a sentence: open.\n"


def test_a_mistake_is_one_line(run, tmp_path):
    (tmp_path / "x.csv").write_text("name\na\nA\n")
    code, out, err = run("labels", "check", tmp_path / "x.csv")
    assert (code, out) == (2, "")
    assert err == "x.csv: The class name 'A' is listed twice; remove one.\n"


def test_a_set_is_converted_but_nothing_is_replaced_unasked(run, own, tmp_path):
    target = tmp_path / "new.json"
    assert run("labels", "convert", own, target)[0] == 0
    assert read_label_set(target) == MINE
    code, _, err = run("labels", "convert", "Semiconductor defects", target)
    assert code == 2
    assert "--overwrite" in err
    assert run("labels", "convert", "Semiconductor defects", target, "--overwrite")[0] == 0
    assert len(read_label_set(target).classes) == 18


def test_classify_takes_a_file_and_hands_on_its_sentences(run, image, model, own):
    code, out, _ = run("classify", image, "--labels", own, "--json")
    assert code == 0
    assert json.loads(out)["labels"] == ["short", "open"]
    assert model.labels == MINE
    run("classify", image, "--labels", "short,open")
    assert model.labels == ("short", "open")
    code, _, err = run("classify", image, "--labels", "nowhere.json")
    assert code == 2
    assert "nowhere.json" in err


def test_the_api_takes_names_a_label_set_or_a_path(image, model, own):
    for labels in (MINE, own, str(own)):
        assert classify(image, labels).labels == ("short", "open")
        assert model.labels == MINE
    classify(image, ["short", "open"])
    assert model.labels == ("short", "open")
