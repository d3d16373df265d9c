import errno
import importlib.util
import json
import os
from math import isnan

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from run_findings import NAMES, QUESTION, finding, journal_of, run, skipped

from napari_micrograph_vlm.errors import MicrographError
from napari_micrograph_vlm.reporting.table import frame_of, read_table, write_table
from napari_micrograph_vlm.runs.findings import Said
from napari_micrograph_vlm.runs.items import Item
from napari_micrograph_vlm.spreadsheet import escaped, unescaped

NASTY = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1+1", " =1", "'=1", "a;=1+1", "x\n=2"]
TEXTS = st.one_of(
    st.sampled_from(NASTY), st.text(), st.text(alphabet="=+-@'; \t\r\n\",😀µa", max_size=8)
)


def test_one_row_holds_all_that_is_known_of_an_item():
    with journal_of(finding()) as journal:
        journal.correct("a", "pore")
        row = frame_of(journal, probabilities=True).iloc[0]
    assert row["source"] == "/data/a.tif"
    assert row["plane"] == "3"
    assert [row[edge] for edge in ("y0", "x0", "y1", "x1")] == [10, 20, 70, 100]
    assert row["label"] == 7
    assert (row["class"], row["model_class"], row["probability"]) == ("pore", "bridge", 0.8)
    assert row["corrected"]
    assert row["reviewed"]
    assert row[QUESTION] == "a bridge"
    assert row[f"{QUESTION} (confidence)"] == 0.9
    assert row["uncertainty"] == pytest.approx(0.3)
    assert (row["height_px"], row["width_px"]) == (60, 80)
    assert (row["height"], row["width"], row["unit"]) == (90.0, 160.0, "nm")
    assert (row["pixel_height"], row["pixel_width"]) == (1.5, 2.0)
    assert (row["status"], row["error"], row["seconds"]) == ("done", "", 0.25)
    assert (row["model"], row["revision"], row["key"]) == ("student", "abc", "a")
    assert [row[f"p({name})"] for name in NAMES] == [0.1, 0.8, 0.1]


def test_a_skipped_item_has_its_reason_and_nothing_else():
    row = frame_of([skipped()]).iloc[0]
    assert (row["status"], row["error"], row["class"]) == ("skipped", "It is damaged.", "")
    assert pd.isna(row["y0"])
    assert pd.isna(row["height_px"])
    assert isnan(row["probability"])
    assert isnan(row["uncertainty"])


def test_a_whole_picture_has_its_own_size_as_box():
    row = frame_of([finding(item=Item("a", "a.tif"))]).iloc[0]
    assert [row[edge] for edge in ("y0", "x0", "y1", "x1")] == [0, 0, 60, 80]


def test_questions_have_columns_before_any_item_is_done():
    with journal_of(of=run(questions=("One?", "Two?"))) as journal:
        frame = frame_of(journal)
    assert len(frame) == 0
    assert {"One?", "One? (confidence)", "Two?"} <= set(frame.columns)


def test_a_question_named_like_a_column_gets_a_column_of_its_own():
    said = (Said("class", "an odd question", 0.5), Said("class (2)", "odder", 0.4))
    frame = frame_of([finding(said=said)])
    assert frame.columns.is_unique
    assert frame["class"][0] == "bridge"
    assert frame["class (2)"][0] == "an odd question"
    assert frame["class (2) (2)"][0] == "odder"


def test_a_question_named_figures_keeps_its_answers():
    plain = finding(said=(Said("figures", "three", 0.9),))
    assert list(frame_of([plain])["figures"]) == ["three"]
    cites = finding("b", said=(Said("figures", "two", 0.9, figures=("[1] Figure 1",)),))
    table = frame_of([plain, cites])
    assert list(table["figures (2)"]) == ["three", "two"]
    assert list(table["figures"]) == ["", "[1] Figure 1"]


@pytest.mark.parametrize("suffix", [".csv", ".json", ".parquet"])
def test_a_table_reads_back_the_same(tmp_path, suffix):
    many = [
        finding(str(i), best=NAMES[i % 3], text=text)
        for i, text in enumerate([*NASTY, "", "NA", "nan", "007", "1e5", "a, b", 'a "b"', "😀 µ"])
    ]
    many[1] = finding("1", item=Item("1", "=cmd|' /C calc'!A0", (1, 2)), pixel_size=None)
    frame = frame_of([*many, skipped()], probabilities=True)
    write_table(frame, tmp_path / f"t{suffix}")
    pd.testing.assert_frame_equal(read_table(tmp_path / f"t{suffix}"), frame)
    assert [path.name for path in tmp_path.iterdir()] == [f"t{suffix}"]


@pytest.mark.parametrize("suffix", [".csv", ".json", ".parquet"])
def test_an_empty_table_reads_back_the_same(tmp_path, suffix):
    frame = frame_of([])
    write_table(frame, tmp_path / f"t{suffix}")
    pd.testing.assert_frame_equal(read_table(tmp_path / f"t{suffix}"), frame)


@settings(max_examples=60, deadline=None)
@given(text=TEXTS, question=TEXTS, name=TEXTS, source=TEXTS)
def test_any_text_survives_csv_and_json(tmp_path_factory, text, question, name, source):
    folder = tmp_path_factory.mktemp("any")
    one = finding(
        item=Item("k", source), best=name, said=(Said(question, text, 0.5),), probabilities={}
    )
    frame = frame_of([one])
    for suffix in (".csv", ".json"):
        write_table(frame, folder / f"t{suffix}")
        pd.testing.assert_frame_equal(read_table(folder / f"t{suffix}"), frame)


@given(TEXTS)
def test_no_cell_can_be_a_formula_and_the_apostrophe_comes_off_again(text):
    cell = escaped(text)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠"))
    for piece in cell.replace("\t", ";").replace("\n", ";").replace("\r", ";").split(";"):
        assert not piece.lstrip(" ").startswith(("=", "+", "-", "@"))
    assert unescaped(cell) == text


@given(TEXTS)
def test_only_what_was_put_there_is_taken_off(text):
    assert escaped(unescaped(escaped(text))) == escaped(text)
    assert unescaped("'quoted'") == "'quoted'"


def test_csv_opens_in_a_spreadsheet(tmp_path):
    path = tmp_path / "t.csv"
    write_table(frame_of([finding(unit="µm", text="=1+1")]), path)
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    text = path.read_text(encoding="utf-8-sig")
    assert "µm" in text
    assert ",'=1+1," in text


def test_json_is_a_list_of_rows_that_any_program_reads(tmp_path):
    path = tmp_path / "t.json"
    write_table(frame_of([finding(), skipped()]), path)
    rows = json.loads(path.read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert rows[0]["class"] == "bridge"
    assert rows[1]["probability"] is None


def test_a_file_name_that_is_no_text_can_be_written(tmp_path):
    odd = os.fsdecode(b"\xff.tif")
    frame = frame_of([finding(item=Item("k", odd), error=odd)])
    for suffix in (".csv", ".json", ".parquet"):
        write_table(frame, tmp_path / f"t{suffix}")
        assert "udcff.tif" in read_table(tmp_path / f"t{suffix}")["source"][0]


def sentence(call, *arguments):
    with pytest.raises(MicrographError) as caught:
        call(*arguments)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_errors_are_one_sentence(tmp_path):
    frame = frame_of([finding()])
    assert "no table's name" in sentence(write_table, frame, tmp_path / "t.xlsx")
    assert "There is no folder" in sentence(write_table, frame, tmp_path / "no" / "t.csv")
    assert "There is no file" in sentence(read_table, tmp_path / "t.csv")
    (tmp_path / "broken.parquet").write_bytes(b"no table")
    assert "no table this can read" in sentence(read_table, tmp_path / "broken.parquet")
    (tmp_path / "broken.json").write_text("{")
    assert "no table this can read" in sentence(read_table, tmp_path / "broken.json")
    (tmp_path / "empty.csv").write_text("")
    assert "it is empty" in sentence(read_table, tmp_path / "empty.csv")


def test_a_missing_pyarrow_names_the_extra(tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "pyarrow" else find(name)
    )
    text = sentence(write_table, frame_of([finding()]), tmp_path / "t.parquet")
    assert "napari-micrograph-vlm[report]" in text


@pytest.mark.parametrize(
    ("number", "says"), [(errno.ENOSPC, "no space left"), (errno.EROFS, "read-only")]
)
def test_a_full_disk_leaves_the_old_table(tmp_path, monkeypatch, number, says):
    path = tmp_path / "t.csv"
    write_table(frame_of([finding()]), path)
    before = path.read_bytes()

    def full(_handle):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", full)
    assert says in sentence(write_table, frame_of([finding(), skipped()]), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_thousands_of_rows_are_made_without_reading_pictures():
    class Counting:
        run = run()
        asked = None

        def findings(self, keys=None, *, pictures=True):
            self.asked = pictures
            return iter([finding(str(i), thumbnail=b"", maps=()) for i in range(3000)])

    recorded = Counting()
    assert len(frame_of(recorded)) == 3000
    assert recorded.asked is False
