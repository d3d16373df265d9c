"""Judging answers and maps; counting hits."""

from __future__ import annotations

import numpy as np
import pytest

from napari_micrograph_vlm.evaluation.judging import judge, places_in, pointing, said_number
from napari_micrograph_vlm.evaluation.report import confusions, table
from napari_micrograph_vlm.evaluation.scores import Scores, wilson
from napari_micrograph_vlm.results import AttentionMap


@pytest.mark.parametrize(
    ("kind", "truth", "said", "right"),
    [
        ("category", "particles", "Particles", True),
        ("category", "particles", "Powder", False),
        ("defect", "crack and pore", "Crack", False),
        ("present", "yes, a crack", "Yes, a pore", True),
        ("present", "no", "Yes, a pore", False),
        ("where", "a crack at the top left", "A pore at the top left", True),
        ("where", "a crack at the top left", "A crack at the top", False),
        ("where", "a crack at the top", "A crack at the top and on the left", False),
        ("count", "7 lines", "7 particles", True),
        ("count", "7 lines", "17 lines", False),
        ("count", "about 20 lines", "20 lines", False),
        ("how many defects", "1 bridge", "1 break", True),
        ("how many defects", "no defect", "2 pores", False),
    ],
)
def test_what_is_right(kind, truth, said, right):
    assert judge(kind, truth, said) is right


def test_a_corner_is_not_its_edge():
    assert places_in("cracks at the top left and on the right") == {
        "at the top left",
        "on the right",
    }


def test_numbers_are_read():
    assert said_number("About 20 particles") == 20
    assert said_number("many") is None


def test_pointing_hits_a_token_that_the_mask_touches():
    values = np.zeros((4, 4), np.float32)
    values[1, 2] = 1
    mask = np.zeros((80, 80), dtype=bool)
    mask[39, 40] = True  # the last row of token row 1
    assert pointing(AttentionMap(values, "x"), mask) == (True, 1 / 16)
    mask[39, 40], mask[40, 40] = False, True
    assert pointing(AttentionMap(values, "x"), mask) == (False, 1 / 16)


def test_wilson_interval():
    low, high = wilson(8, 10)
    assert (low, high) == (pytest.approx(0.490, abs=1e-3), pytest.approx(0.943, abs=1e-3))
    assert wilson(0, 0) == (0.0, 1.0)


def test_figures_and_table():
    scores = Scores()
    for truth, said in (("a", "a"), ("a", "b"), ("b", "b"), ("a", "a")):
        scores.add("kind", truth == said, truth=truth, said=said, blind=said == "a", chance=0.1)
    figures = scores.to_dict()
    assert figures["kind"]["share"] == 0.75
    assert figures["kind"]["majority"] == 0.75
    assert figures["kind"]["blind"] == 0.5
    assert figures["kind"]["by_truth"] == {"a": [2, 3], "b": [1, 1]}
    assert "| kind | 4 | 0.750 |" in table(figures, "x")
    assert "a → b (1)" in confusions(figures)
