"""Lengths that follow shares of the picture: right, streamed as they end, and taken off again."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_micrograph_vlm.lengths import in_metres
from napari_micrograph_vlm.models.student.physical import (
    AS_SHARES,
    Expander,
    NoScale,
    Scale,
    asks_for_length,
    asks_which_is_larger,
    expand,
    plain,
    scale_of,
)
from napari_micrograph_vlm.regions import Region

WORDS = ["a", "crack,", "large,", "about", "100", "7", "%", "of", "the", "picture", "picture."]
texts = st.lists(
    st.one_of(st.sampled_from(WORDS), st.sampled_from(["about 20 % of the picture,"])), max_size=12
).map(" ".join)
starts = st.sampled_from(["", "the first region, ", "Both have the same ", "the second "])
reasons = st.sampled_from(NoScale)
questions = st.sampled_from(["", "How long in nm?", "Which is larger?", "Which is larger in µm?"])
lengths = st.floats(0.5, 1e9)


def make_region(height: int, width: int, pixel: tuple[float, float] | None, unit: str) -> Region:
    return Region(np.zeros((8, 8), np.float32), (0, 0, height, width), None, pixel, unit)


@pytest.mark.parametrize(
    ("text", "across", "expected"),
    [
        ("about 10 % of the picture", 960.0, "about 10 % of the picture (about 96 nm)"),
        ("small, About 5 % of the picture.", 61, "small, About 5 % of the picture (about 3.1 nm)."),
        ("10% of the picture", 12_345.0, "10% of the picture (about 1.2 µm)"),
        # The field of view is known exactly, an object as large as the picture is not.
        ("100 % of the picture", 963.4, "100 % of the picture (963 nm)"),
        ("about 100 % of the picture", 963.4, "about 100 % of the picture (about 960 nm)"),
        ("about 10 % of the picture", None, "about 10 % of the picture"),
        ("about 10 % of the area", 960.0, "about 10 % of the area"),
        ("about 10 % of the pictures", 960.0, "about 10 % of the pictures"),
        ("0 % of the picture", 960.0, "0 % of the picture"),
        ("1000 % of the picture", 960.0, "1000 % of the picture"),
        (
            "2 % of the picture and 50 % of the picture",
            1000,
            "2 % of the picture (about 20 nm) and 50 % of the picture (about 500 nm)",
        ),
    ],
)
def test_a_length_follows_each_share(text: str, across: float | None, expected: str) -> None:
    assert expand(text, across) == expected


@given(starts, texts, st.one_of(reasons, lengths), questions)
def test_what_is_added_can_be_taken_off_again(
    start: str, text: str, across: float | NoScale, question: str
) -> None:
    expander = Expander(across if isinstance(across, NoScale) else Scale(across, across), question)
    expander.push(start + text)
    assert plain(expander.text) == start + text
    if "% of the picture" not in text and not start:
        assert expander.text == text


@given(starts, texts, st.one_of(reasons, lengths), questions)
def test_pieces_add_up_and_words_stay_in_place(
    start: str, text: str, across: float | NoScale, question: str
) -> None:
    scale = across if isinstance(across, NoScale) else Scale(across, across)
    expander, text = Expander(scale, question), " ".join((start + text).split())
    words, pieces, raw = [], [], ""
    for number, word in enumerate(text.split()):
        piece = f" {word}" if raw else word
        at = len(raw) + len(piece) - len(word)
        bare = word.strip(",.%")
        if bare:
            words.append((at, at + len(bare), (number,)))
        raw += piece
        pieces.append(expander.push(piece))
    assert "".join(pieces) == expander.text
    at_once = Expander(scale, question)
    assert at_once.push(text) == expander.text
    placed = expander.placed(words)
    said = [expander.text[start:stop] for start, stop, _ in placed]
    assert all(one[1] <= other[0] for one, other in pairwise(placed))
    # Every word is still there, in its order, and what is new has the tokens of a number.
    old = [(raw[start:stop], tokens) for start, stop, tokens in words]
    rest = iter(zip(said, (tokens for *_, tokens in placed), strict=True))
    assert all(pair in rest for pair in old)
    new = len(placed) - len(words)
    assert all(tokens for *_, tokens in placed)
    assert (expander.text == raw) == (new == 0)


def test_added_words_have_the_tokens_of_their_number() -> None:
    expander = Expander(Scale(1000, 1000))
    expander.push("about 20 % of the picture.")
    words = [(0, 5, (0,)), (6, 8, (1, 2)), (11, 13, (4,)), (14, 17, (5,)), (18, 25, (6,))]
    placed = expander.placed(words)
    assert [expander.text[a:b] for a, b, _ in placed][-3:] == ["about", "200", "nm"]
    assert [tokens for *_, tokens in placed][-3:] == [(1, 2)] * 3
    assert expander.text.endswith("(about 200 nm).")


def test_that_a_length_is_not_known_is_said_once_where_it_is_asked_for() -> None:
    text = "about 10 % of the picture and about 20 % of the picture"
    told = expand(text, None, question="How long are they in µm?")
    assert told.count(NoScale.UNKNOWN) == 1
    assert told.startswith(f"about 10 % of the picture{NoScale.UNKNOWN} and")
    assert expand("no crack", None, question="How long is it in nm?") == "no crack"
    assert expand(text, 10.0, question="How long are they in µm?").count(NoScale.UNKNOWN) == 0


def test_that_regions_differ_in_size_is_not_called_an_unknown_pixel_size() -> None:
    told = Expander(NoScale.DIFFERS, "How long is the crack in nm?").push("20 % of the picture.")
    assert told == "20 % of the picture (the regions differ in size)."
    assert Expander(NoScale.DIFFERS, "How long is it?").push(told) == told


@pytest.mark.parametrize(
    ("question", "scale", "text", "expected"),
    [
        (
            "Which region has the larger pores?",
            NoScale.DIFFERS,
            "The second region.",
            f"The second region{AS_SHARES}.",
        ),
        (
            "In which are they bigger?",
            NoScale.DIFFERS,
            "both have the same",
            f"both have the same{AS_SHARES}",
        ),
        ("Which has more pores?", NoScale.DIFFERS, "The first region", "The first region"),
        ("Which is larger?", NoScale.UNKNOWN, "The first region", "The first region"),
        ("Which is larger?", Scale(10, 10), "The first region", "The first region"),
        ("Which is larger?", NoScale.DIFFERS, "No defect", "No defect"),
    ],
)
def test_larger_is_told_to_be_a_share_where_regions_differ_in_size(
    question: str, scale: Scale | NoScale, text: str, expected: str
) -> None:
    expander = Expander(scale, question)
    for piece in text.replace(" ", "| ").split("|"):
        expander.push(piece)
    assert expander.text == expected
    assert plain(expected) == text


@pytest.mark.parametrize(
    ("question", "asked"),
    [
        ("Which of the two has the bigger particles?", True),
        ("Is the defect larger in the first or the second region?", True),
        ("Of these two regions, in which does the defect reach further?", True),
        ("Do they differ in size?", True),
        ("Which has the larger number of pores?", False),
        ("Which region is denser?", False),
        ("How long is the crack?", False),
    ],
)
def test_questions_that_compare_sizes(question: str, asked: bool) -> None:
    assert asks_which_is_larger(question) is asked


@pytest.mark.parametrize(
    ("question", "asked"),
    [
        ("How long is the crack in nanometres?", True),
        ("How long is the crack in Nanometers", True),
        ("Width (nm)?", True),
        ("Is it more than 100nm wide?", True),
        ("How large in µm?", True),
        ("How large in μm or um?", True),
        ("What is the physical size of the particle?", True),
        ("How many microns across?", True),
        ("What is the diameter of the pores?", False),
        ("Describe this micrograph.", False),
        ("Is there a micro-bridge in the number 3 hole?", False),
        ("How large is the crack?", False),
    ],
)
def test_questions_that_ask_for_a_length(question: str, asked: bool) -> None:
    assert asks_for_length(question) is asked


def test_the_longer_side_is_what_shares_are_of() -> None:
    scale = scale_of([make_region(100, 200, (2.0, 3.0), "nm")])
    assert isinstance(scale, Scale)
    assert (scale.side, scale.width) == pytest.approx((600, 600))
    tall = scale_of([make_region(100, 20, (0.5, 0.5), "µm")])
    assert isinstance(tall, Scale)
    assert (tall.side, tall.width) == pytest.approx((50_000, 10_000))
    for pixel, unit in (((1.0, 1.0), "pixel"), (None, "nm"), ((1.0, 1.0), "volt")):
        assert scale_of([make_region(10, 10, pixel, unit)]) is NoScale.UNKNOWN


def test_two_regions_need_one_scale() -> None:
    one = make_region(100, 100, (1, 1), "nm")
    assert isinstance(scale_of([one, make_region(50, 50, (0.002, 0.002), "µm")]), Scale)
    assert scale_of([one, make_region(50, 50, (1, 1), "nm")]) is NoScale.DIFFERS
    assert scale_of([one, make_region(100, 40, (1, 1), "nm")]) is NoScale.DIFFERS
    assert scale_of([one, make_region(100, 100, None, "pixel")]) is NoScale.UNKNOWN


@given(lengths, st.integers(1, 99))
def test_the_length_is_the_share_of_the_side(across: float, percent: int) -> None:
    text = expand(f"about {percent} % of the picture", across)
    number, unit = text.removesuffix(")").split("(about ")[1].split(" ")
    metres = in_metres(unit)
    assert metres is not None
    assert float(number) * metres * 1e9 == pytest.approx(across * percent / 100, rel=0.06)
