"""SmolVLM in small: Idefics3's architecture under its own names."""

from __future__ import annotations

from pathlib import Path

from transformers import SmolVLMConfig, SmolVLMForConditionalGeneration

from models.tiny_idefics2 import TEMPLATE
from models.tiny_idefics3 import TILE_TOKENS, byte_tokenizer, write


def build(folder: Path, seed: int = 0) -> Path:
    tokenizer = byte_tokenizer(["<|im_start|>", "<|im_end|>", *TILE_TOKENS])
    tokenizer.bos_token, tokenizer.eos_token = "<|im_start|>", "<end_of_utterance>"
    tokenizer.pad_token = "<|im_end|>"
    # As HuggingFaceTB/SmolVLM-Instruct publishes it.
    template = "<|im_start|>" + TEMPLATE.replace(".capitalize()", " | capitalize")
    return write(
        folder,
        seed,
        tokenizer,
        SmolVLMConfig,
        SmolVLMForConditionalGeneration,
        template,
        "SmolVLM",
    )
