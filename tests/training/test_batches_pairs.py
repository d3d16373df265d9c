"""Batches of two pictures: where their tokens lie, which they are of, and what is asked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.tiny_student import make_model, make_processor
from napari_micrograph_vlm.datasets.comparisons import PairQuestion
from napari_micrograph_vlm.datasets.facts import DefectFact, Facts
from napari_micrograph_vlm.training.batches import Batches
from napari_micrograph_vlm.training.pairs import PairChoice, questions_about_pair
from napari_micrograph_vlm.training.recipe import Recipe
from napari_micrograph_vlm.training.shards import Picture, ViewGrid
from napari_micrograph_vlm.training.tensors import image_tensors, pair_tensors

SIDE = 12
RECIPE = Recipe(images_a_step=4, pairs_a_step=4, rows_an_image=2, pairs_every=5)


def make_picture(
    category: str = "powder",
    defect: str | None = "crack",
    corner: tuple[int, int] = (0, 0),
    grid: tuple[int, int] = (SIDE, SIDE),
    tiles: int = 0,
) -> Picture:
    """A picture whose features are all the number of its tokens, its defect in one token."""
    mask = np.zeros((96, 96), bool)
    row, column = corner[0] * 96 // grid[0], corner[1] * 96 // grid[1]
    mask[row : row + 96 // grid[0], column : column + 96 // grid[1]] = True
    defects = () if defect is None else (DefectFact(defect, mask),)
    views = (ViewGrid(*grid), *(ViewGrid(4, 4, (0.0, 0.0, 0.5, 0.5)) for _ in range(tiles)))
    tokens = sum(view.tokens for view in views)
    features = np.repeat(np.arange(tokens, dtype=np.float16)[:, None], 3, axis=1)
    return Picture(features, views, Facts(category=category, objects="grains", defects=defects))


def make_batches(pictures: list[Picture], recipe: Recipe = RECIPE, **real: list[Picture]):
    batches = Batches(recipe, make_processor(), 160, np.random.default_rng(0))
    batches.add(pictures)
    batches.add(real.get("real", []), real=True)
    return batches


def test_tokens_of_both_pictures_follow_one_another():
    images = pair_tensors([(make_picture(), make_picture()), (make_picture(),) * 2])
    assert images.features.shape == (2, 288, 3)
    assert images.features.dtype == torch.float16
    assert images.mask is None
    assert images.kinds[0].tolist() == [0] * 144 + [2] * 144
    # Each picture has its own places.
    alone = image_tensors([make_picture()])
    torch.testing.assert_close(images.positions[0], alone.positions[0].repeat(2, 1))
    assert images.features[0, :, 0].tolist() == [*range(144)] * 2


def test_pairs_of_other_shapes_are_padded_and_tiles_left_out():
    wide, tiled = make_picture(grid=(6, 12)), make_picture(tiles=2)
    images = pair_tensors([(wide, wide), (wide, tiled)])
    assert images.features.shape == (2, 72 + 144, 3)
    assert images.mask is not None
    assert images.mask.sum(1).tolist() == [144, 216]
    assert images.kinds[0, :144].tolist() == [0] * 72 + [2] * 72
    assert not images.kinds[0, 144:].any()
    assert images.kinds[1].tolist() == [0] * 72 + [2] * 144
    assert images.features[1, 72:, 0].tolist() == [*range(144)]


def test_single_pictures_are_of_the_first_region():
    images = image_tensors([make_picture(tiles=1), make_picture()])
    assert images.kinds[0].tolist() == [0] * 144 + [1] * 16
    assert not images.kinds[1].any()
    assert images.mask is not None
    assert images.mask.sum(1).tolist() == [160, 144]
    assert set(images.arguments()) == {"features", "positions", "kinds", "image_mask"}


def test_the_target_is_where_the_question_points_in_either(monkeypatch):
    first = make_picture(corner=(0, 3))
    second = make_picture("fibres", "pore", corner=(11, 11))
    masks = [p.facts.defects[0].mask for p in (first, second)]
    asked = [
        PairQuestion("Which?", "the second region", "which has", (None, masks[1])),
        PairQuestion("Same?", "no, a crack and a pore", "compare kind", (masks[0], masks[1])),
        PairQuestion("Same sample?", "no", "compare category", (None, None)),
    ]
    monkeypatch.setattr(
        "napari_micrograph_vlm.training.batches.questions_about_pair", lambda *_: asked
    )
    batch = make_batches([first], replace(RECIPE, idle_turns=0)).collate_pairs([(first, second)])
    target = batch["grounding_target"]
    assert target.shape == (3, 288)
    assert target[0].nonzero().tolist() == [[144 + 143]]
    assert target[1].nonzero().tolist() == [[3], [144 + 143]]
    assert target[1].sum() == pytest.approx(1)
    assert not target[2].any()
    words = batch["grounding_words"]
    assert words[:2].any(1).all()
    assert not words[2].any()
    assert batch["rows_to_image"].tolist() == [0, 0, 0]


def test_the_model_learns_from_a_batch_of_pairs():
    processor = make_processor()
    model = make_model(processor.vocab_size)
    size = model.image_encoder.feature_size
    noise = np.random.default_rng(0)
    pictures = [
        replace(picture, features=noise.normal(size=(picture.tokens, size)).astype(np.float16))
        for category in ("powder", "fibres")
        for defect in ("crack", None)
        for picture in [make_picture(category, defect, grid=(6, 12) if defect else (12, 12))]
    ]
    batch = make_batches(pictures).draw(4)
    assert set(batch["kinds"].unique().tolist()) == {0, 2}
    rows, tokens = len(batch["input_ids"]), batch["features"].shape[1]
    assert 4 <= rows <= 8
    for name in ("labels", "grounding_words", "attention_mask"):
        assert batch[name].shape == batch["input_ids"].shape
    assert batch["grounding_target"].shape == (rows, tokens)
    assert batch["rows_to_image"].max() < len(batch["features"])
    assert "statement_ids" not in batch
    out = model(**batch)
    assert out.image_embeds.shape[1] == 1 + tokens
    assert out.itc is None
    out.loss.backward()
    assert torch.isfinite(out.lm)
    assert model.image_encoder.kind.weight.grad[2].any()


def test_every_nth_step_compares():
    pictures = [make_picture(c, d) for c in ("powder", "fibres") for d in ("crack", None)]
    batches = make_batches(pictures)
    lengths = [batches.draw(step)["features"].shape[1] for step in range(10)]
    assert [i for i, n in enumerate(lengths) if n == 288] == [4, 9]
    never = make_batches(pictures, replace(RECIPE, pairs_every=0))
    assert {never.draw(step)["features"].shape[1] for step in range(5)} == {144}


def test_pictures_of_which_nothing_can_be_asked_make_a_usual_batch():
    facts = Facts(objects="grains", technique="SEM")
    blank = [replace(make_picture(), facts=facts) for _ in range(2)]
    assert make_batches(blank).collate_pairs([(blank[0], blank[1])]) is None
    assert make_batches(blank).draw(4)["features"].shape[1] == 144


def test_real_pictures_are_compared_with_real_ones():
    drawn = [make_picture("powder") for _ in range(3)]
    real = [make_picture("fibres") for _ in range(3)]
    batches = make_batches(drawn, replace(RECIPE, real_share=0.5), real=real)
    pairs = batches._pairs()
    assert sorted(p.facts.category for p, _ in pairs) == ["fibres", "fibres", "powder", "powder"]
    assert all(one.facts.category == two.facts.category for one, two in pairs)
    assert all(one is not two for one, two in pairs)


def test_half_of_the_pairs_are_alike():
    rng = np.random.default_rng(1)
    choice = PairChoice()
    pictures = [make_picture(f"c{i % 20}", f"d{i % 30}") for i in range(600)]
    for picture in pictures:
        choice.add(picture)
    alike = 0
    for first in pictures:
        one, two = first.facts, choice.partner(first, rng).facts
        alike += one.category == two.category or one.kinds == two.kinds
    assert 0.45 < alike / 600 < 0.7  # chance alone makes 0.07 of the others alike


def test_questions_about_a_pair_are_of_different_kinds():
    pair = make_picture("powder", "crack"), make_picture("fibres", "pore", (3, 3))
    found = questions_about_pair(pair, np.random.default_rng(0), 3)
    assert len(found) == len({item.kind for item in found}) == 3


def test_pictures_of_kinds_hard_to_tell_are_taken_more_often():
    recipe = Recipe(often={"crack": 3})
    batches = Batches(recipe, make_processor(), 60, np.random.default_rng(0))
    cracked, void, sound = make_picture(), make_picture(defect="void"), make_picture(defect=None)
    batches.add([cracked, void, sound])
    batches.add([cracked], real=True)
    assert [batches.synthetic.count(p) for p in (cracked, void, sound)] == [3, 1, 1]
    assert len(batches.real) == 1
