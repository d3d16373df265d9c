from __future__ import annotations

import gc
import weakref
from threading import Event

import numpy as np
import pytest
import torch
from tiny_student import make_region, make_student

from napari_micrograph_vlm.errors import Cancelled, ModelError, QuestionError
from napari_micrograph_vlm.models.student.engine import Student
from napari_micrograph_vlm.models.student.scoring import (
    dialogues,
    label_questions,
    score_answers,
)
from napari_micrograph_vlm.regions import Cutout, Region
from napari_micrograph_vlm.results import Question, Turn

QUESTION = "What defect is there?"


@pytest.fixture
def student() -> Student:
    return make_student()


@pytest.fixture
def region() -> Region:
    return make_region()


def _count_passes(student: Student) -> list[int]:
    """Sequence lengths that the decoder was given."""
    lengths: list[int] = []

    def note(_module: object, _args: object, kwargs: dict[str, torch.Tensor]) -> None:
        lengths.append(kwargs["input_ids"].shape[1])

    student.model.decoder.bert.register_forward_pre_hook(note, with_kwargs=True)
    return lengths


def test_streamed_text_is_the_answer(student: Student, region: Region) -> None:
    pieces: list[str] = []
    answer = student.ask(Question(QUESTION, (region,)), on_text=pieces.append, max_tokens=12)
    assert "".join(pieces) == answer.text
    assert len(pieces) > 1
    assert 0 < answer.confidence <= 1
    assert answer.regions == (region,)
    assert answer.provenance.model == student.name
    assert answer.provenance.tiles == 1
    for word in answer.words:
        assert answer.text[word.start : word.stop].strip()
        assert 0 < word.probability <= 1
    assert student.ask(Question(QUESTION, (region,)), max_tokens=12).text == answer.text


def _teacher_forced(
    student: Student, region: Region, count: int
) -> tuple[list[int], torch.Tensor, torch.Tensor]:
    """Tokens written without any cache, their probabilities, and attention of one forward."""
    model, processor = student.model, student.processor
    seen = student._eyes.look(region, None, lambda: None)
    ids = processor.encode_dialogue((), QUESTION).ids
    start = len(ids)
    pixels = processor.image_processor([v.pixels for v in student.prepare(region).views])
    images = model.encode(
        model.backbone_features(pixels),
        seen.layouts[0].positions()[None],
        seen.layouts[0].kinds()[None],
    )
    for _ in range(count):
        logits = model.decoder(
            input_ids=torch.tensor([ids]), encoder_hidden_states=images, use_cache=False
        ).logits[0, -1]
        logits[:8] = -torch.inf
        ids.append(int(logits.argmax()))
    full = model.decoder(
        input_ids=torch.tensor([ids]),
        encoder_hidden_states=images,
        use_cache=False,
        output_attentions=True,
    )
    shown = model.shown_attention(full.cross_attentions)[0, start - 1 : -1]
    logits = full.logits[0, start - 1 : -1]
    logits[:, :8] = -torch.inf
    chosen = torch.tensor(ids[start:])
    return ids[start:], logits.softmax(-1).gather(1, chosen[:, None])[:, 0], shown


def test_cached_decoding_and_maps_equal_one_full_forward(student: Student, region: Region) -> None:
    with torch.inference_mode():
        tokens, probabilities, shown = _teacher_forced(student, region, 10)
    answer = student.ask(Question(QUESTION, (region,)), max_tokens=10)
    assert answer.text == student.processor.decode(tokens)
    assert answer.confidence == pytest.approx(float(probabilities.log().mean().exp()), rel=1e-3)
    detokenizer = student.processor.detokenizer()
    for token in tokens:
        detokenizer.push(token)
    detokenizer.finish()
    assert len(detokenizer.words) == len(answer.words) > 0
    for word, (start, stop, members) in zip(answer.words, detokenizer.words, strict=True):
        assert (word.start, word.stop) == (start, stop)
        expected = shown[list(members)].mean(0).reshape(4, 4).numpy()
        np.testing.assert_allclose(word.attention[0].values, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "tiled"), [((128, 128), None), ((100, 260), None), ((300, 300), True)]
)
def test_the_token_that_sees_a_change_has_its_place(
    student: Student, shape: tuple[int, int], tiled: bool | None
) -> None:
    given: list[tuple[torch.Tensor, ...]] = []
    encode = student.model.encode

    def note(*args: torch.Tensor) -> torch.Tensor:
        given.append(args)
        return encode(*args)

    student.model.encode = note  # type: ignore[method-assign]
    plain = np.full(shape, 100, np.uint8)
    plain[::7] = 110
    spot = plain.copy()
    height, width = shape
    y, x = int(0.8 * height), int(0.3 * width)
    spot[y - 5 : y + 5, x - 5 : x + 5] = 255
    for image in (plain, spot):
        student._eyes.look(Cutout.of_array(image).read(), tiled, lambda: None)
    (before, positions, kinds, *_), (after, *_) = given
    change = (after - before).square().sum(-1)[0]
    for kind in kinds.unique():
        mine = change * (kinds[0] == kind)
        found = positions[0, int(mine.argmax())]
        scale = 3 if kind else 1  # tiles are finer
        assert abs(float(found[0]) - y / height) < 0.5 / 4 / scale * (128 / min(shape) + 1)
        assert abs(float(found[1]) - x / width) < 0.5 / 4 / scale * 1.3


@pytest.mark.parametrize(
    ("shape", "tiled", "grid"),
    [((128, 128), None, (4, 4)), ((64, 128), None, (2, 4)), ((256, 128), True, (8, 4))],
)
def test_attention_forced_on_a_token_shows_at_its_place(
    student: Student,
    shape: tuple[int, int],
    tiled: bool | None,
    grid: tuple[int, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    region = make_region(*shape)
    layout = student._eyes.look(region, tiled, lambda: None).layouts[0]
    target = torch.tensor([0.9, 0.1])
    far = (layout.positions() - target).abs().sum(1) - layout.kinds() * 0.01
    forced = torch.zeros(len(far))
    forced[int(far.argmin())] = 1
    monkeypatch.setattr(
        student.model,
        "shown_attention",
        lambda cross: forced.expand(1, cross[0].shape[2], -1),
    )
    answer = student.ask(Question(QUESTION, (region,), tiled=tiled), max_tokens=4)
    values = answer.attention[0].values
    assert values.shape == grid
    assert values.sum() == pytest.approx(1)
    row, column = answer.attention[0].peak
    assert (row, column) == (int(0.9 * grid[0]), int(0.1 * grid[1]))


def test_tiles_make_a_finer_map(student: Student) -> None:
    answer = student.ask(Question(QUESTION, (make_region(300, 300),), tiled=True), max_tokens=3)
    assert answer.attention[0].values.shape == (12, 12)
    assert answer.attention[0].values.sum() == pytest.approx(1, abs=1e-5)
    assert answer.provenance.tiles == 9


@pytest.mark.parametrize("after", [1, 3])
def test_cancel_stops_within_one_token(student: Student, region: Region, after: int) -> None:
    cancel = Event()
    passes = _count_passes(student)

    def stop(*_: object) -> None:
        if len(passes) == after:
            cancel.set()

    student.model.decoder.bert.register_forward_hook(stop)
    pieces: list[str] = []
    with pytest.raises(Cancelled) as caught:
        student.ask(Question(QUESTION, (region,)), on_text=pieces.append, cancel=cancel)
    assert len(passes) == after
    assert caught.value.text == "".join(pieces)


def test_cancel_before_the_image_encoder(student: Student, region: Region) -> None:
    cancel = Event()
    cancel.set()
    student.model.image_encoder.register_forward_pre_hook(lambda *_: pytest.fail("encoded"))
    with pytest.raises(Cancelled):
        student.ask(Question(QUESTION, (region,)), cancel=cancel)
    with pytest.raises(Cancelled):
        student.classify([region], ["a", "b"], cancel=cancel)


def test_the_same_pixels_are_encoded_once(student: Student) -> None:
    encoded: list[int] = []
    student.model.image_encoder.register_forward_hook(lambda *_: encoded.append(1))
    for text in (QUESTION, "Is it an SEM image?"):
        # Read anew for every question, as the window does.
        student.ask(Question(text, (make_region(seed=0),)), max_tokens=2)
    assert len(encoded) == 1
    for seed in range(10):
        student.ask(Question(QUESTION, (make_region(seed=seed),)), max_tokens=2)
    assert len(encoded) == 10
    student.ask(Question(QUESTION, (make_region(seed=0),)), max_tokens=2)
    assert len(encoded) == 11  # only the last few are kept


def test_regions_are_not_kept_alive(student: Student) -> None:
    region = make_region(seed=0)
    gone = weakref.ref(region)
    student.ask(Question(QUESTION, (region,)), max_tokens=2)
    del region
    gc.collect()
    assert gone() is None


def test_answers_depend_on_the_image_not_on_what_was_asked_before(student: Student) -> None:
    first, second = make_region(seed=1), make_region(96, 128, seed=2)
    alone = make_student().ask(Question(QUESTION, (second,)), max_tokens=8)
    student.ask(Question(QUESTION, (first,)), max_tokens=8)
    student.ask(Question("Is it?", (second,)), max_tokens=8)
    after = student.ask(Question(QUESTION, (second,)), max_tokens=8)
    assert after.text == alone.text
    assert after.confidence == pytest.approx(alone.confidence, rel=1e-4)


@pytest.mark.parametrize(
    ("text", "count", "message"),
    [
        ("  ", 1, "Type a question first"),
        (QUESTION, 0, "Draw a region first"),
        (QUESTION, 3, "two regions at most"),
        ("defect " * 300, 1, "too long"),
    ],
)
def test_questions_that_cannot_be_asked(
    student: Student, region: Region, text: str, count: int, message: str
) -> None:
    with pytest.raises(QuestionError, match=message):
        student.ask(Question(text, (region,) * count))


def test_earlier_turns_are_read(student: Student, region: Region) -> None:
    passes = _count_passes(student)
    student.ask(Question(QUESTION, (region,)), max_tokens=1)
    turns = tuple(Turn(f"What is {i}?", "No defect.") for i in range(40))
    answer = student.ask(Question(QUESTION, (region,), turns), max_tokens=1)
    assert passes[0] < passes[1] <= 160
    assert answer.turns == turns


def test_labels_in_one_batch_equal_separate_passes(student: Student, region: Region) -> None:
    labels = ["bridge", "no defect", "close-packed particles", "x"]
    domain = {"generic_question": QUESTION, "generic_answer": "This is a {label}."}
    questions, known = label_questions(labels, domain)
    assert not known
    rows = dialogues(student.processor, questions[0], 160)
    with torch.inference_mode():
        memory = student._eyes.look(region, None, lambda: None).memory
        scores, attention = score_answers(student.model, memory, rows)
        for row, score, place in zip(rows, scores, attention, strict=True):
            one, there = score_answers(student.model, memory, [row])
            torch.testing.assert_close(one[0], score, atol=1e-4, rtol=1e-4)
            torch.testing.assert_close(there[0], place, atol=1e-5, rtol=1e-4)
            full = student.model.decoder.bert(
                input_ids=torch.tensor([row.ids]),
                is_decoder=True,
                use_cache=False,
                output_attentions=True,
                **memory.arguments(),
            )
            likelihood = student.model.decoder.cls(full.last_hidden_state).log_softmax(-1)[0]
            steps = range(row.answer_start - 1, len(row.ids) - 1)
            expected = sum(float(likelihood[i, row.ids[i + 1]]) for i in steps)
            assert float(score) == pytest.approx(expected, abs=1e-3)
            shown = student.model.shown_attention(full.cross_attentions)[0]
            marked = torch.tensor(row.grounded)
            torch.testing.assert_close(shown[marked].mean(0), place, atol=1e-5, rtol=1e-4)


def test_labels_find_the_question_that_asks_for_them() -> None:
    domain = {
        "categories": ["fibres", "powder"],
        "defects": ["bridge", "crack"],
        "category_question": "What category?",
        "category_answer": "It shows {label}.",
        "defect_question": "What defect?",
        "defect_answer": "There is a {label}.",
        "answers": {"no defect": "There is no defect."},
    }
    questions, known = label_questions(["Fibres", "powder"], domain)
    assert known
    assert [q.text for q in questions] == ["What category?"]
    questions, known = label_questions(["bridge", "no defect"], domain)
    assert known
    assert questions[0].answers == ("There is a bridge.", "There is no defect.")
    assert questions[0].spans == ((11, 17), (9, 18))
    questions, known = label_questions(["bridge", "something else"], domain)
    assert not known
    assert len(questions) == 3


def test_classify(student: Student) -> None:
    regions = [make_region(seed=1), make_region(64, 128, seed=2)]
    done: list[int] = []
    result = student.classify(
        regions, [" bridge", "crack", "no defect"], on_region=done.append, threshold=0.9
    )
    assert result.labels == ("bridge", "crack", "no defect")
    assert result.probabilities.shape == (2, 3)
    np.testing.assert_allclose(result.probabilities.sum(1), 1, rtol=1e-5)
    assert done == [1, 2]
    assert result.threshold == 0.9
    assert [m.values.shape for m in result.attention] == [(4, 4), (2, 4)]
    with pytest.raises(QuestionError, match="at least two"):
        student.classify(regions, ["bridge"])
    with pytest.raises(QuestionError, match="Draw a region"):
        student.classify([], ["a", "b"])


def test_calibration_takes_off_what_is_said_without_a_picture(region: Region) -> None:
    student = make_student(calibration={"free": 1.0})
    blank = make_student(calibration={"free": 1.0})
    # Where nothing is ever seen, no label is more probable than another.
    blank._eyes.look = lambda *_: blank._eyes.nothing()  # type: ignore[method-assign]
    even = blank.classify([region], ["crack", "pore", "mems device"])
    np.testing.assert_allclose(even.probabilities, 1 / 3, rtol=1e-3)
    seen = student.classify([region], ["crack", "pore", "mems device"])
    assert not np.allclose(seen.probabilities, 1 / 3, rtol=1e-3)


def test_cancel_between_regions(student: Student) -> None:
    cancel = Event()
    done: list[int] = []

    def note(count: int) -> None:
        done.append(count)
        cancel.set()

    with pytest.raises(Cancelled):
        student.classify(
            [make_region(seed=i) for i in range(3)], ["a", "b"], on_region=note, cancel=cancel
        )
    assert done == [1]


def test_running_out_of_memory_is_advice(
    student: Student, region: Region, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(student.model, "encode", fail)
    with pytest.raises(ModelError, match="not enough memory"):
        student.ask(Question(QUESTION, (region,)))
