"""Models that do not fit each other are refused by all that merges; those that do can be loaded."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file

from models.tiny_models import BUILDERS, checkpoint
from napari_micrograph_vlm.errors import ModelError
from napari_micrograph_vlm.models.loading import load
from napari_micrograph_vlm.training.experts import mix_experts
from napari_micrograph_vlm.training.merging import (
    adapters,
    merge_linear,
    stack_layers,
    task_arithmetic,
)
from napari_micrograph_vlm.training.merging.checkpoint import Checkpoint

# peft asks transformers by a name that is going away.
pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*:FutureWarning")

MERGES: list[Callable[[Path, Path, Path], Any]] = [
    lambda one, two, out: stack_layers([(one, range(2)), (two, range(1))], out),
    lambda one, two, out: merge_linear([(one, 1), (two, 1)], out),
    lambda one, two, out: task_arithmetic(one, [(two, 1)], out),
    lambda one, two, out: mix_experts(one, [one, two], out),
]


@pytest.fixture(scope="module")
def llava(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint("llava_next", tmp_path_factory.mktemp("models") / "one")  # with Mistral


def copied(source: Path, folder: Path, **changes: Any) -> Path:
    """Write a model with other settings of its text model and the same weights."""
    folder.mkdir()
    for file in source.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    config = json.loads((folder / "config.json").read_text())
    config["text_config"] |= changes
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize(
    "changes",
    [
        {"hidden_act": "gelu"},
        {"num_attention_heads": 2, "head_dim": 32},
        {"num_key_value_heads": 4},
        {"sliding_window": 3},
        {"rms_norm_eps": 0.1},
        {"rope_parameters": {"rope_type": "default", "rope_theta": 12.0}},
        {"intermediate_size": 64},
        {"vocab_size": 64},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_models_with_other_settings_are_refused_by_all_that_merges(
    llava: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    other = copied(llava, tmp_path / "other", **changes)
    for merge in MERGES:
        with pytest.raises(ModelError, match=f"differ in {next(iter(changes))}") as told:
            merge(llava, other, tmp_path / "made")
        assert str(told.value).count(". ") == 0
        assert not (tmp_path / "made").exists()


def test_layers_of_another_shape_are_refused_whatever_the_settings_say(
    llava: Path, tmp_path: Path
) -> None:
    other = copied(llava, tmp_path / "other")
    weights = load_file(other / "model.safetensors")
    for name in weights:
        if name.endswith("layers.0.mlp.up_proj.weight"):
            weights[name] = weights[name][:64].contiguous()
    save_file(weights, other / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"Layer 0 of .* \(mlp\.up_proj\.weight has another"):
        stack_layers([(llava, range(2)), (other, range(1))], tmp_path / "made")
    # Its other layers fit.
    stack_layers([(llava, range(2)), (other, range(1, 3))], tmp_path / "made")


def test_image_encoders_with_other_settings_have_no_mean(llava: Path, tmp_path: Path) -> None:
    other = copied(llava, tmp_path / "other")
    config = json.loads((other / "config.json").read_text())
    config["vision_config"]["hidden_act"] = "relu"
    (other / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"differ in vision_config\.hidden_act"):
        merge_linear([(llava, 1), (other, 1)], tmp_path / "made")
    # The layers of the text model do.
    stack_layers([(llava, range(2)), (other, range(1))], tmp_path / "made")


def test_mixtures_that_ask_another_number_of_experts_do_not_fit(
    llava: Path, tmp_path: Path
) -> None:
    one, two = (
        mix_experts(llava, [llava, llava], tmp_path / str(chosen), chosen=chosen)
        for chosen in (1, 2)
    )
    for merge in MERGES[:3]:
        with pytest.raises(ModelError, match="differ in k,"):
            merge(one, two, tmp_path / "made")


@pytest.mark.parametrize("name", BUILDERS)
def test_a_merged_model_of_every_family_is_loaded(name: str, tmp_path: Path) -> None:
    source = checkpoint(name, tmp_path / "source")
    (source / ".cache").mkdir()
    (source / ".cache" / "x.json").write_text("{}")
    made = merge_linear([(source, 1)], tmp_path / "made")
    loaded = load(made, "cpu")
    # Adapters call tensors by the names in the loaded model.
    assert set(Checkpoint.open(made).names) <= set(loaded.model.state_dict())
    inside = {folder.name for folder in source.iterdir() if folder.is_dir()} - {".cache"}
    assert {folder.name for folder in made.iterdir() if folder.is_dir()} == inside


def test_adapters_of_blip_2_are_added_to_it(tmp_path: Path) -> None:
    base = checkpoint("blip-2", tmp_path / "base")
    model: Any = load(base, "cpu").model
    tuned: Any = get_peft_model(model, LoraConfig(r=2, target_modules=["fc1"]))
    with torch.no_grad():
        for name, value in tuned.named_parameters():
            if "lora_B" in name:
                value.fill_(0.1)
    tuned.peft_config["default"].base_model_name_or_path = str(base)
    tuned.save_pretrained(tmp_path / "adapter")
    made = task_arithmetic(base, [(tmp_path / "adapter", 1)], tmp_path / "made")
    expected = tuned.merge_and_unload().state_dict()
    after = load(made, "cpu").model.state_dict()
    before = load(base, "cpu").model.state_dict()
    changed = [name for name in after if not torch.equal(after[name], before[name])]
    assert any("language_model" in name for name in changed)
    for name in changed:
        torch.testing.assert_close(after[name], expected[name])


def test_a_mean_of_adapters_that_was_killed_is_made_by_the_same_call(
    llava: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model: Any = load(llava, "cpu").model
    tuned: Any = get_peft_model(model, LoraConfig(r=2, target_modules=["up_proj"]))
    tuned.peft_config["default"].base_model_name_or_path = str(llava)
    tuned.save_pretrained(tmp_path / "one")
    parts, out = [(tmp_path / "one", 1.0), (tmp_path / "one", 2.0)], tmp_path / "made"

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(adapters, "write_whole", killed)
        with pytest.raises(KeyboardInterrupt):
            merge_linear(parts, out)
    assert not out.exists()
    merge_linear(parts, out)
    assert not list(tmp_path.glob(".*"))
    when = (out / "adapter_config.json").stat().st_mtime_ns
    assert merge_linear(parts, out) == out
    assert (out / "adapter_config.json").stat().st_mtime_ns == when
    with pytest.raises(ModelError, match="holds something already"):
        merge_linear(parts[:1], out)
