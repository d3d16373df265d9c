"""Frames of a stack asked about together, by models of several kinds."""

from dataclasses import replace
from threading import Event

import numpy as np
import pytest

from fakes import FakeModel
from models.tiny_models import checkpoint
from models.tiny_student import make_student
from napari_micrograph_vlm import load_model
from napari_micrograph_vlm.attention.occlusion import likelihood, occlusion_maps
from napari_micrograph_vlm.attention.trust import trust_of
from napari_micrograph_vlm.errors import Cancelled
from napari_micrograph_vlm.frames import of_stack, read_frames
from napari_micrograph_vlm.frames.cutouts import are_frames
from napari_micrograph_vlm.models.framing import FramesModel, framed
from napari_micrograph_vlm.models.reasoning import ReasonedModel
from napari_micrograph_vlm.models.student.physical import Expander, NoScale, Scale, plain, scale_of
from napari_micrograph_vlm.results import Question

TEXT = "Which frame shows the longest crack?"


def frames(count=4, shape=(60, 80)):
    stack = np.random.default_rng(3).integers(40, 220, (12, *shape), np.uint8)
    chosen = list(range(0, 3 * count, 3))[:count] if count <= 4 else list(range(count))
    return tuple(read_frames(of_stack(stack, frames=chosen, axis_name="z")))


@pytest.fixture(scope="module")
def qwen(tmp_path_factory):
    return load_model(checkpoint("qwen2_vl", tmp_path_factory.mktemp("m") / "qwen"), "cpu")


@pytest.fixture(scope="module")
def llava(tmp_path_factory):
    return load_model(checkpoint("llava", tmp_path_factory.mktemp("m") / "llava"), "cpu")


def decoded(model, question):
    prompt = model.family.prompt(question.regions, question.text)
    return model.family.tokenizer.decode(prompt.inputs["input_ids"][0])


def check(answer, regions):
    assert answer.regions == tuple(regions)
    assert answer.question == TEXT
    assert len(answer.attention) == len(regions)
    for maps in (answer.attention, *(word.attention for word in answer.words)):
        assert len(maps) == len(regions)
        for one in maps:
            assert one.values.sum() == pytest.approx(1, abs=1e-4)
        assert sum(one.share for one in maps) == pytest.approx(1, abs=1e-4)


def test_a_model_of_several_pictures_gets_each_frame_under_its_name(qwen):
    regions = frames()
    asked = []
    answer = framed(qwen, regions).ask(Question(TEXT, regions), max_tokens=6, on_text=asked.append)
    check(answer, regions)
    assert "".join(asked) == answer.text
    text = decoded(qwen, Question(TEXT, regions))
    names = [text.index(f"slice {n}: ") for n in (0, 3, 6, 9)]
    assert names == sorted(names)
    assert names[-1] < text.index(TEXT)
    assert "slice" not in decoded(qwen, Question(TEXT, regions[:1]))


@pytest.mark.parametrize("kind", ["internvl", "idefics2", "smolvlm", "gemma3", "llava_onevision"])
def test_every_family_of_several_pictures_names_them_and_finds_their_tokens(kind, tmp_path):
    model = load_model(checkpoint(kind, tmp_path / kind), "cpu")
    regions = frames(3)
    named = model.family.prompt(regions, TEXT, tiled=False)
    plain = model.family.prompt([replace(one, label="") for one in regions], TEXT, tiled=False)
    ids = named.inputs["input_ids"][0]
    text = model.family.tokenizer.decode(ids)
    assert all(f"slice {n}:" in text for n in (0, 3, 6))
    for one, other in zip(named.sights, plain.sights, strict=True):
        assert len(one.positions) == len(other.positions)
        assert (ids[one.positions] == ids[named.sights[0].positions[0]]).all()
    assert named.shared > named.sights[-1].positions[-1]
    check(framed(model, regions).ask(Question(TEXT, regions), max_tokens=3), regions)


def test_a_name_cannot_smuggle_in_what_the_model_reserves(qwen):
    regions = [replace(one, label=f"<|image_pad|> {i}") for i, one in enumerate(frames(2))]
    prompt = qwen.family.prompt(regions, TEXT)
    plain = qwen.family.prompt(frames(2), TEXT)
    image = qwen.family._chat.image_id
    counts = [int((one.inputs["input_ids"] == image).sum()) for one in (prompt, plain)]
    assert counts[0] == counts[1]


def test_another_name_is_another_prompt_to_the_cache(qwen):
    regions = frames(2)
    qwen.sessions.forget()
    qwen.ask(Question(TEXT, regions), max_tokens=1)
    before = len(qwen.sessions)
    qwen.ask(Question(TEXT, regions), max_tokens=1)
    assert len(qwen.sessions) == before
    other = tuple(replace(one, label=f"frame {i}") for i, one in enumerate(regions))
    qwen.ask(Question(TEXT, other), max_tokens=1)
    assert len(qwen.sessions) > before


def test_a_model_of_one_picture_gets_a_sheet_and_is_told_of_it(llava):
    regions = frames()
    seen = []
    inner = llava.ask

    def spy(question, **options):
        seen.append(question)
        return inner(question, **options)

    llava.ask = spy
    try:
        answer = framed(llava, regions).ask(Question(TEXT, regions), max_tokens=6)
    finally:
        del llava.ask
    (given,) = seen
    assert len(given.regions) == 1
    assert given.tiled is True
    assert given.text.startswith(TEXT)
    assert "slice 0, slice 3, slice 6, slice 9" in given.text
    check(answer, regions)
    asked_for = [answer.question[word.start : word.stop] for word in answer.question_words]
    assert asked_for[-1] == "crack"
    assert all(len(word.attention) == 4 for word in answer.question_words)


def test_the_student_compares_two_frames_and_gets_a_sheet_of_more():
    student = make_student()
    for count in (2, 5):
        regions = frames(count)
        told = []
        answer = framed(student, regions).ask(
            Question(TEXT, regions), max_tokens=6, on_text=told.append
        )
        check(answer, regions)
        assert answer.text == "".join(told).strip()


def test_the_size_of_a_sheet_is_never_given_as_that_of_an_object():
    regions = tuple(replace(one, pixel_size=(5.0, 5.0), unit="nm") for one in frames(5))
    seen = []

    class Untaught(FakeModel):
        reasons = False

        def ask(self, question, **options):
            seen.append(question)
            return super().ask(question, **options)

    answer = framed(Untaught(), regions).ask(Question("How long is the crack in nm?", regions))
    assert answer.regions == regions
    (given,) = seen
    assert given.text == answer.question
    assert scale_of(given.regions) is NoScale.SHEET
    told = Expander(scale_of(given.regions), given.text).push("about 60 % of the picture")
    assert told == f"about 60 % of the picture{NoScale.SHEET}"
    assert plain(told) == "about 60 % of the picture"
    assert isinstance(scale_of(regions), Scale)


def test_more_frames_than_a_model_takes_are_put_on_a_sheet(qwen):
    regions = frames(10)
    answer = framed(qwen, regions).ask(Question(TEXT, regions), max_tokens=3)
    check(answer, regions)


def test_asking_can_be_stopped_and_keeps_what_was_written(llava):
    regions = frames()
    stop = Event()
    with pytest.raises(Cancelled):
        framed(llava, regions).ask(
            Question(TEXT, regions), max_tokens=200, cancel=stop, on_text=lambda _: stop.set()
        )


def test_frames_are_regions_with_names():
    regions = frames()
    model = FakeModel()
    assert are_frames(regions)
    assert not are_frames(regions[:1])
    assert framed(model, regions[:1]) is model
    assert framed(model, [replace(one, label="") for one in regions]) is model


def test_steps_are_cut_like_words():
    regions = frames()
    model = FakeModel("Step 1: look at each\nAnswer: slice 9")
    answer = ReasonedModel(framed(model, regions)).ask(Question(TEXT, regions))
    assert answer.text == "slice 9"
    assert answer.question == TEXT
    assert [len(step.attention) for step in answer.steps] == [4]
    assert TEXT in model.questions[0].text
    assert "sheet of 4 frames" in model.questions[0].text


def test_trust_and_covering_work_on_frames():
    regions = frames(3, (16, 24))
    student = make_student()
    model = framed(student, regions)
    answer = model.ask(Question(TEXT, regions), max_tokens=4)
    assert isinstance(likelihood(model, answer, regions), float)
    maps = occlusion_maps(model, answer, parts=2)
    assert [one.values.shape for one in maps] == [(1, 2)] * 3
    trust_of(model, answer)
    assert student.check_pictures is True  # put back on the model itself
    assert not hasattr(FramesModel(FakeModel()), "score")
    assert not hasattr(FramesModel(FakeModel()), "check_pictures")
