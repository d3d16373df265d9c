"""`napari-micrograph-vlm report`."""

import pytest

from napari_micrograph_vlm.reporting.table import read_table
from napari_micrograph_vlm.results import AttentionMap
from napari_micrograph_vlm.runs.findings import Finding, Run, Said
from napari_micrograph_vlm.runs.items import Item, Task
from napari_micrograph_vlm.runs.journal import Journal


@pytest.fixture
def journal(tmp_path):
    import numpy as np

    path = tmp_path / "wafer.journal"
    of = Run("student", "abc", "cpu", Task(("What?",)), {"kind": "folder"})
    looked = AttentionMap(np.full((2, 2), 0.25, np.float32), "cross-attention")
    with Journal.create(path, of) as made:
        made.add(Finding(Item("a", "a.tif"), said=(Said("What?", "=1+1"),), maps=(looked,)))
        made.add(
            Finding(Item("b", "b.tif"), best="pore", probability=0.7, probabilities={"pore": 0.7})
        )
    return path


def test_a_report_lies_beside_the_journal(run, journal):
    code, out, err = run("report", journal, "--title", "My <wafer>")
    path = journal.with_suffix(".html")
    assert (code, out.strip(), err) == (0, str(path), "")
    assert "<h1>My &lt;wafer&gt;</h1>" in path.read_text(encoding="utf-8")


def test_a_table_alone_or_with_a_report(run, journal, tmp_path):
    code, out, _ = run("report", journal, "--table", tmp_path / "t.csv", "--probabilities")
    assert (code, out.strip()) == (0, str(tmp_path / "t.csv"))
    assert not journal.with_suffix(".html").exists()
    table = read_table(tmp_path / "t.csv")
    assert list(table["What?"]) == ["=1+1", ""]
    assert table["p(pore)"][1] == 0.7
    code, out, _ = run(
        "report", journal, "--table", tmp_path / "t.json", "--out", tmp_path / "r.html"
    )
    assert code == 0
    assert (tmp_path / "r.html").is_file()
    assert len(read_table(tmp_path / "t.json")) == 2


def test_a_report_can_be_made_while_the_run_writes(run, journal):
    of = Run("student", "abc", "cpu", Task(("What?",)), {"kind": "folder"})
    with Journal.create(journal, of):
        assert run("report", journal)[0] == 0


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--out", "no/report.html"], "There is no folder"),
        (["--out", "report.pdf"], "end it in .html"),
        (["--table", "t.xlsx"], "end it in .csv"),
        (["--table", "no/t.csv"], "There is no folder"),
    ],
)
def test_what_cannot_be_written_is_told_before_anything_is_read(run, tmp_path, options, says):
    option, name = options
    code, out, err = run("report", tmp_path / "none.journal", option, tmp_path / name)
    assert (code, out) == (2, "")
    assert says in err
    assert err.count("\n") == 1


def test_a_journal_that_is_none_is_one_line(run, tmp_path):
    code, _, err = run("report", tmp_path / "none.journal")
    assert code == 2
    assert "no journal" in err
    (tmp_path / "other.html").write_text("<p>")
    code, _, err = run("report", tmp_path / "other.html")
    assert code == 2
    assert "is the journal itself" in err
    assert (tmp_path / "other.html").read_text() == "<p>"
