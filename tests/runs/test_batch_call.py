from __future__ import annotations

import pytest

import napari_micrograph_vlm
from fakes import FakeModel
from napari_micrograph_vlm.errors import MicrographError
from napari_micrograph_vlm.labelling import label_set_of
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
