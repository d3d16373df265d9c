"""Gemma 3 in small: 4 x 4 image tokens, windows of 24 tokens in two of three layers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import Gemma3Config, Gemma3ForConditionalGeneration, GemmaTokenizer

from models.tiny_models import TEXTS, save, text_sizes

# Renders what Gemma 3's published template renders: no role of its own for the system prompt,
# turns that must alternate, trimmed texts.
TEMPLATE = (
    "{{ bos_token }}"
    "{%- set lead = messages[0]['content'][0]['text'] + '\n\n' if messages[0]['role'] == 'system'"
    " else '' -%}"
    "{%- for message in messages if message['role'] != 'system' -%}"
    "{%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}"
    "{{ raise_exception('Conversation roles must alternate') }}{%- endif -%}"
    "{{ '<start_of_turn>' + ('model' if message['role'] == 'assistant' else 'user') + '\n' }}"
    "{{ lead if loop.first else '' }}"
    "{%- for item in message['content'] -%}"
    "{%- if item['type'] == 'image' -%}{{ '<start_of_image>' }}"
    "{%- else -%}{{ item['text'] | trim }}{%- endif -%}"
    "{%- endfor -%}{{ '<end_of_turn>\n' }}"
    "{%- endfor -%}{%- if add_generation_prompt -%}{{ '<start_of_turn>model\n' }}{%- endif -%}"
)
VISION = {
    "model_type": "siglip_vision_model",
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "patch_size": 14,
    "vision_use_head": False,
}


def build(folder: Path, seed: int = 0) -> Path:
    special = ["<start_of_turn>", "<end_of_turn>", "<start_of_image>", "<end_of_image>"]
    soft = "<image_soft_token>"
    tokenizer = gemma_tokenizer(
        [*special, soft],
        extra_special_tokens={
            "image_token": soft,
            "boi_token": "<start_of_image>",
            "eoi_token": "<end_of_image>",
        },
        add_bos_token=True,
    )
    ids = {name: tokenizer.convert_tokens_to_ids(name) for name in [*special, soft]}
    torch.manual_seed(seed)
    config = Gemma3Config(
        vision_config={**VISION, "image_size": 112},
        text_config={
            **text_sizes(tokenizer),
            "head_dim": 16,
            "query_pre_attn_scalar": 16,
            "sliding_window": 24,
            "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
            "eos_token_id": [tokenizer.eos_token_id, ids["<end_of_turn>"]],
        },
        mm_tokens_per_image=16,
        boi_token_index=ids["<start_of_image>"],
        eoi_token_index=ids["<end_of_image>"],
        image_token_index=ids[soft],
        eos_token_id=[tokenizer.eos_token_id, ids["<end_of_turn>"]],
        tie_word_embeddings=False,
    )
    model = Gemma3ForConditionalGeneration(config)
    torch.nn.init.normal_(model.model.multi_modal_projector.mm_input_projection_weight, std=0.2)
    model.generation_config.eos_token_id = [tokenizer.eos_token_id, ids["<end_of_turn>"]]
    processor = {
        "image_processor_type": "Gemma3ImageProcessor",
        "processor_class": "Gemma3Processor",
        "do_convert_rgb": None,
        "do_normalize": True,
        "do_pan_and_scan": None,
        "do_rescale": True,
        "do_resize": True,
        "image_mean": [0.5, 0.5, 0.5],
        "image_seq_length": 16,
        "image_std": [0.5, 0.5, 0.5],
        "pan_and_scan_max_num_crops": None,
        "pan_and_scan_min_crop_size": None,
        "pan_and_scan_min_ratio_to_activate": None,
        "resample": 2,
        "rescale_factor": 1 / 255,
        "size": {"height": 112, "width": 112},
    }
    return save(
        silenced(model, [tokenizer.eos_token_id, ids["<end_of_turn>"], ids[soft]]),
        tokenizer,
        folder,
        image_processor=processor,
        template=TEMPLATE,
        processor_config={"processor_class": "Gemma3Processor", "image_seq_length": 16},
    )


def gemma_tokenizer(special: list[str], **settings: Any) -> Any:
    """Return a tokenizer of Gemma's kind: <pad> 0, <eos> 1, <bos> 2, <unk> 3, bytes, words."""
    core = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    fallback = [f"<0x{i:02X}>" for i in range(256)]
    learner = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    learner.normalizer = normalizers.Replace(" ", "▁")
    learner.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    trainer = trainers.BpeTrainer(
        vocab_size=500, special_tokens=[*core, *fallback], show_progress=False, max_token_length=12
    )
    learner.train_from_iterator(["\n", "\n\n", *TEXTS], trainer)
    state = json.loads(learner.to_str())["model"]
    merges = [tuple(pair) for pair in state["merges"]]
    tokenizer = GemmaTokenizer(vocab=state["vocab"], merges=merges, **settings)
    tokenizer.add_special_tokens({"additional_special_tokens": special})
    return tokenizer


def silenced(model: Any, tokens: list[int]) -> Any:
    """Let a random model never prefer some tokens."""
    with torch.no_grad():
        model.lm_head.weight[tokens] = 0
    return model
