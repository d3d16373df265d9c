"""Teaching a student plates: it goes on after a stop, and what it wrote can be asked."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter

import pytest
import torch
from tiny_training import SMALL

from napari_micrograph_vlm.datasets.fracture import questions_about_plate
from napari_micrograph_vlm.errors import SourceError
from napari_micrograph_vlm.evaluation.fracture import ask_about_plate
from napari_micrograph_vlm.models.student.configuration import MvaemaConfig
from napari_micrograph_vlm.models.student.engine import Student
from napari_micrograph_vlm.models.student.modeling import MvaemaModel
from napari_micrograph_vlm.models.student.processing import MvaemaProcessor
from napari_micrograph_vlm.simulation.records import Record
from napari_micrograph_vlm.simulation.runs import QUANTITIES
from napari_micrograph_vlm.training.fracture import (
    prepare_plates,
    recipe_for_plates,
    teach_plates,
    views_of,
)

RECORDS = [
    Record(name, 1, 50.0, True, True, dict.fromkeys(QUANTITIES, 7.0)) for name in ("hole", "notch")
]
RECIPE = replace(
    recipe_for_plates(), steps=4, images_a_step=2, rows_an_image=2, bfloat16=False, model={}
)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """Return a student of random weights to begin with, and a folder with prepared pictures."""
    folder = tmp_path_factory.mktemp("plates")
    torch.manual_seed(0)
    texts = ["What is the mean stress at 1 % strain in MPa, kJ/m³ or degrees? Yes, no, about 7."]
    processor = MvaemaProcessor.from_texts(texts * 3, 300)
    text = {**SMALL["text_config"], "vocab_size": processor.vocab_size}
    model = MvaemaModel(MvaemaConfig(**{**SMALL, "text_config": text}))
    model.save_compact(folder / "init")
    processor.save_pretrained(folder / "init")
    prepare_plates(folder / "cache", list(views_of(RECORDS, turned=False)))
    return folder


def teach(folder, output, recipe=RECIPE, **given):
    return teach_plates(
        RECORDS, output, folder / "cache", recipe=recipe, init=folder / "init", turned=False,
        device="cpu", **given,
    )  # fmt: skip


def test_a_training_that_was_stopped_goes_on_and_its_student_answers(tiny, tmp_path):
    output = tmp_path / "weights"
    first = teach(tiny, output, until=perf_counter() - 1)
    assert not first.finished
    assert first.step == 1
    assert not output.exists()
    shares = []
    second = teach(tiny, output, on_step=lambda share, note: shares.append(share))
    assert second.finished
    assert shares == [0.5, 0.75, 1.0]
    student = Student.load(output, "cpu")
    assert student.model.novelty is None
    assert student.processor.casing["mpa"] == "MPa"
    told = ask_about_plate(student, RECORDS[0])
    assert set(told.texts) == {*QUANTITIES, "starts"}
    with pytest.raises(SourceError, match="--cache"):
        teach(tiny, output, recipe=replace(RECIPE, learning_rate=1e-5))


def test_pictures_are_looked_at_once(tiny, monkeypatch):
    from napari_micrograph_vlm.training import fracture

    monkeypatch.setattr(fracture, "look", None)
    seen = []
    pictures = prepare_plates(tiny / "cache", RECORDS, on_picture=lambda: seen.append(1))
    assert [picture.facts.source for picture in pictures] == ["hole-1", "notch-1"]
    assert len(seen) == 2


def test_both_views_of_a_plate_have_names_of_their_own():
    views = list(views_of(RECORDS))
    assert len({view.name for view in views}) == 4
    assert len(list(views_of(RECORDS, turned=False))) == 2


def test_nothing_to_learn_from_is_told(tmp_path):
    with pytest.raises(SourceError, match="no plates"):
        teach_plates([], tmp_path / "out", tmp_path / "cache")


def test_every_question_fits_the_bundled_student():
    from napari_micrograph_vlm.models.student.loading import load_parts

    _, processor = load_parts(None)
    import numpy as np

    for item in questions_about_plate(RECORDS[0], np.random.default_rng(0), shares=True):
        ids = processor.encode_dialogue((), item.question, item.answer, max_length=160).ids
        assert processor.unk not in ids
