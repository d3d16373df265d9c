"""The classification panel, driven as a user drives it."""

from threading import Event

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QScrollArea

from fakes import FakeModel, picture
from napari_micrograph_vlm.viewer.docks import classify_widget
from napari_micrograph_vlm.viewer.handler_jobs import wait_for_jobs
from napari_micrograph_vlm.viewer.models import ModelHolder
from napari_micrograph_vlm.viewer.overlays import overlays_of
from napari_micrograph_vlm.viewer.preferences import Preferences
from napari_micrograph_vlm.widgets.fold import Fold

pytestmark = pytest.mark.gui

BOX = np.array([[10, 10], [10, 50], [40, 50], [40, 10]]) - 0.5


class User:
    """Opens the panel and uses it."""

    def __init__(self, viewer, qtbot, model):
        self.viewer = viewer
        self.qtbot = qtbot
        self.model = model
        self.view = classify_widget(
            viewer, models=ModelHolder(lambda name, device: model), preferences=Preferences
        )
        self.handler = self.view.handler
        self.dock = viewer.window.add_dock_widget(self.view, name="classify")
        self.view.classes.set_labels(["crack", "pore", "blister"])

    def classify(self):
        self.qtbot.mouseClick(self.view.classify, Qt.MouseButton.LeftButton)

    def wait(self):
        self.until(lambda: not self.handler.is_busy)

    def until(self, condition):
        self.qtbot.waitUntil(condition, timeout=20_000)

    def classify_and_wait(self):
        self.classify()
        self.wait()

    def choose(self, text):
        choices = self.view.regions.choices
        choices.setCurrentIndex(choices.findText(text))
        choices.activated.emit(choices.currentIndex())

    @property
    def message(self):
        return self.view.messages.text

    @property
    def lines(self):
        return [self.view.results.item(i).text() for i in range(self.view.results.count())]


@pytest.fixture
def user(make_napari_viewer, qtbot):
    def open_panel(model=None, shapes=2, **options):
        viewer = make_napari_viewer()
        viewer.add_image(picture(), name="gold.tif")
        if shapes:
            viewer.add_shapes([BOX + 5 * i for i in range(shapes)], name="drawn", **options)
        return User(viewer, qtbot, model or FakeModel())

    yield open_panel
    assert wait_for_jobs(5)


def test_every_shape_gets_a_class(user):
    it = user()
    it.view.threshold.setValue(50)
    it.classify_and_wait()
    assert it.message == ""
    shapes = it.viewer.layers["drawn"]
    assert list(shapes.features["vlm_class"]) == ["crack", "pore"]
    assert [line.split()[1] for line in it.lines] == ["crack", "pore"]
    assert it.view.bars.rows[0] == ("crack", pytest.approx(0.6))
    assert it.handler.classification.threshold == 0.5
    assert "2 regions" in it.view.note.text()
    it.view.choose(1)
    assert it.view.bars.rows[0][0] == "pore"
    (overlay,) = overlays_of(it.viewer)  # of the region chosen now, and no others behind it
    assert overlay.visible
    assert it.view.regions.choice == "Every shape"


def test_a_region_without_shapes(user):
    it = user(shapes=0)
    it.classify_and_wait()
    assert len(it.lines) == 1
    assert it.message == ""
    assert it.view.restore.isHidden()


def test_unknown_below_the_threshold(user):
    it = user()
    it.view.threshold.setValue(90)
    it.classify_and_wait()
    assert "unknown" in it.lines[0]


@pytest.mark.parametrize("replace", [True, False])
def test_a_users_text_is_only_replaced_if_wanted(user, replace):
    it = user(features={"name": ["one", "two"]}, text="{name}")
    shapes = it.viewer.layers["drawn"]
    it.classify_and_wait()
    assert it.view.messages.is_asking
    assert list(shapes.text.values) == ["one", "two"]
    assert list(shapes.features["vlm_class"]) == ["crack", "pore"]
    button = it.view.messages.yes if replace else it.view.messages.no
    it.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert not it.view.messages.is_asking
    if replace:
        assert "crack" in shapes.text.values[0]
        it.view.restore.click()
    assert list(shapes.text.values) == ["one", "two"]
    assert it.view.restore.isHidden()


def test_stop_and_progress(user):
    it = user(FakeModel(gate=Event()), shapes=3)
    it.classify()
    it.until(lambda: it.view.progress.value() == 1)
    assert it.view.progress.maximum() == 3
    assert it.view.status.text() == "Classifying: 1 of 3"
    it.qtbot.mouseClick(it.view.stop, Qt.MouseButton.LeftButton)
    it.wait()
    assert not it.view.stop.isEnabled()
    assert it.lines == []
    assert it.message.startswith("Stopped")


@pytest.mark.parametrize(
    ("labels", "expected"), [(["crack"], "at least two"), (["crack", "Crack"], "listed twice")]
)
def test_bad_class_names(user, labels, expected):
    it = user()
    it.view.classes.set_labels(labels)
    it.classify_and_wait()
    assert expected in it.message


def test_a_shape_removed_in_the_middle_is_left_out(user):
    gate = Event()
    it = user(FakeModel(gate=gate))
    shapes = it.viewer.layers["drawn"]
    it.classify()
    it.until(lambda: it.view.progress.value() == 1)
    shapes.selected_data = {0}
    shapes.remove_selected()
    gate.set()
    it.wait()
    assert list(shapes.features["vlm_class"]) == ["pore"]
    assert len(it.lines) == 2


@pytest.mark.parametrize("gone", ["drawn", "gold.tif"])
def test_a_layer_removed_in_the_middle(user, gone):
    gate = Event()
    it = user(FakeModel(gate=gate))
    it.classify()
    it.until(lambda: it.view.progress.value() == 1)
    it.viewer.layers.remove(gone)
    gate.set()
    it.wait()
    if gone == "drawn":
        assert it.message == ""
        assert len(it.lines) == 2
    else:
        assert "image was removed" in it.message
        assert not overlays_of(it.viewer)


def test_selected_shapes_stay_selected(user):
    it = user(shapes=3)
    shapes = it.viewer.layers["drawn"]
    shapes.selected_data = {1, 2}
    it.choose("Selected shapes")
    it.classify_and_wait()
    it.view.choose(1)
    assert set(shapes.selected_data) == {1, 2}
    assert list(shapes.features["vlm_class"]) == ["", "crack", "pore"]


def labelled(viewer, name):
    return viewer.add_shapes(
        [BOX], name=name, features={"name": [f"mine {name}"]}, text="{name}", shape_type="polygon"
    )


def test_the_text_of_each_layer_can_be_restored(user):
    it = user(shapes=0)
    a = labelled(it.viewer, "a")
    it.classify_and_wait()
    it.view.messages.yes.click()
    assert not it.view.restore.isHidden()
    b = labelled(it.viewer, "b")
    assert it.handler.binding.drawn is b
    assert it.view.restore.isHidden()
    it.classify_and_wait()
    it.view.messages.no.click()
    assert it.view.restore.isHidden()
    it.viewer.layers.selection.active = a
    assert not it.view.restore.isHidden()
    it.view.restore.click()
    assert list(a.text.values) == ["mine a"]
    assert list(b.text.values) == ["mine b"]
    assert it.view.restore.isHidden()


def test_a_new_panel_can_restore_the_text_too(user):
    it = user(shapes=0)
    shapes = labelled(it.viewer, "a")
    it.classify_and_wait()
    it.view.messages.yes.click()
    it.viewer.window.remove_dock_widget(it.dock)
    again = User(it.viewer, it.qtbot, it.model)
    assert not again.view.restore.isHidden()
    again.view.restore.click()
    assert list(shapes.text.values) == ["mine a"]
    assert again.view.restore.isHidden()


def test_our_text_in_place_of_none_is_not_offered_back(user):
    it = user()
    it.classify_and_wait()
    assert it.view.restore.isHidden()


def test_what_was_found_and_what_went_wrong_is_in_sight_below_an_open_learn(user):
    it = user()
    it.viewer.window._qt_window.resize(1000, 640)
    it.viewer.window._qt_window.show()
    for fold in it.view.findChildren(Fold):
        fold.title.setChecked(True)
    area = it.view.findChild(QScrollArea)
    area.verticalScrollBar().setValue(0)
    it.until(lambda: it.view.classify.visibleRegion().isEmpty())
    it.view.started.emit()
    it.wait()
    assert not it.view._found.visibleRegion().isEmpty()
    it.view.classes.set_labels(["crack"])
    area.verticalScrollBar().setValue(0)
    it.view.started.emit()
    assert it.message
    assert not it.view.messages.visibleRegion().isEmpty()
