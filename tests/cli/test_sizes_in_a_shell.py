"""Sizes in a shell: measured in a batch, and doubted where they cannot be true."""

from __future__ import annotations

import json

import numpy as np
import tifffile

from napari_micrograph_vlm.reporting.columns import SIZES
from napari_micrograph_vlm.results import Answer
from runs.making import noise, save


def test_a_batch_measures_where_it_is_asked_to(run, model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pixels = noise((60, 60)) // 4
    pixels[40:48, 20:50] += 150
    lot = save(tmp_path / "lot" / "a.png", pixels).parent
    asked = ("batch", lot, "--question", "What is it?", "--table", "t.json")
    assert run(*asked, "--measure")[0] == 0
    (row,) = json.loads((tmp_path / "t.json").read_text())
    assert row["object"] == "bridge"
    assert row["objects"] is not None
    # Without sizes it is another run, beside the first.
    code, _out, err = run(*asked)
    assert code == 0
    assert "a run with other settings, so this is a new run" in err
    (row,) = json.loads((tmp_path / "t.json").read_text())
    assert not set(SIZES) & set(row)


def test_a_size_that_cannot_be_true_is_said(run, model, image, monkeypatch):
    sentence = "“5 mm” is longer than the region, which is 10 µm from corner to corner."
    monkeypatch.setattr(Answer, "warnings", (sentence,))
    code, out, _err = run("ask", image, "How long is it?")
    assert code == 0
    assert f"Check: {sentence}" in out


def test_an_answer_is_measured_where_it_is_asked_to(run, model, tmp_path):
    pixels = noise((60, 60)) // 4
    pixels[40:48, 20:50] += 150
    image = save(tmp_path / "a.png", pixels)
    code, out, _err = run("ask", image, "What is it?", "--measure")
    assert code == 0
    assert "bridge" in out.splitlines()[-1]
    code, out, _err = run("ask", image, "What is it?", "--measure", "--json")
    found = json.loads(out)
    assert found["measured"][0]["what"] == "bridge"
    assert "measured" not in json.loads(run("ask", image, "What is it?", "--json")[1])


def test_frames_of_a_stack_are_asked_about(run, model, tmp_path):
    tifffile.imwrite(tmp_path / "s.tif", np.stack([noise((40, 40), seed=i) for i in range(6)]))
    code, out, _err = run("ask", tmp_path / "s.tif", "Which?", "--frames", "0,5", "--json")
    assert code == 0
    assert [region["plane"] or region["label"] for region in json.loads(out)["regions"]]
    code, _out, err = run("ask", tmp_path / "s.tif", "Which?", "--frames", "9")
    assert code == 2
    assert err.count("\n") == 1
