"""The training itself: a fixed batch is learnt, a killed run goes on, bad recipes are named."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_training import RECIPE

from napari_micrograph_vlm.errors import ModelError, QuestionError, SourceError
from napari_micrograph_vlm.models.student.engine import Student
from napari_micrograph_vlm.regions import Region
from napari_micrograph_vlm.results import Question
from napari_micrograph_vlm.training.assembly import new_model, new_processor
from napari_micrograph_vlm.training.batches import Batches, image_tensors
from napari_micrograph_vlm.training.building import synthetic_jobs
from napari_micrograph_vlm.training.calibration import best_temperature
from napari_micrograph_vlm.training.card import render_card
from napari_micrograph_vlm.training.gathering import gather
from napari_micrograph_vlm.training.loop import Trainer, learning_rate
from napari_micrograph_vlm.training.recipe import Recipe
from napari_micrograph_vlm.training.run import run
from napari_micrograph_vlm.training.shards import read_shards


def drawn_pictures(cache):
    """Those that ``trained`` was trained on."""
    name = synthetic_jobs(cache / "train", RECIPE, RECIPE.first_seed, RECIPE.images)[0].name
    return read_shards(cache / "train")[name]


def test_a_few_steps_make_a_student_that_answers(trained):
    folder, lines = trained
    assert "24 synthetic and 0 real pictures" in lines
    assert any(line.startswith("confidence of answers: ") for line in lines)
    student = Student.load(folder / "weights", "cpu")
    pixels = np.random.default_rng(0).random((64, 96), dtype=np.float32)
    region = Region(pixels, (0, 0, 64, 96))
    answer = student.ask(Question("What defect is this?", (region,)), max_tokens=4)
    assert answer.attention[0].values.shape == (8, 12)
    assert student.classify([region], ["crack", "pore"]).probabilities.sum() == pytest.approx(1)
    assert json.loads((folder / "weights" / "recipe.json").read_text())["steps"] == 3


def test_the_card_says_how_the_weights_were_made(trained, tmp_path):
    weights = trained[0] / "weights"
    card = (weights / "README.md").read_text()
    for part in ("24 synthetic micrographs", "Apache-2.0", "3 steps", "Not measured yet", "void"):
        assert part in card
    copy = shutil.copytree(weights, tmp_path / "weights")
    (copy / "figures.md").write_text("| exact match | 0.5 |\n")
    render_card(copy)
    assert "| exact match | 0.5 |" in (copy / "README.md").read_text()
    # A card without notes of the training keeps its text around the figures.
    (copy / "training.json").unlink()
    (copy / "figures.md").write_text("| exact match | 0.7 |\n")
    render_card(copy)
    renewed = (copy / "README.md").read_text()
    assert "0.7" in renewed
    assert "0.5" not in renewed
    assert "## What it cannot do" in renewed
    with pytest.raises(ModelError, match="how its weights were made"):
        render_card(tmp_path)


def test_a_longer_training_goes_on_where_the_last_ended(trained):
    folder, _ = trained
    lines = []
    longer = replace(RECIPE, steps=4)
    cache = shutil.copytree(folder / "cache" / "run", folder / "cache" / "longer")
    run(
        longer,
        output=folder / "again",
        cache=folder / "cache",
        name="longer",
        device="cpu",
        say=lines.append,
    )
    assert "going on from step 3" in lines
    assert json.loads((cache / "log.jsonl").read_text().splitlines()[-1])["step"] == 4


def test_a_training_is_made_in_pieces(trained, tmp_path):
    folder, _ = trained
    given = {"output": tmp_path / "weights", "cache": folder / "cache", "name": "pieces",
             "device": "cpu", "say": lambda _: None}  # fmt: skip
    steps = []
    for _ in range(3):
        outcome = run(RECIPE, stop_after=0.0, **given)
        steps.append(outcome.step)
    assert steps == [1, 2, 3]
    assert outcome.finished
    assert (tmp_path / "weights" / "model.safetensors").is_file()


def test_pictures_are_made_in_pieces(tmp_path):
    recipe = replace(RECIPE, images=2, validation_images=0, shard=1)
    given = {"output": tmp_path / "weights", "cache": tmp_path / "cache", "device": "cpu"}
    lines = []
    outcome = run(recipe, stop_after=0.0, say=lines.append, **given)
    assert not outcome.finished
    assert any("Time is up while pictures are made" in line for line in lines)
    assert len(read_shards(tmp_path / "cache" / "train")) == 1


def test_ctrl_c_keeps_the_state(trained, tmp_path):
    folder, _ = trained
    student = Student.load(folder / "weights", "cpu")
    student.model.requires_grad_(True)
    batch = Batches(RECIPE, student.processor, 160, np.random.default_rng(0))
    batch.add(drawn_pictures(folder / "cache"))

    def draw(step):
        if step == 2:
            raise KeyboardInterrupt
        return batch.draw(step)

    with pytest.raises(KeyboardInterrupt):
        Trainer(student.model, RECIPE, tmp_path).train(draw, say=lambda _: None)
    again = Trainer(student.model, RECIPE, tmp_path)
    assert again.resume()
    assert again.step == 2


def test_a_state_that_does_not_fit_is_named(trained, tmp_path):
    folder, _ = trained
    model = Student.load(folder / "weights", "cpu").model
    (tmp_path / "state.pt").write_bytes(b"no state")
    model.requires_grad_(True)
    with pytest.raises(SourceError, match="broken"):
        Trainer(model, RECIPE, tmp_path).resume()
    shutil.copy(folder / "cache" / "run" / "state.pt", tmp_path)
    with pytest.raises(SourceError, match="another kind of model"):
        Trainer(model, RECIPE, tmp_path).resume()  # the backbone is free here


def test_weights_can_be_started_from(trained):
    folder, _ = trained
    lines = []
    given = {"cache": folder / "cache", "init": folder / "weights", "device": "cpu"}
    run(replace(RECIPE, steps=1), output=folder / "warm", name="warm", say=lines.append, **given)
    assert (folder / "warm" / "model.safetensors").is_file()
    assert any("M weights to train" in line for line in lines)
    assert (
        "begun from the student `weights`, revision" in (folder / "warm" / "README.md").read_text()
    )
    with pytest.raises(SourceError, match=r"begun with --without none \(now itc\); give"):
        run(RECIPE, output=folder / "warm", name="warm", without=["itc"], **given)


def test_losses_can_be_left_out(trained):
    folder, _ = trained
    given = {"output": folder / "bare", "cache": folder / "cache", "device": "cpu"}
    pictures = gather(RECIPE, folder / "cache")
    run(RECIPE, name="bare", without=["itc", "itm", "grounding"], pictures=pictures, **given)
    last = json.loads((folder / "cache" / "bare" / "log.jsonl").read_text().splitlines()[-1])
    assert {"loss", "lm"} == set(last) - {"step", "minutes"}
    assert "Left out on purpose: the loss `itc`" in (folder / "bare" / "README.md").read_text()
    with pytest.raises(QuestionError, match="no loss called mim"):
        run(RECIPE, without=["mim"], **given)
    with pytest.raises(QuestionError, match="keep one"):
        run(RECIPE, without=["itc", "itm", "lm", "grounding"], **given)


def test_the_loss_on_a_fixed_batch_falls(trained, tmp_path):
    folder, _ = trained
    student = Student.load(folder / "weights", "cpu")
    student.model.requires_grad_(True)
    student.model.image_encoder.backbone.requires_grad_(False)
    recipe = replace(RECIPE, steps=12, learning_rate=5e-3, warm_up=0.0)
    pictures = drawn_pictures(folder / "cache")
    batches = Batches(recipe, student.processor, 160, np.random.default_rng(0))
    batch = batches.collate(pictures[:4], "category")
    backbone = student.model.image_encoder.backbone.embeddings.convolution.weight.clone()

    def losses():
        student.model.eval()
        with torch.no_grad():
            return student.model(**batch)

    before = losses()
    Trainer(student.model, recipe, tmp_path).train(lambda step: batch, say=lambda _: None)
    after = losses()
    assert after.loss < 0.9 * before.loss
    assert after.lm < 0.9 * before.lm
    assert after.itc is not None
    now = student.model.image_encoder.backbone.embeddings.convolution.weight
    assert torch.equal(backbone, now)


def test_the_vocabulary_holds_the_words_of_every_kind_of_question(trained):
    pictures = drawn_pictures(trained[0] / "cache")
    processor = new_processor(pictures, replace(RECIPE, vocabulary=4000))
    words = ["first", "second", "region", "both", "denser", "nm", "direction", "blurred", "%"]
    assert set(words) <= set(processor.tokens)


def test_a_place_can_be_read_from_a_new_student(trained):
    folder, _ = trained
    pictures = drawn_pictures(folder / "cache")
    processor = Student.load(folder / "weights", "cpu").processor
    model = new_model(processor, pictures, replace(RECIPE, model={})).eval()
    images = image_tensors([p for p in pictures if p.tokens == 144])
    with torch.no_grad():
        seen = model.encode(images.features, images.positions)[:, 1:].flatten(0, 1)
    ones = torch.ones(len(seen), 1)
    known = torch.cat([seen, ones], dim=1)
    places = images.positions.flatten(0, 1)
    # Every second token tells how to read the place of the others.
    weights = torch.linalg.lstsq(known[::2], places[::2]).solution
    error = (known[1::2] @ weights - places[1::2]).abs().mean()
    assert error < 0.1  # a blind guess is 0.25 off


def test_minutes_shorten_the_schedule(trained, tmp_path):
    folder, _ = trained
    student = Student.load(folder / "weights", "cpu")
    student.model.requires_grad_(True)
    trainer = Trainer(student.model, replace(RECIPE, steps=1000, minutes=10.0), tmp_path)
    trainer.step, trainer.seconds = 10, 300.0
    assert trainer.progress == pytest.approx(0.5)


def test_learning_rate_rises_then_falls():
    recipe = Recipe(learning_rate=1.0, warm_up=0.1)
    rates = [learning_rate(recipe, p) for p in (0.0, 0.05, 0.1, 0.5, 1.0)]
    assert rates[0] < rates[1] < rates[2] == pytest.approx(1.0)
    assert rates[2] > rates[3] > rates[4] == pytest.approx(0.01)


def test_temperature_softens_scores_that_are_too_sure():
    torch.manual_seed(0)
    truth = torch.randint(0, 4, (400,))
    honest = torch.randn(400, 4) + 2 * torch.nn.functional.one_hot(truth, 4)
    once = best_temperature([honest], [truth])
    sure = best_temperature([5 * honest], [truth])
    assert sure == pytest.approx(5 * once, rel=0.1)


@pytest.mark.parametrize("recipe", [Recipe.read(), Recipe.fine_tuning()])
def test_the_shipped_recipes_can_be_read(recipe):
    assert recipe.images >= 1000
    assert Recipe(**json.loads(recipe.to_json())) == recipe


WRONG = ["{", "3", '{"stepps": 3}', '{"steps": "many"}', '{"steps": 0}', '{"clip": -1}']


@pytest.mark.parametrize(
    ("first_seed", "images"), [(8_999_901, 100), (9_500_000, 1), (1, 30_000_000)]
)
def test_no_recipe_draws_the_pictures_of_calibration_and_test(tmp_path, first_seed, images):
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps({"first_seed": first_seed, "images": images}))
    with pytest.raises(SourceError, match="kept for calibration and test"):
        Recipe.read(path)
    with pytest.raises(SourceError, match="kept for calibration and test"):
        replace(Recipe(first_seed=first_seed, images=0), images=images)


def test_the_seeds_around_those_kept_are_free():
    assert Recipe(first_seed=8_999_901, images=99).images == 99
    assert Recipe(first_seed=20_000_000, images=5).images == 5


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_recipe_is_named(tmp_path, text):
    path = tmp_path / "recipe.json"
    path.write_text(text)
    with pytest.raises(SourceError, match="recipe"):
        Recipe.read(path)
