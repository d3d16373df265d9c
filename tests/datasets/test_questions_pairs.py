"""Questions about two regions: the answer is true of both, and each has its own mask."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from napari_micrograph_vlm.datasets.comparisons import PAIR_KINDS, compare, comparisons_of
from napari_micrograph_vlm.datasets.facts import DefectFact, Facts
from napari_micrograph_vlm.datasets.phrasings import HELD_OUT, PHRASINGS


def box(y0, x0, y1, x1):
    mask = np.zeros((60, 60), dtype=bool)
    mask[y0:y1, x0:x1] = True
    return mask


CRACK, PORE = box(5, 5, 8, 45), box(40, 40, 46, 46)
BASE = Facts(
    category="films and coated surfaces",
    objects="layers",
    count=3,
    object_size=0.1,
    density="dense",
    object_mask=box(0, 0, 30, 60),
    defects=(DefectFact("crack", CRACK),),
)
PORES = replace(BASE, defects=(DefectFact("pore", PORE), DefectFact("pore", box(1, 1, 6, 6))))
GOOD = replace(BASE, defects=())
OTHER = replace(GOOD, category="particles", objects="particles", count=3)


def ask(first, second, kind, seed=0):
    return compare(first, second, np.random.default_rng(seed), kind=kind)


def answer(first, second, kind, seed=0):
    item = ask(first, second, kind, seed)
    return None if item is None else item.answer


FIRST, SECOND = "the first region", "the second region"


@pytest.mark.parametrize(
    ("kind", "first", "second", "expected"),
    [
        ("compare defects", PORES, BASE, FIRST),
        ("compare defects", GOOD, BASE, SECOND),
        ("compare defects", BASE, BASE, "both have the same"),
        ("compare defects", GOOD, OTHER, "both have none"),
        ("compare defects", GOOD, Facts(), None),
        ("compare kind", BASE, BASE, "yes, both show a crack"),
        ("compare kind", BASE, PORES, "no, a crack in the first and pores in the second"),
        ("compare kind", GOOD, PORES, "no, only the second shows pores"),
        ("compare kind", BASE, GOOD, "no, only the first shows a crack"),
        ("compare kind", GOOD, GOOD, "both have none"),
        ("compare category", BASE, GOOD, "yes, both show films and coated surfaces"),
        ("compare category", OTHER, GOOD,
         "no, particles in the first and films and coated surfaces in the second"),
        ("compare category", BASE, Facts(), None),
        ("compare size", BASE, replace(BASE, object_size=0.2), SECOND),
        ("compare size", BASE, replace(BASE, object_size=0.05), FIRST),
        ("compare size", BASE, BASE, "both have the same"),
        ("compare size", BASE, replace(BASE, object_size=0.125), None),  # hardly larger
        ("compare defect size", BASE, PORES, FIRST),
        ("compare defect size", BASE, GOOD, None),
        ("compare density", BASE, replace(BASE, object_mask=box(0, 0, 60, 60)), SECOND),
        ("compare density", BASE, replace(GOOD, object_mask=box(30, 0, 60, 60)),
         "both are equally dense"),
        ("compare density", BASE, replace(BASE, object_mask=box(0, 0, 33, 60)), None),
        ("compare count", BASE, replace(BASE, count=4), SECOND),
        ("compare count", BASE, BASE, "both have the same"),
        ("compare count", BASE, OTHER, None),  # layers and particles
        ("compare count", replace(BASE, count=40), replace(BASE, count=42), None),
        ("compare count", replace(BASE, count="many"), BASE, None),
        ("difference", OTHER, BASE,
         "the first region shows particles, the second films and coated surfaces"),
        ("difference", BASE, PORES, "the first region has a crack, the second pores"),
        ("difference", GOOD, PORES, "the first region has no defect, the second pores"),
        ("difference", GOOD, GOOD,
         "no clear difference, both show films and coated surfaces without a defect"),
    ],
)  # fmt: skip
def test_answers(kind, first, second, expected):
    assert answer(first, second, kind) == expected


def seen(extent, width_nm, **changes):
    """A crack that fills a share of a picture so wide."""
    crack = DefectFact("crack", box(5, 0, 8, round(60 * extent)))
    return replace(BASE, object_size=extent, defects=(crack,), field_of_view_nm=width_nm, **changes)


@pytest.mark.parametrize("kind", ["compare size", "compare defect size"])
@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (seen(0.2, 1000), seen(0.1, 1000), FIRST),
        (seen(0.2, 1000), seen(0.1, 1900), FIRST),
        (seen(0.2, 1000), seen(0.1, 2500), None),  # smaller in nm
        (seen(0.1, 2500), seen(0.2, 1000), None),
        (seen(0.2, 1000), seen(0.1, None), FIRST),
        (seen(0.2, 1000), seen(0.2, 5000), "both have the same"),
    ],
)
def test_larger_is_not_asked_where_share_and_length_disagree(kind, first, second, expected):
    assert answer(first, second, kind) == expected


def test_the_longer_side_of_a_tall_picture_counts():
    tall = seen(0.2, 500, aspect=0.4)
    assert ask(tall, seen(0.06, 2000), "compare size") is None
    assert ask(tall, seen(0.04, 1000), "compare size").answer == FIRST


def test_the_same_kind_in_two_numbers_is_said_in_the_plural():
    single = replace(BASE, defects=PORES.defects[:1])
    assert answer(single, PORES, "compare kind") == "yes, both show pores"


def test_exchanging_the_regions_exchanges_the_answer():
    swap = {FIRST: SECOND, SECOND: FIRST}
    for kind in ("compare defects", "compare size", "compare defect size", "compare density"):
        for other in (PORES, GOOD, OTHER, replace(BASE, object_size=0.3)):
            one, two = answer(BASE, other, kind), answer(other, BASE, kind)
            assert swap.get(one, one) == two


def test_which_region_has_a_defect():
    seen = Counter()
    for seed in range(80):
        item = ask(BASE, PORES, "which has", seed)
        one, two = (mask is not None for mask in item.grounded)
        expected = {(True, False): FIRST, (False, True): SECOND, (False, False): "neither region"}
        assert item.answer == expected[one, two]
        seen[item.answer] += 1
    assert len(seen) == 3
    assert answer(BASE, BASE, "which has") in ("both regions", "neither region")


def test_each_region_has_its_own_mask():
    item = ask(BASE, PORES, "compare kind")
    np.testing.assert_array_equal(item.grounded[0], CRACK)
    np.testing.assert_array_equal(item.grounded[1], PORE | box(1, 1, 6, 6))
    assert ask(GOOD, BASE, "compare defects").grounded[0] is None


def test_a_void_is_no_denied_pore():
    void = replace(BASE, defects=(DefectFact("void", PORE),))
    for seed in range(60):
        item = ask(void, PORES, "which has", seed)
        assert item is None or item.answer == "neither region"


def test_every_kind_is_drawn_and_repeats_with_the_seed():
    pairs = [(BASE, PORES), (BASE, BASE), (PORES, replace(BASE, object_size=0.3, count=9))]
    found = [
        compare(*pairs[seed % 3], np.random.default_rng(seed), held_out=seed % 2 == 1)
        for seed in range(400)
    ]
    assert {item.kind for item in found} == set(PAIR_KINDS)
    again = compare(*pairs[0], np.random.default_rng(0))
    assert (again.question, again.answer) == (found[0].question, found[0].answer)
    assert {item.kind for item in comparisons_of(BASE, BASE, np.random.default_rng(0))} == set(
        PAIR_KINDS
    )


def test_nothing_known_is_nothing_asked():
    assert compare(Facts(), Facts(), np.random.default_rng(0)) is None


def test_held_out_phrasings_are_used_for_the_test():
    for kind in PAIR_KINDS:
        rng = np.random.default_rng(1)
        item = compare(BASE, BASE, rng, kind=kind, held_out=True)
        starts = [text.split("{")[0] for text in HELD_OUT[kind]]
        assert item.question.startswith(tuple(starts))
        assert len(PHRASINGS[kind]) >= 6
