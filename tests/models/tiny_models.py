"""Checkpoint folders of real architectures with random weights, as a user would have them.

``BUILDERS`` names, for each family, the module ``tiny_<family>`` whose ``build(folder, seed=0)``
writes one; ``checkpoint(name, folder)`` calls it.
"""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaTokenizer, Qwen2Tokenizer

BUILDERS: dict[str, str] = {
    "llava": "tiny_llava",
    "llava_next": "tiny_llava_next",
    "qwen2_vl": "tiny_qwen",
    "qwen2_5_vl": "tiny_qwen2_5",
    "qwen3_vl": "tiny_qwen3",
    "llava_onevision": "tiny_onevision",
    "internvl": "tiny_internvl",
    "idefics2": "tiny_idefics2",
    "idefics3": "tiny_idefics3",
    "smolvlm": "tiny_smolvlm",
    "gemma3": "tiny_gemma3",
    "paligemma": "tiny_paligemma",
    "mllama": "tiny_mllama",
    "blip": "tiny_blip",
    "blip-2": "tiny_blip2",
    "instructblip": "tiny_instructblip",
    "instructblip_t5": "tiny_instructblip_t5",
    "phi3_v": "tiny_phi3",
    "phi3_v_moe": "tiny_phi3_moe",
    "idefics2_moe": "tiny_idefics2_moe",
}
"""Name of each tiny model and the module in this folder that builds it."""

TEXTS = [
    "What defect is there? There is a bridge between two lines in the upper left.",
    "The SEM image shows close-packed particles; they are 12.5 µm apart.",
    "USER: What is in the picture? ASSISTANT: A crack, about 35 nm wide.",
    "Describe the micrograph. How many pores are there? Are they round?",
    "user assistant system You are a helpful assistant.",
    "Yes. No. It is a TEM image of a MEMS device, a fibre, a film or a powder.",
] * 3


def checkpoint(name: str, folder: Path, seed: int = 0) -> Path:
    """Write the tiny model of a family into a new folder and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    built: Path = import_module(f"models.{BUILDERS[name]}").build(folder, seed=seed)
    return built


def llama_tokenizer(special: list[str], vocab_size: int = 600) -> LlamaTokenizer:
    """Return one of Llama's kind: <unk> 0, <s> 1, </s> 2, bytes, words, then ``special``."""
    core = ["<unk>", "<s>", "</s>"]
    fallback = [f"<0x{i:02X}>" for i in range(256)]
    learner = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    learner.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="first")
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, special_tokens=[*core, *fallback], show_progress=False
    )
    learner.train_from_iterator(TEXTS, trainer)
    state = json.loads(learner.to_str())["model"]
    merges = [tuple(pair) for pair in state["merges"]]
    tokenizer = LlamaTokenizer(vocab=state["vocab"], merges=merges)
    tokenizer.add_special_tokens({"additional_special_tokens": special})
    return tokenizer


def bytes_tokenizer(special: list[str], vocab_size: int = 600, **settings: Any) -> Qwen2Tokenizer:
    """Return a byte-level tokenizer of Qwen's kind: bytes and words, then ``special``."""
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    learner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    learner.train_from_iterator(TEXTS, trainer)
    state = json.loads(learner.to_str())["model"]
    merges = [tuple(pair) for pair in state["merges"]]
    tokenizer = Qwen2Tokenizer(vocab=state["vocab"], merges=merges, **settings)
    tokenizer.add_special_tokens({"additional_special_tokens": special})
    return tokenizer


def text_sizes(tokenizer: Any, **changes: Any) -> dict[str, Any]:
    """Return the sizes of a tiny decoder for a tokenizer (keywords of Llama-like configs)."""
    return {
        "vocab_size": -(-len(tokenizer) // 8) * 8,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 4096,
        "initializer_range": 0.2,  # wide, so that random attention is far from even
        "pad_token_id": tokenizer.pad_token_id or 0,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        **changes,
    }


def save(
    model: torch.nn.Module,
    tokenizer: Any,
    folder: Path,
    *,
    image_processor: dict[str, Any],
    template: str | None = None,
    **files: dict[str, Any],
) -> Path:
    """Write a checkpoint folder.

    ``image_processor`` becomes ``preprocessor_config.json``, ``template`` the file
    ``chat_template.jinja``, and each of ``files`` a JSON file of its name.
    """
    model.eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    write_json(folder / "preprocessor_config.json", image_processor)
    for name, content in files.items():
        write_json(folder / f"{name}.json", content)
    if template is not None:
        (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
    return folder


def write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2), encoding="utf-8")
