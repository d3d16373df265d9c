"""A lesson is the prompt that a model is asked with, and the answer behind it."""

import re

import numpy as np
import pytest
import torch

pytest.importorskip("peft")

from models.tiny_models import BUILDERS, checkpoint
from napari_micrograph_vlm.datasets.chat import ChatExample, Message, read_chat, write_chat
from napari_micrograph_vlm.errors import QuestionError, SourceError
from napari_micrograph_vlm.models.conditions import conditions_of
from napari_micrograph_vlm.models.loading import load
from napari_micrograph_vlm.models.scoring import score_labels
from napari_micrograph_vlm.models.session import Sessions
from napari_micrograph_vlm.regions import Region
from napari_micrograph_vlm.results import Turn
from napari_micrograph_vlm.training.adapters.answering import (
    end_of_answer,
    lesson_of,
    logits_of,
    loss_of,
)
from napari_micrograph_vlm.training.adapters.from_regions import answer_example
from napari_micrograph_vlm.training.adapters.lessons import (
    Lessons,
    Taught,
    parted,
    read_lessons,
    region_of,
)
from napari_micrograph_vlm.training.adapters.tuning import places
from training.adapters.teaching import conversations, examples, picture

ANSWER = "A crack, about 35 nm wide."


def region(**known):
    pixels = np.random.default_rng(0).random((60, 80)).astype(np.float32)
    return Region(pixels, (0, 0, 60, 80), **known)


@pytest.fixture(scope="module", params=BUILDERS)
def loaded(request, tmp_path_factory):
    """A tiny model of each family."""
    return load(checkpoint(request.param, tmp_path_factory.mktemp(request.param)), "cpu")


def test_a_corrected_answer_is_taught_with_the_prompt_that_is_asked(loaded):
    family = loaded.family
    known = region(pixel_size=(2.0, 2.0), unit="nm")
    example = answer_example([known], " What is it? ", "A pore.")
    rows = [
        {
            "id": example.id,
            "images": example.images,
            "messages": [each.to_chat() for each in example.messages],
        }
    ]
    taught = Lessons(rows, [Taught(0, 1)], family, 2)[0].prompt
    # As `LocalModel` asks.
    told = conditions_of([known]) if family.takes_conditions else ""
    asked = family.prompt([known], "What is it?", conditions=told)
    words = family.tokenizer.decode(taught.inputs["input_ids"][0])
    assert ("picture shows" in words) is family.takes_conditions
    assert taught.question_span == asked.question_span
    assert taught.inputs.keys() == asked.inputs.keys()
    for name, value in asked.inputs.items():
        assert value.equal(taught.inputs[name]), name


def test_what_scores_words_is_not_taught(loaded):
    model = loaded.model
    pattern = places(model, loaded.family, vision=True)
    taught = {n: m for n, m in model.named_modules() if re.fullmatch(pattern, n)}
    words = [m.weight for m in model.modules() if isinstance(m, torch.nn.Embedding)]
    assert taught
    assert not [n for n, m in taught.items() if any(m.weight is each for each in words)]
    assert not [n for n, m in taught.items() if m.out_features == len(loaded.family.tokenizer)]


def test_an_answer_is_as_likely_when_taught_as_when_asked(loaded):
    model, family = loaded.model, loaded.family
    end = end_of_answer(model, family)
    lesson = lesson_of(family, [region()], "What is it?", (), ANSWER, end)
    assert end is not None
    assert lesson.answer[-1] == end
    started = None
    if not family.speaks_itself:
        started = Sessions().start(model, family, lesson.prompt)
    asked = score_labels(model, family, lesson.prompt, started, [ANSWER]).likelihoods[0]
    with torch.no_grad():
        taught = logits_of(model, family, lesson).double().log_softmax(-1)
    each = taught[range(len(lesson.answer)), list(lesson.answer)]
    generation = getattr(model, "generation_config", None)
    ends = getattr(generation, "eos_token_id", None)
    if isinstance(ends, list):  # asked, it may end in any of these ways
        each[-1] = taught[-1, ends].logsumexp(-1)
    assert float(each.sum()) == pytest.approx(asked, abs=2e-3)
    part = next(p for p in family.decoder(model).parameters() if p.ndim > 1).requires_grad_(True)
    loss_of(model, family, lesson).backward()
    assert part.grad is not None


def test_of_several_ends_the_one_of_the_template_is_taught(tmp_path):
    loaded = load(checkpoint("gemma3", tmp_path), "cpu")
    assert len(loaded.model.generation_config.eos_token_id) == 2
    end = end_of_answer(loaded.model, loaded.family)
    assert loaded.family.tokenizer.convert_ids_to_tokens(end) == "<end_of_turn>"


def test_each_answer_knows_what_was_said_before():
    def said(role, text, images=0):
        return Message(role, text, images).to_chat()

    messages = [
        said("user", "One?", 1), said("assistant", "1"), said("user", "Two?", 1),
        said("assistant", "2"),
    ]  # fmt: skip
    assert parted(messages, 1) == (1, "One?", (), "1")
    assert parted(messages, 3) == (2, "Two?", (Turn("One?", "1"),), "2")
    with pytest.raises(QuestionError, match="take turns"):
        parted([messages[0], messages[2], messages[1]], 2)


def test_pictures_are_shown_as_they_are():
    for image in (picture(dark=True), picture(dark=False).convert("RGB")):
        shown = region_of(image)
        assert not shown.is_rgb
        assert np.array_equal(np.round(shown.pixels * 255), np.asarray(image.convert("L")))


def test_groups_are_held_out_whole(tmp_path):
    def grouped():
        for number, example in enumerate(examples(12)):
            yield ChatExample(example.id, example.images, example.messages, f"g{number // 3}")

    write_chat(grouped(), tmp_path / "d", title="T", validation=0, test=0)
    (rows, taught), (_, held) = read_lessons(tmp_path / "d", 0.2)
    groups = [{rows[at.row]["group"] for at in part} for part in (taught, held)]
    assert len(taught) == 9
    assert len(held) == 3
    assert not groups[0] & groups[1]
    conversations(tmp_path / "one", 1)
    with pytest.raises(SourceError, match="too few answers"):
        read_lessons(tmp_path / "one", 0.5)


def test_what_a_model_cannot_be_taught_is_named(tmp_path):
    first = next(examples(1))
    several = Message("user", "Which?", 9)
    odd = [
        first,
        ChatExample("too many", first.images * 9, (several, first.messages[1])),
        ChatExample("none", (), (Message("user", "?"), first.messages[1])),
        ChatExample("empty", first.images, (first.messages[0], Message("assistant", " "))),
        ChatExample("reserved", first.images, (Message("user", "<image>", 1), first.messages[1])),
    ]
    write_chat(odd, tmp_path / "d", title="T", validation=0, test=0)
    loaded = load(checkpoint("llava", tmp_path / "llava"), "cpu")
    rows = read_chat(tmp_path / "d")
    lessons = Lessons(rows, [Taught(i, 1) for i in range(5)], loaded.family, 2)
    made = [lessons[i] for i in range(5)]
    assert [lesson is not None for lesson in made] == [True, False, False, False, False]
    assert set(lessons.skipped) == {"too many", "none", "empty", "reserved"}
    assert "no picture" in lessons.skipped["none"]
