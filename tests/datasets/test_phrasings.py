"""Lines that stand for many sentences, and that none of those is kept for the test."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_micrograph_vlm.datasets.phrasings import FRAMES, HELD_OUT, PHRASINGS
from napari_micrograph_vlm.datasets.phrasings.grammar import expand, pattern_of, words_of

LINES = [(kind, line) for kind, lines in PHRASINGS.items() for line in lines]


def squashed(text):
    return re.sub(r"[ ?.,:!]", "", text.lower())


def test_each_bracket_gives_one_of_its_alternatives():
    rng = np.random.default_rng(0)
    found = {expand("(where|in (what|which) part) is the {kind}?", rng) for _ in range(60)}
    assert found == {
        "Where is the {kind}?",
        "In what part is the {kind}?",
        "In which part is the {kind}?",
    }


def test_an_empty_alternative_leaves_no_space_behind():
    rng = np.random.default_rng(1)
    found = {expand("(please |)name it( now|) (here|) ?", rng) for _ in range(60)}
    assert "Name it?" in found
    assert all("  " not in text and " ?" not in text for text in found)


def test_a_plain_line_stays_as_it_is():
    assert expand("defect type?", np.random.default_rng(0)) == "defect type?"


def test_words_of_a_line_are_those_of_all_alternatives():
    assert words_of("(Where|In (what|which) part) is the {kind}?").split() == [
        "Where", "In", "what", "which", "part", "is", "the", "?",
    ]  # fmt: skip


@given(st.sampled_from(LINES), st.integers(0, 2**32))
def test_the_pattern_of_a_line_matches_what_it_stands_for(found, seed):
    line = found[1]
    asked = squashed(expand(line, np.random.default_rng(seed)))
    assert pattern_of(re.sub(r"[ ?.,:!]", "", line)).fullmatch(asked)


def test_no_line_stands_for_a_phrasing_that_is_kept_for_the_test():
    held = {squashed(text): text for texts in HELD_OUT.values() for text in texts}
    for kind, line in LINES:
        pattern = pattern_of(re.sub(r"[ ?.,:!]", "", line))
        assert not [held[h] for h in held if pattern.fullmatch(h)], (kind, line)


@pytest.mark.parametrize("kind", list(PHRASINGS))
def test_every_kind_is_put_in_many_ways(kind):
    rng = np.random.default_rng(2)
    asked = {expand(line, rng) for line in PHRASINGS[kind] for _ in range(8)}
    assert len(asked) > 60


def test_brackets_are_closed():
    lines = [line for _, line in LINES] + list(FRAMES)
    assert all(line.count("(") == line.count(")") for line in lines)
