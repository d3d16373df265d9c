"""The table of results, driven as a user drives it."""

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QComboBox,
    QFileDialog,
    QLineEdit,
    QPlainTextEdit,
)
from run_panels import NAMES, any_run, pictures_in

from fakes import FakeModel
from napari_micrograph_vlm.labelling.label_sets import label_set_of
from napari_micrograph_vlm.runs.findings import Finding
from napari_micrograph_vlm.runs.item_names import item_name
from napari_micrograph_vlm.runs.items import Item, Task
from napari_micrograph_vlm.runs.journal import Journal
from napari_micrograph_vlm.runs.run import run_batch, run_of
from napari_micrograph_vlm.runs.sources import FolderSource
from napari_micrograph_vlm.viewer.docks import BatchDock, ResultsDock
from napari_micrograph_vlm.viewer.handler_jobs import wait_for_jobs
from napari_micrograph_vlm.viewer.overlays import overlays_of
from napari_micrograph_vlm.viewer.preferences import Preferences
from napari_micrograph_vlm.viewer.run_book import RunBook

pytestmark = pytest.mark.gui


class Moods(FakeModel):
    """Says a crack of every other picture, with less and less certainty."""

    def __init__(self):
        super().__init__()
        self.number = 0

    def classify(self, regions, labels, **options):
        found = super().classify(regions, labels, **options)
        for row in found.probabilities:
            best, sure = self.number % 2, 0.95 - 0.1 * self.number
            row[:] = (1 - sure) / 2
            row[best] = sure
            self.number += 1
        return found


class User:
    """Opens the panel and uses it."""

    def __init__(self, viewer, qtbot):
        self.viewer, self.qtbot = viewer, qtbot
        self.book = RunBook.of(viewer)
        self.view = ResultsDock(viewer, preferences=Preferences)
        self.handler = self.view.handler
        self.dock = viewer.window.add_dock_widget(self.view, name="results")

    def wait(self):
        self.qtbot.waitUntil(lambda: not self.handler.is_busy, timeout=30_000)
        self.qtbot.wait(20)
        self.qtbot.waitUntil(lambda: not self.handler.is_busy, timeout=30_000)

    def cells(self, column=0):
        model = self.view.model
        return [model.data(model.index(row, column)) for row in range(model.rowCount())]

    def click(self, row):
        table = self.view.table
        place = table.visualRect(self.view.model.index(row, 0)).center()
        self.qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)

    def pick(self, box, data):
        box.setCurrentIndex(box.findData(data))
        box.activated.emit(box.currentIndex())

    def press(self, button):
        self.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
        self.wait()

    @property
    def message(self):
        return self.view.messages.text


@pytest.fixture
def journal(tmp_path):
    """Four pictures and a broken one, gone through."""
    folder = pictures_in(tmp_path / "in")
    (folder / "broken.png").write_bytes(b"no picture")
    source, model = FolderSource(folder, "*.png"), Moods()
    task = Task(("What is it?",), label_set_of(NAMES))
    path = tmp_path / "lot.journal"
    with Journal.create(path, run_of(source, task, model)) as made:
        run_batch(source, task, model, made)
    return path


@pytest.fixture
def user(make_napari_viewer, qtbot, journal):
    viewer = make_napari_viewer(show=True)
    it = User(viewer, qtbot)
    it.book.open(Journal.open(journal))
    it.wait()
    yield it
    assert wait_for_jobs(5)


def test_nothing_is_there_at_first(make_napari_viewer, qtbot):
    it = User(make_napari_viewer(), qtbot)
    assert "No run is open" in it.view.title.text()
    assert not it.view.save.isEnabled()
    assert not it.view.figure.isEnabled()


def test_a_journal_becomes_a_table(user):
    it = user
    assert it.view.title.text() == "lot"
    assert "5 items · 3 classes, 1 question · fake" in it.view.note.text()
    assert it.cells() == ["broken.png", *(f"picture-{i}.png" for i in range(4))]
    assert it.cells(1) == ["", "crack", "pore", "crack", "pore"]
    assert it.cells(2) == ["", "95 %", "85 %", "75 %", "65 %"]
    assert it.cells(4)[1] == "a crack in the upper left"
    assert "broken.png" in it.cells(5)[0]
    header = it.view.model.headerData(4, Qt.Orientation.Horizontal)
    assert header == "What is it?"


def test_filters(user):
    it = user
    it.pick(it.view.classes, "pore")
    assert it.cells() == ["picture-1.png", "picture-3.png"]
    it.pick(it.view.kinds, "uncertain")
    assert it.view.below.isVisible()
    assert it.cells() == ["picture-3.png"]
    it.view.below.setValue(90)
    assert len(it.cells()) == 2
    it.pick(it.view.classes, "")
    assert len(it.cells()) == 3
    it.pick(it.view.kinds, "skipped")
    assert it.cells() == ["broken.png"]
    assert it.view.count.text() == "1 of 5 items"
    it.pick(it.view.kinds, "")
    it.qtbot.keyClicks(it.view.search, "PICTURE-2")
    assert it.cells() == ["picture-2.png"]
    it.view.search.clear()
    it.book.review(next(k for k in it.view.model.keys if "picture-2" in k))
    it.wait()
    it.pick(it.view.kinds, "unreviewed")
    assert it.cells() == ["picture-0.png", "picture-1.png", "picture-3.png"]


def test_a_click_on_a_title_sorts(user):
    it = user
    header = it.view.table.horizontalHeader()
    place = header.sectionViewportPosition(2) + 10
    for expected in (["65 %", "75 %", "85 %", "95 %", ""], ["95 %", "85 %", "75 %", "65 %", ""]):
        it.qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(place, 8))
        assert it.cells(2) == expected


def test_a_click_goes_to_the_picture_and_shows_its_card(user):
    it = user
    it.click(2)
    it.wait()
    it.qtbot.waitUntil(lambda: "picture-1.png" in it.viewer.layers, timeout=20_000)
    assert len([one for one in overlays_of(it.viewer) if one.visible]) == 1
    assert it.view.card.isVisible()
    assert it.view.card.name.text() == "pore"
    assert it.view.card.bars.rows[0][0] == "pore"
    assert "a crack in the upper left" in it.view.card.said.text()
    assert not it.view.card.picture.pixmap().isNull()
    it.click(0)
    it.wait()
    it.qtbot.waitUntil(lambda: it.message != "", timeout=20_000)
    assert it.view.card.name.text() == "Skipped"
    assert not it.view.figure.isEnabled()


def test_what_changes_elsewhere_is_shown_and_the_choice_stays(user):
    it = user
    it.click(2)
    it.wait()
    key = it.view.key
    it.book.correct(key, "void")
    it.wait()
    assert it.cells(1)[2] == "void"
    assert it.cells(3)[2] == "corrected"
    assert it.view.key == key
    assert it.view.card.name.text() == "void, not pore"
    it.pick(it.view.kinds, "corrected")
    assert it.cells() == ["picture-1.png"]
    assert it.view.key == key


def test_new_findings_are_added_as_they_come(make_napari_viewer, qtbot):
    it = User(make_napari_viewer(), qtbot)
    made = Journal.create(":memory:", any_run())
    it.book.open(made)
    it.wait()
    for i in (2, 0, 1):
        made.add(Finding(Item(f"k{i}", f"/x/{i}.png"), best="pore", probability=0.9))
        it.book.changed.emit([f"k{i}"])
    it.wait()
    assert it.cells() == ["2.png", "0.png", "1.png"]  # in the order they were finished in
    assert it.view.title.text() == "What was just classified"


@pytest.mark.parametrize(
    ("button", "name"),
    [("save", "t.csv"), ("save", "t.json"), ("report", "r.html"), ("figure", "f.png")],
)
def test_files_are_written(user, tmp_path, monkeypatch, button, name):
    it = user
    it.click(1)
    it.wait()
    target = tmp_path / name
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(target), ""))
    it.press(getattr(it.view, button))
    assert it.message == f"Saved as {name}."
    assert target.stat().st_size > 500
    if name == "t.csv":
        assert list(pd.read_csv(target)["class"].fillna("")) == ["", *["crack", "pore"] * 2]


def test_a_file_that_cannot_be_written(user, tmp_path, monkeypatch):
    it = user
    target = tmp_path / "no such folder" / "t.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(target), ""))
    it.press(it.view.save)
    assert it.message
    assert "Saved" not in it.message
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: ("", ""))
    it.press(it.view.report)  # the user changed their mind
    assert not target.exists()


def test_another_journal_is_opened(user, tmp_path, monkeypatch):
    it = user
    other = tmp_path / "other.journal"
    with Journal.create(other, any_run()) as made:
        made.add(Finding(Item("k", "/x/only.png"), best="pore", probability=0.9))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a, **k: (str(other), ""))
    it.press(it.view.open)
    assert it.cells() == ["only.png"]
    (tmp_path / "bad.journal").write_text("nothing")
    bad = str(tmp_path / "bad.journal")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a, **k: (bad, ""))
    it.press(it.view.open)
    assert "no journal" in it.message
    assert it.cells() == ["only.png"]


def test_the_sentence_for_a_paper(user):
    it = user
    it.press(it.view.methods)
    assert "fake" in QGuiApplication.clipboard().text()
    assert "clipboard" in it.message


def test_a_table_of_five_thousand_rows(make_napari_viewer, qtbot, tmp_path):
    it = User(make_napari_viewer(), qtbot)
    made = Journal.create(tmp_path / "many.journal", any_run())
    rng = np.random.default_rng(0)
    sure = rng.random(5000)
    made.add(
        *(
            Finding(Item(f"k{i}", f"/x/{i}.png"), best=NAMES[i % 3], probability=float(sure[i]))
            for i in range(5000)
        )
    )
    made.close()
    it.book.open(Journal.open(tmp_path / "many.journal"))
    it.wait()
    assert it.view.count.text() == "5000 items"
    it.view.table.sortByColumn(2, Qt.SortOrder.DescendingOrder)
    it.pick(it.view.classes, "pore")
    expected = sorted(sure[1::3], reverse=True)
    assert it.cells(2) == [f"{100 * value:.0f} %" for value in expected]


def test_a_closed_panel_hears_nothing_more(user):
    it = user
    it.viewer.window.remove_dock_widget(it.dock)
    it.book.changed.emit(["k"])
    assert it.handler.closed
    assert not it.handler.is_busy


def test_every_control_has_a_tool_tip_and_fits(make_napari_viewer):
    viewer = make_napari_viewer()
    for view in (BatchDock(viewer), ResultsDock(viewer)):
        viewer.window.add_dock_widget(view, name=type(view).__name__)
        for kind in (QAbstractButton, QComboBox, QLineEdit, QAbstractSpinBox, QPlainTextEdit):
            for control in view.findChildren(kind):
                assert control.toolTip() or control.parent().toolTip(), control
        assert view.minimumSizeHint().width() <= 380
    assert wait_for_jobs(5)


def test_napari_opens_both_panels(make_napari_viewer):
    viewer = make_napari_viewer()
    for name, kind in (("Batch", BatchDock), ("Results", ResultsDock)):
        _, view = viewer.window.add_plugin_dock_widget("napari-micrograph-vlm", name)
        assert isinstance(view, kind)
        assert view.handler.viewer is viewer
    assert wait_for_jobs(5)


@pytest.mark.parametrize(
    ("item", "name"),
    [
        (Item("k", "/a/b.tif"), "b.tif"),
        (Item("k", "/a/b.tif", (3,)), "b.tif slice 3"),
        (Item("k", "/a/b.tif", (), (0, 5, 9, 9)), "b.tif at 0, 5"),
        (Item("k", "gold", (), (0, 5, 9, 9), shape_id="shape:ab:4:cd"), "shape 4"),
        (Item("k", "gold", (2,), (0, 5, 9, 9), label=7, shape_id="label:ab:7"), "object 7 slice 2"),
        (Item("k", "gold", (2,), (0, 5, 9, 9), shape_id="slice:0:2"), "slice 2"),
        (Item("k", "gold", (), (0, 5, 9, 9), shape_id="tile:0:5"), "tile at 0, 5"),
    ],
)
def test_names_of_items(item, name):
    assert item_name(item) == name
