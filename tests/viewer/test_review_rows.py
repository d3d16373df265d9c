"""The order of a review, and what it tells about the model."""

from dataclasses import replace
from math import nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_micrograph_vlm.runs.findings import Finding, Said, Status
from napari_micrograph_vlm.runs.item_names import item_name, item_place
from napari_micrograph_vlm.runs.items import Item
from napari_micrograph_vlm.viewer.review_rows import (
    Order,
    ReviewRow,
    arranged,
    rows_of,
    score_of,
)


def row(key, uncertainty=0.5, reviewed=False, corrected="", best="pore", share=0.5):
    return ReviewRow(key, best, corrected, share, uncertainty, reviewed, best, "")


_rows = st.lists(
    st.builds(
        row,
        st.uuids().map(str),
        st.floats(0, 1),
        st.booleans(),
        st.sampled_from(["", "crack", "pore"]),
        st.sampled_from(["", "unknown", "pore"]),
        st.one_of(st.just(nan), st.floats(0, 1)),
    ),
    unique_by=lambda one: one.key,
    max_size=12,
)


@given(_rows, st.sampled_from(Order), st.booleans())
def test_every_line_is_listed_once_and_hidden_only_when_reviewed(rows, order, hides):
    shown = arranged(rows, order, hide_reviewed=hides)
    assert len({one.key for one in shown}) == len(shown)
    assert {one.key for one in rows} - {one.key for one in shown} == {
        one.key for one in rows if hides and one.reviewed
    }
    if order is Order.UNCERTAIN:
        values = [one.uncertainty for one in shown]
        assert values == sorted(values, reverse=True)
    if order is Order.LISTED:
        assert shown == [one for one in rows if one in shown]


@given(_rows)
def test_the_count_never_passes_the_total(rows):
    score = score_of(rows)
    assert 0 <= score.reviewed <= score.total == len(rows)
    assert bool(score.accuracy) == any(one.reviewed and one.best == "pore" for one in rows)


def test_the_line_that_is_looked_at_stays():
    rows = [row("a", reviewed=True), row("b", reviewed=True), row("c")]
    shown = arranged(rows, Order.LISTED, hide_reviewed=True, keep="b")
    assert [one.key for one in shown] == ["b", "c"]


def test_answers_that_tell_no_confidence_come_last_among_the_strongest():
    rows = [row("a", share=nan), row("b", share=0.1), row("c", share=0.9)]
    shown = arranged(rows, Order.STRONGEST, hide_reviewed=False)
    assert [one.key for one in shown] == ["c", "b", "a"]


def test_accuracy_counts_what_was_accepted_and_not_unknown():
    rows = [row(str(i), reviewed=True) for i in range(9)]
    rows += [row("wrong", reviewed=True, corrected="crack")]
    rows += [row("same", reviewed=True, corrected="pore")]
    rows += [row("none", reviewed=True, best="unknown"), row("later")]
    score = score_of(rows)
    assert (score.reviewed, score.total) == (12, 13)
    assert score.accuracy == "The model was right in 10 of 11: 91 % (95 % interval 62 to 98 %)."


@pytest.mark.parametrize(
    ("looked", "left", "word"), [(0.9, 0.1, "higher"), (0.1, 0.9, "lower"), (0.5, 0.5, "")]
)
def test_what_was_reviewed_first_colours_the_accuracy(looked, left, word):
    rows = [row(name, looked, reviewed=True) for name in "ad"] + [row("b", left), row("c", left)]
    rows[1] = replace(rows[1], corrected="crack")
    caution = score_of(rows).caution
    assert word in caution
    assert bool(caution) == bool(word)
    everything = [replace(one, reviewed=True) for one in rows]
    assert score_of(everything).caution == ""


def test_lines_say_what_and_where():
    said = Finding(
        Item("k", "/data/wafer 7.tif", plane=(3,), box=(10, 20, 30, 60)),
        said=(Said("What is it?", "a crack\nin the upper left " * 9, 0.7),),
    )
    skipped = Finding(Item("s", "x.tif"), Status.SKIPPED, "x.tif is empty.")
    (line,) = rows_of([said, skipped])
    assert line.title.startswith("a crack in the upper left")
    assert len(line.title) <= 60
    assert line.share == 0.7
    assert line.place == "wafer 7.tif slice 3 at 10, 20"
    assert item_place(Item("o", "cells", label=4)) == "cells · object 4"
    assert rows_of([Finding(Item("e", "x"))])[0].title == "(no answer)"


@pytest.mark.parametrize(("corrected", "looked", "left"), [("", 0.9, 0.1), ("crack", 0.1, 0.9)])
def test_what_is_all_right_is_called_no_higher_and_all_wrong_no_lower(corrected, looked, left):
    rows = [row(name, looked, reviewed=True, corrected=corrected) for name in "ab"]
    assert score_of([*rows, row("c", left), row("d", left)]).caution == ""


def test_review_calls_an_item_what_results_calls_it():
    tile = Item("t", "gold", box=(384, 384, 512, 512), shape_id="tile:384:384")
    shape = Item("shape d6ad73e4 [1,2,3,4]", "gold", box=(1, 2, 3, 4), shape_id="shape:ab:8:cd")
    assert item_place(tile) == f"gold · {item_name(tile)}" == "gold · tile at 384, 384"
    assert item_place(shape) == "gold · shape 8"
