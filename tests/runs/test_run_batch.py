from __future__ import annotations

import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from fakes import FakeModel
from napari_micrograph_vlm.errors import Cancelled, MicrographError, ModelError, RegionError
from napari_micrograph_vlm.runs.journal import Journal
from napari_micrograph_vlm.runs.run import run_batch, run_of
from napari_micrograph_vlm.runs.sources import ArraySource, FolderSource
from runs.making import AWKWARD, Counting, Together, noise, save, task


def boxes(number, side=16):
    return [(0, side * i, side, side * (i + 1)) for i in range(number)]


def row(number=20, side=16):
    return ArraySource(noise((side, side * number)), boxes(number, side), name="row")


def go(source, asked, model, path=":memory:", **options):
    with Journal.create(path, run_of(source, asked, model)) as journal:
        progress = run_batch(source, asked, model, journal, **options)
        return progress, list(journal.findings())


def test_classes_and_questions_are_found_in_one_run():
    asked = task("What is it?", "Where?")
    progress, found = go(row(11), asked, FakeModel())
    assert (progress.done, progress.skipped, progress.total) == (11, 0, 11)
    assert [one.item.key for one in found] == [one.key for one in row(11).items()]
    for one in found:
        assert one.best in ("pore", "crack")
        assert [said.question for said in one.said] == ["What is it?", "Where?"]
        assert len(one.maps) == 3
        assert one.shape == (16, 16)
        assert one.thumbnail.startswith(b"\xff\xd8")


def test_labels_stay_as_they_are_whatever_they_hold():
    _progress, found = go(row(8), task(labels=AWKWARD), FakeModel())
    assert {one.best for one in found} <= set(AWKWARD)
    assert list(found[0].probabilities) == AWKWARD


def test_a_model_is_given_as_many_at_once_as_it_can_take():
    model = Together()
    _progress, found = go(row(11), task("Q?"), model, chunk=4)
    assert model.given == [4, 4, 3]
    assert [one.best for one in found[:3]] == ["pore", "crack", "pore"]
    alone = Counting()
    go(row(3), task(), alone, chunk=4)
    assert len(alone.seen) == 3


def test_a_class_below_the_threshold_is_unknown():
    _progress, found = go(row(3), task(threshold=0.99), FakeModel())
    assert {one.best for one in found} == {"unknown"}
    assert found[0].probability == pytest.approx(0.6)


def test_a_second_run_looks_only_at_what_is_new(tmp_path):
    for name in ("a", "b"):
        save(tmp_path / "in" / f"{name}.png")
    source, path = FolderSource(tmp_path / "in"), tmp_path / "x.journal"
    first, second = Counting(), Counting()
    go(source, task(), first, path)
    save(tmp_path / "in" / "c.png")
    progress, found = go(source, task(), second, path)
    assert len(first.seen) == 2
    assert [name.endswith("c.png") for name in second.seen] == [True]
    assert progress.done == progress.total == len(found) == 3


def test_a_broken_item_is_recorded_and_the_others_are_looked_at(tmp_path):
    for name in "abc":
        save(tmp_path / f"{name}.png")
    (tmp_path / "b.png").write_bytes(b"no picture")
    progress, found = go(FolderSource(tmp_path), task(), FakeModel())
    assert (progress.done, progress.skipped) == (2, 1)
    assert [(one.item.key, str(one.status)) for one in found] == [
        ("a.png", "done"),
        ("b.png", "skipped"),
        ("c.png", "done"),
    ]
    assert "is not a picture this can read" in found[1].error


class Picky(Together):
    """Refuses regions of one brightness, without saying which of several it was."""

    def classify(self, regions, labels, **options):
        if any(region.pixels[0, 0] == 0 for region in regions):
            raise RegionError("This region is too dark.")
        return super().classify(regions, labels, **options)


def test_an_item_the_model_refuses_is_found_among_those_given_together():
    pixels = np.full((16, 160), 200, np.uint8)
    pixels[::2, ::3] = 100
    pixels[0, 48] = 0  # the fourth
    source = ArraySource(pixels, boxes(10), name="row")
    progress, found = go(source, task(), Picky())
    assert (progress.done, progress.skipped) == (9, 1)
    assert [one.error for one in found if one.error] == ["This region is too dark."]
    assert found[3].error


class Stumbling(Picky):
    """Falls over the same region, alone or among others, with an error that nobody foresaw."""

    def classify(self, regions, labels, **options):
        try:
            return super().classify(regions, labels, **options)
        except RegionError:
            raise RuntimeError("the size of tensor a must match") from None


def test_an_item_the_model_falls_over_costs_no_other():
    pixels = np.full((16, 160), 200, np.uint8)
    pixels[::2, ::3] = 100
    pixels[0, 48] = 0  # the fourth
    source = ArraySource(pixels, boxes(10), name="row")
    progress, found = go(source, task(), Stumbling())
    assert (progress.done, progress.skipped) == (9, 1)
    assert "the size of tensor a must match" in found[3].error


class Failing(FakeModel):
    def __init__(self, error, after):
        super().__init__()
        self.error, self.left = error, after

    def classify(self, regions, labels, **options):
        self.left -= len(regions)
        if self.left < 0:
            raise self.error
        return super().classify(regions, labels, **options)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ModelError("The model fake was unloaded; load it again."), "was unloaded"),
        (MemoryError(), "Memory ran out"),
        (
            RuntimeError("CUDA error:\n an illegal address"),
            r"fake failed at .*: CUDA error: an ill",
        ),
    ],
)
def test_a_model_that_fails_as_a_whole_ends_the_run_and_keeps_what_is_done(tmp_path, error, words):
    path = tmp_path / "a.journal"
    told = []
    with pytest.raises(MicrographError, match=words):
        go(row(40), task(), Failing(error, 20), path, on_finding=told.append)
    assert len(told) == 20
    progress, found = go(row(40), task(), FakeModel(), path)
    assert (progress.done, progress.skipped, len(found)) == (40, 0, 40)


def test_cancel_stops_in_the_middle_of_an_answer_and_nothing_is_doubled(tmp_path):
    path, cancel = tmp_path / "a.journal", threading.Event()
    model, told = FakeModel(gate=threading.Event()), []
    stop = threading.Timer(0.3, cancel.set)
    stop.start()
    with pytest.raises(Cancelled):  # the gate never opens: only the cancel ends the answer
        go(row(), task("Q?", labels=None), model, path, cancel=cancel, on_finding=told.append)
    stop.join()
    assert told == []
    assert model.questions
    progress, found = go(row(), task("Q?", labels=None), FakeModel(), path)
    assert progress.done == len(found) == 20


def test_cancel_keeps_what_was_finished(tmp_path):
    path, cancel, told = tmp_path / "a.journal", threading.Event(), []

    class Stopping(Together):
        def classify(self, regions, labels, **options):
            if len(self.questions) >= 2:
                cancel.set()
            self.questions.append(None)
            return super().classify(regions, labels, **options)

    with pytest.raises(Cancelled):
        go(row(80), task(), Stopping(), path, cancel=cancel, on_finding=told.append)
    assert len(told) == 16
    with Journal.open(path) as journal:
        assert journal.done() == {one.item.key for one in told}


def test_a_paused_run_waits_and_goes_on():
    pause, told = threading.Event(), []

    def on_finding(finding):
        told.append(finding)
        if len(told) == 8:
            pause.set()

    work = threading.Thread(
        target=go,
        args=(row(200), task(), FakeModel()),
        kwargs={"pause": pause, "on_finding": on_finding},
        daemon=True,
    )
    work.start()
    assert pause.wait(60)
    time.sleep(0.6)
    # What was on its way to the disk is still told; it is not much.
    assert 8 <= len(told) < 120
    pause.clear()
    work.join(60)
    assert len(told) == 200


def test_a_paused_run_can_be_cancelled():
    pause, cancel = threading.Event(), threading.Event()
    pause.set()
    stop = threading.Timer(0.2, cancel.set)
    stop.start()
    with pytest.raises(Cancelled):
        go(row(), task(), FakeModel(), pause=pause, cancel=cancel)
    stop.join()


def test_every_finding_is_on_disk_before_it_is_told(tmp_path):
    path = tmp_path / "a.journal"

    def on_finding(finding):
        with Journal.open(path) as other:
            assert other.finding(finding.item.key) is not None

    go(row(20), task(), FakeModel(), path, on_finding=on_finding)


def test_progress_counts_up_and_knows_what_is_left():
    heard = []
    go(row(30), task(), FakeModel(), on_progress=heard.append)
    counts = [one.done for one in heard]
    assert counts == sorted(counts)
    assert (heard[0].done, heard[0].total, heard[0].seconds_left) == (0, 30, None)
    assert (heard[-1].done, heard[-1].seconds_left, heard[-1].fraction) == (30, 0.0, 1.0)


def test_nothing_to_ask_and_nothing_to_look_at_are_said(tmp_path):
    with pytest.raises(MicrographError, match="nothing to ask"):
        go(row(), task(" ", labels=None), FakeModel())
    with pytest.raises(MicrographError, match="nothing to look at in"):
        go(FolderSource(tmp_path), task(), FakeModel())


def test_questions_are_asked_as_the_task_says():
    model = FakeModel()
    asked = replace(task("Q?", labels=None), tiled=False, max_tokens=7)
    go(row(2), asked, model)
    assert {question.tiled for question in model.questions} == {False}
    assert model.max_tokens == 7
