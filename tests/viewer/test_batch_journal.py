"""Where the journal of a run in the window lies."""

import pytest
from run_panels import any_run, pictures_in

from napari_micrograph_vlm.labelling.label_sets import label_set_of
from napari_micrograph_vlm.viewer.batch_journal import begin, default_journal

pytestmark = pytest.mark.gui


def test_default_journals(tmp_path, monkeypatch):
    folder = pictures_in(tmp_path / "lot 7")
    assert default_journal("folder", str(folder)) == tmp_path / "lot 7.journal"
    monkeypatch.setattr("os.access", lambda path, mode: False)
    outside = default_journal("folder", str(folder))
    assert outside.parent != tmp_path
    assert outside.name.startswith("lot 7 ")
    assert default_journal("shapes", "a/b:c?").name == "a_b_c shapes.journal"
    assert default_journal("shapes", "///").name == "image shapes.journal"


def test_a_file_that_is_no_journal_is_left_alone(tmp_path):
    path = tmp_path / "precious.journal"
    path.write_text("my notes")
    journal, why = begin(path, any_run())
    with journal:
        assert journal.path.name == "precious-2.journal"
    assert "no journal" in why
    assert path.read_text() == "my notes"


def test_a_third_run_finds_the_second_of_its_kind(tmp_path):
    runs = [any_run(label_set=label_set_of(names)) for names in (["a", "b"], ["a", "c"])]
    path = tmp_path / "x.journal"
    for run, name, why in (
        (runs[0], "x.journal", ""),
        (runs[1], "x-2.journal", "other classes"),
        (runs[0], "x.journal", ""),
        (runs[1], "x-2.journal", ""),
    ):
        journal, said = begin(path, run)
        with journal:
            assert journal.path.name == name
            assert why in said
            assert bool(why) == bool(said)
