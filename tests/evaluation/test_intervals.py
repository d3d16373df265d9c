"""Intervals, and the calibration error, on data made for the purpose."""

from __future__ import annotations

import numpy as np
import pytest

from napari_micrograph_vlm.evaluation.calibration_error import (
    calibration_error,
    calibration_interval,
)
from napari_micrograph_vlm.evaluation.scores import group_sums, interval_of, mean_interval
from napari_micrograph_vlm.intervals import wilson


def test_one_case_a_group_gives_wilson():
    value, interval = mean_interval([1, 0, 1, 1], ["a", "b", "c", "d"])
    assert value == 0.75
    assert interval == wilson(3, 4)


def test_groups_are_drawn_whole():
    groups = [i // 10 for i in range(200)]
    alike = [float(group % 2) for group in groups]
    mixed = [float(i % 2) for i in range(200)]
    _, wide = mean_interval(alike, groups)
    _, narrow = mean_interval(mixed, groups)
    assert wide[0] < 0.35 < 0.65 < wide[1]
    assert narrow == (0.5, 0.5)


def test_all_right_is_not_sure_to_be_always_right():
    assert mean_interval([1, 1, 1], ["a", "a", "b"]) == (1.0, wilson(2, 2))


def test_a_single_group_has_no_interval():
    assert mean_interval([0.2, 0.4], ["a", "a"]) == (pytest.approx(0.3), None)
    with pytest.raises(ValueError, match="nothing"):
        mean_interval([], [])


def test_an_undefined_statistic_has_no_interval():
    sums = group_sums(["a", "b", "a"], np.array([[1.0], [2.0], [3.0]]))
    assert sums.tolist() == [[4.0], [2.0]]
    assert interval_of(sums, lambda s: np.full(len(s), np.nan)) is None


def test_honest_confidence_has_no_error():
    confidence = np.repeat([0.25, 0.75], 100)
    right = np.tile([1, 0, 0, 0], 25).tolist() + np.tile([1, 1, 1, 0], 25).tolist()
    assert calibration_error(confidence, np.array(right, float), bins=2) == pytest.approx(0)


def test_boasting_is_measured():
    confidence = np.full(60, 0.9)
    right = np.array([1.0, 0.0] * 30)
    assert calibration_error(confidence, right) == pytest.approx(0.4)


def test_bins_hold_as_many_each():
    # 30 cases, 15 bins of 2: sorted, each pair is half right at 0.5 but for the last.
    confidence = np.linspace(0.5, 0.5 + 1e-9, 30)
    right = np.array([1.0, 0.0] * 14 + [1.0, 1.0])
    assert calibration_error(confidence, right) == pytest.approx(0.5 * 2 / 30)


def test_the_interval_holds_the_value_of_many_groups():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.5, 1, 2000)
    right = (rng.random(2000) < confidence - 0.2).astype(float)
    low, high = calibration_interval(confidence, right, list(range(2000)))
    assert low < 0.2 < high < 0.25
    assert calibration_interval(confidence, right, [0] * 2000) is None
