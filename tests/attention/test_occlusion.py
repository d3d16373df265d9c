"""Covering parts of a picture, for any model."""

from __future__ import annotations

from dataclasses import replace
from threading import Event

import numpy as np
import pytest

from fakes import FakeModel
from napari_micrograph_vlm.attention.explain import asked, explained, methods_of
from napari_micrograph_vlm.attention.occlusion import (
    agreement,
    likelihood,
    occlusion_maps,
    resampled,
    same_words,
)
from napari_micrograph_vlm.attention.relevance import Method, Settings
from napari_micrograph_vlm.errors import Cancelled, ModelError
from napari_micrograph_vlm.regions import Region
from napari_micrograph_vlm.results import AttentionMap, Question

SPOT = np.s_[70:80, 30:40]
"""In row 5, column 2 of 7 x 7 parts of 98 pixels."""


def spotted(shape=(98, 98)):
    pixels = np.full(shape, 0.3, np.float32)
    pixels[SPOT] = 1
    return Region(pixels, (0, 0, *shape[:2]))


class Seer(FakeModel):
    """Calls the spot a spot as far as it is bright; what it says or how likely it is."""

    def __init__(self):
        super().__init__("a bright spot")

    def ask(self, question, **options):
        answer = super().ask(question, **options)
        bright = question.regions[0].pixels.max() > 0.8
        return answer if bright else replace(answer, text="nothing", confidence=0.6)


class Scorer(Seer):
    def score(self, question, answers, cancel=None):
        return np.array([3 * float(question.regions[0].pixels.max()) for _ in answers])


def answer_of(model, *regions):
    return model.ask(Question("What is this?", regions or (spotted(),)))


@pytest.mark.parametrize("kind", [Seer, Scorer])
def test_the_part_that_the_answer_rests_on_is_found(kind):
    model = kind()
    (found,) = occlusion_maps(model, answer_of(model))
    assert found.values.shape == (7, 7)
    assert found.peak == (5, 2)
    assert found.values.sum() == pytest.approx(1)
    assert found.method == Method.OCCLUSION


def test_a_scoring_model_is_not_asked_again():
    model = Scorer()
    answer = answer_of(model)
    occlusion_maps(model, answer)
    assert len(model.questions) == 1


def test_an_answer_that_rests_on_nothing_has_an_even_map():
    model = FakeModel("a crack")
    (found,) = occlusion_maps(model, answer_of(model))
    assert not found.has_focus
    assert not agreement(found, found).mattered


def test_parts_are_square_and_each_region_has_its_own():
    model = Seer()
    wide = spotted((98, 42))
    first, second = occlusion_maps(model, answer_of(model, spotted(), wide))
    assert first.values.shape == (7, 7)
    assert second.values.shape == (7, 3)
    assert first.peak == (5, 2)
    assert not second.has_focus


def test_the_parts_done_are_counted_and_it_can_be_stopped():
    model, cancel, counted = Scorer(), Event(), []
    answer = answer_of(model)

    def count(done, parts):
        counted.append((done, parts))
        if done == 3:
            cancel.set()

    with pytest.raises(Cancelled):
        occlusion_maps(model, answer, on_part=count, cancel=cancel)
    assert counted == [(1, 49), (2, 49), (3, 49)]


def test_likelihood_is_per_word_and_stands_a_server_that_tells_no_confidence():
    model = Scorer()
    answer = answer_of(model)
    assert likelihood(model, answer, answer.regions) == pytest.approx(1.0)

    class Silent(Seer):
        def ask(self, question, **options):
            return replace(super().ask(question, **options), confidence=float("nan"))

    assert likelihood(Silent(), answer, answer.regions) == 0


def test_agreement_of_a_map_with_itself_and_with_another_place():
    values = np.zeros((14, 14), np.float32)
    values[10:12, 4:6] = 0.25
    shown = AttentionMap(values, "attention")
    covered = np.zeros((7, 7), np.float32)
    covered[5, 2] = 1
    found = agreement(shown, AttentionMap(covered, "occlusion"))
    assert found.peak
    assert found.rank == pytest.approx(1)
    assert found.shared == pytest.approx(1)
    elsewhere = agreement(shown, AttentionMap(covered.T, "occlusion"))
    assert not elsewhere.peak
    assert elsewhere.rank < 0.1


def test_maps_keep_their_sum_on_another_grid():
    values = np.random.default_rng(0).random((12, 9)).astype(np.float32)
    assert resampled(values, (7, 7)).sum() == pytest.approx(values.sum(), rel=1e-6)
    quarter = resampled(np.eye(2, dtype=np.float32), (4, 4))
    assert quarter == pytest.approx(np.kron(np.eye(2), np.full((2, 2), 0.25)))


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("A crack.", "a crack", 1.0),
        ("a crack in the upper left", "a crack in the upper right", 5 / 6),
        ("yes", "no", 0.0),
        ("12.5 nm", "12.5 nm", 1.0),
        ("", "", 1.0),
    ],
)
def test_same_words(first, second, same):
    assert same_words(first, second) == pytest.approx(same)


class Chooser(Scorer):
    """A model with a choice of methods."""

    methods = (Method.LAYERS, Method.CONTRAST, Method.OCCLUSION)
    relevance = Settings(layers=(3,))

    def __init__(self):
        super().__init__()
        self.used = []

    def ask(self, question, *, relevance=None, **options):
        self.used.append(relevance)
        answer = super().ask(question, **options)
        if relevance is None:
            return answer
        return replace(answer, attention=(AttentionMap(np.eye(2, dtype=np.float32), "new"),))


def test_any_model_can_cover_parts_and_others_only_what_they_say():
    model = Seer()
    assert methods_of(model) == (Method.LAYERS, Method.OCCLUSION)
    with pytest.raises(ModelError, match="cannot make maps"):
        explained(model, answer_of(model), Method.ROLLOUT)
    covered = explained(model, answer_of(model), Method.OCCLUSION)
    assert covered.attention[0].peak == (5, 2)
    assert all(word.attention is covered.attention for word in covered.words)


def test_maps_are_made_again_with_the_layers_of_the_model():
    model = Chooser()
    answer = answer_of(model)
    found = explained(model, answer, Method.CONTRAST)
    assert model.used == [None, Settings(Method.CONTRAST, (3,))]
    assert found.text == answer.text
    assert found.attention[0].method == "new"


def test_asking_with_a_method():
    model = Chooser()
    question = Question("What is this?", (spotted(),))
    assert asked(model, question, Method.CONTRAST).attention[0].method == "new"
    assert asked(model, question, Method.OCCLUSION).attention[0].peak == (5, 2)
    # One that it cannot do: its own.
    assert asked(model, question, Method.ROLLOUT).attention[0].method == "fake"
