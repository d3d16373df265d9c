"""Learning classes from a handful of labelled regions."""

from __future__ import annotations

from threading import Event

import numpy as np
import pytest

from fakes import FakeModel
from labelling.learning_helpers import LABELS, examples_of, region_of
from napari_micrograph_vlm.errors import Cancelled, ModelError, QuestionError
from napari_micrograph_vlm.labelling import label_set_of
from napari_micrograph_vlm.labelling.learning import Learnt


class Counting(FakeModel):
    """Counts the regions it looks at."""

    looked = 0

    def features(self, regions, **options):
        self.looked += len(regions)
        return super().features(regions, **options)


class Knowing(FakeModel):
    """Cannot see anything, but knows the classes by their names."""

    def features(self, regions, **options):
        return {"nothing": np.zeros((len(regions), 2), np.float32)}

    def classify(self, regions, labels, **options):
        found = super().classify(regions, labels, **options)
        for row, region in zip(found.probabilities, regions, strict=True):
            row[:] = 0.1
            row[list(labels).index(region.source.split()[0])] = 1 - 0.1 * (len(labels) - 1)
        return found


def _named(learnt, names, seed=99):
    model = FakeModel()
    regions = [region_of(name, seed) for name in names]
    seen = model.features(regions)
    named = model.classify(regions, LABELS.names).probabilities
    best = learnt.fitted.probabilities(seen, named).argmax(1)
    return [LABELS.names[i] for i in best]


def test_two_examples_of_each_class_are_enough_to_name_others():
    learnt = Learnt.learn(FakeModel(), LABELS, examples_of(2))
    assert _named(learnt, ["bright", "dark", "grey"]) == ["bright", "dark", "grey"]
    assert learnt.counts == {"dark": 2, "grey": 2, "bright": 2, "other": 0}
    assert "Few examples" in learnt.trial.advice


def test_the_trial_names_each_example_without_having_learnt_from_it():
    # Each region has a class of its own drawn by lot: nothing can be learnt.
    rng = np.random.default_rng(3)
    lots = [(region_of("grey", i), str(rng.choice(["dark", "bright"]))) for i in range(40)]
    learnt = Learnt.learn(FakeModel(), LABELS, lots)
    assert learnt.trial.tried == 40
    assert learnt.trial.accuracy < 0.8
    assert learnt.trial.confusion[LABELS.names.index("grey")].sum() == 0
    told = Learnt.learn(FakeModel(), LABELS, examples_of(14)).trial
    assert told.accuracy == 1
    assert told.advice.endswith("label 5 more of 'other'.")


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"dark": 2, "bright": 1}, "'bright' has 1"),
        ({"dark": 9}, "'grey' has none"),
        ({}, "'dark' has none"),
    ],
)
def test_fewer_than_two_examples_of_two_classes_are_refused(counts, said):
    examples = [one for name, n in counts.items() for one in examples_of(n, name)]
    with pytest.raises(QuestionError, match=said):
        Learnt.learn(FakeModel(), LABELS, examples)


def test_one_region_given_twice_is_one_example():
    with pytest.raises(QuestionError, match="'bright' has 1"):
        Learnt.learn(
            FakeModel(), LABELS, [*examples_of(3, "dark"), (region_of("bright"), "bright")] * 2
        )


def test_a_class_with_one_example_waits_until_there_are_two():
    examples = [*examples_of(3, "dark", "grey"), (region_of("bright"), "bright")]
    learnt = Learnt.learn(FakeModel(), LABELS, examples)
    assert _named(learnt, ["bright"]) != ["bright"]
    assert "of 'bright'" in learnt.trial.advice
    more = learnt.add(FakeModel(), [(region_of("bright", 1), "bright")])
    assert _named(more, ["bright"]) == ["bright"]


def test_a_name_that_is_no_class_is_refused():
    with pytest.raises(QuestionError, match="'scratch' is not in the label set 'brightness'"):
        Learnt.learn(FakeModel(), LABELS, [*examples_of(2), (region_of("dark", 9), "scratch")])


def test_adding_looks_at_new_regions_only_and_equals_learning_at_once():
    examples = examples_of(4)
    model = Counting()
    step = Learnt.learn(model, LABELS, examples[:9])
    step = step.add(model, [*examples[9:], examples[0]])
    assert model.looked == 12
    at_once = Learnt.learn(FakeModel(), LABELS, examples)
    assert sorted(step.examples.keys) == sorted(at_once.examples.keys)
    assert step.counts == at_once.counts


def test_a_correction_changes_the_class_without_looking_again():
    wrong = [*examples_of(4), (region_of("bright", 7), "dark"), (region_of("bright", 8), "dark")]
    model = Counting()
    learnt = Learnt.learn(model, LABELS, wrong)
    assert learnt.trial.accuracy < 1
    before = model.looked
    better = learnt.add(model, [(region_of("bright", i), "bright") for i in (7, 8)])
    assert model.looked == before
    assert better.counts["bright"] == 6
    assert better.trial.accuracy == 1
    assert learnt.counts["bright"] == 4  # what was learnt before is left as it was
    assert better.digest != learnt.digest


def test_learning_is_repeatable_to_the_bit():
    one, two = (Learnt.learn(FakeModel(), LABELS, examples_of(6)) for _ in range(2))
    assert one.digest == two.digest
    np.testing.assert_array_equal(one.trial.confusion, two.trial.confusion)
    np.testing.assert_array_equal(one.fitted.head.dual, two.fitted.head.dual)
    assert (one.fitted.sharpness, one.fitted.trust) == (two.fitted.sharpness, two.fitted.trust)


def test_the_names_are_trusted_as_far_as_they_help():
    misleading = Learnt.learn(FakeModel(), LABELS, examples_of(8))
    assert misleading.fitted.trust < 0.5  # the fake names classes in turn, whatever it sees
    helpful = Learnt.learn(Knowing(), LABELS, examples_of(8))
    assert helpful.fitted.trust > 0
    assert helpful.trial.accuracy == 1
    assert helpful.trial.zero_shot == 1
    assert helpful.fitted.unseen == 1
    assert misleading.fitted.unseen < 0.5


def test_a_class_without_examples_is_judged_by_its_name():
    learnt = Learnt.learn(Knowing(), LABELS, examples_of(5))
    named = np.array([[0.05, 0.05, 0.05, 0.85]])
    found = learnt.fitted.probabilities({"nothing": np.zeros((1, 2), np.float32)}, named)
    assert LABELS.names[int(found.argmax())] == "other"
    assert found.sum() == pytest.approx(1)


def test_it_is_not_surer_than_few_examples_allow():
    few = Learnt.learn(FakeModel(), LABELS, examples_of(2, "dark", "bright"))
    many = Learnt.learn(FakeModel(), LABELS, examples_of(30, "dark", "bright"))
    seen = FakeModel().features([region_of("dark", 99)])
    even = np.full((1, 4), 0.25)
    sure = [float(each.fitted.probabilities(seen, even).max()) for each in (few, many)]
    assert 0.5 < sure[0] < sure[1] < 1


def test_it_stops_when_it_is_told_to():
    cancel, done = Event(), []

    def note(count):
        done.append(count)
        cancel.set()

    with pytest.raises(Cancelled):
        Learnt.learn(FakeModel(), LABELS, examples_of(9), cancel=cancel, on_region=note)
    assert done == [8]


def test_a_model_that_does_not_show_what_it_sees_is_refused():
    class Blind:
        name, revision, device = "behind a server", "1", "http://box"

    with pytest.raises(ModelError, match="does not show what it sees"):
        Learnt.learn(Blind(), LABELS, examples_of(2))  # type: ignore[arg-type]


def test_adding_with_another_model_is_refused():
    learnt = Learnt.learn(FakeModel(), LABELS, examples_of(2))
    other = FakeModel()
    other.revision = "2"
    with pytest.raises(ModelError, match="other weights of fake"):
        learnt.add(other, examples_of(3))


def test_sentences_are_told_to_the_model():
    asked = []

    class Listening(FakeModel):
        def classify(self, regions, labels, **options):
            asked.append(labels)
            return super().classify(regions, label_set_of(labels).names, **options)

    described = label_set_of(LABELS)
    classes = (*described.classes[:1], type(described.classes[0])("bright", "mostly white"))
    described = type(described)("two", classes)
    Learnt.learn(Listening(), described, examples_of(2, "dark", "bright"))
    assert asked[0] is described
