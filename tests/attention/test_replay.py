"""Relevance followed through all layers of a small LLaVA."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.tiny_models import BUILDERS, checkpoint
from napari_micrograph_vlm.attention.relevance import Method
from napari_micrograph_vlm.attention.replay import followed, lengthened, replay, rolled_out
from napari_micrograph_vlm.errors import ModelError
from napari_micrograph_vlm.models.generation import generate
from napari_micrograph_vlm.models.local import LocalModel
from napari_micrograph_vlm.regions import Region
from napari_micrograph_vlm.results import Question

TOKENS = [11, 300, 7]


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    return LocalModel.load(checkpoint("llava", tmp_path_factory.mktemp("llava") / "model"))


@pytest.fixture(scope="module")
def region():
    pixels = np.random.default_rng(0).random((60, 60), np.float32)
    return Region(pixels, (0, 0, 60, 60))


@pytest.fixture(scope="module")
def prompt(local, region):
    return local.family.prompt((region,), "What defect is there?")


def test_rollout_of_two_layers_by_hand():
    first = torch.tensor([[1.0, 0.0], [0.4, 0.6]])
    second = torch.tensor([[1.0, 0.0], [0.2, 0.8]])
    # Half past each layer: (0.1, 0.9), then (0.1 + 0.9 * 0.2, 0.9 * 0.8).
    assert rolled_out([first, second], 1).numpy() == pytest.approx([0.28, 0.72])


def test_gradients_count_only_what_makes_the_token_more_likely():
    weights = torch.tensor([[[[0.5, 0.3, 0.2]] * 3]], requires_grad=True)
    scale = torch.tensor([2.0, -1.0, 0.0])
    found = followed([weights], (weights[0, 0, 2] * scale).sum(), 2)
    assert found.numpy() == pytest.approx([1.0, 0, 0])


@pytest.mark.parametrize("method", [Method.ROLLOUT, Method.GRADIENT])
def test_each_token_of_the_answer_has_its_row(local, prompt, method):
    found = replay(local.model, local.family, prompt, TOKENS, method)
    assert found.shape == (3, 16)
    assert (found >= 0).all()
    assert found.sum(-1).min() > 0
    assert not np.allclose(found[0], found[1])
    # What comes later cannot change what a token rests on.
    alone = replay(local.model, local.family, prompt, TOKENS[:1], method)
    assert alone[0] == pytest.approx(found[0], rel=1e-3, abs=1e-6)


def test_rollout_is_that_of_eager_attention(local, prompt):
    found = replay(local.model, local.family, prompt, TOKENS[:1], Method.ROLLOUT)[0]
    decoder = local.family.decoder(local.model)
    before = decoder.config._attn_implementation
    decoder.set_attn_implementation("eager")
    try:
        with torch.no_grad():
            out = local.model(**prompt.inputs, output_attentions=True)
    finally:
        decoder.set_attn_implementation(before)
    mixed = np.eye(prompt.length)
    for weights in out.attentions:
        mixed = (mixed + weights[0].double().mean(0).numpy() @ mixed) / 2
    assert found == pytest.approx(mixed[-1, prompt.sights[0].positions], rel=1e-4)


def test_the_model_is_left_as_it_was(local, prompt, region):
    decoder = local.family.decoder(local.model)
    before = decoder.config._attn_implementation
    learning = [each.requires_grad for each in local.model.parameters()]
    question = Question("What defect is there?", (region,))
    said = local.ask(question, max_tokens=4)
    replay(local.model, local.family, prompt, TOKENS, Method.GRADIENT)
    assert decoder.config._attn_implementation == before
    assert [each.requires_grad for each in local.model.parameters()] == learning
    assert all(each.grad is None for each in local.model.parameters())
    again = local.ask(question, max_tokens=4)
    assert again.text == said.text
    assert np.array_equal(again.attention[0].values, said.attention[0].values)


def test_too_long_a_prompt_is_refused_before_memory_runs_out(local, prompt):
    with pytest.raises(ModelError, match="needs"):
        replay(local.model, local.family, prompt, TOKENS, Method.ROLLOUT, most_memory=1000)


@pytest.mark.parametrize("method", [Method.ROLLOUT, Method.GRADIENT, Method.CONTRAST])
def test_a_local_model_shows_such_maps(local, region, method):
    from napari_micrograph_vlm.attention.explain import explained

    answer = local.ask(Question("What defect is there?", (region,)), max_tokens=4)
    found = explained(local, answer, method)
    assert found.text == answer.text
    assert found.attention[0].method == method
    assert found.attention[0].values.sum() == pytest.approx(1, abs=1e-5)
    assert not np.allclose(found.attention[0].values, answer.attention[0].values)


@pytest.mark.parametrize("name", BUILDERS)
def test_an_answer_read_again_is_the_one_that_was_written(name, tmp_path, region):
    # Without training, this one writes an image token with the first seed.
    seed = int(name == "llava_onevision")
    local = LocalModel.load(checkpoint(name, tmp_path / name, seed), "cpu")
    if Method.ROLLOUT not in local.methods:
        pytest.skip("nothing is read again")
    prompt = local.family.prompt((region,), "What defect is there?")
    written = list(generate(local.model, local.family, prompt, max_tokens=6))
    tokens = [step.token for step in written]
    with torch.no_grad():
        logits = local.model(
            **lengthened(local.family, prompt, tokens[:-1]), use_cache=False
        ).logits
    read = logits[0, prompt.length - 1 :].float().softmax(-1)
    assert read.argmax(-1).tolist() == tokens
    found = [float(row[token]) for row, token in zip(read, tokens, strict=True)]
    assert found == pytest.approx([step.probability for step in written], rel=1e-3)
