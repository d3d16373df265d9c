"""The confidence of an answer, told from the probabilities of its tokens."""

from __future__ import annotations

from math import exp, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.tiny_student import make_region, make_student
from napari_micrograph_vlm.models.student.confidence import confidence_of, features_of
from napari_micrograph_vlm.results import Question

PROBABILITIES = st.lists(st.floats(0, 1), min_size=1, max_size=20)


def test_without_weights_it_is_the_geometric_mean():
    assert confidence_of([0.5, 0.125], None) == pytest.approx(0.25)


def test_features_are_product_least_and_mean():
    np.testing.assert_allclose(features_of([0.5, 0.25]), [log(0.125), log(0.25), log(0.125) / 2])


def test_weights_make_a_logistic_regression():
    found = confidence_of([0.5, 0.25], [1.0, 0.5, 0.0, 0.0])
    assert found == pytest.approx(1 / (1 + exp(-(1 + 0.5 * log(0.125)))))


@given(PROBABILITIES, st.lists(st.floats(-50, 50), min_size=4, max_size=4))
def test_it_is_a_probability_whatever_the_weights(probabilities, weights):
    assert 0 <= confidence_of(probabilities, weights) <= 1
    assert 0 <= confidence_of(probabilities, None) <= 1


def test_the_student_says_what_its_configuration_was_fitted_to():
    question = Question("What is this?", (make_region(),))
    plain = make_student().ask(question)
    sure = make_student(answer_calibration=[3.0, 0.0, 0.0, 0.0]).ask(question)
    assert sure.text == plain.text
    assert sure.confidence == pytest.approx(1 / (1 + exp(-3)))
    assert plain.confidence != sure.confidence
