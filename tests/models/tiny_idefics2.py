"""Idefics2 in small: three layers of a resampler make 8 image tokens of a picture's patches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import Idefics2Config, Idefics2ForConditionalGeneration

from models.tiny_models import llama_tokenizer, save, text_sizes

# As HuggingFaceM4/idefics2-8b and HuggingFaceM4/Idefics3-8B-Llama3 publish it (the latter behind
# the first token).
TEMPLATE = (
    "{% for message in messages %}{{message['role'].capitalize()}}"
    "{% if message['content'][0]['type'] == 'image' %}{{':'}}{% else %}{{': '}}{% endif %}"
    "{% for line in message['content'] %}{% if line['type'] == 'text' %}{{line['text']}}"
    "{% elif line['type'] == 'image' %}{{ '<image>' }}{% endif %}{% endfor %}<end_of_utterance>\n"
    "{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)
VISION = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "patch_size": 14,
    "initializer_range": 0.2,
}
SIDE = 112
IMAGE_TOKENS = ["<fake_token_around_image>", "<image>", "<end_of_utterance>"]


def build(folder: Path, seed: int = 0) -> Path:
    tokenizer = llama_tokenizer(IMAGE_TOKENS)
    tokenizer.pad_token = tokenizer.unk_token
    tokenizer.add_bos_token = True
    torch.manual_seed(seed)
    config = Idefics2Config(
        vision_config={**VISION, "image_size": SIDE},
        perceiver_config={
            "hidden_size": 64,
            "resampler_n_latents": 8,
            "resampler_depth": 3,
            "resampler_n_heads": 4,
            "resampler_head_dim": 16,
            "num_key_value_heads": 2,
        },
        text_config={
            "model_type": "mistral",
            **text_sizes(tokenizer),
            "sliding_window": 4096,
            "eos_token_id": tokenizer.convert_tokens_to_ids("<end_of_utterance>"),
        },
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        tie_word_embeddings=False,
    )
    model = Idefics2ForConditionalGeneration(config)
    with torch.no_grad():
        # Latents of a fresh model are all alike; those of a trained one are not.
        resampler = model.model.connector.perceiver_resampler
        resampler.latents.copy_(torch.randn_like(resampler.latents))
        for layer in resampler.layers:
            layer.self_attn.q_proj.weight.mul_(15)
            layer.self_attn.k_proj.weight.mul_(15)
    processor = {
        "image_processor_type": "Idefics2ImageProcessor",
        "processor_class": "Idefics2Processor",
        "do_convert_rgb": True,
        "do_image_splitting": True,
        "do_normalize": True,
        "do_pad": True,
        "do_rescale": True,
        "do_resize": True,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
        "resample": 2,
        "rescale_factor": 1 / 255,
        "size": {"longest_edge": SIDE, "shortest_edge": 42},
    }
    return save(
        without_end(model),
        tokenizer,
        folder,
        image_processor=processor,
        template=TEMPLATE,
        processor_config={"processor_class": "Idefics2Processor", "image_seq_len": 8},
    )


def without_end(model: Any) -> Any:
    """Let a random model not end its answer at once, nor write image tokens."""
    config = model.config
    ends = config.get_text_config().eos_token_id
    with torch.no_grad():
        for token in (*(ends if isinstance(ends, list) else [ends]), config.image_token_id):
            if token < model.lm_head.weight.shape[0]:
                model.lm_head.weight[token] = 0
    model.generation_config.eos_token_id = ends
    model.generation_config.pad_token_id = config.get_text_config().pad_token_id
    return model
