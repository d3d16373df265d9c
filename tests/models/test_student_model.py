from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_student import make_model
from torch.overrides import TorchFunctionMode

from napari_micrograph_vlm.models.student import learning
from napari_micrograph_vlm.models.student.encoder import token_positions
from napari_micrograph_vlm.models.student.losses import (
    contrastive_loss,
    grounding_loss,
    hard_negatives,
)
from napari_micrograph_vlm.models.student.modeling import MvaemaModel

IMAGES, ROWS, LENGTH, TOKENS = 3, 6, 9, 6


@pytest.fixture
def model() -> MvaemaModel:
    return make_model()


@pytest.fixture
def batch(model: MvaemaModel) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    ids = torch.randint(8, 320, (ROWS, LENGTH))
    labels = ids.clone()
    labels[:, :4] = -100
    words = torch.zeros(ROWS, LENGTH, dtype=torch.bool)
    words[:, 5] = True
    target = torch.zeros(ROWS, TOKENS)
    target[:3, 2] = 0.5
    statements = torch.randint(8, 320, (IMAGES, 7))
    return {
        "features": torch.randn(IMAGES, TOKENS, model.image_encoder.feature_size),
        "positions": token_positions(2, 3).expand(IMAGES, -1, -1),
        "statement_ids": statements,
        "statement_mask": torch.ones_like(statements),
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
        "labels": labels,
        "rows_to_image": torch.arange(ROWS) // 2,
        "grounding_target": target,
        "grounding_words": words,
    }


@pytest.fixture
def quiet_bars():
    from transformers.utils import logging

    logging.disable_progress_bar()
    yield
    logging.enable_progress_bar()


def _logits(model: MvaemaModel, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    with torch.inference_mode():
        images = model.encode(batch["features"], batch["positions"])
        memory = model.remember(images).rows(batch["rows_to_image"])
        hidden = model.decoder.bert(
            input_ids=batch["input_ids"], is_decoder=True, use_cache=False, **memory.arguments()
        ).last_hidden_state
        return model.decoder.cls(hidden)


@pytest.mark.usefixtures("quiet_bars")
def test_saved_model_loads_with_the_same_logits_and_tied_weights(
    model: MvaemaModel, batch: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    model.save_pretrained(tmp_path)
    loaded, info = MvaemaModel.from_pretrained(tmp_path, output_loading_info=True)
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    torch.testing.assert_close(_logits(loaded.eval(), batch), _logits(model, batch))
    encoder, decoder = loaded.text_encoder, loaded.decoder
    assert decoder.cls.predictions.decoder.weight is encoder.embeddings.word_embeddings.weight
    for mine, other in zip(decoder.bert.encoder.layer, encoder.encoder.layer, strict=True):
        assert mine.crossattention.self.key.weight is other.crossattention.self.key.weight
        assert mine.output.dense.weight is other.output.dense.weight
        assert mine.attention.self.key.weight is not other.attention.self.key.weight


@pytest.mark.usefixtures("quiet_bars")
def test_compact_checkpoint_is_half_and_loads_as_float32(
    model: MvaemaModel, batch: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    model.save_pretrained(tmp_path / "full")
    model.save_compact(tmp_path / "compact")
    size = {
        name: (tmp_path / name / "model.safetensors").stat().st_size for name in ("full", "compact")
    }
    assert size["compact"] < 0.75 * size["full"]
    loaded = MvaemaModel.from_pretrained(tmp_path / "compact", dtype=torch.float32).eval()
    assert {p.dtype for p in loaded.parameters()} == {torch.float32}
    torch.testing.assert_close(_logits(loaded, batch), _logits(model, batch), atol=0.05, rtol=0.05)


def test_remembered_images_give_the_logits_of_plain_blip(
    model: MvaemaModel, batch: dict[str, torch.Tensor]
) -> None:
    with torch.inference_mode():
        images = model.encode(batch["features"], batch["positions"])
        plain = model.decoder(
            input_ids=batch["input_ids"],
            encoder_hidden_states=images[batch["rows_to_image"]],
            use_cache=False,
        ).logits
    torch.testing.assert_close(_logits(model, batch), plain, atol=1e-5, rtol=1e-5)


def test_padded_image_tokens_change_nothing(
    model: MvaemaModel, batch: dict[str, torch.Tensor]
) -> None:
    extra = torch.full((IMAGES, 4, batch["features"].shape[-1]), 7.0)
    padded = batch | {
        "features": torch.cat([batch["features"], extra], 1),
        "positions": torch.cat([batch["positions"], torch.zeros(IMAGES, 4, 2)], 1),
        "image_mask": (torch.arange(TOKENS + 4) < TOKENS).expand(IMAGES, -1),
        "grounding_target": torch.cat([batch["grounding_target"], torch.zeros(ROWS, 4)], 1),
    }
    with torch.inference_mode():
        torch.manual_seed(0)
        short = model(**batch)
        torch.manual_seed(0)
        long = model(**padded)
    for name in ("itc", "itm", "lm", "grounding"):
        torch.testing.assert_close(getattr(long, name), getattr(short, name), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("removed", ["itc", "itm", "lm", "grounding"])
def test_each_loss_can_be_removed(
    model: MvaemaModel, batch: dict[str, torch.Tensor], removed: str
) -> None:
    names = {"itc", "itm", "lm", "grounding"}
    full = model(**batch)
    assert all(getattr(full, name) is not None for name in names)
    model.config.loss_weights = {**model.config.loss_weights, removed: 0.0}
    output = model(**batch)
    assert getattr(output, removed) is None
    total = sum(
        model.config.loss_weights[name] * getattr(output, name) for name in names - {removed}
    )
    torch.testing.assert_close(output.loss, total)
    output.loss.backward()


@pytest.mark.parametrize(
    ("removed", "spared"),
    [
        ({"itc"}, {"contrastive_loss"}),
        ({"itm"}, {"match"}),
        ({"itc", "itm"}, {"contrastive_loss", "match", "text_encoder"}),
        ({"lm"}, {"language_loss", "words"}),
        ({"grounding"}, {"grounding_loss", "attention"}),
        ({"lm", "grounding"}, {"language_loss", "words", "grounding_loss", "attention", "decoder"}),
    ],
)
def test_a_removed_loss_costs_nothing(
    model: MvaemaModel,
    batch: dict[str, torch.Tensor],
    monkeypatch: pytest.MonkeyPatch,
    removed: set[str],
    spared: set[str],
) -> None:
    done: set[str] = set()

    def note(name: str) -> Callable[..., None]:
        return lambda *_: done.add(name)

    def watch(room: Any, name: str) -> None:
        work = getattr(room, name)
        monkeypatch.setattr(room, name, lambda *a, **k: (done.add(name), work(*a, **k))[1])

    for name in ("contrastive_loss", "language_loss", "grounding_loss"):
        watch(learning, name)
    watch(model, "match")
    model.decoder.cls.register_forward_hook(note("words"))
    model.decoder.bert.register_forward_hook(note("decoder"))
    model.text_encoder.register_forward_hook(note("text_encoder"))

    def asked(_module: object, _args: object, given: dict[str, Any]) -> None:
        if given["output_attentions"]:
            done.add("attention")

    model.decoder.bert.register_forward_pre_hook(asked, with_kwargs=True)
    everything = {"contrastive_loss", "match", "text_encoder", "language_loss", "words"}
    everything |= {"grounding_loss", "attention", "decoder"}
    model(**batch)
    assert done == everything
    done.clear()
    weights = model.config.loss_weights
    model.config.loss_weights = weights | dict.fromkeys(removed, 0.0)
    loss = model(**batch).loss
    assert done == everything - spared
    assert torch.isfinite(loss)


class _Made(TorchFunctionMode):
    """Notes what makes tensors without saying where."""

    MAKERS = (
        "arange",
        "zeros",
        "ones",
        "full",
        "empty",
        "tensor",
        "eye",
        "rand",
        "randn",
        "linspace",
    )

    def __init__(self) -> None:
        super().__init__()
        self.nowhere: list[str] = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func in [getattr(torch, name) for name in self.MAKERS] and kwargs.get("device") is None:
            self.nowhere.append(func.__name__)
        return func(*args, **kwargs)


def test_a_step_makes_its_tensors_where_the_model_is(
    model: MvaemaModel, batch: dict[str, torch.Tensor]
) -> None:
    # On a GPU a tensor made elsewhere ends the training; a clone has no GPU to try.
    kinds = torch.zeros(IMAGES, TOKENS, dtype=torch.long)
    given = batch | {"kinds": kinds, "image_mask": torch.ones(IMAGES, TOKENS).bool()}
    with _Made() as made:
        torch.arange(3)
        model(**given)
    assert made.nowhere == ["arange"]  # the one above


def test_losses_reach_every_trainable_weight_but_not_the_backbone(
    model: MvaemaModel, batch: dict[str, torch.Tensor]
) -> None:
    model.train()
    assert not any(module.training for module in model.image_encoder.backbone.modules())
    model(**batch).loss.backward()
    for name, parameter in model.named_parameters():
        if "backbone" in name:
            assert parameter.grad is None
        else:
            assert parameter.grad is not None, name


def test_language_loss_counts_only_the_answer(
    model: MvaemaModel, batch: dict[str, torch.Tensor]
) -> None:
    with torch.inference_mode():
        logits = _logits(model, batch)[:, 3:-1].flatten(0, 1)
        expected = torch.nn.functional.cross_entropy(logits, batch["labels"][:, 4:].flatten())
        torch.testing.assert_close(model(**batch).lm, expected)


def test_a_statement_true_of_two_images_is_no_negative(
    model: MvaemaModel, batch: dict[str, torch.Tensor]
) -> None:
    matches = torch.tensor([[1, 1, 0], [1, 1, 0], [0, 0, 1]]).bool()
    for _ in range(20):
        rows, columns = hard_negatives(torch.randn(3, 3) * 50, matches)
        assert rows.tolist() == [0, 1, 2]
        assert not matches[rows, columns].any()
    rows, columns = hard_negatives(torch.randn(2, 2), torch.ones(2, 2).bool())
    assert len(rows) == len(columns) == 0
    # Two equal statements: no penalty for finding both equally similar.
    similarity = torch.tensor([[9.0, 9.0], [9.0, 9.0]])
    both = contrastive_loss(similarity, torch.ones(2, 2).bool())
    one = contrastive_loss(torch.tensor([[9.0, -9.0], [-9.0, 9.0]]), torch.ones(2, 2).bool())
    assert both < one
    batch["statement_ids"][:] = batch["statement_ids"][:1]
    assert torch.isfinite(model(**batch).loss)


def test_grounding_moves_attention_onto_the_mask(
    model: MvaemaModel, batch: dict[str, torch.Tensor]
) -> None:
    model.config.loss_weights = {"itc": 0.0, "itm": 0.0, "lm": 0.0, "grounding": 1.0}
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], 3e-3)
    losses = []
    for _ in range(30):
        loss = model(**batch).grounding
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_grounding_loss_knows_inside_from_outside() -> None:
    words = torch.tensor([[False, True]])
    target = torch.tensor([[0.0, 0.2, 0.2, 0.0]])
    inside = torch.tensor([[[0.25] * 4, [0.0, 0.5, 0.5, 0.0]]])
    partly = torch.tensor([[[0.25] * 4, [0.0, 1.0, 0.0, 0.0]]])
    outside = torch.tensor([[[0.25] * 4, [0.5, 0.0, 0.0, 0.5]]])
    assert grounding_loss(inside, target, words) == pytest.approx(0, abs=1e-6)
    assert grounding_loss(partly, target, words, spread=0) == pytest.approx(0, abs=1e-6)
    assert grounding_loss(partly, target, words) < grounding_loss(outside, target, words)
    assert grounding_loss(inside, torch.zeros(1, 4), words) == 0


def test_pixels_and_features_give_the_same(model: MvaemaModel) -> None:
    pixels = torch.randn(2, 3, 64, 96)
    ids = torch.randint(8, 320, (2, 5))
    with torch.inference_mode():
        direct = model(pixel_values=pixels, input_ids=ids, labels=ids).lm
        features = model.backbone_features(pixels)
        assert features.shape == (2, 6, model.image_encoder.feature_size)
        cached = model(
            features=features.half(),
            positions=token_positions(2, 3).expand(2, -1, -1),
            input_ids=ids,
            labels=ids,
        ).lm
    torch.testing.assert_close(direct, cached, atol=1e-2, rtol=1e-2)
    with pytest.raises(ValueError, match="pixel_values"):
        model(input_ids=ids)
    with pytest.raises(ValueError, match="positions"):
        model(features=features)
