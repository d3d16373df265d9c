"""Trainings without one part of the recipe, at the smallest size."""

from __future__ import annotations

import pytest

from fakes import FakeModel
from napari_micrograph_vlm.cli import main
from napari_micrograph_vlm.evaluation import ablations
from napari_micrograph_vlm.evaluation.ablations import ablate, ablation_table, variants_of
from napari_micrograph_vlm.evaluation.report import Figure, Part
from napari_micrograph_vlm.evaluation.run import Evaluation
from napari_micrograph_vlm.training import run as training
from napari_micrograph_vlm.training.recipe import Recipe

pytest.importorskip("nltk")


def test_each_training_leaves_out_one_thing(monkeypatch, tmp_path):
    calls = []

    def train(recipe, **options):
        calls.append((recipe.images, recipe.steps, options["without"], options["data"]))
        assert options["cache"] == tmp_path / "out" / "cache"

    def measure(model, **options):
        parts = (
            Part("Where it looks, synthetic pictures", [Figure("peak in the defect", 4, 0.5)]),
        )
        return Evaluation("fake", "1", "cpu", parts, 3, 1, 0.0)

    monkeypatch.setattr(training, "run", train)
    monkeypatch.setattr(ablations, "load_model", lambda folder, device: FakeModel())
    monkeypatch.setattr(ablations, "evaluate", measure)
    text = ablate(
        Recipe(), tmp_path / "out", images=7, steps=2, test_images=3, data=[tmp_path],
        progress=False,
    )  # fmt: skip
    assert [call[2] for call in calls] == [(), ("itc",), ("itm",), ("lm",), ("grounding",), ()]
    assert [bool(call[3]) for call in calls] == [True] * 5 + [False]
    assert {call[:2] for call in calls} == {(7, 2)}
    assert text.splitlines()[:3] == [
        "| | peak in the defect |",
        "|---|---|",
        "| everything | 0.500 |",
    ]
    assert "| without real data | 0.500 |" in text
    assert (tmp_path / "out" / "ablations.md").read_text().strip() == text


def test_stopped_in_a_measurement_nothing_more_is_trained(monkeypatch, tmp_path):
    trained = []
    monkeypatch.setattr(training, "run", lambda recipe, **options: trained.append(options["name"]))
    monkeypatch.setattr(ablations, "load_model", lambda folder, device: FakeModel())
    monkeypatch.setattr(
        ablations,
        "evaluate",
        lambda model, **options: Evaluation(
            "fake", "1", "cpu", (), 3, 1, 0.0, whole=len(trained) < 2
        ),
    )
    arguments = ["--output", str(tmp_path), "--images", "7", "--steps", "2", "--test-images", "3"]
    with pytest.raises(SystemExit) as left:
        main(["evaluate", "ablations", *arguments])
    assert left.value.code == 130
    assert trained == ["everything", "without-ITC"]
    table = (tmp_path / "ablations.md").read_text()
    assert "| everything |" in table
    assert "without ITC" not in table


def test_without_real_pictures_there_is_nothing_to_leave_out(tmp_path):
    assert "without real data" not in variants_of(())
    assert "without real data" in variants_of((tmp_path,))


def test_columns_without_figures_are_left_out():
    part = Part("Calibration error, synthetic pictures", [Figure("answers", 3, 0.1, (0.05, 0.2))])
    one = Evaluation("a", "1", "cpu", (part,), 3, 1, 0.0)
    bare = Evaluation("b", "1", "cpu", (), 3, 1, 0.0)
    text = ablation_table({"everything": one, "without ITC": bare}, 10, 5)
    assert text.splitlines()[0] == "| | calibration error |"
    assert "| everything | 0.100 (0.05 to 0.20) |" in text
    assert "| without ITC |  |" in text
