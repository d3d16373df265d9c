"""Many regions and questions together give what one at a time gives."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event

import numpy as np
import pytest
import torch
from tiny_student import make_region, make_student

from fakes import FakeModel
from napari_micrograph_vlm.errors import Cancelled, QuestionError
from napari_micrograph_vlm.labelling.label_sets import LabelClass, LabelSet, label_set_of
from napari_micrograph_vlm.models.many import ask_many, classify_many, takes_many
from napari_micrograph_vlm.models.student.batches import alike, shared_out
from napari_micrograph_vlm.models.student.engine import Student
from napari_micrograph_vlm.models.student.memory import ImageMemory
from napari_micrograph_vlm.models.student.novelty import NOT_A_MICROGRAPH
from napari_micrograph_vlm.models.student.scoring import score_labels, score_labels_of_each
from napari_micrograph_vlm.regions import Region
from napari_micrograph_vlm.results import Answer, Question, Turn

LABELS = ("bridge", "no defect", "close-packed particles", "MEMS device")
QUESTION = "What defect is there?"
# Two of a shape, a flat one, a tall one, and one that is seen in tiles.
SHAPES = ((128, 128), (128, 128), (64, 256), (200, 90), (500, 480))


def _regions(seed: int = 0) -> list[Region]:
    return [make_region(*shape, seed=seed + i) for i, shape in enumerate(SHAPES)]


@pytest.fixture(params=[1, 2], ids=["one thread", "two threads"])
def threads(request: pytest.FixtureRequest) -> int:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    assert torch.get_num_threads() == request.param
    torch.set_num_threads(before)


@pytest.mark.usefixtures("threads")
def test_classes_of_many_regions_are_those_of_each() -> None:
    regions = [*_regions(), *_regions(9)]
    together = classify_many(make_student(), regions, label_set_of(LABELS), threshold=0.3)
    student = make_student()
    for i, region in enumerate(regions):
        alone = student.classify((region,), LABELS, threshold=0.3)
        np.testing.assert_allclose(together.probabilities[i], alone.probabilities[0], atol=1e-4)
        assert together.attention[i].values.shape == alone.attention[0].values.shape
        np.testing.assert_allclose(
            together.attention[i].values, alone.attention[0].values, atol=1e-4
        )
        assert together.best[i] == alone.best[0]
    assert together.regions == tuple(regions)
    assert together.provenance.tiles > 1


def _same(together: Answer, alone: Answer) -> None:
    assert together.text == alone.text
    assert together.question == alone.question
    assert together.confidence == pytest.approx(alone.confidence, abs=1e-4)
    assert together.provenance.tiles == alone.provenance.tiles
    for one, other in zip(together.attention, alone.attention, strict=True):
        np.testing.assert_allclose(one.values, other.values, atol=1e-4)
    for one, other in zip(together.words, alone.words, strict=True):
        assert (one.start, one.stop) == (other.start, other.stop)
        assert one.probability == pytest.approx(other.probability, abs=1e-4)
        np.testing.assert_allclose(one.attention[0].values, other.attention[0].values, atol=1e-4)


@pytest.mark.usefixtures("threads")
def test_many_answers_are_those_to_each_question() -> None:
    regions = _regions()
    questions = [Question(text, (r,)) for r in regions for text in (QUESTION, "Is it a TEM image?")]
    questions.append(Question(QUESTION, (regions[2], regions[0])))
    questions.append(Question(QUESTION, (regions[1],), (Turn("Is it an SEM image?", "No."),)))
    questions.append(Question(QUESTION, (regions[3],), tiled=True))
    together = ask_many(make_student(), questions, max_tokens=7)
    student = make_student()
    assert len(together) == len(questions)
    for question, answer in zip(questions, together, strict=True):
        _same(answer, student.ask(question, max_tokens=7))


def test_answers_that_end_early_leave_the_others_as_they_are() -> None:
    regions = [make_region(128, 128, seed=i) for i in range(6)]
    alone = make_student()
    first = [alone.ask(Question(QUESTION, (r,)), max_tokens=1).text for r in regions]
    assert len(set(first)) > 1
    # The token of one of those answers ends an answer now: some end at once, others go on.
    ends = max(set(first), key=first.index)
    token = alone.processor.encode_text(ends)[0]
    found = []
    for student in (make_student(), make_student()):
        bias = student.model.decoder.cls.predictions.decoder.bias
        with torch.no_grad():
            bias[student.model.config.text_config.eos_token_id] = float(bias[token]) + 1.2
        found.append(student)
    questions = [Question(QUESTION, (r,)) for r in regions]
    together = ask_many(found[0], questions, max_tokens=9)
    apart = [found[1].ask(one, max_tokens=9) for one in questions]
    for one, other in zip(together, apart, strict=True):
        _same(one, other)


def test_what_is_no_micrograph_is_refused_among_others() -> None:
    student = make_student(novelty={"pictures": 1})
    regions = _regions()
    shown = [student._eyes.look(r, None, lambda: None).wholes[0] for r in regions]
    novelty = student.model.novelty
    assert novelty is not None
    odds = [float(novelty(one)) for one in shown]
    assert len(set(odds)) == 1  # nothing was fitted yet
    with torch.no_grad():
        novelty.first.copy_(torch.randn(novelty.first.shape))
        novelty.last.copy_(torch.randn(novelty.last.shape))
        odds = sorted(float(novelty(one)) for one in shown)
        novelty.limit.fill_((odds[1] + odds[2]) / 2)
    questions = [Question(QUESTION, (region,)) for region in regions]
    together = ask_many(student, questions, max_tokens=5)
    refused = [one.text == NOT_A_MICROGRAPH for one in together]
    assert sum(refused) == 3
    for question, answer in zip(questions, together, strict=True):
        _same(answer, student.ask(question, max_tokens=5))
    student.check_pictures = False
    assert NOT_A_MICROGRAPH not in [a.text for a in ask_many(student, questions, max_tokens=5)]


@pytest.mark.usefixtures("threads")
def test_a_stop_is_heard_between_batches() -> None:
    student = make_student()
    cancel = Event()
    looked: list[int] = []

    def note(_module: object, args: tuple[torch.Tensor]) -> None:
        looked.append(len(args[0]))
        if len(looked) == 3:
            cancel.set()

    student.model.image_encoder.backbone.embeddings.register_forward_pre_hook(note)
    regions = [make_region(seed=i) for i in range(24)]
    with pytest.raises(Cancelled):
        classify_many(student, regions, label_set_of(LABELS), cancel=cancel)
    assert len(looked) < 10
    with pytest.raises(Cancelled):
        ask_many(student, [Question(QUESTION, (r,)) for r in regions], cancel=cancel)
    cancel.clear()
    assert len(classify_many(student, regions[:2], label_set_of(LABELS), cancel=cancel)) == 2


def test_a_region_is_looked_at_once_for_its_class_and_all_questions() -> None:
    student = make_student()
    looked: list[int] = []
    student.model.image_encoder.backbone.embeddings.register_forward_pre_hook(
        lambda _module, args: looked.append(len(args[0]))
    )
    regions = [make_region(seed=i) for i in range(8)]
    classify_many(student, regions, label_set_of(LABELS))
    ask_many(student, [Question(t, (r,)) for r in regions for t in ("What?", "Where is it?")])
    assert sum(looked) == 8


def test_a_bad_question_among_many_says_what_is_wrong() -> None:
    student = make_student()
    region = make_region()
    with pytest.raises(QuestionError, match="Type a question"):
        ask_many(student, [Question(QUESTION, (region,)), Question(" ", (region,))])
    with pytest.raises(QuestionError, match="two regions at most"):
        ask_many(student, [Question(QUESTION, (region,) * 3)])
    with pytest.raises(QuestionError, match="Draw a region"):
        classify_many(student, [], label_set_of(LABELS))
    assert ask_many(student, []) == []


class Plain(FakeModel):
    """A model without a batched way; it notes what it was given."""

    def classify(self, regions: Sequence[Region], labels: object, **options: object):  # type: ignore[no-untyped-def, override]
        self.given = labels
        names = labels.names if isinstance(labels, LabelSet) else labels
        return super().classify(regions, names, **options)  # type: ignore[arg-type]


def test_a_model_without_a_batched_way_is_asked_one_by_one() -> None:
    model, region = Plain(), make_region()
    assert not takes_many(model)
    assert takes_many(make_student())
    found = classify_many(model, [region, region], label_set_of(LABELS), threshold=0.7)
    assert (found.threshold, len(found), model.given) == (0.7, 2, LABELS)
    told = LabelSet("mine", (LabelClass("pore", "a hole"), LabelClass("crack")))
    classify_many(model, [region], told)
    assert model.given is told
    answers = ask_many(model, [Question("What?", (region,)), Question("Where?", (region,))])
    assert [one.question for one in answers] == ["What?", "Where?"]
    with pytest.raises(QuestionError, match="Draw a region"):
        classify_many(model, [], told)


def test_a_model_inside_another_is_not_asked_past_it() -> None:
    class Around:
        def __init__(self, inner: Student) -> None:
            self.inner = inner

        def __getattr__(self, name: str) -> object:
            return getattr(self.inner, name)

    assert not takes_many(Around(make_student()))  # type: ignore[arg-type]


def test_groups_hold_each_thing_once_and_little_padding() -> None:
    sizes = [144, 2448, 100, 144, 120, 96, 2304, 144]
    groups = alike(sizes, at_once=3, total=2400)
    assert sorted(i for group in groups for i in group) == list(range(len(sizes)))
    for group in groups:
        inside = [sizes[i] for i in group]
        assert len(group) == 1 or max(inside) <= 1.3 * min(inside)
        assert len(group) == 1 or max(inside) * len(inside) <= 2400
        assert len(group) <= 3
    assert alike([]) == []


@pytest.mark.usefixtures("threads")
def test_works_are_shared_out_in_their_order_and_an_error_is_told() -> None:
    found = shared_out([lambda i=i: (i, torch.get_num_threads()) for i in range(7)], lambda: None)
    assert found == [(i, 1) for i in range(7)]

    def fail() -> int:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        shared_out([fail, lambda: 1], lambda: None)


@pytest.mark.parametrize("labels", [2, 4])
@pytest.mark.parametrize("images", [2, 5])
def test_padding_of_one_image_is_not_looked_at_by_another(images: int, labels: int) -> None:
    """With fewer labels than images and with more, each image of another length."""
    student = make_student()
    shapes = [(96, 96), (96, 128), (128, 160), (64, 256), (200, 90)][:images]
    regions = [make_region(*shape, seed=i) for i, shape in enumerate(shapes)]
    memories = [student._eyes.look(r, None, lambda: None).memory for r in regions]
    assert len({memory.tokens[0] for memory in memories}) == min(images, 4)
    names = LABELS[:labels]
    with torch.inference_mode():
        together, maps = score_labels_of_each(
            student.model, student.processor, ImageMemory.together(memories), names, lambda: None
        )
        for i, memory in enumerate(memories):
            alone, looked = score_labels(
                student.model, student.processor, memory, names, lambda: None
            )
            torch.testing.assert_close(together[i], alone, atol=1e-4, rtol=0)
            places = looked.shape[1]
            torch.testing.assert_close(maps[i, :, :places], looked, atol=1e-4, rtol=0)
            assert not maps[i, :, places:].any()
