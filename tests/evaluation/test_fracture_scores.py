"""Scores of what was told about plates, and the test that asks for it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from napari_micrograph_vlm.datasets.fracture import (
    STARTS,
    chat_examples,
    plate_region,
    questions_about_plate,
)
from napari_micrograph_vlm.errors import ModelError, SourceError
from napari_micrograph_vlm.evaluation import fracture_run
from napari_micrograph_vlm.evaluation.fracture import (
    Told,
    r_squared,
    r_squared_interval,
    ridge,
    score_plates,
    told_value,
    true_value,
)
from napari_micrograph_vlm.evaluation.fracture_run import NEW_SEEDS, FractureTest, table
from napari_micrograph_vlm.results import Question
from napari_micrograph_vlm.simulation import records as keeping
from napari_micrograph_vlm.simulation.records import RUNS, Record
from napari_micrograph_vlm.simulation.runs import QUANTITIES, simulate


def record(seed, *, starts=True):
    rng = np.random.default_rng(seed)
    numbers = {kind: float(rng.uniform(5, 90)) for kind in QUANTITIES}
    if not starts:
        numbers |= {"crack_length": None, "crack_direction": None}
    return Record("hole", seed, 250.0, starts, False, numbers)


RECORDS = [record(seed, starts=seed % 3 > 0) for seed in range(30)]


@pytest.mark.parametrize("shares", [True, False])
@pytest.mark.parametrize("one", RECORDS[:4], ids=lambda r: r.name)
def test_right_answers_are_read_as_the_truth(one, shares):
    rng = np.random.default_rng(0)
    asked = questions_about_plate(one, rng, shares=shares)
    expected = {STARTS, *(kind for kind, v in one.numbers.items() if v is not None)}
    assert {item.kind for item in asked} == expected
    for item in asked:
        truth = true_value(item.kind, one)
        digits = QUANTITIES[item.kind].digits if item.kind in QUANTITIES else 0
        slack = 3 if item.kind == "crack_length" else 0.51 * 10**-digits
        assert told_value(item.kind, item.answer, one) == pytest.approx(truth, abs=slack)


def test_words_of_the_test_are_not_those_learnt():
    rng = np.random.default_rng(0)
    learnt = {q.question for _ in range(30) for q in questions_about_plate(RECORDS[1], rng)}
    kept = {q.question for q in questions_about_plate(RECORDS[1], rng, held_out=True)}
    assert len(kept) == 10
    assert not kept & learnt


def test_a_large_model_is_taught_as_it_is_asked(tmp_path):
    pytest.importorskip("peft")
    from models.tiny_models import checkpoint
    from napari_micrograph_vlm.datasets.chat import read_chat, write_chat
    from napari_micrograph_vlm.models.conditions import told_to
    from napari_micrograph_vlm.models.local import LocalModel
    from napari_micrograph_vlm.training.adapters.lessons import Lessons, Taught

    one = RECORDS[1]
    examples = list(chat_examples([one], questions=3))
    assert {example.group for example in examples} == {"hole-1"}
    assert len({example.id for example in examples}) == 3
    write_chat(examples, tmp_path / "chat", title="Plates", validation=0.0, test=0.0)
    model = LocalModel.load(checkpoint("smolvlm", tmp_path / "model"), device="cpu")
    lessons = Lessons(read_chat(tmp_path / "chat"), [Taught(i, 1) for i in range(3)],
                      model.family, None)  # fmt: skip
    region = plate_region(one)
    for i, example in enumerate(examples):
        question = Question(example.messages[0].text, (region,))
        asked = model.family.prompt((region,), question.text, conditions=told_to(model, [region]))
        taught = lessons[i].prompt
        assert "250 × 250 µm" in model.family.tokenizer.decode(asked.inputs["input_ids"][0])
        assert taught.inputs["input_ids"].tolist() == asked.inputs["input_ids"].tolist()
        assert (taught.inputs["pixel_values"] == asked.inputs["pixel_values"]).all()


def test_a_region_of_a_plate_has_its_physical_size():
    region = plate_region(RECORDS[0], side=100)
    assert region.unit == "µm"
    assert region.pixel_size == pytest.approx((2.5, 2.5))


def told(one, change=lambda text: text):
    rng = np.random.default_rng(one.seed)
    return Told(one.name, {q.kind: change(q.answer) for q in questions_about_plate(one, rng)})


def test_the_truth_has_a_full_score_and_silence_that_of_the_mean():
    right = score_plates(map(told, RECORDS), RECORDS, RECORDS)
    silent = score_plates((told(r, lambda _: "I see a plate.") for r in RECORDS), RECORDS, RECORDS)
    assert [s.kind for s in right] == [*QUANTITIES, STARTS]
    for score, none in zip(right, silent, strict=True):
        assert score.value > 0.99
        assert score.read == score.plates
        assert none.read == 0
        assert none.value == (0 if none.kind == STARTS else pytest.approx(none.simple))
    assert right[-1].plates == 30
    assert right[-2].plates == 20


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("crack_length", "The crack is about 40 µm long at 2.5 % strain.", 16),
        ("crack_length", "At 2.5 % strain it covers 40 % of the width.", 40),
        ("crack_length", "When pulled by 2.5 %, it is 40 % long.", 40),
        ("crack_length", "about 40 % of the picture", 40),
        ("crack_length", "It is long at 2.5 % strain.", None),
        ("start_strain", "It is 40 % of the picture long and starts at 1.8 %.", 1.8),
        ("start_strain", "40 % of the plate is cracked; it began at 1.8 % strain", 1.8),
        (STARTS, "Yes.", 1),
        (STARTS, "No, it does not.", 0),
        (STARTS, "**no**", 0),
        (STARTS, "Note: a crack does start.", 1),
        (STARTS, "Now it does.", 1),
        (STARTS, "Nothing breaks.", 0),
        (STARTS, "No doubt a crack starts.", 1),
        (STARTS, "Not sure", None),
        (STARTS, "A crack may start.", None),
        (STARTS, "yes or no", None),
        (STARTS, "A crack starts at 3.1 % strain.", None),
        (STARTS, "I see a plate.", None),
    ],
)
def test_right_answers_in_other_words_are_read(kind, text, expected):
    assert told_value(kind, text, RECORDS[1]) == expected


def test_beside_r_squared_stand_the_spread_of_the_truth_and_the_mean_error():
    truth = [r.numbers["stress_max"] for r in RECORDS]
    off = [Told(r.name, {"stress_max": f"{r.numbers['stress_max'] + 2} MPa"}) for r in RECORDS]
    (score,) = [s for s in score_plates(off, RECORDS, RECORDS) if s.kind == "stress_max"]
    assert score.error == pytest.approx(2)
    assert score.spread == pytest.approx(np.std(truth))
    assert f"| {score.spread:.0f} | 2 |" in score.row


def test_r_squared_is_one_for_the_truth_nought_for_the_mean_and_below_for_worse():
    truth = np.array([1.0, 2.0, 4.0])
    assert r_squared(truth, truth) == 1
    assert r_squared(truth, np.full(3, truth.mean())) == pytest.approx(0)
    assert r_squared(truth, truth[::-1]) < 0
    assert np.isnan(r_squared(np.ones(3), truth))


def test_the_interval_holds_the_value_and_narrows_with_more_plates():
    rng = np.random.default_rng(1)
    truth = rng.normal(size=400)
    said = truth + 0.5 * rng.normal(size=400)
    few = r_squared_interval(truth[:40], said[:40])
    many = r_squared_interval(truth, said)
    assert many[0] < r_squared(truth, said) < many[1]
    assert many[1] - many[0] < few[1] - few[0]


def test_ridge_finds_a_linear_rule_and_nothing_in_noise():
    rng = np.random.default_rng(2)
    known, asked = rng.normal(size=(60, 90)), rng.normal(size=(40, 90))
    rule = np.zeros(90)
    rule[:3] = 3, -2, 1
    found = ridge(known, known @ rule + 5, asked)
    assert r_squared(asked @ rule + 5, found) > 0.5
    noise = ridge(known, rng.normal(size=60), asked)
    assert noise.std() < 0.8


class _Named:
    name, revision = "named", "1"


@pytest.fixture
def coarse(monkeypatch):
    monkeypatch.setattr(keeping, "simulate", lambda plate: simulate(plate, columns=12))


def test_a_test_keeps_its_answers_and_asks_only_once(tmp_path, coarse, monkeypatch):
    test = FractureTest(tmp_path, 10, 0)
    test.simulate()
    asked = []

    def ask(model, one, *, held_out):
        asked.append(one.name)
        if len(asked) == 4:
            raise ModelError("The server does not answer.")
        return told(one)

    monkeypatch.setattr(fracture_run, "ask_about_plate", ask)
    model = _Named()
    scores = test.run(model)
    assert len(asked) == 10
    assert len(test.skipped) == 1
    assert scores[NEW_SEEDS][0].plates == 9
    assert scores[NEW_SEEDS][0].value > 0.95
    again = FractureTest(tmp_path, 10, 0)
    again.simulate()
    again.run(model)
    assert len(asked) == 11  # the one that failed
    assert "largest stress (MPa) | R²" in table(scores)


def test_plates_of_the_test_are_nothing_to_learn_from(tmp_path, coarse):
    for i, wanted in enumerate([(None, 10_000_000), (None, 9_000_000), ("honeycomb", 5)]):
        keeping.run_many(tmp_path / str(i), [(None, 1), wanted])
        with pytest.raises(SourceError, match="kept for the test"):
            FractureTest(tmp_path / "test", 3, 0, tmp_path / str(i))
        lines = (tmp_path / str(i) / RUNS).read_text().splitlines()
        assert json.loads(lines[1])["seed"] == wanted[1]
