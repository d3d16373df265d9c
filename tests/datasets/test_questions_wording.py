"""Words: phrasings and their fields, articles and plurals, sizes in steps."""

from __future__ import annotations

import string

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_micrograph_vlm.datasets.phrasings import HELD_OUT, PHRASINGS, phrase, roughen
from napari_micrograph_vlm.datasets.questions import BUILDERS, KIND_SHARES, KINDS
from napari_micrograph_vlm.datasets.synthetic.truth import DEFECT_KINDS
from napari_micrograph_vlm.datasets.wording import (
    STEPS,
    SYNONYMS,
    article,
    count_text,
    cover_text,
    extent_text,
    number_of,
    plural,
    share_text,
    step_of,
)
from napari_micrograph_vlm.evaluation.judging import near_size, said_number, said_percent

SHARES = st.floats(0, 1)
FIELDS = {
    "objects", "category", "kind", "kinds", "a_kind", "one", "other", "half", "unit", "number",
    "things", "technique", "a_technique", "fault",
}  # fmt: skip


def test_every_kind_has_several_phrasings_and_two_for_the_test():
    assert set(KINDS) - {"follow-up"} <= set(PHRASINGS)
    assert set(KIND_SHARES) <= set(BUILDERS)
    for kind in PHRASINGS:
        assert len(PHRASINGS[kind]) >= 5, kind
        assert len(HELD_OUT[kind]) >= 2, kind
    for kind in ("category", "defect", "where", "count"):
        assert len(PHRASINGS[kind]) >= 20


def words(text):
    return tuple(w for w in text.lower().replace("{", " ").replace("}", " ").split() if w)


def test_held_out_phrasings_are_found_nowhere_in_training():
    trained = {words(text.rstrip("?.")) for texts in PHRASINGS.values() for text in texts}
    for kind, texts in HELD_OUT.items():
        for text in texts:
            assert words(text.rstrip("?.")) not in trained, (kind, text)


def test_a_phrasing_stands_for_one_kind_alone():
    seen = {}
    for kind, texts in {**PHRASINGS}.items():
        for text in texts:
            other = seen.setdefault(text.lower(), kind)
            # One crack or several: the answer is to the same question.
            assert {kind, other} in ({kind}, {"through", "through several"}), text


def test_phrasings_name_known_fields_only():
    for texts in (*PHRASINGS.values(), *HELD_OUT.values()):
        for text in texts:
            named = {name for _, name, _, _ in string.Formatter().parse(text) if name}
            assert named <= FIELDS


@pytest.mark.parametrize(
    ("name", "one", "many"),
    [
        ("inclusion", "an inclusion", "inclusions"),
        ("micro-bridge", "a micro-bridge", "micro-bridges"),
        ("scratch", "a scratch", "scratches"),
        ("cavity", "a cavity", "cavities"),
        ("hole in the coating", "a hole in the coating", "holes in the coating"),
        ("edge roughness", "edge roughness", "edge roughness"),
        ("LER", "LER", "LER"),
        ("residue", "residue", "residue"),
    ],
)
def test_articles_and_plurals(name, one, many):
    assert article(name) == one
    assert plural(name) == many


def test_another_name_is_that_of_one_kind():
    assert set(SYNONYMS) <= set(DEFECT_KINDS)
    names = [name for others in SYNONYMS.values() for name in others]
    assert len(names) == len(set(names))
    assert not set(names) & set(DEFECT_KINDS)


@given(st.sampled_from(DEFECT_KINDS), st.integers(2, 40))
def test_numbers_of_defects_can_be_read_back(kind, n):
    assert said_number(number_of(kind, n)) == n
    assert number_of(kind, 1) == f"1 {kind}"


@given(SHARES)
def test_sizes_are_the_nearest_step(share):
    step = step_of(share)
    assert step in STEPS
    assert all(abs(step - 100 * share) <= abs(other - 100 * share) for other in STEPS)
    for text in (share_text(share), cover_text(share), extent_text(share)):
        assert said_percent(text) == step
    # Only lengths speak of the picture: a length in nanometres is written after them.
    assert share_text(share).endswith(" % of the picture")
    assert "picture" not in cover_text(share)


@given(SHARES, SHARES)
def test_larger_is_never_said_smaller(one, two):
    low, high = sorted((one, two))
    assert step_of(low) <= step_of(high)
    assert near_size(share_text(one), share_text(two)) == near_size(
        share_text(two), share_text(one)
    )


@given(st.integers(0, 300))
def test_counts_are_near_what_they_stand_for(count):
    text = count_text(count)
    if count > 100:
        assert text == "more than 100"
    elif count <= 12:
        assert text == str(count)
    else:
        assert abs(said_number(text) - count) <= 0.33 * count


@given(st.sampled_from(sorted(PHRASINGS)), st.integers(0, 10_000))
def test_any_phrasing_can_be_written(kind, seed):
    fields = dict.fromkeys(FIELDS, "word")
    rng = np.random.default_rng(seed)
    asked = phrase(kind, rng, fields)
    assert asked
    assert "{" not in asked
    assert phrase(kind, np.random.default_rng(seed), fields) == asked


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60),
       st.integers(0, 999))  # fmt: skip
def test_careless_typing_changes_a_letter_at_most(text, seed):
    rough = roughen(text, np.random.default_rng(seed))
    assert rough == rough.lower()
    assert abs(len(rough.replace(" ", "")) - len(text.replace(" ", ""))) <= 1 + len(text) - len(
        text.rstrip("?.")
    )
