"""Several models as one: what each expert is, what the gates do, what a token costs."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModelForImageTextToText

from models.tiny_models import checkpoint
from napari_micrograph_vlm import load_model
from napari_micrograph_vlm.errors import Cancelled, MicrographError, ModelError, SourceError
from napari_micrograph_vlm.models import mixtures
from napari_micrograph_vlm.models.loading import Loaded, load
from napari_micrograph_vlm.regions import Cutout, Region
from napari_micrograph_vlm.results import Question
from napari_micrograph_vlm.training.experts import (
    MIXTURES,
    PUBLISHED,
    Recipe,
    mix_experts,
    teach_gates,
)
from napari_micrograph_vlm.training.experts.prompts import read_prompts
from napari_micrograph_vlm.training.experts.states import all_to, routing, states_of
from training.experts.sample_prompts import examples

QUESTION = "What defect is there?"
FAMILIES = ("idefics2", "llava", "phi3_v")


def region() -> Region:
    return Cutout.of_array(np.random.default_rng(0).random((90, 140))).read()


def inputs_of(loaded: Loaded) -> dict[str, Tensor]:
    return loaded.family.prompt([region()], QUESTION).inputs


def logits_of(loaded: Loaded) -> Tensor:
    with torch.no_grad():
        found: Tensor = loaded.model(**inputs_of(loaded)).logits
    return found


@pytest.fixture(scope="module", params=FAMILIES)
def models(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return two models of a family and a mixture of them that was taught with prompts."""
    folder = tmp_path_factory.mktemp(request.param)
    one, two = (checkpoint(request.param, folder / str(n), seed=n) for n in range(2))
    prompts = [examples(0, 12), examples(1, 12)]
    return one, two, mix_experts(one, [one, two], folder / "mixed", prompts=prompts, device="cpu")


def blocks_of(folder: Path) -> list[Any]:
    loaded = load(folder, "cpu")
    layers: Any = loaded.family.decoder(loaded.model).layers
    return [layer.mlp for layer in layers]


def test_an_experts_own_prompts_reach_it(models: Any) -> None:
    _, _, mixed = models
    loaded = load(mixed, "cpu")
    for kind in (0, 1):
        # Prompts that the gates were not taught with.
        fresh = examples(kind, 16)[12:]
        lessons = [*read_prompts(fresh, loaded.model, loaded.family)[0]]
        share = routing(loaded.model, loaded.family, lessons)
        torch.testing.assert_close(share.sum(-1), torch.ones(share.shape[:-1]))
        assert share.mean((0, 1))[kind] > 0.7
        assert share.mean(1).argmax(-1).tolist() == [kind] * len(lessons)
    report = json.loads((mixed / "gates.json").read_text())
    assert report["prompts"] == [9, 9]
    assert report["held_out"]
    assert min(report["routing"][n][n] for n in range(2)) > 0.7
    assert all(last < first for first, last in report["loss"])


def test_each_expert_is_its_models_feed_forward_block(models: Any) -> None:
    one, two, mixed = models
    loaded = load(mixed, "cpu")
    plain = load(one, "cpu")
    with all_to(loaded.model, 0):
        torch.testing.assert_close(logits_of(loaded), logits_of(plain), atol=1e-5, rtol=1e-5)
    layers: Any = plain.family.decoder(plain.model).layers
    for layer, block in zip(layers, blocks_of(two), strict=True):
        layer.mlp = block
    with all_to(loaded.model, 1):
        torch.testing.assert_close(logits_of(loaded), logits_of(plain), atol=1e-5, rtol=1e-5)


class Mean(nn.Module):
    def __init__(self, blocks: list[nn.Module]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)

    def forward(self, hidden: Tensor) -> Tensor:
        return torch.stack([block(hidden) for block in self.blocks]).mean(0)


def test_all_experts_with_equal_gates_are_the_average(models: Any, tmp_path: Path) -> None:
    one, two, _ = models
    mixed = load(mix_experts(one, [one, two], tmp_path / "all", chosen=2), "cpu")
    plain = load(one, "cpu")
    layers: Any = plain.family.decoder(plain.model).layers
    for layer, other in zip(layers, blocks_of(two), strict=True):
        layer.mlp = Mean([layer.mlp, other])
    torch.testing.assert_close(logits_of(mixed), logits_of(plain), atol=2e-4, rtol=1e-4)


def test_a_mixture_writes_with_its_cache_and_shows_where_it_looked(models: Any) -> None:
    _, _, mixed = models
    model: Any = load_model(mixed, "cpu")
    answer = model.ask(Question(QUESTION, (region(),)), max_tokens=6)
    maps = answer.attention[0].values
    assert np.isfinite(maps).all()
    assert maps.max() > maps.min()
    given = inputs_of(load(mixed, "cpu"))
    writing = {"max_new_tokens": 6, "min_new_tokens": 6, "do_sample": False}
    cached = model.model.generate(**given, **writing, use_cache=True)
    assert torch.equal(cached, model.model.generate(**given, **writing, use_cache=False))


def test_a_mixture_saved_by_transformers_is_the_same_again(models: Any, tmp_path: Path) -> None:
    _, _, mixed = models
    loaded = load(mixed, "cpu")
    model: Any = loaded.model
    model.save_pretrained(tmp_path / "again")
    again = type(model).from_pretrained(tmp_path / "again").eval()
    with torch.no_grad():
        assert torch.equal(again(**inputs_of(loaded)).logits, logits_of(loaded))
    assert json.loads((tmp_path / "again" / "config.json").read_text())["num_expert_models"] == 2


@pytest.mark.parametrize("family", ["llava_next", "llava_onevision"])
def test_other_llavas_are_mixed_too_and_load_automatically(family: str, tmp_path: Path) -> None:
    one, two = (checkpoint(family, tmp_path / str(n), seed=n) for n in range(2))
    mixed = mix_experts(one, [one, two], tmp_path / "mixed")
    assert mixtures.__all__  # importing them makes them known to the automatic classes
    model = AutoModelForImageTextToText.from_pretrained(mixed).eval()
    loaded = load(one, "cpu")
    with torch.no_grad():  # untaught, one expert for a token: the first
        logits = model(**inputs_of(loaded)).logits
    torch.testing.assert_close(logits, logits_of(loaded), atol=1e-5, rtol=1e-5)


def flops_a_token(experts: int, chosen: int) -> float:
    """Return the multiplications of one more token of a mixture with a given number of experts."""
    config = mixtures.LlavaMoeConfig(
        text_config={
            "model_type": "llama",
            "hidden_size": 32,
            "intermediate_size": 256,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "vocab_size": 40,
        },
        vision_config={"hidden_size": 24, "num_hidden_layers": 1, "intermediate_size": 16},
        k=chosen,
        num_expert_models=experts,
    )
    torch.manual_seed(0)
    model = mixtures.LlavaMoeForConditionalGeneration(config).eval()
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        model(input_ids=torch.arange(8)[None])
    return counter.get_total_flops() / 8


def test_a_token_costs_by_the_experts_that_work_on_it_not_by_those_there_are() -> None:
    costs = [flops_a_token(8, chosen) for chosen in (1, 2, 4, 8)]
    block = 2 * 2 * 3 * 32 * 256  # two layers, three products of two operations
    for (a, b), more in zip(pairwise(costs), (1, 2, 4), strict=True):
        assert b - a == more * block
    gate = 2 * 2 * 32  # all that one more expert costs
    assert flops_a_token(4, 1) - flops_a_token(2, 1) == 2 * gate
    assert costs[0] - flops_a_token(2, 1) == 6 * gate


@pytest.fixture(scope="module")
def llavas(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("llavas")
    one, two = (checkpoint("llava", folder / str(n), seed=n) for n in range(2))
    return one, two


def test_states_of_the_published_recipe_are_what_enters_each_layer(
    llavas: tuple[Path, Path], tmp_path: Path
) -> None:
    mixed = mix_experts(llavas[0], llavas, tmp_path / "mixed")
    loaded = load(mixed, "cpu")
    lesson = read_prompts(examples(0, 1), loaded.model, loaded.family)[0][0]
    found = states_of(loaded.model, loaded.family, [lesson], published=True)
    count = lesson.prompt.length
    with torch.no_grad():
        seen: Any = loaded.model(**lesson.prompt.inputs, output_hidden_states=True)
    for layer, expected in zip(found, seen.hidden_states, strict=False):
        torch.testing.assert_close(layer[0][:count], expected[0], atol=1e-4, rtol=1e-4)
    # The gate itself sees what has passed attention and norm.
    assert not torch.allclose(
        states_of(loaded.model, loaded.family, [lesson])[0][0], found[0][0], atol=1e-2
    )
    prompts = [examples(0, 4), examples(1, 4)]
    assert (PUBLISHED.epochs, PUBLISHED.learning_rate) == (1000, 5e-5)
    report = teach_gates(mixed, prompts, recipe=replace(PUBLISHED, epochs=40), device="cpu")
    assert report["recipe"]["published"]
    assert all(last < first for first, last in report["loss"])


def test_gates_stay_as_they_were_when_teaching_is_stopped(
    llavas: tuple[Path, Path], tmp_path: Path
) -> None:
    mixed = mix_experts(llavas[0], llavas, tmp_path / "mixed")
    before = {file.name: file.read_bytes() for file in mixed.iterdir()}
    stop = Event()
    with pytest.raises(Cancelled):
        teach_gates(
            mixed,
            [examples(0, 2), examples(1, 2)],
            device="cpu",
            on_step=lambda *_: stop.set(),
            stop=stop,
        )
    assert {file.name: file.read_bytes() for file in mixed.iterdir()} == before
    # Asked for again with prompts, it is not mixed anew but taught.
    again = mix_experts(
        llavas[0],
        llavas,
        mixed,
        prompts=[examples(0, 2), examples(1, 2)],
        recipe=Recipe(epochs=5),
        device="cpu",
    )
    changed = {f.name for f in again.iterdir() if f.read_bytes() != before.get(f.name)}
    weights = {name for name in changed if name.endswith(".safetensors")}
    assert len(weights) == 1
    assert "gates.json" in changed


def test_what_cannot_be_mixed_is_told_in_one_sentence(
    llavas: tuple[Path, Path], tmp_path: Path
) -> None:
    one, _ = llavas
    other = checkpoint("idefics2", tmp_path / "other")
    qwen = checkpoint("qwen2_vl", tmp_path / "qwen")
    thin = tmp_path / "thin"
    thin.mkdir()
    for file in one.iterdir():
        (thin / file.name).write_bytes(file.read_bytes())
    weights = load_file(one / "model.safetensors")
    for name in list(weights):
        if name.endswith("layers.2.mlp.up_proj.weight"):
            weights[name] = weights[name][:-1].contiguous()
    save_file(weights, thin / "model.safetensors", metadata={"format": "pt"})
    cases: list[tuple[Path, list[Path], dict[str, Any], str]] = [
        (one, [one], {}, "at least two"),
        (one, [one, one], {"chosen": 3}, "1 to 2 can work"),
        (one, [one, other], {}, "of type 'idefics2'"),
        (one, [one, thin], {}, "do not fit"),
        (qwen, [qwen, qwen], {}, f"those of type {', '.join(MIXTURES)} can"),
        (one, [one, one], {"prompts": [examples(0, 1)]}, "1 of 2 experts"),
    ]
    for base, experts, given, message in cases:
        with pytest.raises(ModelError, match=message) as told:
            mix_experts(base, experts, tmp_path / "made", **given)
        assert str(told.value).count(". ") == 0
        assert not (tmp_path / "made").exists()
    mixed = mix_experts(one, [one, one], tmp_path / "mixed")
    with pytest.raises(SourceError, match="holds no prompt"):
        teach_gates(mixed, [examples(0, 1), []], device="cpu")
    with pytest.raises(MicrographError, match="has 2 experts"):
        teach_gates(mixed, [examples(0, 1)], device="cpu")
    load(mixed, "cpu").model.save_pretrained(tmp_path / "whole")  # type: ignore[operator]
    for file in one.iterdir():
        if not (tmp_path / "whole" / file.name).exists():
            (tmp_path / "whole" / file.name).write_bytes(file.read_bytes())
    with pytest.raises(ModelError, match="lie among its other weights"):
        teach_gates(tmp_path / "whole", [examples(0, 1), examples(1, 1)], device="cpu")
    with pytest.raises(ModelError, match="has 0 experts"):
        teach_gates(one, [examples(0, 1)], device="cpu")
