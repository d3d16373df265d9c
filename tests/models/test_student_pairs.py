"""Two regions at once, and lengths in answers: what the student returns and what it streams."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_student import make_region, make_student

from napari_micrograph_vlm.errors import QuestionError
from napari_micrograph_vlm.models.student import engine
from napari_micrograph_vlm.models.student.engine import Student
from napari_micrograph_vlm.models.student.writing import Step
from napari_micrograph_vlm.regions import Region
from napari_micrograph_vlm.results import Question, Turn

QUESTION = "Which region has the defect?"
SIZE = "How long is it in nm?"


@pytest.fixture
def student() -> Student:
    return make_student()


@pytest.fixture
def pair() -> tuple[Region, Region]:
    return make_region(seed=1), make_region(64, 128, seed=2)


def write_instead(
    monkeypatch: pytest.MonkeyPatch, student: Student, text: str
) -> list[tuple[list[int], int]]:
    """Let the student write ``text``; return a list of the prompts that it is given."""
    tokens = student.processor.encode_text(text)
    prompts: list[tuple[list[int], int]] = []

    def write(_model: object, memory: object, ids: list[int], *_: object) -> Iterator[Step]:
        length = memory.layers[0][0].shape[2] - 1  # type: ignore[attr-defined]
        prompts.append((ids, length))
        for i, token in enumerate(tokens):
            attention = torch.zeros(length)
            attention[i % length] = 1
            yield Step(token, 0.5, attention)

    monkeypatch.setattr(engine, "write", write)
    return prompts


def scaled(region: Region, nm: float | None, unit: str = "nm") -> Region:
    return replace(region, pixel_size=None if nm is None else (nm, nm), unit=unit)


def test_two_regions_give_two_maps(student: Student, pair: tuple[Region, Region]) -> None:
    pieces: list[str] = []
    answer = student.ask(Question(QUESTION, pair), on_text=pieces.append, max_tokens=12)
    assert answer.text == "".join(pieces) != ""
    assert answer.regions == pair
    assert [m.values.shape for m in answer.attention] == [(4, 4), (2, 4)]
    for shown in (answer.attention, *(word.attention for word in answer.words)):
        assert len(shown) == 2
        assert [float(m.values.sum()) for m in shown] == pytest.approx([1, 1], abs=1e-5)
    assert answer.provenance.tiles == 1
    assert len(answer.to_dict()["attention"]) == 2


def test_the_order_of_two_regions_matters(student: Student, pair: tuple[Region, Region]) -> None:
    first, second = pair[0], make_region(seed=5)

    def ignore() -> None:
        return None

    with torch.inference_mode():
        one = student._eyes.look_at_two((first, second), ignore)
        other = student._eyes.look_at_two((second, first), ignore)
    here, there = one.memory.layers[0][0], other.memory.layers[0][0]
    assert here.shape == there.shape == (1, 2, 33, 16)
    assert not torch.allclose(here[..., 0, :], there[..., 0, :], atol=1e-4)
    assert not torch.allclose(here[..., 1:17, :], there[..., 17:, :], atol=1e-4)
    confidences = {
        student.ask(Question(QUESTION, regions), max_tokens=8).confidence
        for regions in ((first, second), (second, first), (first, first))
    }
    assert len(confidences) == 3


def test_attention_on_the_second_region_shows_there(
    student: Student, pair: tuple[Region, Region], monkeypatch: pytest.MonkeyPatch
) -> None:
    forced = torch.zeros(16 + 8)
    forced[16 + 6] = 1
    monkeypatch.setattr(
        student.model, "shown_attention", lambda cross: forced.expand(1, cross[0].shape[2], -1)
    )
    answer = student.ask(Question(QUESTION, pair), max_tokens=3)
    assert answer.attention[1].peak == (1, 2)
    assert not answer.attention[0].has_focus


def test_a_pair_is_not_tiled(student: Student) -> None:
    large = make_region(300, 300, seed=1), make_region(300, 300, seed=2)
    answer = student.ask(Question(QUESTION, large, tiled=True), max_tokens=2)
    assert [m.values.shape for m in answer.attention] == [(4, 4), (4, 4)]
    assert answer.provenance.tiles == 1


def test_a_pair_is_looked_at_once(student: Student, pair: tuple[Region, Region]) -> None:
    looked: list[int] = []
    joined: list[int] = []
    backbone = student.model.backbone_features

    def note(pixels: torch.Tensor) -> torch.Tensor:
        looked.append(len(pixels))
        return backbone(pixels)

    student.model.backbone_features = note  # type: ignore[method-assign]
    student.model.image_encoder.register_forward_hook(lambda *_: joined.append(1))
    student.ask(Question(QUESTION, pair[:1]), max_tokens=2)
    assert (sum(looked), len(joined)) == (1, 1)
    student.ask(Question(QUESTION, pair), max_tokens=2)
    assert (sum(looked), len(joined)) == (2, 2)
    student.ask(Question("Is it?", pair), max_tokens=2)
    student.ask(Question(QUESTION, pair[1:]), max_tokens=2)
    assert (sum(looked), len(joined)) == (2, 3)


def test_a_follow_up_about_a_pair_reads_the_turns(
    student: Student, pair: tuple[Region, Region], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = student.ask(Question(QUESTION, pair), max_tokens=4)
    prompts = write_instead(monkeypatch, student, "no defect")
    answer = student.ask(Question("And where?", pair, first.next_turns))
    assert answer.turns == first.next_turns
    written = student.processor.encode_dialogue(first.next_turns, "And where?").ids
    assert prompts == [(written, 24)]


@pytest.mark.parametrize("count", [3, 7])
def test_more_than_two_regions_are_refused(student: Student, count: int) -> None:
    regions = tuple(make_region(seed=i) for i in range(count))
    with pytest.raises(QuestionError, match=rf"two regions at most, not {count}; choose two"):
        student.ask(Question(QUESTION, regions))


@pytest.mark.parametrize(
    ("nm", "question", "expected"),
    [
        (10.0, SIZE, "Large, about 20 % of the picture (about 260 nm). No defect"),
        (None, SIZE, "Large, about 20 % of the picture (the pixel size is not known). No defect"),
        (None, "How long?", "Large, about 20 % of the picture. No defect"),
    ],
)
def test_lengths_are_streamed_kept_and_explained(
    student: Student,
    monkeypatch: pytest.MonkeyPatch,
    nm: float | None,
    question: str,
    expected: str,
) -> None:
    write_instead(monkeypatch, student, "large, about 20 % of the picture. no defect")
    region = scaled(make_region(96, 128), nm)
    pieces: list[str] = []
    answer = student.ask(Question(question, (region,)), on_text=pieces.append)
    assert answer.text == "".join(pieces) == expected
    said = [answer.text[word.start : word.stop] for word in answer.words]
    assert said == expected.replace("(", "").replace(")", "").replace(",", "").replace(
        ".", ""
    ).replace("% ", "").split(" ")
    number = answer.words[said.index("20")]
    added = slice(said.index("picture") + 1, said.index("No"))
    for word in answer.words[added]:
        assert word.probability == number.probability == 0.25
        np.testing.assert_array_equal(word.attention[0].values, number.attention[0].values)
    plain = student.ask(Question("How long?", (make_region(96, 128),)))
    np.testing.assert_allclose(answer.attention[0].values, plain.attention[0].values)
    assert answer.confidence == pytest.approx(0.5)


def test_the_field_of_view_is_exact(student: Student, monkeypatch: pytest.MonkeyPatch) -> None:
    write_instead(monkeypatch, student, "100 % of the picture")
    region = scaled(make_region(128, 96), 0.02, "µm")
    answer = student.ask(Question("How wide is the region?", (region,)))
    assert answer.text == "100 % of the picture (1.92 µm)"


@pytest.mark.parametrize(
    ("other", "added"),
    [
        (10.0, " (about 640 nm)"),
        (20.0, " (the regions differ in size)"),
        (None, " (the pixel size is not known)"),
    ],
)
def test_two_regions_have_lengths_where_they_are_of_one_size(
    student: Student, monkeypatch: pytest.MonkeyPatch, other: float | None, added: str
) -> None:
    write_instead(monkeypatch, student, "about 50 % of the picture")
    regions = scaled(make_region(seed=1), 10.0), scaled(make_region(seed=2), other)
    assert student.ask(Question(SIZE, regions)).text == f"About 50 % of the picture{added}"


def test_larger_is_meant_as_a_share_where_the_regions_differ_in_size(
    student: Student, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts = write_instead(monkeypatch, student, "the first region")
    regions = scaled(make_region(seed=1), 10.0), scaled(make_region(seed=2), 20.0)
    pieces: list[str] = []
    question = "Which has the larger pores?"
    answer = student.ask(Question(question, regions), on_text=pieces.append)
    assert answer.text == "".join(pieces) == "The first region (as a share of each region)"
    said = [answer.text[word.start : word.stop] for word in answer.words]
    assert said == ["The", "first", "region", "as", "a", "share", "of", "each", "region"]
    student.ask(Question("And how?", regions, answer.next_turns))
    bare = (Turn(question, "The first region"),)
    assert prompts[1][0] == student.processor.encode_dialogue(bare, "And how?").ids
    same = regions[0], scaled(make_region(seed=2), 10.0)
    assert student.ask(Question(question, same)).text == "The first region"


def test_the_model_reads_its_own_words_again(
    student: Student, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts = write_instead(monkeypatch, student, "about 50 % of the picture")
    region = scaled(make_region(), 10.0)
    first = student.ask(Question(SIZE, (region,)))
    assert first.text.endswith("(about 640 nm)")
    second = student.ask(Question("And where?", (region,), first.next_turns))
    bare = (Turn(SIZE, "About 50 % of the picture"),)
    assert prompts[1][0] == student.processor.encode_dialogue(bare, "And where?").ids
    assert second.turns == first.next_turns
