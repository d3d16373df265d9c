"""Reasoned answers: steps and final answer are taken apart, each with its own map."""

from __future__ import annotations

import json
import pickle
from math import sqrt

import numpy as np
import pytest

from fakes import FakeModel, picture
from napari_micrograph_vlm.attention.occlusion import Scores
from napari_micrograph_vlm.errors import QuestionError
from napari_micrograph_vlm.models.base import Model
from napari_micrograph_vlm.models.reasoning import INSTRUCTION, ROOM, ReasonedModel, read_steps
from napari_micrograph_vlm.regions import Cutout
from napari_micrograph_vlm.results import Question

PLAIN = "Step 1: A dark line.\nStep 2: It branches.\nAnswer: a crack"


def parts(text):
    found = read_steps(text)
    return [text[a:b] for a, b in found.steps], text[slice(*found.answer)]


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        "Step 1: A dark line.\n\nStep 2: It branches.\n\nAnswer: a crack\n",
        "**Step 1:** A dark line.\n**Step 2:** It branches.\n**Answer:** a crack",
        "### Step 1\nA dark line.\n### Step 2\nIt branches.\n### Final answer: a crack",
        "1. A dark line.\n2. It branches.\nThe final answer is: a crack",
        "1) A dark line.\n2) It branches.\n\na crack",
        "Step 1: A dark line. \nStep 2: It branches. Answer: a crack",
        "step 1 - A dark line.\nSTEP 2 – It branches.\nanswer : **a crack**",
        "<think>A dark line.\n\nIt branches.\n</think>\n\na crack",
        "<think>Step 1: A dark line.\nStep 2: It branches.</think>Answer: a crack",
    ],
)
def test_steps_as_models_write_them(text):
    assert parts(text) == (["A dark line.", "It branches."], "a crack")


@pytest.mark.parametrize(
    ("text", "steps", "answer"),
    [
        ("a crack", [], "a crack"),
        ("1.5 nm wide", [], "1.5 nm wide"),
        ("Answer: a crack", [], "a crack"),
        ("", [], ""),
        ("It is dark and thin.\nAnswer: a crack", ["It is dark and thin."], "a crack"),
        ("Step 1: A line.\nStep 2: It bra", ["A line.", "It bra"], "It bra"),
        ("<think>Hm, a line", ["Hm, a line"], "Hm, a line"),
        ("Step 1: The answer is near.\nAnswer: 1. a crack", ["The answer is near."], "1. a crack"),
        ("Step 1:\nAnswer:", [], ""),
    ],
)
def test_texts_that_are_otherwise(text, steps, answer):
    assert parts(text) == (steps, answer)


@pytest.fixture
def region():
    return Cutout.of_array(picture()).read()


def reasoned(text, region, question=" What is it? ", **options):
    fake = FakeModel(text)
    model = ReasonedModel(fake)
    assert isinstance(model, Model)
    return fake, model.ask(Question(question, (region,)), **options)


def test_the_answer_is_the_final_one_and_each_step_has_its_map(region):
    pieces = []
    fake, answer = reasoned(PLAIN.replace("\n", " \n"), region, on_text=pieces.append)
    assert (answer.question, answer.text) == ("What is it?", "a crack")
    assert [step.text for step in answer.steps] == ["A dark line.", "It branches."]
    assert [answer.text[w.start : w.stop] for w in answer.words] == ["a", "crack"]
    # The fake looks at another cell for each of its words: the steps' maps must differ so.
    looked = [set(np.flatnonzero(s.attention[0].values > 0.03)) for s in answer.steps]
    assert all(looked)
    assert not looked[0] & looked[1]
    words = fake.text.split(" ")
    crack = words.index("crack") + 1
    assert answer.attention[0].values[np.unravel_index(crack, (6, 6))] > 0.2
    assert answer.attention[0].values.sum() == pytest.approx(1, abs=1e-5)
    assert answer.confidence == pytest.approx(sqrt(0.9 * 0.9))
    assert "".join(pieces) == fake.text  # the steps are seen as they are written


def test_the_model_is_told_how_to_reason_and_given_room(region):
    fake, answer = reasoned(PLAIN, region, max_tokens=20)
    assert fake.questions[0].text == f"What is it?\n\n{INSTRUCTION}"
    assert fake.max_tokens == 20 + ROOM
    assert answer.next_turns[-1].question == "What is it?"
    assert answer.next_turns[-1].answer == "a crack"


def test_a_model_that_writes_no_steps_answers_as_ever(region):
    _, answer = reasoned("a crack", region)
    assert (answer.text, answer.steps) == ("a crack", ())
    assert answer.confidence == 0.87
    assert len(answer.words) == 2


def test_steps_are_kept_as_json_and_shown_one_by_one(region):
    _, answer = reasoned(PLAIN, region)
    kept = json.loads(answer.to_json())
    assert [step["text"] for step in kept["steps"]] == ["A dark line.", "It branches."]
    assert answer.at_step(answer.steps[1]).attention is answer.steps[1].attention


def test_a_model_that_cannot_reason_says_so(region):
    fake = FakeModel()
    fake.reasons = False
    with pytest.raises(QuestionError, match="writes no steps"):
        ReasonedModel(fake)


def test_what_else_the_model_does_is_passed_on(region):
    class Choosy(FakeModel):
        methods = ("a", "b")

        def score(self, question, answers, cancel=None):
            return np.zeros(len(answers))

        def ask(self, question, *, relevance, **options):
            self.relevance = relevance
            return super().ask(question, **options)

    inner = Choosy(PLAIN)
    model = ReasonedModel(inner)
    assert isinstance(model, Scores)
    assert not isinstance(ReasonedModel(FakeModel()), Scores)
    assert model.methods == ("a", "b")
    model.ask(Question("What?", (region,)), relevance="b")
    assert inner.relevance == "b"
    assert pickle.loads(pickle.dumps(ReasonedModel(FakeModel()))).name == "fake, step by step"


def test_an_empty_question_is_not_asked(region):
    with pytest.raises(QuestionError):
        reasoned(PLAIN, region, question=" ")


def test_labels_are_weighed_as_without_steps(region):
    model = ReasonedModel(FakeModel())
    assert model.classify([region], ["crack", "pore"]).best == ("crack",)
    assert model.suggestions() == FakeModel().suggestions()
    assert model.name == "fake, step by step"
    assert model.prepare(region).views
