"""Means of models and of adapters, and what models have learnt added to another."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from torch import Tensor

from models.tiny_models import checkpoint
from napari_micrograph_vlm.errors import ModelError
from napari_micrograph_vlm.models.loading import load
from napari_micrograph_vlm.regions import Cutout
from napari_micrograph_vlm.training.merging import merge_linear, task_arithmetic
from napari_micrograph_vlm.training.merging.adapters import Adapter
from napari_micrograph_vlm.training.merging.checkpoint import Checkpoint
from napari_micrograph_vlm.training.merging.names import layer_prefix, plain_name

# peft asks transformers by a name that is going away.
pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*:FutureWarning")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("models")
    return checkpoint("llava", folder / "one"), checkpoint("llava", folder / "two", seed=1)


def weights_of(folder: Path) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for file in folder.glob("*.safetensors"):
        found |= load_file(file)
    return found


def scaled(folder: Path, source: Path, change: Callable[[Tensor], Tensor]) -> Path:
    folder.mkdir()
    for file in source.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    weights = {name: change(value) for name, value in weights_of(source).items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def test_a_mean_is_that_of_every_tensor(models: tuple[Path, Path], tmp_path: Path) -> None:
    one, two = map(weights_of, models)
    made = weights_of(merge_linear([(models[0], 3), (models[1], 1)], tmp_path / "mean"))
    assert made.keys() == one.keys()
    for name, value in made.items():
        expected = (0.75 * one[name].double() + 0.25 * two[name].double()).float()
        assert torch.equal(value, expected), name
    given = merge_linear([(models[0], 0.5), (models[1], 1)], tmp_path / "sum", normalise=False)
    name = next(iter(one))
    torch.testing.assert_close(weights_of(given)[name], 0.5 * one[name] + two[name])


def test_a_mean_of_16_bit_numbers_is_rounded_once(tmp_path: Path) -> None:
    one = checkpoint("llava", tmp_path / "one")
    half = scaled(tmp_path / "half", one, lambda value: value.bfloat16())
    third = scaled(tmp_path / "third", one, lambda value: (value / 3).bfloat16())
    made = weights_of(merge_linear([(half, 1), (third, 2)], tmp_path / "mean"))
    a, b = weights_of(half), weights_of(third)
    for name, value in made.items():
        assert value.dtype == torch.bfloat16
        exact = a[name].double() / 3 + b[name].double() * 2 / 3
        nearest = (value.double() - exact).abs() <= (exact.bfloat16().double() - exact).abs() + 1e-6
        assert nearest.all(), name


def test_what_a_model_learnt_is_added_and_taken_away(
    models: tuple[Path, Path], tmp_path: Path
) -> None:
    one, two = map(weights_of, models)
    base, tuned = models
    added = weights_of(task_arithmetic(base, [(tuned, 1)], tmp_path / "added"))
    taken = weights_of(task_arithmetic(base, [(tuned, -0.5)], tmp_path / "taken"))
    kept = weights_of(task_arithmetic(base, [(tuned, 0)], tmp_path / "kept"))
    for name in one:
        assert torch.equal(added[name], two[name]), name
        assert torch.equal(kept[name], one[name]), name
        torch.testing.assert_close(taken[name], 1.5 * one[name] - 0.5 * two[name])


def adapted(folder: Path, base: Path, seed: int, **changes: Any) -> Path:
    """Write an adapter whose matrices are all drawn at random."""
    model: Any = load(base, "cpu").model
    settings = {"r": 3, "lora_alpha": 6, "target_modules": ["q_proj", "up_proj"], **changes}
    tuned: Any = get_peft_model(model, LoraConfig(**settings))
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, value in tuned.named_parameters():
            if "lora_" in name:
                value.normal_(std=0.1)
    tuned.peft_config["default"].base_model_name_or_path = str(base)
    tuned.save_pretrained(folder)
    return folder


def logits_of(folder: Path, *adapters: Path) -> Tensor:
    loaded = load(folder, "cpu")
    region = Cutout.of_array(np.random.default_rng(0).random((60, 80))).read()
    model: Any = loaded.model
    for adapter in adapters:
        model = PeftModel.from_pretrained(model, adapter).merge_and_unload()
    with torch.no_grad():
        found: Tensor = model(**loaded.family.prompt([region], "What is it?").inputs).logits
    return found


def test_adapters_are_added_as_peft_adds_them(models: tuple[Path, Path], tmp_path: Path) -> None:
    base = models[0]
    one = adapted(tmp_path / "one", base, 1)
    two = adapted(
        tmp_path / "two",
        base,
        2,
        use_rslora=True,
        target_modules=["up_proj", "down_proj"],
        rank_pattern={"down_proj": 5},
        alpha_pattern={"down_proj": 10},
    )
    made = task_arithmetic(base, [(one, 1), (two, 1)], tmp_path / "made")
    before, expected = logits_of(base), logits_of(base, one, two)
    assert not torch.allclose(before, expected, atol=1e-2)
    torch.testing.assert_close(logits_of(made), expected, atol=1e-4, rtol=1e-4)
    # As one adapter: the same sum, with other weights, whatever the ranks.
    merged = merge_linear([(one, 0.3), (two, -1.2)], tmp_path / "merged", normalise=False)
    same = task_arithmetic(base, [(one, 0.3), (two, -1.2)], tmp_path / "same")
    torch.testing.assert_close(logits_of(base, merged), logits_of(same), atol=1e-4, rtol=1e-4)
    assert json.loads((merged / "merge.json").read_text())["parts"][1]["weight"] == -1.2


def test_what_cannot_be_added_up_is_told_in_one_sentence(
    models: tuple[Path, Path], tmp_path: Path
) -> None:
    one, two = models
    smaller = checkpoint("phi3_v", tmp_path / "phi")
    wide = scaled(tmp_path / "wide", one, lambda v: v.repeat(2, *[1] * (v.dim() - 1)))
    adapter = adapted(tmp_path / "adapter", one, 0)
    dora = adapted(tmp_path / "dora", one, 0, use_dora=True)
    foreign = adapted(tmp_path / "foreign", one, 0)
    weights = load_file(foreign / "adapter_model.safetensors")
    save_file(
        {name.replace("layers.0", "layers.9"): value for name, value in weights.items()},
        foreign / "adapter_model.safetensors",
    )
    out = tmp_path / "out"
    cases: list[tuple[Callable[[], Any], str]] = [
        (lambda: merge_linear([], out), "at least one model"),
        (lambda: merge_linear([(one, 1), (two, -1)], out), "sum to 0"),
        (lambda: merge_linear([(one, float("nan"))], out), "finite"),
        (lambda: merge_linear([(one, 1), (smaller, 1)], out), "models of one type"),
        (lambda: merge_linear([(one, 1), (wide, 1)], out), r"differ in \d+ tensors"),
        (lambda: merge_linear([(one, 1), (adapter, 1)], out), "not of both"),
        (lambda: task_arithmetic(adapter, [(one, 1)], out), "holds an adapter"),
        (lambda: task_arithmetic(one, [(dora, 1)], out), "use_dora"),
        (lambda: task_arithmetic(one, [(foreign, 1)], out), "belongs to another model"),
        (lambda: task_arithmetic(wide, [(adapter, 1)], out), "another shape"),
    ]
    for call, message in cases:
        with pytest.raises(ModelError, match=message) as told:
            call()
        assert str(told.value).count(". ") == 0
        assert not out.exists()
    (adapter / "adapter_config.json").write_text("[]")
    with pytest.raises(ModelError, match="missing or broken"):
        Adapter(adapter)


NAMES = st.from_regex(
    r"(model\.|language_model\.)?(layers\.\d\.)?[a-z_]{1,9}\.weight", fullmatch=True
)


@settings(max_examples=60)
@given(NAMES, st.sampled_from(["llava", "idefics2", "phi3_v", "qwen2_vl", "phi3_v_moe"]))
def test_a_plain_name_stays_as_it_is(name: str, model_type: str) -> None:
    plain = plain_name(name, model_type)
    if plain is not None:
        assert plain_name(plain, model_type) == plain


def test_layers_of_the_image_encoder_are_not_taken_for_the_texts(tmp_path: Path) -> None:
    found = {
        name: Checkpoint.open(checkpoint(name, tmp_path / name)).prefix
        for name in ("idefics2_moe", "phi3_v", "qwen2_vl")
    }
    assert found == {
        "idefics2_moe": "model.text_model.",
        "phi3_v": "model.language_model.",
        "qwen2_vl": "model.language_model.",
    }
    assert layer_prefix(["model.vision_tower.encoder.layers.0.mlp.fc1.weight", "x.weight"]) is None
