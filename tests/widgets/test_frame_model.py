"""A pandas table for Qt."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from qtpy.QtCore import Qt

from napari_micrograph_vlm.widgets.frame_model import FrameModel

pytestmark = pytest.mark.gui

TITLES = {"name": "Name", "sure": "Sure", "seen": "Seen"}
NUMBERS = st.one_of(
    st.floats(-1e9, 1e9), st.sampled_from([float("nan"), float("inf"), float("-inf")])
)
UP, DOWN = Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder


def model_of(names, sure=None, **options):
    frame = pd.DataFrame({"name": names, "sure": sure or [0.5] * len(names)})
    frame["seen"] = [False] * len(names)
    frame.index = [f"key {i}" for i in range(len(names))]
    made = FrameModel(**options)
    made.show_frame(frame, TITLES)
    return made


def shown(model, column=0):
    return [model.data(model.index(row, column)) for row in range(model.rowCount())]


def test_cells_and_titles(qapp):
    model = model_of(["a", "b\nc"], [0.25, float("nan")], texts={"sure": lambda v: f"{v:.0%}"})
    assert shown(model) == ["a", "b c"]
    assert shown(model, 1) == ["25%", ""]
    assert model.columnCount() == 3
    assert model.headerData(1, Qt.Orientation.Horizontal) == "Sure"
    tip = model.data(model.index(1, 0), Qt.ItemDataRole.ToolTipRole)
    assert tip == "<qt>b c</qt>"


def test_markup_in_a_cell_is_no_markup(qapp):
    model = model_of(["<b>x</b>"])
    assert shown(model) == ["<b>x</b>"]
    assert "&lt;b&gt;" in model.data(model.index(0, 0), Qt.ItemDataRole.ToolTipRole)


def test_sorting_counts_numbers_as_numbers_and_leaves_gaps_last(qapp):
    model = model_of(["a10", "A2", "", "b1"], [0.5, float("nan"), 0.1, 0.9])
    model.sort(0, UP)
    assert shown(model) == ["A2", "a10", "b1", ""]
    model.sort(0, DOWN)
    assert shown(model) == ["b1", "a10", "A2", ""]
    model.sort(1, DOWN)
    assert shown(model, 1) == ["0.90", "0.50", "0.10", ""]
    model.sort(-1)
    assert model.keys == ["key 0", "key 1", "key 2", "key 3"]


def test_sorting_and_filter_outlive_another_table(qapp):
    model = model_of(["b", "a", "cc"])
    model.sort(0, UP)
    model.filter("C")
    assert shown(model) == ["cc"]
    model.show_frame(
        pd.DataFrame(
            {"name": ["xc", "c", "a"], "sure": [1.0] * 3, "seen": False}, index=list("xyz")
        ),
        TITLES,
    )
    assert shown(model) == ["c", "xc"]
    assert model.row_of("x") == 1
    assert model.row_of("z") is None
    assert model.key_at(0) == "y"
    assert model.total == 3


def test_a_filter_over_the_whole_table(qapp):
    model = model_of(["a", "b", "c"], [0.2, 0.6, 0.9])
    model.filter("", lambda frame: (frame["sure"] > 0.5).to_numpy())
    assert shown(model) == ["b", "c"]
    model.filter("B", lambda frame: (frame["sure"] > 0.5).to_numpy())
    assert shown(model) == ["b"]
    model.filter("")
    assert model.rowCount() == 3


def test_no_cell_looks_into_pandas(qapp, monkeypatch):
    model = model_of([f"name {i}" for i in range(5000)], list(np.linspace(0, 1, 5000)))
    model.sort(1, DOWN)
    model.filter("name")
    shown(model)

    def never(*_arguments, **_options):
        raise AssertionError("a look into pandas for a single cell")

    for kind in (pd.DataFrame, pd.Series):
        monkeypatch.setattr(kind, "__getitem__", never)
        for name in ("iloc", "loc", "iat", "at"):
            monkeypatch.setattr(kind, name, property(never))
    assert len(shown(model)) == 5000
    model.sort(0, UP)
    model.sort(0, DOWN)
    model.filter("name 9")
    assert model.rowCount() == sum(str(i).startswith("9") for i in range(5000))


@given(st.lists(NUMBERS, min_size=1, max_size=20))
def test_every_number_can_be_sorted(numbers):
    model = model_of(["x"] * len(numbers), numbers)
    model.sort(1, UP)
    finite = sorted(n for n in numbers if np.isfinite(n))
    cells = shown(model, 1)
    assert cells[: len(finite)] == [f"{n:.2f}" for n in finite]
    assert sorted(model.keys) == sorted(f"key {i}" for i in range(len(numbers)))
