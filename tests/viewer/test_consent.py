"""Models behind a server in the panels: the user is asked once, and sees where pixels go."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt

from chat_server import ChatServer, Stalls
from fakes import FakeModel, picture
from napari_micrograph_vlm.models.consent import CONSENTS
from napari_micrograph_vlm.models.remote import loading
from napari_micrograph_vlm.models.remote.address import parse_address
from napari_micrograph_vlm.viewer.consent import destination
from napari_micrograph_vlm.viewer.docks import ask_widget, classify_widget
from napari_micrograph_vlm.viewer.handler_jobs import wait_for_jobs
from napari_micrograph_vlm.viewer.models import ModelHolder
from napari_micrograph_vlm.viewer.overlays import overlays_of
from napari_micrograph_vlm.viewer.preferences import Preferences

pytestmark = pytest.mark.gui


@pytest.fixture
def server():
    with ChatServer() as running:
        running.brain = lambda prompt: "A long crack."
        yield running


@pytest.fixture
def panel(make_napari_viewer, qtbot, server):
    """Open a panel whose model is behind the server."""
    CONSENTS.clear()
    loading._LOADED.clear()

    def open_panel(make, model=None, name=f"{server.url}#tiny-vlm"):
        viewer = make_napari_viewer()
        viewer.add_image(picture(), name="gold.tif")
        chosen = Preferences(model=name)
        models = ModelHolder()
        if model is not None:
            chosen, models = Preferences(), ModelHolder(lambda *which: model)
        view = make(viewer, models=models, preferences=lambda: chosen)
        viewer.window.add_dock_widget(view, name="panel")
        return Use(view, qtbot, server)

    yield open_panel
    assert wait_for_jobs(5)
    CONSENTS.clear()


class Use:
    def __init__(self, view, qtbot, server):
        self.view, self.qtbot, self.server = view, qtbot, server
        self.messages = view.messages

    def click(self, button):
        self.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    def ask(self, text="What is it?"):
        self.view.question.line.setText(text)
        self.click(self.view.ask)

    def until(self, condition):
        self.qtbot.waitUntil(condition, timeout=20_000)

    def idle(self):
        self.until(lambda: not self.view.handler.is_busy)

    @property
    def host(self):
        return self.server.url.split("/")[2]


def test_the_user_is_asked_once_and_nothing_is_sent_before(panel, server):
    it = panel(ask_widget)
    it.ask()
    it.until(lambda: it.messages.is_asking)
    assert it.host in it.messages.text
    assert it.view.status.text() == "Waiting for your answer…"
    assert server.requests == []
    it.click(it.messages.yes)
    it.idle()
    assert it.view.answer.toPlainText() == "A long crack."
    assert f"Pixels go to {it.host}" == it.view.destination.text()
    assert not it.view.destination.isHidden()
    assert it.host in it.view.note.text()
    it.ask("And now?")
    it.idle()
    assert not it.messages.is_asking
    assert it.messages.text == ""
    assert "And now?" in server.prompts


def test_who_does_not_agree_sends_nothing_and_is_asked_again(panel, server):
    it = panel(ask_widget)
    for _ in range(2):
        it.ask()
        it.until(lambda: it.messages.is_asking)
        it.click(it.messages.no)
        it.idle()
        assert "Nothing was sent" in it.messages.text
    assert server.requests == []


def test_stopping_while_the_user_is_asked(panel, server):
    it = panel(ask_widget)
    it.ask()
    it.until(lambda: it.messages.is_asking)
    it.click(it.view.stop)
    it.idle()
    assert not it.messages.is_asking
    assert server.requests == []
    assert "(stopped)" in it.view.answer.toPlainText()
    it.ask()
    it.until(lambda: it.messages.is_asking)
    it.click(it.messages.no)
    it.idle()


def test_the_window_stays_usable_and_stop_stops_a_silent_server(panel, server):
    it = panel(ask_widget)
    server.faults = [Stalls(2)]
    it.ask()
    it.until(lambda: it.messages.is_asking)
    it.click(it.messages.yes)
    it.until(lambda: it.view.answer.toPlainText() == "A long")
    it.click(it.view.stop)
    it.idle()
    assert it.view.answer.toPlainText() == "A long (stopped)"


def test_classifying_asks_too(panel, server):
    it = panel(classify_widget)
    server.brain = lambda prompt: "B"
    it.view.classes.set_labels(["crack", "pore"])
    it.click(it.view.classify)
    it.until(lambda: it.messages.is_asking)
    assert server.requests == []
    it.click(it.messages.yes)
    it.idle()
    assert it.view.results.count() == 1
    assert f"Pixels go to {it.host}" == it.view.destination.text()


def test_nobody_is_asked_about_a_model_on_this_computer(panel):
    it = panel(ask_widget, FakeModel())
    it.ask()
    it.idle()
    assert it.view.destination.isHidden()
    assert it.view.answer.toPlainText() == "a crack in the upper left"


@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("http://gpu-box:8000/v1#qwen2-vl", "gpu-box:8000"),
        ("http://name:word@box:1/v1", "box:1"),
        ("http://[::1/v1#m", ""),
        ("student", ""),
        (None, ""),
    ],
)
def test_where_pixels_go(name, host):
    assert destination(name) == host


STEPS = "Step 1: A dark line. \nStep 2: It branches. \nAnswer: a crack"


def overlay_of(it):
    (overlay,) = overlays_of(it.view.handler.viewer)
    return np.array(overlay.data)


def test_steps_are_folded_away_and_each_shows_its_map(panel):
    model = FakeModel(STEPS)
    it = panel(ask_widget, model)
    it.ask()
    it.idle()
    assert it.view.steps.isHidden()  # nobody wanted any
    it.view.reasoned.setChecked(True)
    it.ask()
    it.idle()
    assert "step by step" in model.questions[-1].text
    assert it.view.answer.toPlainText() == "a crack"
    assert it.view.asked_label.toPlainText() == "What is it?"
    steps = it.view.steps
    assert not steps.isHidden()
    assert steps.title.text() == "2 steps"
    assert not steps.title.isChecked()
    whole = overlay_of(it)
    it.click(steps.title)
    it.click(steps.lines[1].number)
    assert it.view.note.text() == "step 2"
    second = overlay_of(it)
    assert not np.array_equal(second, whole)
    it.click(steps.lines[0].number)
    assert not steps.lines[1].number.isChecked()
    assert not np.array_equal(overlay_of(it), second)
    it.click(it.view.whole)
    assert np.array_equal(overlay_of(it), whole)
    assert not any(line.number.isChecked() for line in steps.lines)


def test_an_earlier_answer_brings_its_steps_back(panel):
    it = panel(ask_widget, FakeModel(STEPS))
    it.view.reasoned.setChecked(True)
    it.ask()
    it.idle()
    it.view.reasoned.setChecked(False)
    it.ask("And this?")
    it.idle()
    assert it.view.steps.isHidden()
    it.view.entry_chosen.emit(0)
    assert [line.number.text() for line in it.view.steps.lines] == ["1", "2"]
    assert it.view.answer.toPlainText() == "a crack"


def test_a_model_that_cannot_reason_says_so(panel):
    model = FakeModel()
    model.reasons = False
    it = panel(ask_widget, model)
    it.view.reasoned.setChecked(True)
    it.ask()
    it.idle()
    assert "writes no steps" in it.messages.text


def test_the_panel_says_that_a_server_makes_it_wait(panel, server):
    it = panel(ask_widget)
    CONSENTS.grant(parse_address(server.url))
    server.faults = [(503, "60")]
    it.ask()
    it.until(lambda: "trying again in 60 s" in it.view.status.text())
    it.click(it.view.stop)
    it.idle()


def test_a_silent_list_of_models_can_be_stopped(panel, server, monkeypatch):
    monkeypatch.setattr(loading, "PATIENCE", 600.0)
    server.list_waits = True
    it = panel(ask_widget, name=server.url)
    CONSENTS.grant(parse_address(server.url))
    it.ask()
    it.until(server.listing.is_set)
    it.click(it.view.stop)
    it.idle()
    assert "(stopped)" in it.view.answer.toPlainText()
