"""BLIP-2 on an OPT in small, as Salesforce/blip2-opt-2.7b."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import Blip2Config, Blip2ForConditionalGeneration

from models.tiny_instructblip import IMAGE_PROCESSOR, QUERIES, VISION, qformer_config, unlike
from models.tiny_models import llama_tokenizer, save


def build(folder: Path, seed: int = 0) -> Path:
    # One whose answers are no loose bytes, which read otherwise together than apart.
    torch.manual_seed(seed + 1)
    tokenizer = llama_tokenizer(["<image>", "<pad>"])
    tokenizer.pad_token = "<pad>"
    config = Blip2Config(
        vision_config=VISION,
        qformer_config={k: v for k, v in qformer_config().items() if k != "vocab_size"},
        text_config={
            "model_type": "opt",
            "vocab_size": len(tokenizer),
            "hidden_size": 48,
            "word_embed_proj_dim": 48,
            "ffn_dim": 64,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "max_position_embeddings": 256,
            "init_std": 0.3,
            "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
        },
        num_query_tokens=QUERIES,
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
    )
    model = Blip2ForConditionalGeneration(config)
    unlike(model)
    return save(
        model,
        tokenizer,
        folder,
        image_processor=IMAGE_PROCESSOR,
        processor_config={"processor_class": "Blip2Processor", "num_query_tokens": QUERIES},
    )
