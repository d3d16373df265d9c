"""Qwen2-VL in small, and what its successors share with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import Qwen2VLConfig, Qwen2VLForConditionalGeneration

from models.tiny_models import bytes_tokenizer, save, text_sizes

SPECIAL = (
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
)

# As Qwen/Qwen2-VL-2B-Instruct and Qwen/Qwen2.5-VL-3B-Instruct publish it.
TEMPLATE = (
    "{% set image_count = namespace(value=0) %}{% set video_count = namespace(value=0) %}"
    "{% for message in messages %}{% if loop.first and message['role'] != 'system' %}"
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif %}"
    "<|im_start|>{{ message['role'] }}\n{% if message['content'] is string %}"
    "{{ message['content'] }}<|im_end|>\n{% else %}{% for content in message['content'] %}"
    "{% if content['type'] == 'image' or 'image' in content or 'image_url' in content %}"
    "{% set image_count.value = image_count.value + 1 %}"
    "{% if add_vision_id %}Picture {{ image_count.value }}: {% endif %}"
    "<|vision_start|><|image_pad|><|vision_end|>"
    "{% elif content['type'] == 'video' or 'video' in content %}"
    "{% set video_count.value = video_count.value + 1 %}"
    "{% if add_vision_id %}Video {{ video_count.value }}: {% endif %}"
    "<|vision_start|><|video_pad|><|vision_end|>"
    "{% elif 'text' in content %}{{ content['text'] }}{% endif %}{% endfor %}<|im_end|>\n"
    "{% endif %}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

_CLIP = ([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711])


def build(folder: Path, seed: int = 0) -> Path:
    vision = {"depth": 2, "embed_dim": 32, "num_heads": 2, "hidden_size": 64, "mlp_ratio": 2}
    return write(folder, seed, Qwen2VLConfig, Qwen2VLForConditionalGeneration, vision)


def write(
    folder: Path,
    seed: int,
    config_class: Any,
    model_class: Any,
    vision: dict[str, Any],
    *,
    template: str = TEMPLATE,
    patch: int = 14,
    mrope: tuple[int, int, int] = (2, 3, 3),
    **text: Any,
) -> Path:
    tokenizer = bytes_tokenizer(
        list(SPECIAL), eos_token="<|im_end|>", pad_token="<|endoftext|>", bos_token=None
    )
    ids = {name: tokenizer.convert_tokens_to_ids(name) for name in SPECIAL}
    rope = {"rope_type": "default", "rope_theta": 1e4, "mrope_section": list(mrope)}
    torch.manual_seed(seed)
    config = config_class(
        text_config=text_sizes(tokenizer, rope_parameters=rope, **text),
        vision_config={
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
            "patch_size": patch,
            "initializer_range": 0.1,
            **vision,
        },
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        initializer_range=0.1,
        tie_word_embeddings=False,
    )
    mean, deviation = _CLIP if patch == 14 else ([0.5] * 3, [0.5] * 3)
    return save(
        model_class(config),
        tokenizer,
        folder,
        image_processor={
            "image_processor_type": "Qwen2VLImageProcessor",
            "processor_class": "Qwen2VLProcessor",
            "min_pixels": 3136,
            # Published checkpoints allow 12,845,056; few enough here for tests to be quick.
            "max_pixels": 64 * (2 * patch) ** 2,
            "patch_size": patch,
            "temporal_patch_size": 2,
            "merge_size": 2,
            "image_mean": mean,
            "image_std": deviation,
        },
        chat_template={"chat_template": template},
    )
