"""Reading what a teacher wrote, and when two answers say the same."""

from __future__ import annotations

import json

import pytest

from napari_micrograph_vlm.datasets.labelled import CLOSED, place_word
from napari_micrograph_vlm.datasets.teacher.agreement import near, same_answer, token_f1
from napari_micrograph_vlm.datasets.teacher.consistency import pairs_not_denied, true_labels
from napari_micrograph_vlm.datasets.teacher.labels import parse_labels
from napari_micrograph_vlm.datasets.teacher.pairs import kind_of, parse_answers, parse_pairs
from napari_micrograph_vlm.datasets.teacher.pictures import find_pictures
from napari_micrograph_vlm.datasets.teacher.prompts import (
    answers_prompt,
    labels_prompt,
    prompts_version,
    questions_prompt,
)
from napari_micrograph_vlm.datasets.teacher.reading import Unreadable, read_json
from napari_micrograph_vlm.datasets.teacher.truth import Truth
from napari_micrograph_vlm.errors import SourceError


@pytest.mark.parametrize(
    "text",
    [
        '{"count": 3}',
        '```json\n{"count": 3}\n```',
        'Here you are: {"count": 3} I hope this helps {really}.',
        '<think>perhaps {"count": 9}</think>{"count": 3}',
        '{"Count": 3,}',
        'as {x} said, {"count": 3}',
    ],
)
def test_json_is_found_in_what_is_around_it(text):
    assert read_json(text) == {"count": 3}


@pytest.mark.parametrize("text", ["", "three", "[1, 2]", '{"count": 3', "{}", "<think>{"])
def test_text_without_json(text):
    with pytest.raises(Unreadable):
        read_json(text)


@pytest.mark.parametrize(
    ("field", "written", "read"),
    [
        ("technique", "sem", "SEM"),
        ("technique", "optical", None),
        ("category", "MEMS devices and electrodes", "MEMS devices and electrodes"),
        ("shape", "Rod-like.", "rod-like"),
        ("shape", "rod like", "rod-like"),
        ("size_uniformity", "not_applicable", "not applicable"),
        ("count", "~12", 12),
        ("count", 12.0, 12),
        ("count", "12-15", None),
        ("count", "Many", "many"),
        ("count", -1, None),
        ("count", float("nan"), None),
        ("count", float("inf"), None),
        ("count", True, None),
        ("scale_bar", "200nm", "200 nm"),
        ("scale_bar", "1.0 \u03bcm", "1 \u00b5m"),
        ("scale_bar", "2 um", "2 \u00b5m"),
        ("scale_bar", "none", ""),
        ("scale_bar", "long", None),
        ("annotations", ["(a)", 5], ["(a)", "5"]),
        ("annotations", "x", ["x"]),
        ("annotations", {"a": 1}, None),
        ("description", " Two  rods. ", "Two rods."),
        ("description", "x" * 401, None),
        ("defects", [], [{"kind": "none visible", "where": "spread"}]),
        ("defects", "none", [{"kind": "none visible", "where": "spread"}]),
        ("defects", ["crack"], [{"kind": "crack", "where": None}]),
        (
            "defects",
            [{"kind": "Micro-bridge", "where": "upper left"}],
            [{"kind": "micro-bridge", "where": "top left"}],
        ),
        (
            "defects",
            [{"kind": "bridge", "where": "in the center"}],
            [{"kind": "bridge", "where": "centre"}],
        ),
        ("defects", [{"kind": "ghost", "where": "left"}], None),
        ("defects", 7, None),
    ],
)
def test_a_field_is_allowed_or_dropped_and_counted(field, written, read):
    labels, dropped = parse_labels(json.dumps({field: written}))
    assert labels == ({} if read is None else {field: read})
    assert dropped == ({f"{field}: not an allowed value": 1} if read is None else {})


def test_a_form_in_an_envelope():
    assert parse_labels('{"micrograph": {"count": 3}}')[0] == {"count": 3}


def test_an_answer_without_fields():
    with pytest.raises(Unreadable):
        parse_labels('{"answer": "particles"}')


def test_questions_in_all_the_ways_they_are_written():
    pairs, dropped = parse_pairs(
        '{"questions": [{"question": "How many?", "answer": 3}, ["Where?", "left"],'
        ' {"question": "Where?", "answer": "right"}, {"question": "Why?"},'
        ' {"question": "Is it round?", "answer": true}, 5]}'
    )
    assert pairs == [("How many?", "3"), ("Where?", "left"), ("Is it round?", "Yes")]
    assert dropped == {"question: incomplete": 2, "question: asked before": 1}


def test_answers_in_all_the_ways_they_are_written():
    assert parse_answers('{"answers": ["a", {"answer": "b"}, 3, "more"]}', 3) == ["a", "b", "3"]
    assert parse_answers('{"answers": {"1": "a", "2": "b"}}', 3) == ["a", "b", None]
    with pytest.raises(Unreadable):
        parse_answers('{"answers": "a"}', 1)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Yes", "Yes, in the centre"),
        ("At the top left", "upper left"),
        ("Twelve", "12"),
        ("About 20 particles", "22"),
        ("Round", "spherical"),
        ("dark round particles", "Round, dark particles"),
        ("On the left side", "the left"),
        ("200 nm", "200 nm."),
        ("No", "None"),
    ],
)
def test_answers_that_say_the_same(first, second):
    assert same_answer(first, second)
    assert same_answer(second, first)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Yes", "No"),
        ("a crack", "no crack"),
        ("at the top left corner", "at the top right corner"),
        ("1 at the top left corner", "1 at the top right corner"),
        ("bright spots in a row", "dark spots in a row"),
        ("12 particles", "20 particles"),
        ("100 nm", "100 µm"),
        ("3 and 5", "3"),
        ("spheres", "rods"),
        ("", "rods"),
    ],
)
def test_answers_that_do_not(first, second):
    assert not same_answer(first, second)
    assert not same_answer(second, first)


def test_overlap_of_words():
    assert token_f1("the dark particles", "dark particles") == 1
    assert token_f1("dark particles", "dark rods") == 0.5
    assert near(3, 4)
    assert not near(3, 5)
    assert near(100, 81)


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("How many particles are there?", "how many"),
        ("Where is the largest pore?", "where"),
        ("On which side is the bar?", "where"),
        ("Which side is empty?", "where"),
        ("What does the scale bar say?", "printed text"),
        ("Is there a crack?", "defect"),
        ("Are the rods aligned?", "yes or no"),
        ("Which are larger, the pale or the dark ones?", "comparison"),
        ("How long is a rod?", "size"),
        ("How are the rods arranged?", "arrangement"),
        ("What shape are they?", "shape"),
        ("What is in the centre?", "what"),
    ],
)
def test_kinds_of_question(question, kind):
    assert kind_of(question) == kind


def test_the_prompts_name_every_value_and_differ():
    first, second = labels_prompt(), labels_prompt(again=True)
    for values in CLOSED.values():
        for value in values:
            assert f'"{value}"' in first
            assert f'"{value}"' in second
    assert first.index('"SEM"') < first.index('"TEM"')
    assert second.index('"TEM"') < second.index('"SEM"')
    assert "Write 4 questions" in questions_prompt(4)
    assert "2. Where?" in answers_prompt(["What?", "Where?"])
    for text in (first, second, questions_prompt(4), answers_prompt(["What?"])):
        assert "$" not in text
    assert len(prompts_version()) == 8


def defects(*kinds):
    return [{"kind": kind, "where": "left"} for kind in kinds]


@pytest.mark.parametrize(
    ("said", "true", "kept"),
    [
        (["pore or void"], ["pore"], True),
        (["pore or void"], ["void"], True),
        (["contamination"], ["residue"], True),
        (["crack"], ["crack", "crack"], True),
        (["none visible"], ["none visible"], True),
        (["crack"], ["none visible"], False),
        (["none visible"], ["bridge"], False),
        (["crack"], ["crack", "pore"], False),
        (["crack", "scratch"], ["crack"], False),
    ],
)
def test_defects_beside_the_truth(said, true, kept):
    truth = Truth({"defects": defects(*true)})
    labels, denied = true_labels({"defects": defects(*said)}, truth)
    assert ("defects" in labels) == kept
    assert bool(denied) != kept


def test_counts_and_fields_beside_the_truth():
    truth = Truth({"count": 8, "technique": "SEM", "group": "g"}, "particles")
    assert true_labels({"count": 9, "technique": "SEM"}, truth)[1] == {}
    assert true_labels({"count": 12, "technique": "TEM"}, truth)[1] == {
        "count": [12, 8],
        "technique": ["TEM", "SEM"],
    }
    assert true_labels({"count": "many"}, truth)[0] == {}
    assert true_labels({"count": "many"}, Truth({"count": 80}))[0] == {"count": "many"}
    # What the truth does not know it does not deny.
    assert true_labels({"surface": "rough"}, truth)[0] == {"surface": "rough"}


@pytest.mark.parametrize(
    ("question", "answer", "kept"),
    [
        ("How many particles are there?", "8", True),
        ("How many particles are visible in the picture?", "30", False),
        ("How many particles touch the edge?", "2", True),
        ("How many rods are there?", "2", True),
        ("Is there a crack?", "No", True),
        ("Is there a crack in the layer?", "Yes", False),
        ("Is there a pore?", "No", False),
        ("Are there any pores?", "Yes", True),
        ("Is there any defect?", "No", False),
        ("Is there a shadow?", "Yes", True),
    ],
)
def test_answers_beside_the_truth(question, answer, kept):
    truth = Truth({"count": 8, "defects": defects("pore")}, "particles")
    pairs, dropped = pairs_not_denied([(question, answer)], truth)
    assert bool(pairs) == kept
    assert bool(dropped) != kept


def test_places_in_a_record():
    assert place_word("at the bottom right") == "bottom right"
    assert place_word("in the centre") == "centre"
    assert place_word("across the picture") == "across"
    assert place_word("spread over the picture") == "spread"
    assert place_word(None) is None


def test_pictures_are_found_and_grouped(tmp_path):
    for name in ("p1/s1_a.png", "p1/s1_b.tif", "p2/s2.jpg", "p2/masks/s2.png", "p2/x.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    def groups(how):
        return {p.name: p.group for p in find_pictures([tmp_path], tmp_path, how)}

    assert groups("image") == {n: n for n in ("p1/s1_a.png", "p1/s1_b.tif", "p2/s2.jpg")}
    assert groups("folder") == {"p1/s1_a.png": "p1", "p1/s1_b.tif": "p1", "p2/s2.jpg": "p2"}
    assert set(groups(r"^(s\d+)").values()) == {"s1", "s2"}
    (inside, outside) = (tmp_path / "p1", tmp_path / "p2")
    assert find_pictures([outside], inside)[0].name == "../p2/s2.jpg"
    for places, how in (([tmp_path / "no"], "image"), ([tmp_path], "(")):
        with pytest.raises(SourceError):
            find_pictures(places, tmp_path, how)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="no picture"):
        find_pictures([tmp_path / "empty"], tmp_path)
