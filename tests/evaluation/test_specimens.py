"""Leaving one specimen out: windows, who may be measured, and one real run at small size."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from napari_micrograph_vlm.cli import main
from napari_micrograph_vlm.datasets.facts import DefectFact, Facts
from napari_micrograph_vlm.datasets.teacher_labels import RealPicture
from napari_micrograph_vlm.errors import SourceError
from napari_micrograph_vlm.evaluation import specimens
from napari_micrograph_vlm.evaluation.specimens import point_at, table_of, windows_of
from napari_micrograph_vlm.results import Answer, AttentionMap, Provenance
from napari_micrograph_vlm.training.recipe import Recipe
from napari_micrograph_vlm.training.run import run
from training.tiny_training import RECIPE, labelled_folder


def cracked_folder(folder, names, size=384):
    """A labelled folder with dark cracks, each at another place."""
    labelled_folder(folder)
    for part in ("images", "masks"):
        (folder / "coating_cracks" / part).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for i, name in enumerate(names):
        pixels = rng.normal(160, 8, (size, size)).clip(0, 255).astype(np.uint8)
        mask = np.zeros((size, size), np.uint8)
        mask[40 : size - 40, 60 + 70 * i : 66 + 70 * i] = 2
        pixels[mask == 2] = 20
        Image.fromarray(pixels).save(folder / "coating_cracks" / "images" / f"{name}.png")
        Image.fromarray(mask).save(folder / "coating_cracks" / "masks" / f"{name}.png")
    return folder


class Pointer:
    """Looks at one cell whatever it is asked."""

    def __init__(self, cell):
        self.cell = cell
        self.asked = []

    def ask(self, question):
        self.asked.append(question.text)
        values = np.zeros((12, 12), np.float32)
        values[self.cell] = 1
        attention = (AttentionMap(values, "none"),)
        made = Provenance("pointer", "1", "cpu", 0.0, "0")
        return Answer(question.text, "here", question.regions, attention, (), 1.0, made)


def test_windows_are_kept_by_specimen(tmp_path):
    names = ["a_1_001", "a_1_002", "b_2_001", "c_3_001"]
    found = windows_of(cracked_folder(tmp_path, names))
    assert {name: len(windows) for name, windows in found.items()} == {
        "coating a_1": 2,
        "coating b_2": 1,
        "coating c_3": 1,
    }


def test_too_few_specimens_are_told(tmp_path):
    with pytest.raises(SourceError, match="2 specimens with marked cracks"):
        windows_of(cracked_folder(tmp_path, ["a_1_001", "b_1_001"]))


@pytest.mark.parametrize(("cell", "right"), [((5, 2), True), ((5, 9), False)])
def test_pointing_counts_the_tokens_that_the_crack_touches(tmp_path, cell, right):
    path = tmp_path / "a.png"
    pixels = np.full((384, 384), 150, np.uint8)
    pixels[::2] = 120
    Image.fromarray(pixels).save(path)
    mask = np.zeros((384, 384), bool)
    mask[:, 70:75] = True
    window = RealPicture(path, "a", Facts(defects=(DefectFact("crack", mask),)), (0, 0, 384, 384))
    nothing = replace(window, facts=Facts(defects=None))
    model = Pointer(cell)
    assert point_at(model, [window, nothing]) == [(right, pytest.approx(1 / 12))]
    assert "crack" in model.asked[0]


@pytest.mark.parametrize("made", [{"real": {"coating_cracks": 3}}, {"real": {}, "start": "x"}])
def test_a_student_that_may_have_seen_them_is_refused(tmp_path, made, capsys):
    (tmp_path / "training.json").write_text(json.dumps(made))
    arguments = ["--data", tmp_path, "--init", tmp_path, "--cache", tmp_path / "cache"]
    with pytest.raises(SystemExit):
        main(["evaluate", "specimens", *map(str, arguments)])
    assert "may have been trained on these pictures" in capsys.readouterr().err


def test_each_specimen_is_left_out_once(tmp_path, monkeypatch, capsys):
    data = cracked_folder(tmp_path / "data", ["a_1_001", "b_2_001", "c_3_001"])
    base = tmp_path / "base"
    run(RECIPE, output=base, cache=tmp_path / "first", say=lambda _: None)
    small = replace(RECIPE, real_share=0.5)
    monkeypatch.setattr(Recipe, "fine_tuning", classmethod(lambda cls: small))
    trained = []
    real_run = specimens.run

    def spy(recipe, **options):
        trained.append(len(options["pictures"].real["coating_cracks"]))
        return real_run(recipe, **options)

    monkeypatch.setattr(specimens, "run", spy)
    kept = tmp_path / "figures.json"
    arguments = ["--data", data, "--init", base, "--cache", tmp_path / "cache", "--json", kept]
    arguments += ["--steps", 2, "--images", 24, "--device", "cpu"]
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", "specimens", *map(str, arguments)])
    assert ended.value.code == 0
    assert trained == [8, 8, 8]  # two other specimens, one window each, and three mirror images
    figures = json.loads(kept.read_text())
    assert figures["before"]["windows"] == figures["after"]["windows"] == 3
    assert figures["after"]["chance"] == pytest.approx(40 / 144 / 3)
    printed = capsys.readouterr().out
    assert "3 specimens, each left out in turn" in printed
    assert "coating b_2: " in printed


def test_the_table_says_how_many_times_chance_the_lower_bound_is():
    one = {"value": 0.6, "interval": (0.4, 0.8), "chance": 0.05, "windows": 40, "specimens": 9}
    text = table_of({"before": one, "after": one})
    assert "| fine-tuned on the other specimens | 40 | 0.600 (0.400 to 0.800) | 0.050 |" in text
    assert "8.0 times chance (target 3)" in text
