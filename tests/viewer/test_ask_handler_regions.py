"""The question panel when regions, images and the view change between question and answer."""

from threading import Event

import numpy as np
import pytest
from qtpy.QtCore import Qt

from fakes import FakeModel, picture
from napari_micrograph_vlm.viewer.docks import ask_widget
from napari_micrograph_vlm.viewer.handler_jobs import wait_for_jobs
from napari_micrograph_vlm.viewer.models import ModelHolder
from napari_micrograph_vlm.viewer.overlays import overlays_of
from napari_micrograph_vlm.viewer.preferences import Preferences

pytestmark = pytest.mark.gui

BOX = np.array([[10, 10], [10, 50], [40, 50], [40, 10]]) - 0.5
GONE = "The region of this answer is gone."


class User:
    """Opens the panel and asks."""

    def __init__(self, viewer, qtbot, model):
        self.viewer = viewer
        self.qtbot = qtbot
        self.model = model
        self.view = ask_widget(
            viewer, models=ModelHolder(lambda name, device: model), preferences=Preferences
        )
        self.handler = self.view.handler
        self.view.advanced.checks.setChecked(False)
        viewer.window.add_dock_widget(self.view, name="ask")
        self.draws = 0
        show_tiles = self.view.thumbnail.show_tiles

        def count(*args):
            self.draws += 1
            show_tiles(*args)

        self.view.thumbnail.show_tiles = count

    def ask(self, text="What is this?"):
        self.view.question.line.setText(text)
        self.qtbot.mouseClick(self.view.ask, Qt.MouseButton.LeftButton)

    def ask_and_wait(self, text="What is this?"):
        self.ask(text)
        self.until(lambda: not self.handler.is_busy)

    def until(self, condition):
        self.qtbot.waitUntil(condition, timeout=20_000)

    def rest(self):
        """Let the thumbnail be drawn."""
        self.qtbot.wait(400)
        self.until(lambda: self.handler.binding._job is None)

    def choose(self, text):
        choices = self.view.regions.choices
        choices.setCurrentIndex(choices.findText(text))
        choices.activated.emit(choices.currentIndex())

    @property
    def message(self):
        return self.view.messages.text

    @property
    def answer(self):
        return self.view.answer.toPlainText()

    @property
    def asked(self):
        """The newest question that came to the model."""
        return self.model.questions[-1]


@pytest.fixture
def user(make_napari_viewer, qtbot):
    def open_panel(model=None, image=None, shapes=0, show=False):
        viewer = make_napari_viewer(show=show)
        viewer.add_image(picture() if image is None else image, name="A")
        if shapes:
            drawn = viewer.add_shapes([BOX + 5 * i for i in range(shapes)], name="drawn")
            drawn.selected_data = {0}
        return User(viewer, qtbot, model or FakeModel())

    yield open_panel
    assert wait_for_jobs(5)


@pytest.mark.parametrize("change", ["selection", "choice", "slice", "drawing", "moved", "image"])
def test_turning_to_another_region_in_the_middle_ends_the_conversation(user, change):
    gate = Event()
    it = user(FakeModel(gate=gate), image=picture((3, 64, 80)), shapes=2)
    it.ask()
    it.until(lambda: it.answer == "a")
    shapes = it.viewer.layers["drawn"]
    if change == "selection":
        shapes.selected_data = {1}
    elif change == "choice":
        it.choose("Whole image")
    elif change == "slice":
        it.viewer.dims.set_point(0, 2)
    elif change == "drawing":
        shapes.data = [BOX + 2, BOX + 5]
        shapes.selected_data = {0}
    elif change == "moved":
        shapes.translate = (3, 3)
    else:
        it.viewer.add_image(picture((3, 64, 80)), name="B")
    gate.set()
    it.until(lambda: not it.handler.is_busy)
    assert it.answer == it.model.text
    assert not it.view.wants_follow_up
    it.ask_and_wait("And here?")
    assert it.asked.turns == ()


@pytest.mark.parametrize("shape", [(64, 80), (3, 64, 80)])
@pytest.mark.parametrize("choice", ["Whole image", "What is in view", "Selected shapes"])
def test_the_overlay_itself_is_no_other_region(user, shape, choice):
    it = user(image=picture(shape), shapes=1, show=True)
    it.viewer.layers[0].scale = (0.3,) * len(shape)
    it.viewer.layers[1].scale = (0.3, 0.3)
    it.choose(choice)
    it.rest()
    it.ask_and_wait()
    assert it.view.wants_follow_up
    it.viewer.layers.remove(overlays_of(it.viewer)[0])
    it.view.answer._click(1)
    it.rest()
    assert len(overlays_of(it.viewer)) == 1
    assert it.view.wants_follow_up
    it.ask_and_wait("And how large?")
    assert len(it.asked.turns) == 1


def test_an_old_answer_whose_image_is_gone_is_not_followed_up(user):
    it = user()
    it.ask_and_wait()
    it.viewer.add_image(picture(), name="B")
    it.viewer.layers.remove("A")
    it.handler.show_entry(0)
    assert it.message == "The image of this answer is no longer open."
    assert not it.view.follow_up.isEnabled()
    it.ask_and_wait("And here?")
    assert it.asked.turns == ()


@pytest.mark.parametrize("what", ["removed", "one removed", "moved", "layer moved", "all removed"])
def test_an_old_answer_whose_shape_is_gone_is_not_followed_up(user, what):
    it = user(shapes=3)
    shapes = it.viewer.layers["drawn"]
    if what == "one removed":
        shapes.selected_data = {0, 1}
    it.ask_and_wait()
    if "removed" in what:
        shapes.selected_data = {0, 1, 2} if what == "all removed" else {0}
        shapes.remove_selected()
        shapes.selected_data = set() if what == "all removed" else {0}
    elif what == "moved":
        shapes.data = [BOX + 1, BOX + 5, BOX + 10]
    else:
        shapes.affine = np.array([[1, 0, 5], [0, 1, 5], [0, 0, 1]])
    it.handler.show_entry(0)
    assert it.message == GONE
    assert it.answer == it.model.text
    assert not it.view.follow_up.isEnabled()
    it.ask_and_wait("And here?")
    assert len(it.model.questions) == 1 or it.asked.turns == ()


def test_what_was_in_view_is_brought_back(user):
    it = user(image=picture((128, 160)), show=True)
    it.choose("What is in view")
    it.rest()  # until the canvas has its size
    camera = it.viewer.scene.camera
    camera.zoom *= 4
    camera.center = (0, 50, 60)
    it.ask_and_wait()
    zoom, first = camera.zoom, it.asked.regions[0].box
    it.viewer.reset_view()
    it.rest()
    assert not it.view.wants_follow_up
    it.handler.show_entry(0)
    it.rest()
    assert it.message == ""
    assert camera.zoom == pytest.approx(zoom, rel=1e-3)
    assert camera.center[-2:] == pytest.approx((50, 60), abs=0.01)
    assert it.view.wants_follow_up
    it.ask_and_wait("And how large?")
    assert np.abs(np.subtract(it.asked.regions[0].box, first)).max() <= 1
    assert len(it.asked.turns) == 1


def test_other_data_in_the_middle_stops_the_answer(user):
    it = user(FakeModel(gate=Event()))
    it.ask()
    it.until(lambda: it.answer == "a")
    it.viewer.layers["A"].data = picture((50, 50))
    it.until(lambda: not it.handler.is_busy)
    assert it.message == "The image was changed while the answer was being written."
    assert it.answer == "a (stopped)"
    assert not overlays_of(it.viewer)


def test_an_old_answer_about_other_data_is_not_brought_back(user):
    it = user()
    it.ask_and_wait()
    it.viewer.layers["A"].data = picture()[::-1].copy()
    it.handler.show_entry(0)
    assert it.answer == it.model.text
    assert "no longer" in it.message
    assert not it.view.follow_up.isEnabled()


class Slow:
    """An array that takes its time in every thread but the window's, until told."""

    def __init__(self):
        self.pixels = np.broadcast_to(picture((64, 80)), (20, 64, 80))
        self.shape, self.dtype, self.ndim = self.pixels.shape, self.pixels.dtype, 3
        self.size = self.pixels.size
        self.go = Event()
        self.slow = False
        self.reads = 0

    def __getitem__(self, index):
        from threading import current_thread, main_thread

        if self.slow and current_thread() is not main_thread():
            self.reads += 1
            self.go.wait(20)
        return np.asarray(self.pixels[index])

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.pixels)


@pytest.fixture
def slow():
    array = Slow()
    yield array
    array.go.set()


def test_slow_pictures_hold_up_neither_asking_nor_stopping(user, slow):
    it = user(image=slow)
    it.rest()
    slow.slow = True
    for i in range(1, 6):
        it.viewer.dims.set_point(0, i)
        it.qtbot.wait(200)
    assert slow.reads == 1  # and only the newest picture is still wanted
    it.viewer.layers.remove("A")
    it.viewer.add_image(picture(), name="B")
    it.ask_and_wait()
    assert it.answer == it.model.text
    it.qtbot.wait(300)  # until the picture of B waits in place of those of A
    slow.go.set()
    it.rest()
    assert slow.reads == 1


def test_stopping_is_told_at_once(user, slow):
    it = user(image=slow)
    it.rest()
    slow.slow = True
    it.ask()
    it.until(lambda: slow.reads == 1)
    it.view.stop.click()
    assert it.view.status.text() == "Stopping…"
    it.ask("Another?")
    assert it.view.status.text() == "Reading the region…"
    slow.go.set()
    it.until(lambda: not it.handler.is_busy)
    assert it.handler.entries[0].text == "(stopped)"
    assert it.answer == it.model.text


def test_a_question_that_waits_for_a_thread_is_stopped_at_once(user, slow):
    it = user(image=slow)
    it.rest()
    slow.slow = True
    for _ in range(6):
        it.ask()
        it.qtbot.wait(50)
    it.view.stop.click()
    assert it.answer == "(stopped)"
    assert it.view.status.isHidden()
    assert not it.view.stop.isEnabled()
    slow.go.set()
    it.until(lambda: not it.handler.is_busy)
    assert not it.model.questions


TURNED = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1.0]])


def edit_in_place(image):
    image.data[:] = np.roll(image.data, 50)
    image.refresh()


@pytest.mark.parametrize(
    ("layer", "change"),
    [
        ("A", lambda image: setattr(image, "affine", TURNED)),
        ("A", lambda image: setattr(image, "rotate", 30)),
        ("A", lambda image: setattr(image, "shear", [0.5])),
        ("A", lambda image: setattr(image, "translate", (3, 3))),
        ("A", edit_in_place),
        ("drawn", lambda shapes: setattr(shapes, "affine", TURNED)),
        ("drawn", lambda shapes: setattr(shapes, "translate", (3, 3))),
        ("drawn", lambda shapes: setattr(shapes, "scale", (1.1, 1.1))),
        ("drawn", lambda shapes: setattr(shapes, "rotate", 5)),
        ("drawn", lambda shapes: setattr(shapes, "shear", [0.1])),
    ],
)
def test_the_picture_follows(user, layer, change):
    it = user(shapes=1)
    it.rest()
    it.draws = 0
    change(it.viewer.layers[layer])
    it.rest()
    assert it.draws == 1


def test_no_picture_in_three_dimensions(user):
    it = user(image=picture((3, 64, 80)))
    it.rest()
    assert it.view.thumbnail.picture.count == 1
    it.viewer.dims.ndisplay = 3
    it.rest()
    assert it.view.thumbnail.picture.count == 0
    assert "2-D" in it.view.thumbnail.picture._hint
    it.viewer.dims.ndisplay = 2
    it.rest()
    assert it.view.thumbnail.picture.count == 1


@pytest.mark.parametrize("shape", [(64, 80), (3, 64, 80)])
def test_looking_at_words_draws_no_picture_again(user, shape):
    it = user(image=picture(shape))
    it.viewer.layers["A"].scale = (0.3,) * len(shape)
    it.ask_and_wait()
    it.rest()
    it.draws = 0
    for i in (1, 2, -1):
        it.view.answer._click(i)
    it.rest()
    assert it.draws == 0
