"""A model that was taught: classes by what was learnt, all else its own."""

from __future__ import annotations

import copy
from threading import Event

import numpy as np
import pytest

from fakes import FakeModel
from labelling.learning_helpers import LABELS, examples_of, region_of
from models.tiny_student import make_region, make_student
from napari_micrograph_vlm import api
from napari_micrograph_vlm.errors import Cancelled, ModelError, QuestionError
from napari_micrograph_vlm.labelling import label_set_of
from napari_micrograph_vlm.labelling.learning import Learnt
from napari_micrograph_vlm.labelling.learnt_model import LearntModel
from napari_micrograph_vlm.models.base import Model, Sees
from napari_micrograph_vlm.results import Question


@pytest.fixture(scope="module")
def learnt():
    return Learnt.learn(FakeModel(), LABELS, examples_of(5))


@pytest.fixture
def taught(learnt):
    return LearntModel(FakeModel(), learnt)


def test_it_names_regions_by_what_it_was_taught(taught):
    names = ["dark", "bright", "grey", "bright"] * 4
    done = []
    found = taught.classify(
        [region_of(name, 30 + i) for i, name in enumerate(names)], LABELS, on_region=done.append
    )
    assert list(found.best) == names
    assert found.probabilities.dtype == np.float32
    np.testing.assert_allclose(found.probabilities.sum(1), 1, atol=1e-5)
    assert len(found.attention) == 16
    assert done == [8, 16]


def test_the_order_of_the_classes_is_the_callers(taught):
    region = [region_of("bright", 40)]
    one = taught.classify(region, LABELS.names)
    two = taught.classify(region, LABELS.names[::-1])
    assert two.labels == LABELS.names[::-1]
    np.testing.assert_allclose(two.probabilities[:, ::-1], one.probabilities)


def test_its_revision_tells_it_from_the_plain_model(taught, learnt):
    found = taught.classify([region_of("dark")], LABELS)
    assert found.provenance.revision == taught.revision == f"1+{learnt.digest}"
    assert found.provenance.model == "fake"
    more = learnt.add(FakeModel(), [(region_of("dark", 80), "dark")])
    assert LearntModel(FakeModel(), more).revision != taught.revision


def test_other_classes_are_refused(taught):
    with pytest.raises(QuestionError, match="knows the classes dark, grey, bright, other"):
        taught.classify([region_of("dark")], ["crack", "pore"])


def test_another_model_is_refused(learnt):
    other = FakeModel()
    other.revision = "2"
    with pytest.raises(ModelError, match="other weights"):
        LearntModel(other, learnt)


def test_all_else_is_the_models_own(taught):
    assert isinstance(taught, Model)
    assert isinstance(taught, Sees)
    region = region_of("dark")
    answer = taught.ask(Question("What is it?", (region,)))
    assert answer.text == "a crack in the upper left"
    assert [a.text for a in taught.ask_many([Question("What?", (region,))] * 2)] == [
        answer.text
    ] * 2
    assert taught.suggestions() == taught.model.suggestions()
    assert taught.max_tokens == 48  # an attribute of the fake
    assert taught.feature_grid(region).shape == (4, 5, 3)
    assert taught.prepare(region).views
    assert copy.copy(taught).name == "fake"
    with pytest.raises(AttributeError):
        _ = taught.no_such_thing


def test_the_public_functions_take_it(taught):
    found = api.classify(region_of("grey", 9), LABELS.names, model=taught)
    assert found.best == ("grey",)
    assert api.ask(region_of("grey", 9), "What?", model=taught).text.startswith("a crack")


def test_it_stops(taught):
    cancel = Event()
    cancel.set()
    with pytest.raises(Cancelled):
        taught.classify([region_of("dark")], LABELS, cancel=cancel)


def test_it_is_loaded_with_its_classes(learnt, tmp_path):
    learnt.save(tmp_path)
    taught = LearntModel.load(tmp_path, FakeModel(), list(LABELS.names))
    assert taught.classify([region_of("dark", 3)], LABELS).best == ("dark",)


def test_the_student_learns(tmp_path):
    student = make_student()
    stripes = np.sin(np.arange(96) / 3)[None] * 0.4 + 0.5
    examples = []
    for i in range(3):
        noise = make_region(96, 96, seed=i)
        striped = type(noise)((0.8 * stripes + 0.2 * noise.pixels).astype(np.float32), noise.box)
        examples += [(noise, "noise"), (striped, "stripes")]
    labels = label_set_of(["noise", "stripes"])
    learnt = Learnt.learn(student, labels, examples)
    assert learnt.trial.accuracy == 1
    learnt.save(tmp_path)
    taught = LearntModel.load(tmp_path, student)
    assert taught.classify([make_region(96, 96, seed=9)], labels).best == ("noise",)
