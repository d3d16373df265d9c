"""What a trial says about itself."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_micrograph_vlm.intervals import wilson
from napari_micrograph_vlm.labelling.trial import Trial, trial_of

NAMES = ("crack", "pore", "void")


def _trial(confusion):
    confusion = np.array(confusion)
    pairs = [
        (i, j)
        for i, row in enumerate(confusion)
        for j, count in enumerate(row)
        for _ in range(count)
    ]
    truth, found = np.array(pairs).T
    return trial_of(NAMES, truth, found, 0.5)


def test_accuracy_and_interval_of_a_known_table():
    trial = _trial([[18, 2, 0], [1, 19, 0], [0, 0, 20]])
    assert trial.accuracy == pytest.approx(57 / 60)
    # Wilson's interval of 57 in 60, worked out by hand.
    assert trial.interval == pytest.approx((0.8630, 0.9829), abs=2e-4)
    assert trial.advice == ""
    assert str(trial).startswith("95 % of 60 regions right (95 % interval: 86 to 98 %)")


def test_it_says_how_many_more_of_which_class():
    trial = _trial([[4, 0, 0], [0, 9, 0], [1, 0, 1]])
    assert trial.advice == ("Few examples: better label 1 more of 'crack' and 3 more of 'void'.")


def test_a_wide_interval_asks_for_more_of_the_class_missed_most():
    trial = _trial([[5, 1, 0], [3, 2, 1], [0, 1, 5]])
    assert "first of 'pore'" in trial.advice
    assert "points: label about" in trial.advice


def test_many_classes_without_examples_are_counted():
    names = [f"class {i}" for i in range(40)]
    trial = trial_of(names, np.array([0] * 9 + [1] * 9), np.array([0] * 9 + [1] * 9), 0.0)
    assert trial.advice.endswith("and some of 35 more classes.")


@given(st.integers(0, 500), st.integers(0, 500))
def test_the_interval_holds_the_share(right, wrong):
    low, high = wilson(right, right + wrong)
    share = right / max(right + wrong, 1)
    assert 0 <= low <= high <= 1
    assert low - 1e-9 <= share <= high + 1e-9


def test_it_survives_json():
    trial = _trial([[4, 0, 0], [0, 9, 0], [1, 0, 1]])
    again = Trial.from_dict(json.loads(json.dumps(trial.to_dict())))
    np.testing.assert_array_equal(again.confusion, trial.confusion)
    assert (again.names, again.advice) == (trial.names, trial.advice)


@pytest.mark.parametrize("confusion", [[[1, 2]], [[1, 0, 0]] * 2, [[-1, 0, 0]] * 3])
def test_a_table_that_does_not_fit_is_no_trial(confusion):
    values = {**_trial([[1, 0, 0], [0, 1, 0], [0, 0, 1]]).to_dict(), "confusion": confusion}
    with pytest.raises(ValueError, match="does not fit"):
        Trial.from_dict(values)


def test_the_fourth_class_is_named_rather_than_counted():
    names = ["a", "b", "c", "d"]
    both = np.array([0, 0, 1, 1, 2, 2, 3, 3])
    advice = trial_of(names, both, both, 0.0).advice
    assert advice == (
        "Few examples: better label 3 more of 'a', 3 more of 'b', 3 more of 'c' and 3 more of 'd'."
    )
