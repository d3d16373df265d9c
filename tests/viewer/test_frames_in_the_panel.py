"""Frames of a stack in the question panel: chosen, sent, shown in their slices, kept."""

import numpy as np
import pytest
from qtpy.QtCore import Qt

from fakes import FakeModel
from napari_micrograph_vlm.reporting.sidecar import Sidecar
from napari_micrograph_vlm.viewer.docks import ask_widget
from napari_micrograph_vlm.viewer.handler_jobs import wait_for_jobs
from napari_micrograph_vlm.viewer.models import ModelHolder
from napari_micrograph_vlm.viewer.overlays import overlays_of
from napari_micrograph_vlm.viewer.preferences import Preferences

pytestmark = pytest.mark.gui


class Several(FakeModel):
    """Takes several pictures."""

    most_frames = 8


class User:
    def __init__(self, viewer, qtbot, model, data, **layer):
        self.viewer, self.qtbot, self.model = viewer, qtbot, model
        self.image = viewer.add_image(data, name="A", **layer)
        self.view = ask_widget(
            viewer, models=ModelHolder(lambda *_: model), preferences=Preferences
        )
        self.view.advanced.checks.setChecked(False)
        self.handler = self.view.handler
        viewer.window.add_dock_widget(self.view, name="ask")

    def choose(self, mode, text=""):
        box = self.view.frames
        box.modes.setCurrentIndex(box.modes.findData(mode))
        box.modes.activated.emit(box.modes.currentIndex())
        if text:
            box.named.setText(text)
            box.named.editingFinished.emit()

    def ask(self, text="Does it grow?"):
        self.view.question.line.setText(text)
        self.qtbot.mouseClick(self.view.ask, Qt.MouseButton.LeftButton)
        self.until(lambda: not self.handler.is_busy)

    def until(self, condition):
        self.qtbot.waitUntil(condition, timeout=30_000)

    def rest(self):
        binding = self.handler.binding
        self.until(lambda: not binding._timer.isActive() and binding._job is None)

    @property
    def overlay(self):
        (layer,) = [one for one in overlays_of(self.viewer) if one.visible]
        return layer


@pytest.fixture
def user(make_napari_viewer, qtbot):
    def open_panel(model, shape=(12, 48, 60), **layer):
        data = np.random.default_rng(0).integers(0, 255, shape, np.uint8)
        return User(make_napari_viewer(show=True), qtbot, model, data, **layer)

    yield open_panel
    assert wait_for_jobs(5)


def seen(layer):
    """Whether an overlay shows anything in the slice that is shown."""
    raw = np.asarray(layer._slice.image.raw)
    return bool(np.isfinite(raw).any() and np.nanmax(raw) > 0.9)


def test_frames_are_sent_shown_in_their_slices_and_gone_to(user):
    it = user(FakeModel("slice 11"), axis_labels=("time", "y", "x"))
    assert it.view.frames.isVisibleTo(it.view)
    it.choose("named", "2, 5-6, 11")
    it.rest()
    assert it.view.thumbnail.size_label.text() == "4 frames on one sheet\n60 × 48 pixels each"
    it.ask()
    (question,) = it.model.questions
    assert len(question.regions) == 1  # the fake takes one picture at a time
    assert "frame 2, frame 5, frame 6, frame 11" in question.text
    answer = it.handler.shown.answer
    assert [region.placement.plane for region in answer.regions] == [(2,), (5,), (6,), (11,)]

    overlay = it.overlay
    assert "frames 2, 5-6, 11" in overlay.name
    for number in range(12):
        it.viewer.dims.set_current_step(0, number)
        assert seen(overlay) == (number in (2, 5, 6, 11))
    strip = it.view.looked_at
    assert strip.here == 3
    assert it.view.follow_up.isChecked()  # moving through frames is no other region
    strip.linkActivated.emit("1")
    assert it.viewer.dims.current_step[0] == 5
    assert strip.here == 1
    it.handler.show_word(0)
    assert it.overlay is overlay

    it.choose("shown")
    it.ask("And here?")
    assert len(it.model.questions[-1].regions) == 1
    assert strip.isHidden()
    it.handler.show_entry(0)
    assert it.overlay is overlay
    assert it.view.frames.text == "2, 5-6, 11"
    assert it.view.messages.text == ""
    assert it.view.follow_up.isChecked()


def test_a_model_of_several_pictures_gets_them_along_the_chosen_axis(user):
    it = user(Several("yes"), (3, 10, 48, 60))
    box = it.view.frames
    it.choose("evenly")
    assert box.axes.isVisibleTo(box)
    box.axes.setCurrentIndex(1)
    box.axes.activated.emit(1)
    box.count.setValue(4)
    it.viewer.dims.set_current_step(0, 2)
    it.ask()
    it.rest()
    assert it.view.thumbnail.picture.count == 4
    regions = it.model.questions[0].regions
    assert [one.placement.plane for one in regions] == [(2, 0), (2, 3), (2, 6), (2, 9)]
    assert [one.label for one in regions] == ["slice 0", "slice 3", "slice 6", "slice 9"]
    it.choose("named", "99")
    it.ask()
    assert "There is no frame 99" in it.view.messages.text
    it.viewer.add_image(np.random.default_rng(0).integers(0, 255, (48, 60), np.uint8))
    assert not box.isVisibleTo(it.view)


def test_an_answer_about_frames_is_kept_and_found_again(user, tmp_path):
    path = tmp_path / "stack.npy"
    path.write_bytes(b"")
    it = user(Several("yes"), metadata={"path": str(path)})
    it.view.keep.setChecked(True)
    it.choose("named", "1, 4")
    it.ask()
    it.until(lambda: not it.handler.keeping.is_busy)
    (kept,), broken = Sidecar(path).kept(pixels=lambda region: np.zeros((48, 60), np.float32))
    assert not broken
    before, after = it.handler.shown.answer, kept.result
    assert [one.label for one in after.regions] == ["slice 1", "slice 4"]
    assert [one.placement.plane for one in after.regions] == [(1,), (4,)]
    for old, new in zip(before.attention, after.attention, strict=True):
        np.testing.assert_array_equal(old.values, new.values)
        assert old.share == new.share
    it.handler.keeping.keeper.known.clear()
    it.handler.keeping.show_earlier()
    it.until(lambda: len(it.handler.entries) == 2)
    assert it.view.frames.text == "1, 4"
    assert seen(it.overlay) == (it.viewer.dims.current_step[0] in (1, 4))
