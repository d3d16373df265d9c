"""The question panel, driven as a user drives it."""

import gc
from threading import Event

import numpy as np
import pytest
from qtpy.QtCore import QCoreApplication, QEvent, QPoint, Qt
from qtpy.QtGui import QTextCursor

from fakes import FakeModel, TooMany, picture
from napari_micrograph_vlm.errors import ModelError
from napari_micrograph_vlm.viewer.docks import ask_widget
from napari_micrograph_vlm.viewer.handler_jobs import wait_for_jobs
from napari_micrograph_vlm.viewer.models import ModelHolder
from napari_micrograph_vlm.viewer.overlays import overlays_of
from napari_micrograph_vlm.viewer.preferences import Preferences

pytestmark = pytest.mark.gui

BOX = np.array([[10, 10], [10, 50], [40, 50], [40, 10]]) - 0.5
"""40 x 30 pixels: pixel i spans i - 0.5 to i + 0.5."""


class User:
    """Opens the panel and uses it."""

    def __init__(self, viewer, qtbot, model, preferences=Preferences):
        self.viewer = viewer
        self.qtbot = qtbot
        self.model = model
        self.loads = 0
        self.view = ask_widget(viewer, models=ModelHolder(self._load), preferences=preferences)
        self.handler = self.view.handler
        # What the model is asked is counted here; test_trust_handler.py is about the checks.
        self.view.advanced.checks.setChecked(False)
        self.dock = viewer.window.add_dock_widget(self.view, name="ask")

    def _load(self, name, device):
        self.loads += 1
        if isinstance(self.model, Exception):
            raise self.model
        return self.model

    def ask(self, text, by_return=False):
        self.view.question.line.clear()
        self.qtbot.keyClicks(self.view.question.line, text)
        if by_return:
            self.qtbot.keyClick(self.view.question.line, Qt.Key.Key_Return)
        else:
            self.qtbot.mouseClick(self.view.ask, Qt.MouseButton.LeftButton)

    def wait(self):
        self.until(lambda: not self.handler.is_busy)

    def until(self, condition):
        self.qtbot.waitUntil(condition, timeout=20_000)

    def ask_and_wait(self, text, **options):
        self.ask(text, **options)
        self.wait()

    def choose(self, text):
        choices = self.view.regions.choices
        choices.setCurrentIndex(choices.findText(text))
        choices.activated.emit(choices.currentIndex())

    def click_word(self, index):
        answer = self.view.answer
        start, stop, _ = answer._words[index]
        cursor = QTextCursor(answer.document())
        cursor.setPosition((start + stop) // 2)
        point = answer.cursorRect(cursor).center()
        self.qtbot.mouseClick(
            answer.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(point.x(), point.y())
        )

    @property
    def message(self):
        return self.view.messages.text

    @property
    def answer(self):
        return self.view.answer.toPlainText()


@pytest.fixture
def user(make_napari_viewer, qtbot):
    """Open a viewer with a picture and the panel; ends with no thread running."""

    def open_panel(model=None, image=True, show=False, **options):
        viewer = make_napari_viewer(show=show)
        if image is True:
            image = picture()
        if image is not None:
            viewer.add_image(image, name="gold.tif")
        return User(viewer, qtbot, model or FakeModel(), **options)

    yield open_panel
    assert wait_for_jobs(5)


def shown_overlays(viewer):
    return [layer for layer in overlays_of(viewer) if layer.visible]


def test_type_ask_and_click_a_word(user):
    it = user(show=True)
    it.ask_and_wait("What is this?", by_return=True)
    assert it.answer == "a crack in the upper left"
    assert "87 %" in it.view.note.text()
    assert "fake · cpu" in it.view.note.text()
    (overlay,) = shown_overlays(it.viewer)
    whole = np.array(overlay.data)
    it.click_word(3)
    assert it.view.answer.chosen == 3
    assert "90 %" in it.view.note.text()
    assert not np.array_equal(overlay.data, whole)
    it.qtbot.mouseClick(it.view.whole, Qt.MouseButton.LeftButton)
    assert it.view.answer.chosen == -1
    assert np.array_equal(overlay.data, whole)
    assert it.message == ""


def test_nothing_is_imported_or_loaded_before_the_first_question(user):
    it = user()
    it.until(lambda: it.view.thumbnail.picture.count == 1)
    assert it.loads == 0
    it.ask_and_wait("What is this?")
    it.ask_and_wait("And that?")
    assert it.loads == 1


def test_thumbnail_shows_size_and_tiles(user):
    it = user(image=picture((1600, 1200)))
    it.until(lambda: it.view.thumbnail.picture.count > 1)
    assert "1200 × 1600 pixels" in it.view.thumbnail.size_label.text()
    assert "tiles" in it.view.thumbnail.size_label.text()
    it.view.thumbnail.detail.setCurrentIndex(1)
    it.view.thumbnail.detail.activated.emit(1)
    it.until(lambda: it.view.thumbnail.picture.count == 1)
    assert "are lost" in it.view.thumbnail.loss_label.text()
    it.ask_and_wait("What is this?")
    assert it.model.questions[0].tiled is False


def test_sizes_are_told_in_a_fitting_unit(user):
    it = user()
    image = it.viewer.layers[0]
    image.units = ("nm", "nm")
    image.scale = (20, 20)
    it.until(lambda: "1.6 × 1.28 µm" in it.view.thumbnail.size_label.text())


def test_drawing_chooses_the_drawn_shape(user):
    it = user()
    shapes = it.viewer.add_shapes([BOX])
    shapes.selected_data = {0}
    it.until(lambda: "40 × 30" in it.view.thumbnail.size_label.text())
    it.ask_and_wait("What is this?")
    assert it.model.questions[0].regions[0].box == (10, 10, 40, 50)
    assert it.viewer.layers.selection.active is shapes


def test_follow_up_passes_the_conversation(user):
    it = user()
    it.ask_and_wait("What is this?")
    it.ask_and_wait("How large is it?")
    it.ask_and_wait("And how old?")
    assert [len(q.turns) for q in it.model.questions] == [0, 1, 2]
    it.view.follow_up.click()
    it.ask_and_wait("Something else?")
    assert it.model.questions[-1].turns == ()
    it.ask_and_wait("And else?")
    assert it.model.questions[-1].turns == ()
    it.view.fresh.click()
    assert not it.view.follow_up.isEnabled()
    assert it.answer == ""
    it.ask_and_wait("What is this?")
    assert it.model.questions[-1].turns == ()
    assert it.view.history.count() == 6


def test_a_model_of_short_answers_follows_up_only_when_told_to(user):
    model = FakeModel()
    model.reasons = False
    it = user(model)
    it.ask_and_wait("How large is the crack?")
    assert it.view.follow_up.isEnabled()
    assert not it.view.follow_up.isChecked()
    it.ask_and_wait("Is there a crack?")
    assert model.questions[-1].turns == ()
    it.view.follow_up.click()
    it.ask_and_wait("And where?")
    it.ask_and_wait("And how large?")
    assert [len(question.turns) for question in model.questions] == [0, 0, 1, 2]


def test_a_new_region_starts_a_new_conversation_unless_kept(user):
    it = user()
    it.ask_and_wait("What is this?")
    assert it.view.follow_up.isChecked()
    shapes = it.viewer.add_shapes([BOX])
    shapes.selected_data = {0}
    assert not it.view.follow_up.isChecked()
    it.ask_and_wait("Here too?")
    assert it.model.questions[-1].turns == ()
    shapes.add_rectangles(BOX + 10)
    shapes.selected_data = {1}
    it.view.follow_up.click()
    it.ask_and_wait("And here?")
    assert len(it.model.questions[-1].turns) == 1


def test_an_old_answer_brings_region_slice_and_overlay_back(user):
    it = user(image=picture((5, 64, 80)))
    shapes = it.viewer.add_shapes([BOX, BOX + 10])
    shapes.selected_data = {1}
    it.viewer.dims.set_point(0, 3)
    it.ask_and_wait("First?")
    it.viewer.dims.set_point(0, 1)
    shapes.selected_data = {0}
    it.model.text = "something else"
    it.ask_and_wait("Second?")
    (second,) = shown_overlays(it.viewer)
    history = it.view.history
    row = history.visualItemRect(history.item(1)).center()
    it.qtbot.mouseClick(history.viewport(), Qt.MouseButton.LeftButton, pos=row)
    assert it.answer == "a crack in the upper left"
    assert set(shapes.selected_data) == {1}
    assert it.viewer.dims.point[0] == 3
    (first,) = shown_overlays(it.viewer)
    assert first is not second
    assert it.view.follow_up.isEnabled()


def test_old_answer_whose_shape_or_image_is_gone(user):
    it = user()
    shapes = it.viewer.add_shapes([BOX])
    shapes.selected_data = {0}
    it.ask_and_wait("First?")
    it.viewer.layers.remove(shapes)
    it.handler.show_entry(0)
    assert it.answer == it.model.text
    assert it.message == "The region of this answer is gone."
    it.viewer.layers.remove("gold.tif")
    it.handler.show_entry(0)
    assert it.answer == it.model.text
    assert "no longer open" in it.message
    it.view.answer._click(1)
    assert "no longer" in it.message


def test_stop_keeps_what_was_written(user):
    it = user(FakeModel(gate=Event()))
    it.ask("What is this?")
    it.until(lambda: it.answer == "a")
    it.qtbot.mouseClick(it.view.stop, Qt.MouseButton.LeftButton)
    it.wait()
    assert it.answer == "a (stopped)"
    assert it.view.history.answer_of(0) == "a (stopped)"
    assert not it.view.stop.isEnabled()
    assert it.message == ""
    assert not overlays_of(it.viewer)


def test_second_question_in_the_middle(user):
    gate = Event()
    it = user(FakeModel(gate=gate))
    it.ask("First?")
    it.until(lambda: it.answer == "a")
    it.ask("Second?")
    it.until(lambda: it.view.history.answer_of(0) == "a (stopped)")
    gate.set()
    it.wait()
    assert it.answer == it.model.text
    assert [q.text for q in it.model.questions] == ["First?", "Second?"]
    assert it.model.most_running == 1
    assert not it.view.stop.isEnabled()


def test_looking_at_an_old_answer_while_a_new_one_is_written(user):
    gate = Event()
    gate.set()
    it = user(FakeModel(gate=gate))
    it.ask_and_wait("First?")
    gate.clear()
    it.ask("Second?")
    it.until(lambda: it.answer == "a")
    it.handler.show_entry(0)
    assert it.answer == it.model.text
    gate.set()
    it.wait()
    assert it.view.asked_label.text() == "First?"
    assert it.view.history.answer_of(1) == it.model.text


@pytest.mark.parametrize("gone", ["image", "shapes", "shape", "other"])
def test_removing_layers_in_the_middle(user, gone):
    gate = Event()
    it = user(FakeModel(gate=gate))
    other = it.viewer.add_image(picture(), name="other")
    image = it.viewer.layers["gold.tif"]
    shapes = it.viewer.add_shapes([BOX])
    shapes.selected_data = {0}
    it.viewer.layers.selection.active = image
    assert it.handler.binding.image is image
    it.ask("What is this?")
    it.until(lambda: it.answer == "a")
    if gone == "shape":
        shapes.remove_selected()
    else:
        it.viewer.layers.remove({"image": image, "shapes": shapes, "other": other}[gone])
    if gone != "image":
        gate.set()
    it.wait()
    if gone == "image":
        assert it.message == "The image was removed while the answer was being written."
        assert it.view.history.answer_of(0) == "a (stopped)"
        assert not overlays_of(it.viewer)
    else:
        assert it.message == ""
        assert it.answer == it.model.text
        assert len(shown_overlays(it.viewer)) == 1


def test_the_answer_lands_where_it_was_asked(user):
    gate = Event()
    it = user(FakeModel(gate=gate), image=picture((5, 64, 80)))
    image = it.viewer.layers[0]
    image.scale = (1, 2, 2)
    it.viewer.dims.set_point(0, 2)
    it.ask("What is this?")
    it.until(lambda: it.answer == "a")
    it.viewer.dims.set_point(0, 4)
    other = it.viewer.add_image(picture((200, 200)), name="other")
    assert it.handler.binding.image is other
    gate.set()
    it.wait()
    (overlay,) = shown_overlays(it.viewer)
    assert overlay.translate[0] == 2
    assert it.viewer.dims.point[0] == 4
    assert it.viewer.layers.selection.active is other


def test_closing_the_dock_in_the_middle(user, caplog):
    it = user(FakeModel(gate=Event()))
    it.ask("What is this?")
    it.until(lambda: it.answer == "a")
    handler = it.handler
    it.dock.destroyOnClose()
    assert handler.closed
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert wait_for_jobs(5)
    it.viewer.add_image(picture())
    it.viewer.layers.clear()
    assert not caplog.records


def test_closing_the_viewer_in_the_middle(user, caplog):
    it = user(FakeModel(gate=Event()))
    it.ask("What is this?")
    it.until(lambda: it.answer == "a")
    it.viewer.close()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert it.handler.closed
    assert wait_for_jobs(5)
    gc.collect()
    assert not caplog.records


def test_hiding_the_dock_stops_nothing(user):
    gate = Event()
    it = user(FakeModel(gate=gate))
    it.ask("What is this?")
    it.until(lambda: it.answer == "a")
    it.dock.hide()
    gate.set()
    it.wait()
    assert it.answer == it.model.text


def nan_picture():
    data = np.full((64, 80), np.nan, np.float32)
    data[0, 0] = 1  # napari needs contrast limits
    return data


@pytest.mark.parametrize(
    ("text", "image", "shape", "expected"),
    [
        ("Where?", None, None, "image"),
        ("   ", picture(), None, "question"),
        ("Where?", picture(), [], "draw a region"),
        ("Where?", picture(), BOX, "selected"),
        ("Where?", picture(), BOX / 20, "8 x 8"),
        ("Where?", picture(), BOX + 500, "outside"),
        ("Where?", nan_picture(), BOX, "NaN"),
        ("Where?", np.full((64, 80), 7, np.uint8), None, "same value"),
    ],
)
def test_bad_input_gives_one_sentence(user, text, image, shape, expected):
    it = user(image=image)
    if shape is not None:
        shapes = it.viewer.add_shapes([shape] if len(shape) else None)
        shapes.selected_data = {0} if len(shape) and expected != "selected" else set()
    it.ask_and_wait(text)
    assert expected in it.message
    assert "\n" not in it.message
    assert it.answer in ("", "(no answer)")
    assert not it.view.stop.isEnabled()


def test_three_dimensional_display(user):
    it = user(image=picture((5, 64, 80)))
    it.viewer.dims.ndisplay = 3
    it.ask_and_wait("What is this?")
    assert "2-D" in it.message
    it.viewer.dims.ndisplay = 2
    it.ask_and_wait("What is this?")
    assert it.message == ""
    assert it.answer == it.model.text


def test_a_model_that_fails_to_load(user):
    it = user(ModelError("The model “nano” is not in the catalog."))
    it.ask_and_wait("What is this?")
    assert it.message == "The model “nano” is not in the catalog."
    it.model = FakeModel()
    it.ask_and_wait("What is this?")
    assert it.message == ""
    assert it.view.history.count() == 2


def test_an_unexpected_error_gives_a_sentence_and_a_log(user, caplog):
    from napari.utils.notifications import notification_manager

    it = user(ZeroDivisionError("division by\nzero"))
    before = len(notification_manager.records)
    it.ask_and_wait("What is this?")
    assert it.message == "Something went wrong: division by"
    assert "ZeroDivisionError" in caplog.text
    assert len(notification_manager.records) == before


def test_markup_stays_text(user):
    text = "<b>bold</b> <img src='x'> & <h1>big</h1>"
    it = user(FakeModel(text))
    it.ask_and_wait("Is <i>this</i> & that a defect?")
    assert it.answer == text
    assert it.view.history.answer_of(0) == text
    assert "<b>" not in it.view.history.item(0).toolTip()
    it.model.text = text
    it.handler.models._models.clear()
    it.model = ModelError(text)
    it.ask_and_wait("Again?")
    assert it.message == text
    assert it.view.messages._label.textFormat() is Qt.TextFormat.PlainText


def test_no_clear_focus_is_said(user):
    it = user(FakeModel(flat=True))
    it.ask_and_wait("What is this?")
    assert "no clear focus" in it.view.note.text()


def test_too_many_regions_for_the_model(user):
    it = user(TooMany())
    it.viewer.add_shapes([BOX, BOX + 5]).selected_data = {0, 1}
    it.ask_and_wait("Compare.")
    assert it.message == "This model looks at one region at a time."


def test_suggestions_become_the_models_own(user):
    it = user()
    chips = it.view.question._flow
    assert chips.itemAt(0).widget().text() == "What is this?"
    it.qtbot.mouseClick(chips.itemAt(0).widget(), Qt.MouseButton.LeftButton)
    it.wait()
    assert it.model.questions[0].text == "What is this?"
    assert chips.itemAt(0).widget().text() == "What does the fake see?"


def test_preferences_apply_to_the_next_question(user):
    chosen = [Preferences(words=10, colormap="viridis", opacity=0.3)]
    it = user(preferences=lambda: chosen[0])
    it.ask_and_wait("What is this?")
    (overlay,) = shown_overlays(it.viewer)
    assert it.model.max_tokens == chosen[0].max_tokens
    assert overlay.opacity == 0.3
    assert "viridis" in overlay.colormap.name
    chosen[0] = Preferences(words=100)
    it.ask_and_wait("What is this now?")
    assert it.model.max_tokens == chosen[0].max_tokens


def test_the_image_follows_the_active_layer_until_pinned(user):
    it = user()
    first = it.viewer.layers[0]
    second = it.viewer.add_image(picture(), name="<b>second</b>")
    assert it.handler.binding.image is second
    it.viewer.layers.selection.active = first
    assert it.handler.binding.image is first
    it.view.regions.pin.click()
    it.viewer.layers.selection.active = second
    assert it.handler.binding.image is first
    it.view.regions.pin.click()
    assert it.handler.binding.image is second
    it.ask_and_wait("What is this?")
    names = [it.view.regions.images.itemText(i) for i in range(it.view.regions.images.count())]
    assert names == ["<b>second</b>", "gold.tif"]


def test_a_pinned_image_that_is_removed_is_let_go(user):
    it = user()
    other = it.viewer.add_image(picture(), name="other")
    it.view.regions.pin.click()
    it.viewer.layers.remove(other)
    assert not it.view.regions.pinned
    assert it.handler.binding.image is it.viewer.layers["gold.tif"]


def test_current_view_and_label_as_regions(user):
    it = user(show=True)
    labels = it.viewer.add_labels(np.pad(np.full((20, 20), 3), ((10, 34), (10, 50))))
    labels.selected_label = 3
    assert it.view.regions.choice == "Whole layer"
    it.choose("Selected label")
    it.until(lambda: "20 × 20" in it.view.thumbnail.size_label.text())
    it.ask_and_wait("What is this?")
    assert it.model.questions[0].regions[0].box == (10, 10, 30, 30)
    picker = it.view.regions
    it.choose("What is in view")
    assert not picker.drawn.isVisible()
    it.viewer.scene.camera.zoom *= 3
    it.ask_and_wait("And in view?")
    assert it.model.questions[1].regions[0].shape < (64, 80)
    it.handler.show_entry(0)
    assert picker.drawn_key
