from __future__ import annotations

from math import nan
from pathlib import Path

import pytest

import napari_micrograph_vlm
from fakes import FakeModel
from napari_micrograph_vlm.errors import MicrographError, RegionError
from napari_micrograph_vlm.labelling import label_set_of
from napari_micrograph_vlm.labelling.learnt_model import LearntModel
from napari_micrograph_vlm.runs.calls import beside
from napari_micrograph_vlm.runs.items import Task
from napari_micrograph_vlm.runs.journal import Journal
from runs.making import noise, save


def test_an_array_becomes_a_table():
    boxes = [(0, 0, 20, 20), (0, 20, 20, 44)]
    table = napari_micrograph_vlm.batch(
        noise(), ["pore", "crack"], "What is it?", model=FakeModel(), regions=boxes
    )
    assert table[["y0", "x0", "y1", "x1"]].to_numpy().tolist() == [list(box) for box in boxes]
    assert set(table["class"]) <= {"pore", "crack"}
    assert set(table["What is it?"]) == {"a crack in the upper left"}


@pytest.mark.parametrize("labels", ["pore, crack", label_set_of(["pore", "crack"])])
def test_labels_may_be_a_text_or_a_set(labels):
    table = napari_micrograph_vlm.batch(noise(), labels, model=FakeModel())
    assert table["class"].tolist() == ["pore"]


def test_a_journal_is_gone_on_with_and_corrections_count(tmp_path):
    save(tmp_path / "lot" / "a.png")
    given = (tmp_path / "lot", ["pore", "crack"])
    place = tmp_path / "x.journal"
    napari_micrograph_vlm.batch(*given, model=FakeModel(), journal=place)
    with Journal.open(place) as journal:
        journal.correct("a.png", "scratch")
    save(tmp_path / "lot" / "b.png")
    table = napari_micrograph_vlm.batch(*given, model=FakeModel(), journal=place)
    assert table["class"].tolist() == ["scratch", "pore"]
    assert table["corrected"].tolist() == [True, False]


def test_every_slice_is_a_row():
    heard = []
    table = napari_micrograph_vlm.batch(
        noise((20, 5, 24)), ["a", "b"], model=FakeModel(), axis=1, on_progress=heard.append
    )
    assert table["plane"].astype(str).tolist() == list("01234")
    assert heard[-1].done == 5


def test_nothing_asked_is_said():
    with pytest.raises(MicrographError, match="nothing to ask"):
        napari_micrograph_vlm.batch(noise(), model=FakeModel())


class Shy(FakeModel):
    """Refuses everything until it is told not to."""

    refuses = True

    def classify(self, regions, labels, **options):
        if self.refuses:
            raise RegionError("Not today.")
        return super().classify(regions, labels, **options)


def test_what_was_skipped_is_looked_at_again_when_asked(tmp_path):
    save(tmp_path / "lot" / "a.png")
    model = Shy()
    given = {"model": model, "journal": tmp_path / "x.journal"}
    batch = napari_micrograph_vlm.batch
    assert list(batch(tmp_path / "lot", "a, b", **given)["status"]) == ["skipped"]
    model.refuses = False
    assert list(batch(tmp_path / "lot", "a, b", **given)["status"]) == ["skipped"]
    assert list(batch(tmp_path / "lot", "a, b", **given, again=True)["status"]) == ["done"]


def test_a_skipped_file_that_was_mended_is_looked_at_again(tmp_path):
    save(tmp_path / "lot" / "a.png")
    (tmp_path / "lot" / "b.png").write_bytes(b"half")
    given = {"model": FakeModel(), "journal": tmp_path / "x.journal"}
    batch = napari_micrograph_vlm.batch
    assert list(batch(tmp_path / "lot", "a, b", **given)["status"]) == ["done", "skipped"]
    save(tmp_path / "lot" / "b.png")
    assert list(batch(tmp_path / "lot", "a, b", **given)["status"]) == ["done", "done"]


def test_learnt_classes_are_those_that_are_asked_for(tmp_path, monkeypatch):
    from napari_micrograph_vlm.labelling.files import write_label_set

    names = label_set_of(["pore", "crack"])
    write_label_set(names, tmp_path / "label-set.json")
    given = []

    def load(folder, model, label_set=None):
        given.append((folder, label_set))
        return model

    monkeypatch.setattr(LearntModel, "load", load)
    table = napari_micrograph_vlm.batch(noise(), model=FakeModel(), learnt=tmp_path)
    assert table["class"].tolist() == ["pore"]
    ((folder, label_set),) = given
    assert Path(folder) == tmp_path
    assert label_set.names == names.names


@pytest.mark.parametrize("threshold", [nan, -0.1, 1.1, float("inf")])
def test_a_threshold_that_is_no_share_is_refused(threshold):
    with pytest.raises(MicrographError, match="between 0 and 1"):
        napari_micrograph_vlm.batch(noise(), "a, b", model=FakeModel(), threshold=threshold)


def test_blank_questions_are_left_out():
    assert Task(("", "What is it?", " \t")).questions == ("What is it?",)
    assert Task.from_dict({**Task().to_dict(), "questions": [" "]}).questions == ()


def test_a_journal_lies_beside_what_is_gone_through(tmp_path, monkeypatch):
    (tmp_path / "lot" / "deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "lot" / "deep")
    assert beside("..") == tmp_path / "lot.journal"
    assert beside(".") == tmp_path / "lot" / "deep.journal"
    assert beside(tmp_path / "lot" / "deep" / "..") == tmp_path / "lot.journal"
    assert beside("../a.tif").resolve() == tmp_path / "lot" / "a.tif.journal"


def test_where_no_journal_can_be_named_it_is_said():
    with pytest.raises(MicrographError, match="name the journal"):
        beside(Path.cwd().anchor)
