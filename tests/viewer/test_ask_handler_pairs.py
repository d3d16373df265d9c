"""The question panel with two shapes selected: both are shown, named and brought back."""

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QTextCursor

from fakes import FakeModel, picture
from napari_micrograph_vlm.viewer.docks import ask_widget
from napari_micrograph_vlm.viewer.handler_jobs import wait_for_jobs
from napari_micrograph_vlm.viewer.models import ModelHolder
from napari_micrograph_vlm.viewer.overlays import overlays_of
from napari_micrograph_vlm.viewer.preferences import Preferences

pytestmark = pytest.mark.gui

QUESTION = "Which is larger?"
BOX = np.array([[10, 10], [10, 50], [40, 50], [40, 10]]) - 0.5
"""40 x 30 pixels."""


class User:
    """Opens the panel beside four shapes and compares."""

    def __init__(self, viewer, qtbot, shape):
        self.viewer = viewer
        self.qtbot = qtbot
        self.model = FakeModel("the second region")
        viewer.add_image(picture(shape), name="A")
        self.shapes = viewer.add_shapes([BOX, BOX + 1, BOX + 2, BOX + 12], name="drawn")
        self.view = ask_widget(
            viewer, models=ModelHolder(lambda name, device: self.model), preferences=Preferences
        )
        self.view.advanced.checks.setChecked(False)
        viewer.window.add_dock_widget(self.view, name="ask")

    def select(self, *indices):
        self.shapes.selected_data = set(indices)
        binding = self.view.handler.binding
        self.qtbot.waitUntil(
            lambda: not binding._timer.isActive() and binding._job is None, timeout=20_000
        )

    def ask(self, text=QUESTION):
        self.view.question.line.setText(text)
        self.qtbot.mouseClick(self.view.ask, Qt.MouseButton.LeftButton)
        self.qtbot.waitUntil(lambda: not self.view.handler.is_busy, timeout=20_000)

    def click_word(self, index):
        answer = self.view.answer
        start, stop, _ = answer._words[index]
        cursor = QTextCursor(answer.document())
        cursor.setPosition((start + stop) // 2)
        point = answer.cursorRect(cursor).center()
        self.qtbot.mouseClick(
            answer.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(point.x(), point.y())
        )

    def click_entry(self, row):
        history = self.view.history
        place = history.visualItemRect(history.item(row)).center()
        self.qtbot.mouseClick(history.viewport(), Qt.MouseButton.LeftButton, pos=place)

    @property
    def overlays(self):
        return {layer.name: layer for layer in overlays_of(self.viewer) if layer.visible}


@pytest.fixture
def user(make_napari_viewer, qtbot):
    def open_panel(shape=(64, 80)):
        return User(make_napari_viewer(show=True), qtbot, shape)

    yield open_panel
    assert wait_for_jobs(5)


def names(word=""):
    return [f"looked at: {QUESTION}{word} ({place} region)" for place in ("first", "second")]


def test_two_shapes_are_compared_pointed_out_and_brought_back(user):
    it = user()
    it.select(3, 1)
    it.ask()
    assert [region.box for region in it.model.questions[0].regions] == [
        (11, 11, 41, 51),
        (22, 22, 52, 62),
    ]
    assert it.view.answer.toPlainText() == "the second region"
    assert "first: shape 1, second: shape 3" in it.view.note.text()
    assert list(it.overlays) == names()
    whole = dict(zip(("first", "second"), it.overlays.values(), strict=True))
    before = {place: np.array(layer.data) for place, layer in whole.items()}
    for place, corner in (("first", 10.5), ("second", 21.5)):
        low = np.array(whole[place].data_to_world((-0.5, -0.5)))
        np.testing.assert_allclose(low, corner)

    it.click_word(1)
    assert list(it.overlays) == names(" [second]")
    for place, layer in whole.items():
        assert layer.visible
        assert not np.array_equal(layer.data, before[place])
    assert "first: shape 1, second: shape 3" in it.view.note.text()

    it.select(0)
    it.ask("What is this?")
    assert list(it.overlays) == ["looked at: What is this?"]
    assert "shape" not in it.view.note.text()
    it.click_entry(1)
    assert set(it.shapes.selected_data) == {1, 3}
    assert list(it.overlays) == names()
    for place, layer in whole.items():
        assert layer.visible
        np.testing.assert_array_equal(layer.data, before[place])
    assert it.view.messages.text == ""
    it.ask("And how?")
    assert len(it.model.questions[-1].turns) == 1


def test_the_thumbnail_shows_both_regions_and_no_tiles(user):
    it = user((1600, 1200))
    it.shapes.data = [*it.shapes.data, np.array([[0, 0], [0, 1200], [1600, 1200], [1600, 0]])]
    thumbnail = it.view.thumbnail
    thumbnail.detail.setCurrentIndex(2)
    it.select(4)
    assert thumbnail.picture.count > 2
    assert thumbnail.detail.isEnabled()
    it.select(0, 4)
    assert thumbnail.picture.count == 2
    assert not thumbnail.detail.isEnabled()
    assert thumbnail.size_label.text().splitlines() == [
        "first (left)",
        "40 × 30 pixels",
        "second (right)",
        "1200 × 1600 pixels",
    ]
    told = thumbnail.loss_label.text().splitlines()
    assert told[0] == "Both, each as a whole"
    assert told[1].startswith("second: details below")
    it.ask()
    assert it.model.questions[0].tiled is False
    it.select(0, 1, 2)
    assert "first of 3 regions" in thumbnail.size_label.text()
    it.select(0)
    assert thumbnail.detail.isEnabled()
    assert thumbnail.size_label.text().startswith("40 × 30 pixels")


def test_wide_regions_are_shown_below_each_other(user):
    it = user()
    wide = np.array([[0, 0], [0, 60], [10, 60], [10, 0]]) - 0.5
    it.shapes.data = [wide, wide + 15]
    it.select(0, 1)
    (_, top), (_, bottom) = it.view.thumbnail.picture._images
    assert top[1::2] == bottom[1::2] == (0.0, 1.0)
    assert top[2] < bottom[0]
    assert "second (bottom)" in it.view.thumbnail.size_label.text()
