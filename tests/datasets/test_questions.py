"""Questions about synthetic truth: right answers, the right masks, follow-ups that need turns."""

from __future__ import annotations

import numpy as np
import pytest

from napari_micrograph_vlm.datasets.facts import DefectFact, Facts, on_grid, place_of, places_text
from napari_micrograph_vlm.datasets.phrasings import HELD_OUT, PHRASINGS, phrase
from napari_micrograph_vlm.datasets.questions import (
    BUILDERS,
    Asker,
    ask_about,
    questions_about,
)
from napari_micrograph_vlm.datasets.statements import aspect_value
from napari_micrograph_vlm.datasets.synthetic import synthesize
from napari_micrograph_vlm.datasets.wording import count_text, extent_text


def box(y0: int, x0: int, y1: int, x1: int, side: int = 90) -> np.ndarray:
    mask = np.zeros((side, side), dtype=bool)
    mask[y0:y1, x0:x1] = True
    return mask


TOP_LEFT, BOTTOM = box(5, 5, 15, 15), box(70, 40, 80, 50)


def facts_with(*defects: DefectFact) -> Facts:
    return Facts(
        category="patterned surfaces",
        technique="SEM",
        objects="lines",
        count=7,
        size_class="small",
        density="dense",
        orientation="vertical",
        contrast="bright on dark",
        arrangement="ordered array",
        defects=defects,
        object_mask=box(0, 0, 90, 20),
    )


ONE = facts_with(DefectFact("bridge", TOP_LEFT))
TWO = facts_with(DefectFact("crack", TOP_LEFT), DefectFact("pore", BOTTOM))
GOOD = facts_with()


def answer(facts: Facts, kind: str, seed: int = 0) -> str:
    item = BUILDERS[kind](Asker(facts, np.random.default_rng(seed)))
    assert item is not None
    return item.answer


@pytest.mark.parametrize(
    ("mask", "place"),
    [
        (TOP_LEFT, "at the top left"),
        (BOTTOM, "at the bottom"),
        (box(40, 40, 50, 50), "in the centre"),
        (box(40, 80, 50, 90), "on the right"),
        (box(44, 2, 46, 88), "across the picture"),
    ],
)
def test_place_names(mask, place):
    assert place_of(mask) == place
    assert place_of(on_grid(mask, 30)) == place


def test_more_than_two_places_are_spread():
    found = (*TWO.defects, DefectFact("pore", box(40, 80, 50, 90)))
    assert places_text(found[:2]) == "at the top left and at the bottom"
    assert places_text(found) == "spread over the picture"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("category", "patterned surfaces"),
        ("defect", "bridge"),
        ("present", "yes, a bridge"),
        ("where", "a bridge at the top left"),
        ("how many defects", "1 bridge"),
        ("how large", "medium, about 10 % of the picture"),
        ("count", "7 lines"),
        ("describe", "An SEM image of dense lines, vertical, bright on dark, with a bridge at the "
         "top left."),
    ],
)  # fmt: skip
def test_answers_of_one_defect(kind, expected):
    assert answer(ONE, kind) == expected


def test_answers_of_a_good_picture():
    assert answer(GOOD, "defect") == "no defect"
    assert answer(GOOD, "present") == "no"
    assert answer(GOOD, "where") == "no defect"
    assert "no defect" in answer(GOOD, "describe")
    assert BUILDERS["how large"](Asker(GOOD, np.random.default_rng(0))) is None


def test_answers_of_two_kinds():
    assert answer(TWO, "defect") == "crack and pore"
    assert answer(TWO, "where") == "a crack at the top left and a pore at the bottom"


def test_unknown_defects_are_not_asked_for():
    unknown = Facts(category="powder")
    kinds = {item.kind for item in questions_about(unknown, np.random.default_rng(0))}
    assert kinds == {"category", "describe", "is sample"}


def test_yes_or_no_is_balanced_and_right():
    yes = 0
    for seed in range(300):
        item = BUILDERS["is there"](Asker(ONE, np.random.default_rng(seed)))
        assert item is not None
        said = item.answer.startswith("yes")
        yes += said
        assert (item.grounded is not None) == said
    assert 130 < yes < 230


def test_follow_ups_need_the_turn_before():
    items = [
        BUILDERS["follow-up"](Asker(facts, np.random.default_rng(seed)))
        for facts in (ONE, TWO)
        for seed in range(80)
    ]
    found = [item for item in items if item is not None]
    assert all(item.turns for item in found)
    answers = {item.answer for item in found}
    assert {"at the top left", "1 bridge", "7 lines", "at the bottom"} <= answers
    # "And the pore?" after the crack: the mask is that of the pore alone.
    pore = next(i for i in found if i.turns[0].answer == "at the top left" and i.answer == "at the "
                "bottom")  # fmt: skip
    np.testing.assert_array_equal(pore.grounded, BOTTOM)


def test_masks_come_with_answers_about_defects():
    item = BUILDERS["defect"](Asker(TWO, np.random.default_rng(0)))
    assert item is not None
    np.testing.assert_array_equal(item.grounded, TOP_LEFT | BOTTOM)
    item = BUILDERS["defect"](Asker(GOOD, np.random.default_rng(0)))
    assert item is not None
    assert item.grounded is None


@pytest.mark.parametrize(
    ("count", "text"),
    [(1, "1"), (12, "12"), (13, "about 15"), (22, "about 20"), (101, "more than 100")],
)
def test_counts_are_exact_up_to_twelve(count, text):
    assert count_text(count) == text


def test_sizes_are_classes_and_shares():
    assert extent_text(0.05) == "small, about 5 % of the picture"
    assert extent_text(0.5) == "large, about 50 % of the picture"


def test_held_out_phrasings_are_never_trained_on():
    assert set(HELD_OUT) == set(PHRASINGS)
    for kind, held in HELD_OUT.items():
        assert not set(held) & set(PHRASINGS[kind])
    fields = {"objects": "lines", "kind": "pore", "kinds": "pores", "a_kind": "a pore"}
    for seed in range(50):
        asked = phrase("defect", np.random.default_rng(seed), fields, held_out=True)
        assert asked in HELD_OUT["defect"]


def test_phrasings_are_sometimes_typed_carelessly():
    asked = {phrase("defect", np.random.default_rng(seed)) for seed in range(300)}
    assert any(text == text.lower() and "?" not in text for text in asked)
    assert len(asked) > len(PHRASINGS["defect"])


def test_asking_takes_no_kind_twice_and_repeats_with_the_seed():
    first = ask_about(ONE, np.random.default_rng(3), 6)
    again = ask_about(ONE, np.random.default_rng(3), 6)
    assert len({item.kind for item in first}) == 6
    assert [item.question for item in first] == [item.question for item in again]


def test_two_kinds_settle_no_statement():
    assert aspect_value(TWO, "defect") is None
    assert aspect_value(ONE, "defect") == "bridge"
    assert aspect_value(GOOD, "defect") == "no defect"


def test_common_answers_are_thinned_so_that_yes_is_half():
    said = {"yes": 0, "no": 0}
    for seed in range(300):
        # Four of five pictures have a defect, as in the training.
        facts = GOOD if seed % 5 == 0 else ONE
        items = questions_about(facts, np.random.default_rng(seed))
        for item in items:
            if item.kind == "present":
                said[item.answer.split(",")[0]] += 1
    assert 0.5 < said["yes"] / sum(said.values()) < 0.75


def test_synthetic_truth_becomes_facts():
    micrograph = synthesize(3, category="patterned surfaces", defect="bridge", size=192)
    facts = Facts.of(micrograph)
    assert "bridge" in facts.kinds
    np.testing.assert_array_equal(
        facts.mask_of("bridge"),
        np.logical_or.reduce([d.mask for d in micrograph.defects if d.kind == "bridge"]),
    )
    kinds = {
        item.kind
        for seed in range(9)
        for item in questions_about(facts, np.random.default_rng(seed))
    }
    assert {"category", "defect", "present", "where", "describe", "is there"} <= kinds
