"""The panel that compares with a reference, driven as a user drives it."""

from dataclasses import replace
from threading import Event

import numpy as np
import pytest
from qtpy.QtCore import Qt
from scipy.ndimage import gaussian_filter

from fakes import FakeModel
from napari_micrograph_vlm.finding.difference import QUESTION
from napari_micrograph_vlm.viewer.compare_layer import NAME, said_of
from napari_micrograph_vlm.viewer.docks import CompareDock
from napari_micrograph_vlm.viewer.handler_jobs import wait_for_jobs
from napari_micrograph_vlm.viewer.models import ModelHolder
from napari_micrograph_vlm.viewer.overlays import is_overlay
from napari_micrograph_vlm.viewer.preferences import Preferences

pytestmark = pytest.mark.gui


def dies():
    """Two dies side by side, the right one with a bright defect."""
    die = gaussian_filter(np.random.default_rng(0).normal(size=(100, 100)), 3)
    die = 60 + 120 * (die - die.min()) / (die.max() - die.min())
    pixels = np.tile(die, (1, 2)).astype(np.uint8)
    pixels[40:50, 150:162] = 255
    other = gaussian_filter(np.random.default_rng(5).normal(size=(100, 100)), 1)
    return np.hstack([pixels, (120 + 200 * other).clip(0, 255).astype(np.uint8)])


def box(y0, x0, y1, x1):
    return np.array([[y0, x0], [y0, x1], [y1, x1], [y1, x0]]) - 0.5


class User:
    def __init__(self, viewer, qtbot, model):
        self.viewer = viewer
        self.qtbot = qtbot
        self.model = model
        self.view = CompareDock(
            viewer, models=ModelHolder(lambda name, device: model), preferences=Preferences
        )
        self.handler = self.view.handler
        self.dock = viewer.window.add_dock_widget(self.view, name="compare")

    def press(self, button):
        self.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    def wait(self):
        self.qtbot.waitUntil(lambda: not self.handler.is_busy, timeout=20_000)

    def choose(self, *shapes):
        self.viewer.layers["drawn"].selected_data = set(shapes)

    def compare(self, good=0, suspect=1):
        self.choose(good)
        self.press(self.view.take)
        self.wait()
        self.choose(suspect)
        self.press(self.view.compare)
        self.wait()

    @property
    def message(self):
        return self.view.messages.text

    @property
    def layer(self):
        return self.viewer.layers[NAME]


@pytest.fixture
def user(make_napari_viewer, qtbot):
    def open_panel(model=None, shapes=None, **options):
        viewer = make_napari_viewer()
        viewer.add_image(dies(), name="wafer", **options)
        shapes = shapes or [box(10, 10, 90, 90), box(12, 110, 92, 190)]
        viewer.add_shapes(shapes, shape_type="rectangle", name="drawn", **options)
        return User(viewer, qtbot, model or FakeModel())

    yield open_panel
    assert wait_for_jobs(5)


def test_the_difference_lies_exactly_on_the_suspect_region(user):
    it = user(scale=(2, 2), units=("nm", "nm"))
    it.compare()
    assert it.message == ""
    low, high = it.layer.extent.world
    np.testing.assert_allclose(low, [12 * 2, 110 * 2])
    np.testing.assert_allclose(high, [91 * 2, 189 * 2])
    np.testing.assert_allclose(it.layer.scale, [2, 2])
    rows, columns = np.nonzero(np.nan_to_num(it.layer.data) > it.layer.contrast_limits[1] / 2)
    assert 28 <= rows.min() <= rows.max() < 38
    assert 40 <= columns.min() <= columns.max() < 52
    assert is_overlay(it.layer), "nobody asks about a difference"
    assert "moved by 2 pixels (4 nm) up." in it.view.result.text()
    assert "It covers 98 % of the region; only this is compared. 1.9 % of this" in (
        it.view.result.text()
    )
    it.viewer.layers["wafer"].translate = (10, 20)
    np.testing.assert_allclose(it.layer.extent.world[0], [12 * 2 + 10, 110 * 2 + 20])


def test_the_model_is_asked_about_both_regions(user):
    it = user(FakeModel("the first region has a particle"))
    it.compare()
    assert it.model.questions == [], "nobody asked it"
    assert it.view.answer.isHidden()
    it.press(it.view.ask)
    it.wait()
    (question,) = it.model.questions
    assert question.text == QUESTION
    assert [region.box[1] for region in question.regions] == [110, 10]
    assert it.view.answer.text() == "The model says: “the first region has a particle”"
    assert it.view.note.text().startswith("confidence ")
    it.view.question.line.setText("Which is defective?")
    it.press(it.view.ask)
    it.wait()
    assert it.model.questions[-1].text == "Which is defective?"
    assert it.model.questions[-1].regions == question.regions


def test_without_a_question_the_model_is_left_alone(user):
    it = user()
    it.view.question.line.setText("")
    it.compare()
    it.press(it.view.ask)
    assert it.model.questions == []
    assert NAME in it.viewer.layers


def test_no_colour_where_the_text_sees_no_difference(user):
    it = user()
    it.compare()
    found, layer = it.handler.found, it.layer
    share = np.abs(found.values) / layer.contrast_limits[1]
    known = np.isfinite(found.values)
    noise = known & (np.abs(found.values) < 0.95 * found.least)
    shown = layer.colormap.map((np.nan_to_num(found.values) / layer.contrast_limits[1] + 1) / 2)
    assert noise.any()
    assert shown[noise, 3].max() < 0.02
    assert shown[known & (share > 0.9), 3].min() > 0.8


def test_regions_that_are_hardly_alike_are_said_to_be_so(user):
    it = user()
    it.compare()
    assert "not alike" not in it.view.result.text()
    other = replace(it.handler.found, correlation=-0.12, shift=(0.0, 0.94), overlap=0.84)
    assert said_of(other).startswith("The reference was moved by 0.9 pixels to the right.")
    assert "It covers 84 % of the region" in said_of(other)
    assert "not alike (likeness −0.12)" in said_of(other)
    assert said_of(replace(other, shift=(1.0, -2.0))).startswith(
        "The reference was moved by 1 pixel down and 2 pixels to the left."
    )


def test_a_difference_of_another_region_says_so(user):
    it = user()
    it.compare()
    assert it.view.about.isHidden()
    it.choose(0)
    assert it.view.about.text().endswith("wafer, rows 12 to 91, columns 110 to 189")
    assert not it.view.about.isHidden()
    assert not it.view.ask.isEnabled()
    it.view.asked.emit("What changed?")
    assert it.model.questions == []
    it.choose(1)
    assert it.view.about.isHidden()
    assert it.view.ask.isEnabled()


def test_the_image_removed_afterwards(user):
    it = user()
    it.compare()
    it.viewer.layers.remove("wafer")
    assert it.message == "“wafer” is no longer open; the layer “difference” made for it was hidden."
    assert not it.layer.visible
    for part in (it.view.take, it.view.compare, it.view.show_it):
        assert not part.isEnabled()


def test_the_reference_stays_for_further_regions(user):
    it = user()
    assert not it.view.compare.isEnabled()
    it.compare()
    assert "columns 10 to 89" in it.view.reference.text()
    it.choose(0)
    it.press(it.view.compare)
    it.wait()
    assert sum(layer.name.startswith(NAME) for layer in it.viewer.layers) == 1
    assert it.layer.extent.world[0][1] == pytest.approx(10)


def test_what_does_not_fit_is_said_in_one_sentence(user):
    it = user(shapes=[box(10, 10, 90, 90), box(10, 210, 90, 290)])
    it.compare()
    assert "do not show the same pattern" in it.message
    assert NAME not in it.viewer.layers
    assert it.model.questions == []


def test_one_region_at_a_time(user):
    it = user()
    it.compare()
    it.choose(0, 1)
    it.press(it.view.compare)
    it.wait()
    assert it.message.startswith("Select one shape")


def test_the_difference_can_be_hidden_and_comes_back(user):
    it = user()
    it.compare()
    it.view.show_it.click()
    assert not it.layer.visible
    it.viewer.layers.remove(NAME)
    it.view.show_it.click()
    assert it.layer.visible


def test_a_slice_of_a_stack_with_hidden_axes(user, make_napari_viewer, qtbot):
    it = user()
    it.viewer.layers.clear()
    it.viewer.add_image(np.stack([dies()[::-1], dies()]), name="stack")
    it.viewer.dims.set_point(0, 1)
    planes = [np.insert(one, 0, 1, axis=1) for one in (box(10, 10, 90, 90), box(10, 110, 90, 190))]
    it.viewer.add_shapes(planes, shape_type="rectangle", name="drawn")
    it.compare()
    assert it.layer.data.shape == (1, 80, 80)
    assert it.layer.translate[0] == 1


def test_the_image_removed_before_the_model_answers(user):
    gate = Event()
    it = user(FakeModel(gate=gate))
    it.choose(0)
    it.press(it.view.take)
    it.wait()
    it.choose(1)
    it.press(it.view.compare)
    it.wait()
    it.press(it.view.ask)
    it.qtbot.waitUntil(lambda: bool(it.model.questions), timeout=20_000)
    it.viewer.layers.remove("wafer")
    gate.set()
    it.wait()
    assert it.model.text in it.view.answer.text()
    assert "no longer open" in it.message


def test_closing_the_dock_while_the_model_writes(user):
    gate = Event()
    it = user(FakeModel(gate=gate))
    it.choose(0)
    it.press(it.view.take)
    it.wait()
    it.choose(1)
    it.press(it.view.compare)
    it.wait()
    it.press(it.view.ask)
    it.qtbot.waitUntil(lambda: bool(it.model.questions), timeout=20_000)
    it.viewer.window.remove_dock_widget(it.dock)
    assert wait_for_jobs(5)
    gate.set()
