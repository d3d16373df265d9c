"""Confidence that can be relied on: fitted on answers about pictures kept aside."""

from __future__ import annotations

import numpy as np
import pytest

from napari_micrograph_vlm.evaluation.calibration_error import calibration_error
from napari_micrograph_vlm.models.student.loading import load_parts
from napari_micrograph_vlm.training import answer_calibration
from napari_micrograph_vlm.training.answer_calibration import calibrate_answers, fit_confidence
from napari_micrograph_vlm.training.shards import read_shards


def test_the_fit_finds_the_weights_that_made_the_answers():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20_000, 3)) * [3, 1, 1] - 1
    true = np.array([0.7, 0.6, -0.4, 0.2])
    p = 1 / (1 + np.exp(-(true[0] + x @ true[1:])))
    right = (rng.random(len(p)) < p).astype(float)
    weights = fit_confidence(x, right)
    np.testing.assert_allclose(weights, true, atol=0.12)
    said = 1 / (1 + np.exp(-(weights[0] + x @ weights[1:])))
    assert calibration_error(said, right) < 0.02


def test_overconfidence_is_taken_off():
    rng = np.random.default_rng(1)
    probability = rng.uniform(0.7, 1, 5_000)
    features = np.stack([np.log(probability)] * 3, axis=1)
    right = (rng.random(5_000) < probability**3).astype(float)
    weights = fit_confidence(features, right)
    said = 1 / (1 + np.exp(-(weights[0] + features @ weights[1:])))
    assert calibration_error(probability, right) > 0.15
    assert calibration_error(said, right) < 0.06


def test_separable_answers_give_finite_weights():
    x = np.linspace(-3, 0, 400)[:, None].repeat(3, axis=1)
    weights = fit_confidence(x, (x[:, 0] > -1).astype(float))
    assert np.isfinite(weights).all()


def test_too_few_answers_change_nothing(trained, monkeypatch):
    folder, _ = trained
    model, processor = load_parts(folder / "weights")
    pictures = [p for found in read_shards(folder / "cache" / "validation").values() for p in found]
    assert calibrate_answers(model.eval(), processor, pictures)["answers"] > 0
    assert model.config.answer_calibration is None
    monkeypatch.setattr(answer_calibration, "FEWEST", 1)
    monkeypatch.setattr(answer_calibration, "judge", lambda *said: len(said[2]) % 2 == 0)
    found = calibrate_answers(model, processor, pictures)
    assert len(model.config.answer_calibration) == 4
    assert found["confidence"] == pytest.approx(found["right"], abs=0.05)
