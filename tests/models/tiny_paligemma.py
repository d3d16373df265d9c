"""PaliGemma in small: 4 x 4 image tokens, no chat template."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import PaliGemmaConfig, PaliGemmaForConditionalGeneration

from models.tiny_gemma3 import VISION, gemma_tokenizer, silenced
from models.tiny_models import save, text_sizes


def build(folder: Path, seed: int = 0) -> Path:
    tokenizer = gemma_tokenizer(["<image>"], add_bos_token=True)
    image = tokenizer.convert_tokens_to_ids("<image>")
    torch.manual_seed(seed)
    sizes = text_sizes(tokenizer)
    config = PaliGemmaConfig(
        vision_config={**VISION, "image_size": 56},
        text_config={**sizes, "model_type": "gemma", "head_dim": 16},
        image_token_index=image,
        projection_dim=64,
        hidden_size=64,
        tie_word_embeddings=False,
        eos_token_id=tokenizer.eos_token_id,
    )
    model = PaliGemmaForConditionalGeneration(config)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    processor = {
        "image_processor_type": "SiglipImageProcessor",
        "processor_class": "PaliGemmaProcessor",
        "do_convert_rgb": None,
        "do_normalize": True,
        "do_rescale": True,
        "do_resize": True,
        "image_mean": [0.5, 0.5, 0.5],
        "image_seq_length": 16,
        "image_std": [0.5, 0.5, 0.5],
        "resample": 3,
        "rescale_factor": 1 / 255,
        "size": {"height": 56, "width": 56},
    }
    return save(
        silenced(model, [tokenizer.eos_token_id, image]),
        tokenizer,
        folder,
        image_processor=processor,
    )
