"""Runs that measure what they find, and journals from before there were sizes."""

from __future__ import annotations

import json
from math import isnan
from threading import Event

import numpy as np
import pytest

import napari_micrograph_vlm
from fakes import FakeModel
from napari_micrograph_vlm.errors import Cancelled
from napari_micrograph_vlm.regions import Region
from napari_micrograph_vlm.reporting.columns import SIZES
from napari_micrograph_vlm.reporting.rows import item_row
from napari_micrograph_vlm.reporting.table import frame_of, read_table, write_table
from napari_micrograph_vlm.results import Question
from napari_micrograph_vlm.runs.findings import Said, Sizes
from napari_micrograph_vlm.runs.items import Task
from napari_micrograph_vlm.runs.journal import Journal
from napari_micrograph_vlm.runs.journal_rows import COLUMNS, finding_of_row, row_of
from napari_micrograph_vlm.runs.measured import sizes_of
from runs.making import finding, run, save, task

SIZED = Sizes("crack", 2, 0.05, 60.0, 6.0, 20.5, 0.4, "otsu")


def crack() -> np.ndarray:
    """Dark on bright, where the fake looks."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(170, 210, (60, 60)).astype(np.uint8)
    pixels[3:8, 2:40] = rng.integers(10, 40, (5, 38))
    return pixels


@pytest.fixture
def lot(tmp_path):
    save(tmp_path / "lot" / "a.png", crack())
    return tmp_path / "lot"


def test_what_is_found_is_measured_and_kept(lot, tmp_path):
    place = tmp_path / "x.journal"
    table = napari_micrograph_vlm.batch(
        lot, questions="How long?", model=FakeModel("a crack"), journal=place, measure=True
    )
    assert set(SIZES) <= set(table.columns)
    (row,) = table.to_dict("records")
    assert row["object"] == "crack"
    assert row["objects"] >= 1
    assert 0 < row["coverage"] < 1
    assert row["longest"] > 0
    with Journal.open(place) as journal:
        assert journal.run.task.measure
        (kept,) = journal.findings()
        assert frame_of(journal).equals(table)
    assert kept.sizes is not None
    assert kept.sizes.length == row["longest"]
    write_table(table, tmp_path / "t.csv")
    assert read_table(tmp_path / "t.csv").equals(table)


def test_a_class_is_measured_where_nothing_is_asked(lot):
    table = napari_micrograph_vlm.batch(lot, ["crack", "pore"], model=FakeModel(), measure=True)
    assert table["object"].tolist() == ["crack"]


def test_where_the_class_says_nothing_nothing_is_measured(lot):
    table = napari_micrograph_vlm.batch(
        lot, ["no defect", "pore"], model=FakeModel("No."), measure=True
    )
    assert table["object"].tolist() == [""]
    assert table["objects"].isna().all()


def test_an_answer_that_there_is_none_is_a_count_of_zero(lot):
    table = napari_micrograph_vlm.batch(
        lot, questions="Is there a crack?", model=FakeModel("No."), measure=True
    )
    assert table["object"].tolist() == ["crack"]
    assert table["objects"].tolist() == [0]


def test_a_no_that_tells_of_a_defect_is_measured(lot):
    table = napari_micrograph_vlm.batch(
        lot,
        questions="Is the film intact?",
        model=FakeModel("No, a crack runs across it."),
        measure=True,
    )
    assert table["object"].tolist() == ["crack"]
    assert table["objects"].tolist()[0] >= 1


def test_a_run_that_is_stopped_stops_measuring():
    stopped = Event()
    stopped.set()
    about = FakeModel("a crack").ask(Question("Where?", (Region(crack() / 255, (0, 0, 60, 60)),)))
    with pytest.raises(Cancelled):
        sizes_of(None, [about], cancel=stopped)


def test_sizes_cost_nothing_where_nobody_wants_them(lot, monkeypatch):
    from napari_micrograph_vlm.measuring import measurement

    monkeypatch.setattr(measurement, "measure", None)
    table = napari_micrograph_vlm.batch(lot, questions="What?", model=FakeModel("a crack"))
    assert not set(SIZES) & set(table.columns)


def test_runs_without_sizes_are_the_same_as_before_there_were_any():
    before = {"questions", "label_set", "threshold", "tiled", "max_tokens"}
    plain = task("What is it?")
    assert set(plain.to_dict()) == before
    assert Task.from_dict(plain.to_dict()) == plain
    sized = task("What is it?", measure=True)
    assert Task.from_dict(json.loads(json.dumps(sized.to_dict()))) == sized
    assert run(task=sized).digest != run(task=plain).digest == run().digest


def test_answers_of_older_journals_are_read():
    old = dict(zip(COLUMNS, row_of(finding()), strict=True))
    assert json.loads(old["said"]) == [["What is it?", "A pore.", 0.5], ["Where?", "There.", None]]
    found = finding_of_row(tuple(old.values()), (), ("", False))
    assert found.sizes is None
    assert found.warnings == ()


@pytest.mark.parametrize("sizes", [None, SIZED, Sizes("pore", 0, 0.0)])
@pytest.mark.parametrize("warnings", [(), ("“5 mm” is longer than the region.",)])
def test_sizes_and_warnings_come_back_as_they_were(sizes, warnings):
    given = finding(sizes=sizes, said=(Said("How long?", "5 mm", 0.5, warnings),))
    found = finding_of_row(row_of(given), (), ("", False))
    assert found.said == given.said
    assert found.warnings == warnings
    assert (found.sizes is None) == (sizes is None)
    if sizes is not None and found.sizes is not None:
        assert (found.sizes.what, found.sizes.count) == (sizes.what, sizes.count)
        assert found.sizes.length == sizes.length or isnan(found.sizes.length)


def test_sizes_that_cannot_be_true_are_in_the_table_and_the_report():
    said = (Said("How long?", "5 mm", 0.5, ("“5 mm” is longer than the region.",)),)
    found = finding(said=said, sizes=SIZED)
    (row,) = frame_of([found]).to_dict("records")
    assert row["warnings"] == "“5 mm” is longer than the region."
    assert (row["objects"], row["longest"], row["longest_error"]) == (2, 20.5, 0.4)
    text, _ = item_row(1, found, 10_000)
    assert "“5 mm” is longer than the region." in text
    assert "Measured: 2 × crack, 5 % of the area" in text
    assert "longest 20.5 nm" in text
    text, _ = item_row(1, finding(sizes=Sizes("crack", 0, 0.0)), 10_000)
    assert "Measured: no crack found" in text


def test_a_question_named_like_a_size_keeps_its_answers(tmp_path):
    table = frame_of([finding(said=(Said("coverage", "a lot", 0.5),))])
    write_table(table, tmp_path / "t.csv")
    assert read_table(tmp_path / "t.csv")["coverage"].tolist() == ["a lot"]
    both = frame_of([finding(said=(Said("coverage", "a lot", 0.5),), sizes=SIZED)])
    assert both["coverage (2)"].tolist() == ["a lot"]
    assert both["coverage"].tolist() == [0.05]
