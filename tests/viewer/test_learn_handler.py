"""Learning in the classification panel, driven as a user drives it."""

from __future__ import annotations

from threading import Event

import numpy as np
import pytest
from PIL import Image
from qtpy.QtCore import Qt

from fakes import FakeModel
from napari_micrograph_vlm.labelling import LabelClass, LabelSet, kept
from napari_micrograph_vlm.labelling.files import read_label_set, write_label_set
from napari_micrograph_vlm.viewer import class_files, learn_handler
from napari_micrograph_vlm.viewer.docks import classify_widget
from napari_micrograph_vlm.viewer.features import COLUMNS
from napari_micrograph_vlm.viewer.handler_jobs import wait_for_jobs
from napari_micrograph_vlm.viewer.models import ModelHolder
from napari_micrograph_vlm.viewer.preferences import Preferences
from napari_micrograph_vlm.viewer.run_book import RunBook

pytestmark = pytest.mark.gui

SIDE = 40
NAMES = ["dark", "dark", "light", "light"] * 2 + ["dark", "light"]


def squares():
    """Ten squares, half of them bright; each with noise of its own."""
    rng = np.random.default_rng(0)
    bright = [40 if name == "dark" else 200 for name in NAMES]
    return np.hstack([b + rng.integers(0, 40, (SIDE, SIDE)) for b in bright]).astype(np.uint8)


def box(i):
    left, right = SIDE * i + 2, SIDE * i + 37
    return np.array([[2, left], [2, right], [37, right], [37, left]])


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    folder = tmp_path / "own"
    monkeypatch.setattr(kept, "kept_sets_folder", lambda: folder)
    monkeypatch.setattr(learn_handler, "kept_sets_folder", lambda: folder)
    return folder


class User:
    """Opens the panel beside ten squares, of which the first eight have a class."""

    def __init__(self, viewer, qtbot, model=None, column="class"):
        self.viewer, self.qtbot = viewer, qtbot
        self.preferences = Preferences()
        viewer.add_image(squares(), name="squares")
        features = {column: [*NAMES[:8], "", ""]} if column else None
        self.shapes = viewer.add_shapes(
            [box(i) for i in range(10)], name="drawn", features=features
        )
        self.model = model or FakeModel()
        self.view = classify_widget(
            viewer,
            models=ModelHolder(lambda *_: self.model),
            preferences=lambda: self.preferences,
        )
        self.handler, self.learn = self.view.handler, self.view.learn
        self.dock = viewer.window.add_dock_widget(self.view, name="classify")

    def click(self, button):
        button.click()

    def wait(self):
        self.qtbot.waitUntil(lambda: not self.handler.is_busy, timeout=20_000)
        book = RunBook.of(self.viewer)
        self.qtbot.waitUntil(lambda: not book.is_taking, timeout=20_000)

    def teach(self):
        self.click(self.learn.learn)
        self.wait()

    def classify(self):
        self.click(self.view.classify)
        self.wait()

    def correct(self, index, name):
        self.view.results.setCurrentRow(index)
        self.view.correct.setCurrentIndex(self.view.correct.findData(name))
        self.view.correct.activated.emit(self.view.correct.currentIndex())

    @property
    def message(self):
        return self.view.messages.text

    @property
    def counts(self):
        return self.handler.learning.learnt.counts


@pytest.fixture
def user(make_napari_viewer, qtbot):
    yield lambda **options: User(make_napari_viewer(), qtbot, **options)
    assert wait_for_jobs(10)


def test_classes_of_shapes_are_learnt_tried_and_used(user):
    it = user()
    assert it.learn.counts.text() == "8 examples: dark 4, light 4."
    assert not it.learn.use.isEnabled()
    it.teach()
    assert it.message == ""
    # The list had nothing to do with these shapes.
    assert it.view.labels == ("dark", "light")
    assert it.counts == {"dark": 4, "light": 4}
    assert not it.learn.matrix.picture.isNull()
    assert "Of 8 examples held back in turn, 8 were named rightly: 100 %" in it.learn.result.text()
    assert it.learn.advice.text().startswith("Few examples: better label")
    assert not it.learn.use.isChecked()
    it.classify()
    assert list(it.shapes.features["vlm_class"]) != NAMES
    it.click(it.learn.use)
    it.classify()
    assert list(it.shapes.features["vlm_class"]) == NAMES
    assert "+" in it.handler.classification.provenance.revision


def test_selected_shapes_are_given_a_class(user):
    it = user(column=None)
    it.view.classes.set_labels(["dark", "light"])
    for i, name in enumerate(("dark", "light")):
        it.shapes.selected_data = {k for k in range(8) if NAMES[k] == name}
        it.learn.label_as.setCurrentIndex(i)
        it.qtbot.mouseClick(it.learn.label, Qt.MouseButton.LeftButton)
    assert list(it.shapes.features["class"]) == [*NAMES[:8], "", ""]
    it.shapes.add_rectangles(box(0))
    assert it.shapes.features["class"].iloc[-1] == ""
    it.shapes.selected_data = set()
    it.click(it.learn.label)
    assert "No shape of “drawn” is selected" in it.message
    it.teach()
    assert it.counts == {"dark": 4, "light": 4}


def test_another_feature_can_hold_the_classes(user):
    it = user(column="judged")
    assert it.learn.counts.text() == "No examples yet."
    columns = it.learn.column
    assert [columns.itemData(i) for i in range(columns.count())] == [
        "class",
        "judged",
        "vlm_corrected",
    ]
    it.teach()
    assert "at least two regions each of two classes" in it.message
    columns.setCurrentIndex(1)
    columns.activated.emit(1)
    assert it.learn.counts.text().startswith("8 examples")
    it.classify()
    it.qtbot.wait(300)
    # Our own columns say what the model thinks; nobody learns from that.
    assert not set(COLUMNS) & {columns.itemData(i) for i in range(columns.count())}
    assert it.learn.chosen_column == "judged"


def test_missing_labels_are_said_before_the_model_is_loaded(user):
    it = user()
    it.shapes.features = {"class": ["dark"] * 2 + ["light"] + [""] * 7}
    it.view.classes.set_labels(["dark", "light", "grey"])
    it.click(it.learn.learn)
    assert not it.handler.is_busy
    assert it.message == (
        "Label at least two regions each of two classes before learning: 'light' has 1, "
        "'grey' has none."
    )
    assert it.view.labels == ("dark", "light", "grey")


def test_what_the_model_says_and_a_person_confirms_is_no_correction(user):
    it = user()
    it.view.classes.set_labels(["dark", "light"])
    it.view.threshold.setValue(0)
    it.classify()
    named = it.handler.classification.best[0]
    it.correct(0, named)
    line = it.view.results.item(0).text()
    assert line.split()[1:3] == [named, "confirmed,"]
    assert "not" not in line
    it.correct(0, "light" if named == "dark" else "dark")
    assert f"corrected, not {named}" in it.view.results.item(0).text()


def test_a_list_that_holds_some_of_the_classes_gets_the_others(user):
    it = user()
    it.view.classes.set_labels(["dark", "other"])
    it.teach()
    assert it.view.labels == ("dark", "other", "light")
    assert it.counts == {"dark": 4, "other": 0, "light": 4}


def test_other_classes_put_what_was_learnt_aside(user):
    it = user()
    it.teach()
    it.click(it.learn.use)
    assert it.learn.uses
    it.view.classes.set_labels(["a", "b"])
    assert not it.learn.uses
    assert "other classes" in it.learn.use.toolTip()
    it.classify()
    assert it.handler.classification.labels == ("a", "b")
    it.view.classes.set_labels(["light", "dark"])
    assert it.learn.use.isEnabled()


def test_corrections_stay_and_are_learnt(user):
    it = user()
    it.teach()
    it.click(it.learn.use)
    it.classify()
    it.correct(9, "dark")
    it.wait()
    assert it.counts == {"dark": 5, "light": 4}
    assert it.view.results.item(9).text().split()[:3] == ["10", "dark", "corrected,"]
    assert list(it.shapes.features["vlm_corrected"]) == [*[""] * 9, "dark"]
    it.classify()
    assert it.shapes.features["vlm_corrected"].iloc[9] == "dark"
    assert it.shapes.features["vlm_text"].iloc[9] == "dark"
    assert it.view.results.item(9).text().split()[1] == "dark"
    it.teach()
    assert it.counts == {"dark": 5, "light": 4}
    it.correct(9, "")
    assert it.shapes.features["vlm_corrected"].iloc[9] == ""
    assert (
        it.shapes.features["vlm_text"].iloc[9].startswith(it.shapes.features["vlm_class"].iloc[9])
    )
    it.shapes.add_rectangles(box(0))
    assert it.shapes.features["vlm_corrected"].iloc[-1] == ""


def test_what_is_corrected_elsewhere_is_shown_here(user):
    it = user()
    it.view.classes.set_labels(["dark", "light"])
    it.classify()
    book = RunBook.of(it.viewer)
    keys = [finding.item.key for finding in book.journal.findings()]
    assert len(keys) == 10
    book.correct(keys[3], "dark")
    assert "dark" in it.view.results.item(3).text()
    assert "corrected" in it.view.results.item(3).text()
    it.correct(4, "light")
    assert book.journal.finding(keys[4]).corrected == "light"
    it.classify()
    said = {one.item.key: one.corrected for one in RunBook.of(it.viewer).journal.findings()}
    assert [name for name in said.values() if name] == ["dark", "light"]


def test_a_corrected_region_that_is_no_shape_is_an_example_too(user):
    it = user()
    choices = it.view.regions.choices
    choices.setCurrentIndex(choices.findText("Whole image"))
    choices.activated.emit(choices.currentIndex())
    it.view.classes.set_labels(["dark", "light"])
    it.classify()
    it.correct(0, "light")
    choices.setCurrentIndex(choices.findText("Every shape"))
    choices.activated.emit(choices.currentIndex())
    it.teach()
    assert it.counts == {"dark": 4, "light": 5}


def test_what_was_learnt_is_saved_beside_its_list_and_loaded_again(user, own_folder):
    it = user()
    it.teach()
    it.click(it.learn.save)
    assert "was saved in" in it.message
    files = sorted(path.name for path in own_folder.iterdir())
    assert [name.rpartition(".")[2] for name in files] == ["json", "learnt"]
    assert it.view.classes.preset.currentText() == "dark, light"
    folder = own_folder / files[1]
    again = User(it.viewer, it.qtbot)
    again.learn.load_wanted.emit(str(folder))
    again.wait()
    assert again.message == ""
    assert again.view.labels == ("dark", "light")
    assert again.learn.use.isEnabled()
    other = FakeModel()
    other.name = "another"
    stranger = User(it.viewer, it.qtbot, model=other)
    stranger.learn.load_wanted.emit(str(folder))
    stranger.wait()
    assert "fake" in stranger.message
    assert not stranger.learn.use.isEnabled()


def test_a_folder_of_classes_is_learnt(user, tmp_path):
    pixels = squares()
    for i, name in enumerate(NAMES):
        (tmp_path / "set" / name).mkdir(parents=True, exist_ok=True)
        part = pixels[:, SIDE * i : SIDE * (i + 1)]
        Image.fromarray(part).save(tmp_path / "set" / name / f"{i}.png")
    (tmp_path / "set" / "dark" / "broken.png").write_bytes(b"nothing")
    it = user()
    it.learn.source.setCurrentIndex(1)
    it.learn.source.activated.emit(1)
    it.teach()
    assert "Choose the folder" in it.message
    it.learn.set_folder(str(tmp_path / "set"))
    it.learn.examples_changed.emit()
    it.wait()
    assert it.learn.counts.text() == "11 examples: dark 6, light 5."
    it.teach()
    assert it.counts == {"dark": 5, "light": 5}
    assert "1 picture was passed over" in it.message


def test_learning_is_stopped(user):
    class Slow(FakeModel):
        def features(self, regions, *, cancel=None, **more):
            started.set()
            cancel.wait(20)
            return super().features(regions, cancel=cancel, **more)

    started = Event()
    it = user(model=Slow())
    it.click(it.learn.learn)
    it.qtbot.waitUntil(started.is_set)
    it.click(it.learn.stop)
    it.wait()
    assert it.handler.learning.learnt is None
    assert it.learn.learn.isEnabled()


def test_closing_the_panel_stops_learning(user):
    class Slow(FakeModel):
        def features(self, regions, *, cancel=None, **more):
            started.set()
            cancel.wait(20)
            return super().features(regions, cancel=cancel, **more)

    started = Event()
    it = user(model=Slow())
    it.click(it.learn.learn)
    it.qtbot.waitUntil(started.is_set)
    it.viewer.window.remove_dock_widget(it.dock)
    assert wait_for_jobs(10)


def test_a_model_behind_a_server_is_refused_before_anything_is_sent(user):
    it = user()
    it.preferences = Preferences(model="http://gpu-box:8000/v1#qwen")
    it.teach()
    assert "does not show what it sees" in it.message


def test_lists_are_imported_exported_kept_and_forgotten(user, tmp_path):
    it = user()
    mine = LabelSet("lot 3", (LabelClass("short", "joins lines"), LabelClass("open")))
    write_label_set(mine, tmp_path / "lot 3.csv")
    classes = it.view.classes
    classes.import_wanted.emit(str(tmp_path / "lot 3.csv"))
    assert classes.label_set == mine
    assert classes.preset.currentText() == "lot 3"
    classes.export_wanted.emit(str(tmp_path / "out"))
    assert read_label_set(tmp_path / "out.json") == mine
    it.view.classes.add_lines("scratch")
    classes.keep_wanted.emit("lot 4")
    other = User(it.viewer, it.qtbot).view.classes
    names = [other.preset.itemText(i) for i in range(other.preset.count())]
    assert names[-3:] == ["lot 3", "lot 4", "My own list"]
    classes.forget_wanted.emit("lot 3")
    assert set(class_files.kept_sets()) == {"lot 4"}
    classes.import_wanted.emit(str(tmp_path / "nowhere.json"))
    assert "cannot be read" in it.message


def test_sentences_reach_the_model(user):
    it = user()
    it.view.classes.set_labels(["a", "b"])
    it.classify()
    assert it.model.labels == ("a", "b")
    it.view.classes.names.setCurrentRow(0)
    it.view.classes.sentence.setPlainText("dark and round")
    it.classify()
    assert it.model.labels.sentences == ("dark and round", "")
