"""Lengths that follow shares of the picture: right, streamed as they end, and taken off again."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_micrograph_vlm.lengths import in_metres
from napari_micrograph_vlm.models.student.physical import (
    UNKNOWN,
    Expander,
    Scale,
    asks_for_length,
    expand,
    plain,
    scale_of,
)
from napari_micrograph_vlm.regions import Region

WORDS = ["a", "crack,", "large,", "about", "100", "7", "%", "of", "the", "picture", "picture."]
texts = st.lists(
    st.one_of(st.sampled_from(WORDS), st.sampled_from(["about 20 % of the picture,"])), max_size=12
).map(" ".join)
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


@given(texts, st.one_of(st.none(), lengths), st.sampled_from(["", "How long in nm?"]))
def test_lengths_can_be_taken_off_again(text: str, across: float | None, question: str) -> None:
    longer = expand(text, across, question=question)
    assert plain(longer) == text
    if "% of the picture" not in text:
        assert longer == text


@given(texts, lengths, st.sampled_from(["", "How long in nm?"]), st.booleans())
def test_pieces_add_up_and_words_stay_in_place(
    text: str, across: float, question: str, known: bool
) -> None:
    expander = Expander(Scale(across, across) if known else None, question)
    words, pieces, raw = [], [], ""
    for number, word in enumerate(text.split()):
        piece = f" {word}" if raw else word
        start = len(raw) + len(piece) - len(word)
        bare = word.strip(",.%")
        if bare:
            words.append((start, start + len(bare), (number,)))
        raw += piece
        pieces.append(expander.push(piece))
    assert "".join(pieces) == expander.text
    assert expander.text == expand(text, across if known else None, question=question)
    placed = expander.placed(words)
    said = [expander.text[start:stop] for start, stop, _ in placed]
    assert all(one[1] <= other[0] for one, other in pairwise(placed))
    # Every word is still there, in its order, and what is new has the tokens of a number.
    old = [(raw[start:stop], tokens) for start, stop, tokens in words]
    rest = iter(zip(said, (tokens for *_, tokens in placed), strict=True))
    assert all(pair in rest for pair in old)
    numbers = {tokens for start, stop, tokens in words if raw[start:stop].isdigit()}
    new = len(placed) - len(words)
    assert new == 0 or numbers
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
    assert told.count(UNKNOWN) == 1
    assert told.startswith(f"about 10 % of the picture{UNKNOWN} and")
    assert expand("no crack", None, question="How long is it in nm?") == "no crack"
    assert expand(text, 10.0, question="How long are they in µm?").count(UNKNOWN) == 0


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
    assert scale is not None
    assert (scale.side, scale.width) == pytest.approx((600, 600))
    tall = scale_of([make_region(100, 20, (0.5, 0.5), "µm")])
    assert tall is not None
    assert (tall.side, tall.width) == pytest.approx((50_000, 10_000))
    assert scale_of([make_region(10, 10, (1, 1), "pixel")]) is None
    assert scale_of([make_region(10, 10, None, "nm")]) is None
    assert scale_of([make_region(10, 10, (1, 1), "volt")]) is None


def test_two_regions_need_one_scale() -> None:
    one = make_region(100, 100, (1, 1), "nm")
    assert scale_of([one, make_region(50, 50, (0.002, 0.002), "µm")]) is not None
    assert scale_of([one, make_region(50, 50, (1, 1), "nm")]) is None
    assert scale_of([one, make_region(100, 40, (1, 1), "nm")]) is None
    assert scale_of([one, make_region(100, 100, None, "pixel")]) is None


@given(lengths, st.integers(1, 99))
def test_the_length_is_the_share_of_the_side(across: float, percent: int) -> None:
    text = expand(f"about {percent} % of the picture", across)
    number, unit = text.removesuffix(")").split("(about ")[1].split(" ")
    metres = in_metres(unit)
    assert metres is not None
    assert float(number) * metres * 1e9 == pytest.approx(across * percent / 100, rel=0.06)
