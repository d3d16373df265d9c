"""Badge, maps and the line that tells what goes on stay in step with what is shown."""

from __future__ import annotations

from dataclasses import replace
from threading import Event

import numpy as np
import pytest

from fakes import FakeModel
from napari_micrograph_vlm.attention.relevance import Method, Settings
from napari_micrograph_vlm.errors import Cancelled, ModelError
from napari_micrograph_vlm.viewer.handler_jobs import wait_for_jobs
from napari_micrograph_vlm.viewer.overlays import overlays_of
from napari_micrograph_vlm.viewer.preferences import Preferences
from viewer.ask_panel import AskPanel

pytestmark = pytest.mark.gui


class Scorer(FakeModel):
    """Makes maps by contrast or by covering; ``hold`` keeps it from going on with parts."""

    methods = (Method.LAYERS, Method.CONTRAST, Method.OCCLUSION)
    relevance = Settings()
    hold: Event | None = None
    scored = 0

    def ask(self, question, *, relevance=None, **options):
        answer = super().ask(question, **options)
        return answer if relevance is None else replace(answer, attention=(self._map(20),))

    def score(self, question, answers, cancel=None):
        """The upper left corner is all that counts."""
        while self.hold is not None and self.scored >= 4 and not self.hold.wait(0.01):
            if cancel is not None and cancel.is_set():
                raise Cancelled
        self.scored += 1
        return np.array([10 * float(question.regions[0].pixels[:9, :9].std())])


class Panel(AskPanel):
    def __init__(self, viewer, qtbot, model):
        super().__init__(viewer, qtbot, model)
        self.advanced.checks.setChecked(False)

    def verify(self):
        self.click(self.badge.verify)
        self.rest()

    def choose_model(self, **choice):
        self.chosen = Preferences(**choice)
        self.view.models.outdated.emit()

    @property
    def busy(self):
        return not self.view.progress.isHidden()

    @property
    def visible(self):
        return [layer for layer in overlays_of(self.viewer) if layer.visible]

    @property
    def map(self):
        (layer,) = self.visible
        return np.array(layer.data)


@pytest.fixture
def panel(make_napari_viewer, qtbot):
    opened = []

    def open_panel(model=None):
        opened.append(Panel(make_napari_viewer(), qtbot, model or Scorer()))
        return opened[-1]

    yield open_panel
    for it in opened:
        it.handler.close()
    assert wait_for_jobs(30)


def test_the_chosen_way_stays_chosen_and_makes_the_next_map(panel):
    it = panel()
    it.ask()
    it.choose(Method.CONTRAST)
    it.rest()
    assert it.advanced.method == Method.CONTRAST
    it.ask("And this?")
    assert it.handler.shown.method is Method.CONTRAST
    assert it.handler.shown.answer.attention[0].peak == (3, 2)
    it.advanced.show_method(Method.OCCLUSION)
    assert it.advanced.method == "occlusion"


def test_the_bar_belongs_to_the_answer_whose_maps_are_made(panel):
    it = panel()
    it.ask()
    it.ask("And this?")
    it.model.hold = Event()
    it.choose(Method.OCCLUSION)
    it.until(lambda: "Covering parts: 3 of 49" in it.view.status.text())
    it.handler.show_entry(0)
    assert not it.busy
    it.handler.show_entry(1)
    assert it.busy
    it.handler.show_entry(0)
    it.handler.trust.stop()
    it.rest()
    assert not it.busy
    it.handler.show_entry(1)
    assert not it.busy


def test_stopping_covering_ends_the_bar(panel):
    it = panel()
    it.ask()
    it.model.hold = Event()
    it.choose(Method.OCCLUSION)
    it.until(lambda: it.busy)
    it.click(it.view.stop)
    it.rest()
    assert not it.busy
    assert it.advanced.method == Method.LAYERS  # what is shown was made in this way


def test_covering_tells_how_far_it_is_while_a_question_runs(panel):
    it = panel()
    it.model.hold = Event()
    it.choose(Method.OCCLUSION)
    it.view.question.line.setText("What is this?")
    it.click(it.view.ask)
    it.until(lambda: it.view.status.text() == "Covering parts: 3 of 49")
    it.model.hold.set()
    it.until(lambda: not it.handler.is_busy)
    assert it.handler.shown.method is Method.OCCLUSION


def test_a_new_question_hides_the_map_of_the_one_before(panel):
    it = panel()
    it.ask()
    assert it.visible
    gate = it.model.gate = Event()
    it.view.question.line.setText("And this?")
    it.click(it.view.ask)
    assert not it.visible
    it.click(it.view.stop)
    it.until(lambda: not it.handler.is_busy)
    assert not it.visible
    gate.set()

    def fail(*args, **options):
        raise ModelError("It cannot.")

    it.handler.show_entry(0)
    assert it.visible
    it.model.ask = fail
    it.ask("And that?")
    assert "It cannot." in it.view.messages.text
    assert not it.visible
    assert it.badge.isHidden()


def test_a_new_conversation_stops_covering(panel):
    it = panel()
    it.ask()
    it.model.hold = Event()
    it.click(it.badge.verify)
    it.until(lambda: it.model.scored >= 4)
    it.click(it.view.fresh)
    it.rest()
    assert not it.busy
    assert it.badge.isHidden()
    assert it.handler.entries[0].covered == ()


def test_covered_parts_are_compared_with_where_the_model_looked(panel):
    it = panel()
    it.ask()
    it.verify()
    told = it.badge.result.text()
    assert told.startswith("Agrees")
    scored = it.model.scored
    it.choose(Method.OCCLUSION)
    it.rest()
    assert it.model.scored == scored  # the parts are known
    assert it.handler.shown.method is Method.OCCLUSION
    assert it.badge.result.text() == told
    assert it.badge.covered.isHidden()  # they are on show
    assert it.badge.verify.isEnabled()


def test_parts_covered_for_a_map_are_not_covered_again_to_verify(panel):
    it = panel()
    it.ask()
    it.choose(Method.OCCLUSION)
    it.rest()
    scored = it.model.scored
    it.choose(Method.LAYERS)
    it.verify()
    assert it.model.scored == scored
    assert it.badge.result.text().startswith("Agrees")


def test_a_map_made_by_covering_alone_has_nothing_to_compare_with(panel):
    it = panel()
    it.choose(Method.OCCLUSION)
    it.ask()
    assert not it.badge.verify.isEnabled()
    assert "already" in it.badge.verify.toolTip()
    it.choose(Method.CONTRAST)
    it.rest()
    assert it.badge.verify.isEnabled()


def test_an_answer_whose_parts_could_not_be_covered_has_the_usual_map(panel):
    it = panel()

    def fail(*args):
        raise ModelError("There is not enough memory.")

    it.model.score = fail
    it.choose(Method.OCCLUSION)
    it.ask()
    assert it.handler.shown.method is Method.LAYERS
    assert it.badge.verify.isEnabled()


def test_show_parts_is_pressed_only_while_parts_are_shown(panel):
    it = panel()
    it.ask()
    it.verify()
    for press in (
        lambda: it.view.answer.word_clicked.emit(0),
        lambda: it.view.asked_label.word_clicked.emit(-1),
        lambda: it.handler.show_entry(0),
        lambda: it.choose(Method.LAYERS),
    ):
        it.click(it.badge.covered)
        assert it.badge.covered.isChecked()
        press()
        assert not it.badge.covered.isChecked()
    it.view.answer.word_clicked.emit(0)
    it.click(it.badge.covered)
    assert it.view.answer.chosen == -1
    assert it.view.whole.isHidden()


def test_show_parts_stays_pressed_when_a_check_ends(panel):
    it = panel()
    it.ask()
    it.verify()
    it.click(it.badge.covered)
    parts = it.map
    it.click(it.badge.check)
    it.rest()
    assert it.badge.title.text() != "Not checked"
    assert it.badge.covered.isChecked()
    assert np.array_equal(it.map, parts)


def test_another_model_is_not_offered_to_look_closer(panel):
    it = panel()
    it.ask()
    asked = len(it.model.questions)
    it.choose_model(model="another")
    for button in (it.badge.check, it.badge.verify):
        assert not button.isEnabled()
        assert "came from the model fake" in button.toolTip()
    it.choose(Method.CONTRAST)
    it.rest()
    assert len(it.model.questions) == asked
    assert "came from the model fake" in it.view.messages.text
    assert it.advanced.method == Method.CONTRAST  # for the next question
    it.choose_model()
    for button in (it.badge.check, it.badge.verify):
        assert button.isEnabled()
        assert "came from" not in button.toolTip()


def test_steps_are_offered_only_where_the_chosen_model_writes_any(panel):
    it = panel()
    box = it.view.reasoned
    assert not box.isEnabled()  # the student is the default
    assert "writes no steps" in box.toolTip()
    it.choose_model(model="a large one")
    assert box.isEnabled()
    assert "writes no steps" not in box.toolTip()
    box.setChecked(True)
    it.choose_model(model="student")
    assert not box.isEnabled()
    assert not it.view.wants_steps
    it.choose_model(model="a large one")
    it.model.reasons = False
    it.ask()
    assert not box.isEnabled()
