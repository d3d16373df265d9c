"""Label sets as files that people share."""

from __future__ import annotations

import csv
import json
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_micrograph_vlm.errors import QuestionError, SourceError
from napari_micrograph_vlm.labelling import PRESETS, LabelClass, LabelSet
from napari_micrograph_vlm.labelling.files import (
    label_set_from_text,
    read_label_set,
    write_label_set,
)
from napari_micrograph_vlm.labelling.kept import (
    find_label_set,
    forget,
    keep,
    kept_sets,
    learnt_folder,
)

MINE = LabelSet(
    "wafer, lot 3",
    (
        LabelClass("short, wide", 'joins "two" lines; always'),
        LabelClass("🔬 café", "naïve"),
        LabelClass("=1+1", "-2"),
        LabelClass("'=quoted", "''@"),
    ),
)

texts = st.text(min_size=1, max_size=30)
label_sets = (
    st.lists(st.tuples(texts, st.text(max_size=30)), min_size=2, max_size=8)
    .map(lambda rows: tuple(LabelClass(*row) for row in rows))
    .map(lambda classes: {one.name.casefold(): one for one in classes if one.name})
    .filter(lambda named: len(named) > 1)
)


@pytest.mark.parametrize("kind", ["json", "csv", "JSON", "Csv"])
def test_what_is_written_is_read_again(tmp_path, kind):
    path = tmp_path / f"wafer, lot 3.{kind}"
    write_label_set(MINE, path)
    assert read_label_set(path) == MINE
    assert os.listdir(tmp_path) == [path.name]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(named=label_sets, kind=st.sampled_from(["json", "csv"]))
def test_whatever_the_names_are_they_come_back(tmp_path, named, kind):
    path = tmp_path / f"any.{kind}"
    try:
        label_set = LabelSet("any", tuple(named.values()))
    except QuestionError:  # the same but for composed letters
        return
    write_label_set(label_set, path)
    assert read_label_set(path) == label_set


def test_no_cell_of_a_csv_is_a_formula(tmp_path):
    write_label_set(MINE, tmp_path / "x.csv")
    with (tmp_path / "x.csv").open(encoding="utf-8-sig", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert "'=1+1" in cells
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in cells)


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_csv_as_spreadsheets_write_it(tmp_path, coding, mark):
    lines = [f"Sentence{mark} Name ", f'"a{mark} b"{mark}café', "", f"{mark}pore", "short"]
    path = tmp_path / "from-excel.csv"
    path.write_bytes("\r\n".join(lines[:-1]).encode(coding))
    found = read_label_set(path)
    assert found.name == "from-excel"
    assert found.names == ("café", "pore")
    assert found.sentences == (f"a{mark} b".replace("\t", " "), "")


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("x.csv", b"", "holds no text"),
        ("x.csv", b"class,sentence\na,b\nc,d\n", "no column “name”"),
        ("x.csv", "name\nfêlure\npore\n".encode("latin-1"), "no UTF-8"),
        ("x.csv", b'name,sentence\n"a,b\nc,d\n', "quotation mark"),
        ("x.csv", b"name,sentence\na,dark, thin\nc,d\n", "Row 2 of x.csv has more cells"),
        ("x.csv", b"name\na\nA\n", "x.csv: The class name 'A' is listed twice"),
        ("x.csv", b"name,sentence\na,b\n,d\nc,e\n", "Class 2 has no name"),
        ("x.csv", b"name\na\n", "at least two"),
        ("x.csv", b"name\0\na\0\n", "holds no text"),
        ("x.json", b"{", "no JSON"),
        ("x.json", b"[" * 100_000, "no JSON"),
        ("x.json", b'{"name": "x"}', "no list “classes”"),
        ("x.json", b"3", "no list “classes”"),
        ("x.json", b'["a", 3]', "Class 2 has no name"),
        ("x.json", b'["a", {"sentence": "b"}]', "Class 2 has no name"),
        ("x.json", b'["a", {"name": "b", "sentence": 3}]', "sentence of class 2"),
        ("x.json", b"\xff\xfe\x00", "no UTF-8|no JSON|holds no text"),
        ("x.txt", b"a\nb\n", "must end in .json or .csv"),
    ],
)
def test_a_wrong_file_is_refused_in_one_sentence(tmp_path, name, data, said):
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(QuestionError, match=said) as refused:
        read_label_set(path)
    assert name in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_missing_file_and_one_of_another_kind_are_told(tmp_path):
    with pytest.raises(QuestionError, match="cannot be read"):
        read_label_set(tmp_path / "nowhere.json")
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(QuestionError, match="cannot be read"):
        read_label_set(tmp_path / "folder.json")
    with pytest.raises(SourceError, match="There is no folder"):
        write_label_set(MINE, tmp_path / "nowhere" / "x.json")


def test_a_plain_list_of_names_will_do(tmp_path):
    (tmp_path / "x.json").write_text(json.dumps(["a", {"name": "b", "sentence": "dark"}]))
    assert read_label_set(tmp_path / "x.json").sentences == ("", "dark")


def test_thousands_of_classes_go_through_a_file(tmp_path):
    many = LabelSet("many", tuple(LabelClass(f"class {i}", "one, two") for i in range(5000)))
    for kind in ("json", "csv"):
        write_label_set(many, tmp_path / f"many.{kind}")
        assert read_label_set(tmp_path / f"many.{kind}") == many


def test_text_is_names_or_a_file(tmp_path):
    path = tmp_path / "a, b.json"
    write_label_set(MINE, path)
    assert label_set_from_text(f" {path} ") == MINE
    assert label_set_from_text("crack, pore").names == ("crack", "pore")
    assert label_set_from_text("a.json,b.csv").names == ("a.json", "b.csv")
    with pytest.raises(QuestionError, match="cannot be read"):
        label_set_from_text(str(tmp_path / "none.csv"))


def test_own_sets_are_remembered_under_any_name(tmp_path):
    names = ["../../etc/passwd", "CON", "con", "Löcher / Gräben", "a" * 300, "🔬", "…"]
    sets = [LabelSet(name, MINE.classes) for name in names]
    for one in sets:
        keep(one, tmp_path / "kept")
    found = kept_sets(tmp_path / "kept")
    # Names the same but for case are the same list: the later one counts.
    assert set(found) == set(names) - {"CON"}
    assert all(one.classes == MINE.classes for one in found.values())
    assert {path.name for path in tmp_path.iterdir()} == {"kept"}
    assert all(len(path.name) < 64 for path in (tmp_path / "kept").iterdir())
    (tmp_path / "kept" / "broken.json").write_text("{")
    assert set(kept_sets(tmp_path / "kept")) == set(found)
    assert forget("con", tmp_path / "kept")
    assert not forget("con", tmp_path / "kept")
    assert set(kept_sets(tmp_path / "kept")) == set(found) - {"con"}


def test_a_set_is_found_by_name_or_file(tmp_path):
    keep(MINE, tmp_path)
    assert find_label_set("Wafer, LOT 3", tmp_path) == MINE
    assert find_label_set("semiconductor defects", tmp_path) == PRESETS["Semiconductor defects"]
    write_label_set(MINE, tmp_path / "file.csv")
    assert find_label_set(str(tmp_path / "file.csv"), tmp_path).classes == MINE.classes
    with pytest.raises(QuestionError, match=r"no label set 'other'.*wafer, lot 3"):
        find_label_set("other", tmp_path)
    assert learnt_folder(MINE, tmp_path).parent == tmp_path


def test_what_cannot_be_kept_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(QuestionError, match="could not be kept"):
        keep(MINE, tmp_path / "file")
