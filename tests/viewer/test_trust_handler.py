"""Badge, Verify and Advanced of the question panel, used as a user does."""

from __future__ import annotations

from dataclasses import replace
from threading import Event

import numpy as np
import pytest
from qtpy.QtWidgets import QAbstractButton, QComboBox

from fakes import FakeModel
from napari_micrograph_vlm.attention.occlusion import Agreement
from napari_micrograph_vlm.attention.relevance import Method, Settings
from napari_micrograph_vlm.results import AttentionMap, Word
from napari_micrograph_vlm.viewer.handler_jobs import wait_for_jobs
from napari_micrograph_vlm.viewer.overlays import overlays_of
from napari_micrograph_vlm.viewer.trust_handler import sentence_on, tip_on
from viewer.ask_panel import AskPanel

pytestmark = pytest.mark.gui


class Looker(FakeModel):
    """Has seen nothing in an empty picture; can make maps by contrast, and records questions."""

    methods = (Method.LAYERS, Method.CONTRAST, Method.OCCLUSION)
    relevance = Settings()

    def ask(self, question, *, relevance=None, **options):
        answer = super().ask(question, **options)
        if question.regions[0].pixels.std() < 1e-6:
            return replace(answer, text="nothing at all")
        first = Word(0, 4, 1.0, (self._map(30),))
        answer = replace(answer, question_words=(first,))
        if relevance is not None:
            answer = replace(answer, attention=(self._map(20),))
        return answer

    def score(self, question, answers, cancel=None):
        """The upper left corner is all that counts; the fake's map has its peak there."""
        return np.array([10 * float(question.regions[0].pixels[:9, :9].std())])


class Panel(AskPanel):
    @property
    def overlay(self):
        (layer,) = overlays_of(self.viewer)
        return np.array(layer.data)


@pytest.fixture
def panel(make_napari_viewer, qtbot):
    def open_panel(model=None):
        return Panel(make_napari_viewer(), qtbot, model or Looker())

    yield open_panel
    assert wait_for_jobs(30)


def test_an_answer_is_checked_without_being_asked_for(panel):
    it = panel()
    assert it.badge.isHidden()
    it.ask()
    it.rest()
    assert it.badge.title.text() == "No doubt found"
    assert len(it.model.questions) == 3


def test_a_guess_is_marked_and_explained(panel):
    it = panel(FakeModel())
    it.ask()
    it.rest()
    assert it.badge.title.text() == "May be a guess"
    assert "grey" in it.badge.sentence.text()
    assert "habit" in it.badge.mark.toolTip()


def test_checks_can_be_left_to_the_user(panel):
    it = panel()
    it.advanced.checks.setChecked(False)
    it.ask()
    assert it.badge.title.text() == "Not checked"
    assert len(it.model.questions) == 1
    it.click(it.badge.check)
    it.rest()
    assert it.badge.title.text() == "No doubt found"
    assert it.badge.check.isHidden()


def test_a_new_question_does_not_wait_for_checks(panel):
    it = panel()
    it.ask()
    it.rest()
    gate = Event()
    it.model.gate = gate
    it.handler.trust.check()
    it.until(lambda: it.model.running == 1)
    it.model.gate = None
    it.ask("And this?")
    it.rest()
    assert it.handler.shown.question == "And this?"
    assert it.badge.title.text() == "No doubt found"


def test_verify_tells_how_far_covering_agrees(panel):
    it = panel()
    it.ask()
    it.rest()
    before = it.overlay
    it.click(it.badge.verify)
    assert it.badge.verify.text() == "Stop"
    it.rest()
    assert it.badge.verify.text() == "Verify"
    assert it.badge.result.text().startswith("Agrees")
    it.click(it.badge.covered)
    assert not np.array_equal(it.overlay, before)
    it.click(it.badge.covered)
    assert np.array_equal(it.overlay, before)


def test_verify_can_be_stopped(panel):
    it = panel()
    it.advanced.checks.setChecked(False)
    it.ask()
    started = Event()

    def slow(question, answers, cancel=None):
        started.set()
        cancel.wait(20)
        return np.array([1.0])

    it.model.score = slow
    it.click(it.badge.verify)
    it.until(started.is_set)
    it.click(it.badge.verify)
    it.rest()
    assert it.badge.verify.text() == "Verify"
    assert it.badge.result.isHidden()


def test_maps_made_in_another_way_replace_those_shown(panel):
    it = panel()
    it.ask()
    it.rest()
    before = it.overlay
    it.choose(Method.CONTRAST)
    it.rest()
    assert not np.array_equal(it.overlay, before)
    asked = len(it.model.questions)
    it.choose(Method.LAYERS)
    assert np.array_equal(it.overlay, before)
    it.choose(Method.CONTRAST)
    assert len(it.model.questions) == asked  # both are kept


def test_the_chosen_way_holds_for_the_next_question(panel):
    it = panel()
    it.choose(Method.CONTRAST)
    it.ask()
    assert it.handler.shown.method is Method.CONTRAST
    assert it.handler.shown.answer.attention[0].peak == (3, 2)


def test_ways_that_the_model_does_not_know_cannot_be_chosen(panel):
    it = panel(FakeModel())
    it.choose(Method.ROLLOUT)
    it.ask()
    it.rest()
    items = it.advanced.methods.model()
    enabled = [items.item(i).isEnabled() for i in range(items.rowCount())]
    assert enabled == [True, False, False, False, False, True]
    assert it.advanced.method == Method.LAYERS


def test_each_answer_keeps_its_badge(panel):
    it = panel()
    it.ask()
    it.rest()
    it.model = FakeModel()
    it.handler.models._models.clear()
    it.ask("And this?")
    it.rest()
    assert it.badge.title.text() == "May be a guess"
    it.handler.show_entry(0)
    assert it.badge.title.text() == "No doubt found"


def test_another_model_does_not_judge_the_answer(panel):
    it = panel()
    it.advanced.checks.setChecked(False)
    it.ask()
    it.model.name = "another"
    it.click(it.badge.check)
    it.rest()
    assert "not the one in use" in it.view.messages.text


def test_words_of_the_question_show_where_the_model_looked(panel):
    it = panel()
    it.ask()
    it.rest()
    before = it.overlay
    it.view.asked_label.word_clicked.emit(0)
    assert not np.array_equal(it.overlay, before)
    assert "What" in it.view.note.text()
    it.click(it.view.whole)
    assert np.array_equal(it.overlay, before)
    assert "Click a word" in it.view.asked_label.toolTip()


def test_closing_stops_everything(panel):
    it = panel()
    it.model.gate = Event()
    it.model.gate.set()
    it.ask()
    it.model.gate.clear()
    it.handler.trust.check()
    it.until(lambda: it.model.running >= 1)
    it.handler.close()
    assert wait_for_jobs(10)
    assert not it.handler.trust.is_busy


def test_every_control_has_a_tool_tip(panel):
    it = panel()
    it.ask()
    it.rest()
    for kind in (QAbstractButton, QComboBox):
        for part in [*it.badge.findChildren(kind), *it.advanced.findChildren(kind)]:
            assert part.toolTip(), part


def test_sentences_on_agreement():
    assert sentence_on(Agreement(0.4, 0.8, True, True)).startswith("Agrees")
    assert "80%" in sentence_on(Agreement(0.4, 0.8, True, True))
    assert sentence_on(Agreement(-0.1, 0.1, False, True)).startswith("Disagrees")
    assert "no single place" in sentence_on(Agreement(0.0, 0.2, False, False))
    assert "−0.10" in tip_on(Agreement(-0.1, 0.1, False, True))


def test_maps_are_not_shared_between_answers(panel):
    it = panel()
    it.ask()
    it.ask("And this?")
    it.rest()
    first, second = it.handler.entries
    assert first.versions is not second.versions
    assert isinstance(second.versions[Method.LAYERS].attention[0], AttentionMap)


def test_maps_that_fell_back_are_kept_as_what_they_are(panel):
    class Poor(Looker):
        """Has no memory left for what is asked of it."""

        def ask(self, question, *, relevance=None, **options):
            answer = super().ask(question, relevance=relevance, **options)
            plain = replace(answer.attention[0], method=str(Method.LAYERS))
            return replace(answer, attention=(plain,))

    it = panel(Poor())
    it.ask()
    it.rest()
    it.choose(Method.CONTRAST)
    it.ask("And now?")
    it.rest()
    entry = it.handler.shown
    assert entry.question == "And now?"
    assert entry.method is Method.LAYERS
    assert list(entry.versions) == [Method.LAYERS]
