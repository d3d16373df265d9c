"""Judging answers and maps; counting hits."""

from __future__ import annotations

import numpy as np
import pytest

from napari_micrograph_vlm.datasets.questions import KINDS
from napari_micrograph_vlm.evaluation.judging import (
    SIZES,
    YES_OR_NO,
    judge,
    near_size,
    places_in,
    pointing,
    said_number,
    said_percent,
)
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
        ("where", "no defect", "A crack", False),
        ("where", "no defect", "A crack at the top", False),
        ("where", "no defect", "No defect.", True),
        ("where", "a crack at the top", "No defect", False),
        ("where kind", "on the left", "Not there", False),
        ("count", "7 lines", "7 particles", True),
        ("count", "7 lines", "17 lines", False),
        ("count", "about 20 lines", "20 lines", False),
        ("how many defects", "1 bridge", "1 break", True),
        ("how many defects", "no defect", "2 pores", False),
        ("how many defects", "no defect", "No defect.", True),
        ("how many defects", "1 crack and 2 pores", "1 crack", False),
        ("how many defects", "1 crack", "1 crack and 2 pores", False),
        ("how many defects", "1 crack and 2 pores", "2 pores and 1 crack", True),
        ("how many defects", "1 crack and 2 pores", "1 pore and 2 cracks", False),
        ("how many defects", "1 crack and 2 pores", "1 crack and 3 pores", False),
        ("how many defects", "1 bridge and about 20 broken particles",
         "About 20 broken particles and 1 bridge", True),
        ("how many kind", "3 pores", "3 cracks", True),
        ("how many kind", "no pore", "No", False),
        ("defect", "crack and pore", "Pore and crack.", True),
        ("quality", "noisy and drift", "drift and noisy", True),
        ("quality", "nothing", "Noisy", False),
        ("largest where", "at the top", "At the top", True),
        ("largest where", "at the top", "At the top left", False),
        ("how large", "small, about 5 % of the picture", "Medium, about 5 % of the picture", True),
        ("how large", "small, about 5 % of the picture", "Small, about 2 % of the picture", False),
        ("how large in units", "about 20 % of the picture (about 96 nm)",
         "About 20 % of the picture", True),
        ("object size", "about 5 % of the picture", "small", False),
        ("object size", "not to be told", "large", False),
        ("coverage", "about 30 % of the area", "about 40 % of the area", False),
        ("half", "no, in the right half", "No, in the lower half", True),
        ("half", "no, in the right half", "Yes", False),
        ("more than", "yes", "Yes.", True),
        ("is technique", "no, SEM", "no, TEM", True),
        ("through", "yes, through the coating", "no, it stops inside", False),
        ("direction", "vertical", "Vertical", True),
        ("which larger", "the crack", "the pore", False),
        ("compare defects", "the first region", "The first region", True),
        ("compare kind", "yes, both show a crack", "Yes, both show a pore", False),
    ],
)  # fmt: skip
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


def test_percentages_are_read():
    assert said_percent("3 pores, about 20 % of the picture (about 96 nm)") == 20
    assert said_percent("about 96 nm") is None


def test_sizes_are_near_within_one_step():
    assert near_size("about 20 % of the picture", "Large, about 30 % of the picture")
    assert near_size("about 20 % of the picture", "about 20 % of the picture")
    assert not near_size("about 20 % of the picture", "about 40 % of the picture")
    assert not near_size("about 20 % of the picture", "medium")


def test_every_judged_kind_is_a_kind():
    assert {*SIZES, *YES_OR_NO} <= set(KINDS)


def test_pointing_hits_a_token_that_the_mask_touches():
    values = np.zeros((4, 4), np.float32)
    values[1, 2] = 1
    mask = np.zeros((80, 80), dtype=bool)
    mask[39, 40] = True  # the last row of token row 1
    assert pointing(AttentionMap(values, "x"), mask) == (True, 1 / 16)
    mask[39, 40], mask[40, 40] = False, True
    assert pointing(AttentionMap(values, "x"), mask) == (False, 1 / 16)
