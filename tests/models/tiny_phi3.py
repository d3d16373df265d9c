"""Cephalo's Phi-3-vision and its mixture in small, with the published names and flat config."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from models.tiny_models import llama_tokenizer, text_sizes, write_json

# As in the tokenizer_config.json of microsoft/Phi-3-vision-128k-instruct.
TEMPLATE = (
    "{% for message in messages %}{{'<|' + message['role'] + '|>' + '\n' + message['content'] + "
    "'<|end|>\n' }}{% endfor %}{% if add_generation_prompt and messages[-1]['role'] != 'assistant' "
    "%}{{- '<|assistant|>\n' -}}{% endif %}"
)
SPECIAL = ["<|endoftext|>", "<|assistant|>", "<|system|>", "<|end|>", "<|user|>", "<|image|>"]
SIDE, PATCH, VISION, VISION_LAYERS = 56, 14, 32, 3


def build(folder: Path, seed: int = 0, **changes: Any) -> Path:
    """Write the model as Microsoft and lamm-mit published it, only smaller."""
    tokenizer, config = _parts(**changes)
    _write(folder, tokenizer, config, published_weights(config, seed))
    return folder


def build_moe(folder: Path, seed: int = 0, k: int = 1, experts: int = 3) -> Path:
    """Write the mixture of three, as published."""
    tokenizer, config = _parts()
    config |= {
        "architectures": ["Phi3VForCausalLMMoE"],
        "auto_map": {
            "AutoConfig": "moe_phi3_v.Phi3VForCausalLMMoEConfig",
            "AutoModelForCausalLM": "moe_phi3_v.Phi3VForCausalLMMoE",
        },
        "model_type": "phi3_v_moe",
        "k": k,
        "num_expert_models": experts,
        "use_embeddings_in_router": False,
    }
    _write(folder, tokenizer, config, published_moe_weights(config, seed))
    return folder


def published_weights(config: dict[str, Any], seed: int = 0) -> dict[str, Tensor]:
    """Return random weights under the names of the published ``Phi3VForCausalLM``."""
    torch.manual_seed(seed)
    size, inner, vocab = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    vision = "model.vision_embed_tokens"
    tower = f"{vision}.img_processor.vision_model"
    shapes: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (vocab, size),
        f"{vision}.glb_GN": (1, 1, 4 * VISION),
        f"{vision}.sub_GN": (1, 1, 1, 4 * VISION),
        f"{vision}.img_projection.0.weight": (size, 4 * VISION),
        f"{vision}.img_projection.0.bias": (size,),
        f"{vision}.img_projection.2.weight": (size, size),
        f"{vision}.img_projection.2.bias": (size,),
        f"{tower}.embeddings.class_embedding": (VISION,),
        f"{tower}.embeddings.patch_embedding.weight": (VISION, 3, PATCH, PATCH),
        f"{tower}.embeddings.position_embedding.weight": ((SIDE // PATCH) ** 2 + 1, VISION),
        "model.norm.weight": (size,),
        "lm_head.weight": (vocab, size),
    }
    for norm in ("pre_layrnorm", "post_layernorm"):
        shapes |= _affine(f"{tower}.{norm}")
    for i in range(VISION_LAYERS):
        layer = f"{tower}.encoder.layers.{i}"
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            shapes[f"{layer}.self_attn.{name}.weight"] = (VISION, VISION)
            shapes[f"{layer}.self_attn.{name}.bias"] = (VISION,)
        shapes |= _affine(f"{layer}.layer_norm1") | _affine(f"{layer}.layer_norm2")
        shapes[f"{layer}.mlp.fc1.weight"] = (2 * VISION, VISION)
        shapes[f"{layer}.mlp.fc1.bias"] = (2 * VISION,)
        shapes[f"{layer}.mlp.fc2.weight"] = (VISION, 2 * VISION)
        shapes[f"{layer}.mlp.fc2.bias"] = (VISION,)
    for i in range(config["num_hidden_layers"]):
        layer = f"model.layers.{i}"
        shapes[f"{layer}.self_attn.qkv_proj.weight"] = (3 * size, size)
        shapes[f"{layer}.self_attn.o_proj.weight"] = (size, size)
        shapes[f"{layer}.mlp.gate_up_proj.weight"] = (2 * inner, size)
        shapes[f"{layer}.mlp.down_proj.weight"] = (size, inner)
        shapes[f"{layer}.input_layernorm.weight"] = (size,)
        shapes[f"{layer}.post_attention_layernorm.weight"] = (size,)
    weights = {name: _draw(name, shape) for name, shape in shapes.items()}
    weights[f"{vision}.wte.weight"] = weights["model.embed_tokens.weight"].clone()
    return weights


def published_moe_weights(config: dict[str, Any], seed: int = 0) -> dict[str, Tensor]:
    """Return random weights under the names of the published ``Phi3VForCausalLMMoE``."""
    size, inner = config["hidden_size"], config["intermediate_size"]
    base = published_weights(config, seed)
    nested = {f"model.{name}": value for name, value in base.items() if ".layers." not in name}
    nested |= {f"model.{name}": value for name, value in base.items() if "img_processor" in name}
    for name, value in base.items():
        if name.startswith("model.layers.") and ".mlp." not in name:
            nested[f"model.{name}"] = value
    for i in range(config["num_hidden_layers"]):
        mlp = f"model.model.layers.{i}.mlp"
        for j in range(config["num_expert_models"]):
            nested[f"{mlp}.experts.{j}.gate_up_proj.weight"] = _draw("", (2 * inner, size))
            nested[f"{mlp}.experts.{j}.down_proj.weight"] = _draw("", (size, inner))
        nested[f"{mlp}.gating_layer.gate.weight"] = torch.randn(config["num_expert_models"], size)
        nested[f"{mlp}.gating_layer.gate.bias"] = torch.randn(config["num_expert_models"])
    # The head that the published class makes beside the whole model it holds, and never uses.
    nested["lm_head.weight"] = torch.full_like(base["lm_head.weight"], 1000.0)
    return nested


def _affine(name: str) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (VISION,), f"{name}.bias": (VISION,)}


def _draw(name: str, shape: tuple[int, ...]) -> Tensor:
    if "norm" in name and name.endswith("weight"):
        return 1 + 0.1 * torch.randn(shape)
    return 0.2 * torch.randn(shape)


def _parts(**changes: Any) -> tuple[Any, dict[str, Any]]:
    tokenizer = llama_tokenizer(SPECIAL)
    tokenizer.pad_token = tokenizer.eos_token = "<|endoftext|>"
    tokenizer.chat_template = TEMPLATE
    sizes = text_sizes(tokenizer, hidden_size=48, num_hidden_layers=2, num_key_value_heads=4)
    config = {
        **sizes,
        "_name_or_path": "Phi-3-vision-128k-instruct",
        "architectures": ["Phi3VForCausalLM"],
        "attention_dropout": 0.0,
        "auto_map": {
            "AutoConfig": "configuration_phi3_v.Phi3VConfig",
            "AutoModelForCausalLM": "modeling_phi3_v.Phi3VForCausalLM",
        },
        "embd_layer": {
            "embedding_cls": "image",
            "hd_transform_order": "sub_glb",
            "projection_cls": "mlp",
            "use_hd_transform": True,
            "with_learnable_separator": True,
        },
        "embd_pdrop": 0.0,
        "hidden_act": "silu",
        "img_processor": {
            "image_dim_out": 1024,
            "model_name": "openai/clip-vit-large-patch14-336",
            "name": "clip_vision_model",
            "num_img_tokens": 144,
        },
        "max_position_embeddings": 131072,
        "model_type": "phi3_v",
        "original_max_position_embeddings": 4096,
        "resid_pdrop": 0.0,
        "rms_norm_eps": 1e-05,
        "rope_scaling": {
            "long_factor": [1.03, 1.05, 1.05, 1.08, 1.23, 2.0],
            "short_factor": [1.05, 1.05, 1.05, 1.1, 1.1, 1.25],
            "type": "su",
        },
        "rope_theta": 10000.0,
        "sliding_window": 131072,
        "tie_word_embeddings": False,
        "torch_dtype": "float32",
        "transformers_version": "4.38.1",
        "use_cache": True,
        # Only here, for the small vision tower and vocabulary; fixed in the published code.
        "vision_config": {
            "hidden_size": VISION,
            "intermediate_size": 2 * VISION,
            "num_hidden_layers": VISION_LAYERS,
            "num_attention_heads": 2,
            "image_size": SIDE,
            "patch_size": PATCH,
        },
        "image_token_id": tokenizer.convert_tokens_to_ids("<|image|>"),
        **changes,
    }
    return tokenizer, config


def _write(
    folder: Path, tokenizer: Any, config: dict[str, Any], weights: dict[str, Tensor]
) -> None:
    tokenizer.save_pretrained(folder)
    write_json(folder / "config.json", config)
    write_json(
        folder / "preprocessor_config.json",
        {
            "auto_map": {
                "AutoProcessor": "processing_phi3_v.Phi3VProcessor",
                "AutoImageProcessor": "image_processing_phi3_v.Phi3VImageProcessor",
            },
            "image_processor_type": "Phi3VImageProcessor",
            "num_crops": 6,
            "num_img_tokens": 144,
            "processor_class": "Phi3VProcessor",
        },
    )
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
