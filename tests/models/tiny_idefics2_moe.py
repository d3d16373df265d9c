"""Cephalo's mixture of three Idefics2 models in small, with the published names and config."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from models.tiny_idefics2 import build as build_plain
from models.tiny_models import write_json


def build(folder: Path, seed: int = 0, k: int = 1, experts: int = 3) -> Path:
    """Write the mixture as published: a whole Idefics2 in ``model``, and experts in its layers."""
    build_plain(folder, seed)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    plain = load_file(folder / "model.safetensors")
    config |= {
        "architectures": ["Idefics2ForCausalLMMoE"],
        "auto_map": {
            "AutoConfig": "moe_idefics2.Idefics2ForCausalLMMoEConfig",
            "AutoModelForCausalLM": "moe_idefics2.Idefics2ForCausalLMMoE",
        },
        "model_type": "idefics2_moe",
        "k": k,
        "num_expert_models": experts,
        "use_embeddings_in_router": False,
    }
    write_json(folder / "config.json", config)
    weights = published_weights(plain, experts)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def published_weights(plain: dict[str, Tensor], experts: int) -> dict[str, Tensor]:
    """Return those of Idefics2 under the names of the published ``Idefics2ForCausalLMMoE``."""
    nested: dict[str, Tensor] = {}
    for name, value in plain.items():
        text, _, block = name.partition(".mlp.")
        if not (name.startswith("model.text_model.layers.") and block):
            nested[f"model.{name}"] = value
            continue
        for j in range(experts):
            nested[f"model.{text}.mlp.experts.{j}.{block}"] = torch.randn_like(value) * value.std()
        size = plain["lm_head.weight"].shape[1]
        nested[f"model.{text}.mlp.gating_layer.gate.weight"] = torch.randn(experts, size)
        nested[f"model.{text}.mlp.gating_layer.gate.bias"] = torch.randn(experts)
    # The head that the published class makes beside the whole model it holds, and never uses.
    nested["lm_head.weight"] = torch.full_like(plain["lm_head.weight"], 1000.0)
    return nested
