"""InstructBLIP on a Llama in small: 4 x 4 patches, 6 queries, two tokenizers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import InstructBlipConfig, InstructBlipForConditionalGeneration

from models.tiny_blip import PROCESSOR, bert_tokenizer
from models.tiny_models import llama_tokenizer, save, text_sizes

QUERIES, SIDE = 6, 56
VISION = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": SIDE,
    "patch_size": 14,
    "initializer_range": 0.3,
}
IMAGE_PROCESSOR = {**PROCESSOR, "size": {"height": SIDE, "width": SIDE}}


def build(folder: Path, seed: int = 0) -> Path:
    tokenizer = llama_tokenizer(["<image>"])
    tokenizer.pad_token = "</s>"
    return write(folder, tokenizer, {"model_type": "llama", **text_sizes(tokenizer)}, seed)


def write(folder: Path, tokenizer: Any, text_config: dict[str, Any], seed: int) -> Path:
    torch.manual_seed(seed)
    reader = bert_tokenizer(["[DEC]"])
    config = InstructBlipConfig(
        vision_config=VISION,
        qformer_config=qformer_config(len(reader)),
        text_config=text_config,
        num_query_tokens=QUERIES,
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
    )
    model = InstructBlipForConditionalGeneration(config)
    unlike(model)
    reader.save_pretrained(folder / "qformer_tokenizer")
    return save(
        model,
        tokenizer,
        folder,
        image_processor=IMAGE_PROCESSOR,
        processor_config={"processor_class": "InstructBlipProcessor", "num_query_tokens": QUERIES},
    )


def qformer_config(vocab_size: int = 30) -> dict[str, Any]:
    return {
        "vocab_size": vocab_size,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 4,
        "num_attention_heads": 2,
        "cross_attention_frequency": 2,
        "encoder_hidden_size": 32,
        "max_position_embeddings": 64,
        "initializer_range": 0.3,
    }


def unlike(model: Any) -> None:
    """Make queries differ, as those of a trained model do, and the picture matter."""
    with torch.no_grad():
        model.query_tokens.normal_()
        model.language_projection.weight.normal_(std=0.5)
