"""From answers and cases to figures, and from figures to tables."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from napari_micrograph_vlm.evaluation.baselines import best_answers, majority_answers
from napari_micrograph_vlm.evaluation.figures import (
    by_truth,
    calibration_figures,
    case_figures,
    confused,
    kind_figures,
    parts_of,
    skipped_text,
)
from napari_micrograph_vlm.evaluation.found import Case, Reply, Skipped
from napari_micrograph_vlm.evaluation.meteor import Meteor
from napari_micrograph_vlm.evaluation.real_figures import nearest_text, real_parts
from napari_micrograph_vlm.evaluation.report import Figure, Part, part_text, side_by_side
from napari_micrograph_vlm.evaluation.synthetic import SECONDS
from napari_micrograph_vlm.evaluation.text_figures import text_figures

pytest.importorskip("nltk")


def reply(truth, said, group="1", kind="category", held_out=False, part="synthetic", **others):
    return Reply(
        part, group, kind, held_out, "?", truth, said, truth == said, 0.8,
        others, {name: text == truth for name, text in others.items()},
    )  # fmt: skip


@pytest.fixture(scope="module")
def meteor():
    return Meteor(folders=())


def test_a_table_says_what_was_met_and_what_missed():
    figures = [
        Figure("good", 10, 0.95, (0.9, 1.0), {"blind": 0.1, "chance": 0.2}, 0.9),
        Figure("bad", 10, 0.85, None, {"chance": 0.2}, 0.9),
        Figure("error", 10, 0.02, None, {}, 0.05, below=True),
        Figure("none", 0, None, None, {}, 0.5),
    ]
    text = part_text(Part("Numbers", figures, ["A note."]))
    assert text.splitlines() == [
        "### Numbers",
        "",
        "|  | n | value | 95 % interval | blind | chance | target |",
        "|---|---|---|---|---|---|---|",
        "| good | 10 | 0.950 | 0.900 to 1.000 | 0.100 | 0.200 | 0.9: met |",
        "| bad | 10 | 0.850 |  |  | 0.200 | 0.9: missed |",
        "| error | 10 | 0.020 |  |  |  | at most 0.05: met |",
        "| none | 0 | not defined |  |  |  | 0.5: not measured |",
        "",
        "A note.",
    ]


def test_a_grid_has_a_row_a_condition():
    figures = [
        Figure("noise: defect", 4, 0.5, (0.2, 0.8)),
        Figure("noise: peak", 4, 0.25, None, {"chance": 0.05}),
        Figure("inverted: defect", 4, 0.75),
    ]
    assert part_text(Part("Changed", figures, grid=True)).splitlines()[2:] == [
        "| | n | defect | peak |",
        "|---|---|---|---|",
        "| noise | 4 | 0.500 (0.200 to 0.800) | 0.250, chance 0.050 |",
        "| inverted | 4 | 0.750 |  |",
    ]


def test_models_are_shown_side_by_side():
    one = [Part("A", [Figure("x", 3, 0.5), Figure("y", 3, 0.1)])]
    two = [Part("A", [Figure("x", 3, 0.25)])]
    assert side_by_side({"one": one, "two": two}).splitlines() == [
        "| | one | two |",
        "|---|---|---|",
        "| **A** | | |",
        "| x | 0.500 | 0.250 |",
    ]


def test_a_part_is_read_back():
    part = Part("A", [Figure("x", 3, 0.5, (0.1, 0.9), {"blind": 0.2}, 0.4)], ["Note."])
    assert part_text(Part.from_dict(part.to_dict())) == part_text(part)
    assert part.to_dict()["figures"][0]["met"] is True


def test_the_majority_answer_is_that_of_each_kind():
    replies = [
        reply("powder", ""),
        reply("powder", ""),
        reply("tips", ""),
        reply("no", "", kind="x"),
    ]
    assert majority_answers(replies) == {"category": "powder", "x": "no"}


def test_lengths_do_not_hide_the_majority():
    replies = [
        reply("about 10 % of the picture (about 96 nm)", "", kind="how large"),
        reply("about 10 % of the picture (about 12 nm)", "", kind="how large"),
    ]
    assert majority_answers(replies) == {"how large": "about 10 % of the picture"}
    (figure,) = kind_figures(replies)
    assert figure.others["majority"] == 1


def test_the_best_answer_without_looking_is_judged_as_the_model_is():
    truths = ["no"] * 2 + ["yes, a crack", "yes, a pore", "yes, a void"]
    replies = [reply(truth, "", str(i), kind="present") for i, truth in enumerate(truths)]
    assert majority_answers(replies) == {"present": "no"}
    assert best_answers(replies) == {"present": "yes, a crack"}
    (figure,) = kind_figures(replies)
    assert figure.others["majority"] == pytest.approx(3 / 5)


def test_kinds_beside_those_who_do_not_look():
    replies = [
        reply("powder", "powder", "1", blind="tips", shuffled="powder"),
        reply("powder", "tips", "2", blind="powder"),
        reply("tips", "tips", "3"),
        reply("tips", "powder", "4", held_out=True),
    ]
    (figure,) = kind_figures(replies)
    assert (figure.n, figure.value) == (3, pytest.approx(2 / 3))
    assert figure.others == {"held out": 0, "blind": 0.5, "shuffled": 1, "majority": 0.5}


def test_text_metrics_beside_those_who_do_not_look(meteor):
    replies = [
        reply("a crack at the top", "a crack at the top", "1", blind="no"),
        reply("no", "no", "2", blind="no"),
        reply("a pore on the left", "no", "3"),
    ]
    found = {figure.name: figure for figure in text_figures(replies, meteor, targets={"BLEU-4": 1})}
    assert found["exact match"].value == pytest.approx(2 / 3)
    assert found["exact match"].others["blind"] == 0.5
    assert found["exact match above blind, same questions"].value == 0.5
    assert found["BLEU-1"].value == pytest.approx(6 / 7 * math.exp(1 - 11 / 7))
    assert found["BLEU-4"].met is False
    long = found["ROUGE-L, answers of 4 words and more"]
    assert (long.n, long.value) == (2, 0.5)
    ceiling = next(f for f in found.values() if f.name.startswith("METEOR")).others["ceiling"]
    assert 0.5 < ceiling < 1
    assert "ceiling" not in found["ROUGE-L"].others


def test_the_ceiling_is_the_nearest_known_text(meteor):
    texts = ["dark particles on a film", "bright wires", "dark dense particles on a bright film"]
    assert nearest_text("dark particles on a bright film", texts) == texts[2]
    assert nearest_text("dark", []) == ""
    replies = [
        reply("dark particles on a film", "wires", str(i), "describe", part="real") for i in (1, 2)
    ]
    (part,) = [
        part
        for part in real_parts(replies, meteor, {"describe": texts})
        if part.title.startswith("Descriptions")
    ]
    rouge = next(figure for figure in part.figures if figure.name.startswith("ROUGE-L"))
    assert (rouge.value, rouge.others["ceiling"]) == (0, 1)


def test_means_of_cases():
    cases = [
        Case("x", "category, top-1", "1", 1, {"chance": 0.1}, 0.9, "powder", "powder"),
        Case("x", "category, top-1", "2", 0, {"chance": 0.1}, 0.7, "tips", "powder"),
    ]
    (figure,) = case_figures(cases)
    assert (figure.value, figure.target, figure.met) == (0.5, 0.947, False)
    assert figure.others == {"chance": pytest.approx(0.1), "majority": 0.5}
    assert by_truth(cases) == {"category, top-1": {"powder": [1, 1], "tips": [0, 1]}}
    assert confused(cases) == {"category, top-1": [["tips", "powder", 1]]}


def test_calibration_of_answers_and_classes():
    replies = [reply("powder", "powder", str(i)) for i in range(4)]
    replies.append(reply("a long text", "another", "9", "describe"))
    cases = [Case("x", "category, top-1", "1", 1, {}, 0.9), Case("x", "count", "1", 0)]
    answers, classes = calibration_figures(replies, cases, 0.05)
    assert (answers.n, answers.value) == (4, pytest.approx(0.2))
    assert (classes.name, classes.value) == ("classify, category", pytest.approx(0.1))
    assert not answers.met


def test_synthetic_figures_are_called_so(meteor):
    found = [reply("powder", "powder"), reply("powder", "tips", part="pairs", kind="compare size")]
    found.append(Case("robustness", "inverted: defect", "1", 1))
    parts = parts_of(found, meteor)
    assert len(parts) == 6
    assert all("synthetic" in part.title or "micrograph" in part.title for part in parts)


def test_what_was_skipped_is_counted_and_named():
    assert skipped_text([reply("a", "a")]) == ""
    gone = Skipped("real", "a.png", "cannot be read")
    assert skipped_text([gone, gone]) == "1 skipped: a.png: cannot be read"
    many = [Skipped("real", f"{i}.png", "broken") for i in range(12)]
    assert skipped_text(many).endswith("9.png: broken; and 2 more")


def test_real_pictures_are_told_apart_by_source(meteor):
    found = [
        replace(reply("powder", "powder", "1", part="real"), source="papers"),
        replace(reply("powder", "tips", "2", part="real", shuffled="tips"), source="specimens"),
        Case("real", "peak in the defect", "3", 1, {"chance": 0.1}, source="specimens"),
    ]
    parts = {part.title.split(",")[0]: part.figures for part in real_parts(found, meteor, {})}
    closed = {figure.name: figure for figure in parts["Closed questions"]}
    assert closed["all, normalised match"].value == 0.5
    assert closed["papers, normalised match"].value == 1
    assert closed["specimens, normalised match"].others == {"majority": 1, "shuffled": 0}
    (shown,) = parts["Where it looks"]
    assert (shown.name, shown.target) == ("peak in the defect: specimens", None)


def test_balanced_accuracy_counts_every_category_alike(meteor):
    cases = [
        Case("real", "category, top-1", str(i), float(truth == "tips"), truth=truth)
        for i, truth in enumerate(["tips"] * 5 + ["powder"] * 15 + ["fibres"])
    ]
    (part,) = real_parts(cases, meteor, {})
    figures = {figure.name: figure for figure in part.figures}
    assert figures["category, top-1"].value == pytest.approx(5 / 21)
    balanced = figures["category, top-1, balanced over 2"]
    assert (balanced.n, balanced.value) == (20, 0.5)
    assert balanced.others == {"chance": 0.5}


def test_many_pictures_of_one_paper_do_not_balance(meteor):
    truths = ["tips"] * 5 + ["powder"] * 5 + ["fibres"] * 9
    cases = [
        Case("real", "category, top-1", "one" if truth == "fibres" else str(i), 1.0, truth=truth)
        for i, truth in enumerate(truths)
    ]
    (part,) = real_parts(cases, meteor, {})
    assert "category, top-1, balanced over 2" in {figure.name for figure in part.figures}


def test_the_time_is_a_median():
    cases = [Case("synthetic", SECONDS, str(i), value) for i, value in enumerate((0.1, 0.1, 0.9))]
    (figure,) = case_figures(cases)
    assert (figure.value, figure.met) == (0.1, True)
