"""LLaVA-NeXT in small: tiles of 56 pixels with 4 x 4 patches, on Mistral as Cephalo's is."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import (
    LlavaNextConfig,
    LlavaNextForConditionalGeneration,
    MistralConfig,
)

from models.tiny_llava import CLIP, vision_config
from models.tiny_models import llama_tokenizer, save, text_sizes

SIDE = 56

# As published with llava-hf/llava-v1.6-mistral-7b-hf.
TEMPLATE = (
    "{% for message in messages %}{% if message['role'] == 'system' %}"
    "{{ '<<SYS>>\n' + message['content'][0]['text'] + '\n<</SYS>>\n\n' }}"
    "{% elif message['role'] == 'user' %}{{ '[INST] ' }}{# Render all images first #}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}"
    "{{ '<image>\n' }}{% endfor %}{# Render all text next #}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}"
    "{{ content['text'] }}{% endfor %}{{' [/INST]' }}{% elif message['role'] == 'assistant' %}"
    "{{ ' ' + message['content'][0]['text'] + '</s> '}}{% else %}"
    "{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}{% endfor %}"
)


def build(folder: Path, seed: int = 0) -> Path:
    torch.manual_seed(seed)
    tokenizer = llama_tokenizer(["<image>", "<pad>"])
    tokenizer.pad_token = "<pad>"
    pinpoints = [
        [SIDE, 2 * SIDE],
        [2 * SIDE, SIDE],
        [2 * SIDE, 2 * SIDE],
        [3 * SIDE, SIDE],
        [SIDE, 3 * SIDE],
    ]
    config = LlavaNextConfig(
        vision_config=vision_config(SIDE),
        text_config=MistralConfig(**text_sizes(tokenizer), sliding_window=None),
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        image_grid_pinpoints=pinpoints,
    )
    return save(
        LlavaNextForConditionalGeneration(config),
        tokenizer,
        folder,
        image_processor={
            **CLIP,
            "image_processor_type": "LlavaNextImageProcessor",
            "aspect_ratio_setting": "anyres",
            "crop_size": {"height": SIDE, "width": SIDE},
            "do_pad": True,
            "image_grid_pinpoints": pinpoints,
            "size": {"shortest_edge": SIDE},
        },
        template=TEMPLATE,
        processor_config={
            "processor_class": "LlavaNextProcessor",
            "image_token": "<image>",
            "patch_size": 14,
            "vision_feature_select_strategy": "default",
            "num_additional_image_tokens": 1,
        },
    )
