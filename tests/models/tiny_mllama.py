"""Llama 3.2 Vision in small: tiles of 4 x 4 patches, cross-attention in layers 1 and 3 of 4."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import MllamaConfig, MllamaForConditionalGeneration

from models.tiny_idefics3 import byte_tokenizer
from models.tiny_models import save, text_sizes

# Renders what the published template renders beside images: no system prompt, texts as they are.
TEMPLATE = (
    "{{ bos_token }}"
    "{%- set images = namespace(any=false) -%}"
    "{%- for message in messages -%}{%- for item in message['content'] -%}"
    "{%- if item['type'] == 'image' -%}{%- set images.any = true -%}{%- endif -%}"
    "{%- endfor -%}{%- endfor -%}"
    "{%- if images.any and messages[0]['role'] == 'system' -%}"
    "{{ raise_exception('Prompting with images is incompatible with system messages.') }}"
    "{%- endif -%}"
    "{%- for message in messages -%}"
    "{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' }}"
    "{%- for item in message['content'] -%}"
    "{%- if item['type'] == 'image' -%}{{ '<|image|>' }}"
    "{%- else -%}{{ item['text'] }}{%- endif -%}"
    "{%- endfor -%}{{ '<|eot_id|>' }}{%- endfor -%}"
    "{%- if add_generation_prompt -%}"
    "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{%- endif -%}"
)
SIDE = 56


def build(folder: Path, seed: int = 0) -> Path:
    special = [
        "<|begin_of_text|>",
        "<|end_of_text|>",
        "<|start_header_id|>",
        "<|end_header_id|>",
        "<|eot_id|>",
        "<|python_tag|>",
        "<|pad|>",
        "<|image|>",
    ]
    tokenizer = byte_tokenizer(special, begins="<|begin_of_text|>")
    tokenizer.eos_token, tokenizer.pad_token = "<|eot_id|>", "<|pad|>"
    image = tokenizer.convert_tokens_to_ids("<|image|>")
    torch.manual_seed(seed)
    config = MllamaConfig(
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 3,
            "num_global_layers": 1,
            "attention_heads": 2,
            "intermediate_layers_indices": [0, 2],
            "vision_output_dim": 3 * 32,
            "image_size": SIDE,
            "patch_size": 14,
            "max_num_tiles": 4,
        },
        text_config={
            **text_sizes(tokenizer),
            # As published: the image token is the first one behind those that can be written.
            "vocab_size": image,
            "num_hidden_layers": 4,
            "cross_attention_layers": [1, 3],
            "rope_parameters": {"rope_type": "default", "rope_theta": 500000.0},
        },
        image_token_index=image,
    )
    model = MllamaForConditionalGeneration(config)
    with torch.no_grad():
        # Gates of a fresh model are closed: nothing of the image would come through.
        for name, parameter in model.named_parameters():
            if "gate" in name and parameter.numel() == 1:
                parameter.fill_(0.8)
        model.lm_head.weight[tokenizer.eos_token_id] = 0
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    processor = {
        "image_processor_type": "MllamaImageProcessor",
        "do_convert_rgb": True,
        "do_normalize": True,
        "do_pad": True,
        "do_rescale": True,
        "do_resize": True,
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711],
        "max_image_tiles": 4,
        "resample": 2,
        "rescale_factor": 1 / 255,
        "size": {"height": SIDE, "width": SIDE},
    }
    return save(model, tokenizer, folder, image_processor=processor, template=TEMPLATE)
