"""Idefics3 in small: tiles of 2 x 2 image tokens, at most 4 along a side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from tokenizers.processors import ByteLevel, Sequence, TemplateProcessing
from transformers import (
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    PreTrainedTokenizerFast,
)

from models.tiny_idefics2 import IMAGE_TOKENS, TEMPLATE, VISION, without_end
from models.tiny_models import TEXTS, save, text_sizes

TILE_TOKENS = [
    *IMAGE_TOKENS,
    "<global-img>",
    *(f"<row_{i}_col_{j}>" for i in range(1, 7) for j in range(1, 7)),
]


def build(folder: Path, seed: int = 0) -> Path:
    tokenizer = byte_tokenizer(
        ["<|begin_of_text|>", "<|end_of_text|>", *TILE_TOKENS], begins="<|begin_of_text|>"
    )
    tokenizer.pad_token = tokenizer.eos_token = "<|end_of_text|>"
    return write(
        folder,
        seed,
        tokenizer,
        Idefics3Config,
        Idefics3ForConditionalGeneration,
        "<|begin_of_text|>" + TEMPLATE,
        "Idefics3",
    )


def write(
    folder: Path,
    seed: int,
    tokenizer: Any,
    config_class: Any,
    model_class: Any,
    template: str,
    name: str,
) -> Path:
    torch.manual_seed(seed)
    config = config_class(
        vision_config={**VISION, "image_size": 56},
        text_config={
            "model_type": "llama",
            **text_sizes(tokenizer),
            "eos_token_id": tokenizer.convert_tokens_to_ids("<end_of_utterance>"),
        },
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        scale_factor=2,
        tie_word_embeddings=False,
    )
    processor = {
        "image_processor_type": f"{name}ImageProcessor",
        "processor_class": f"{name}Processor",
        "do_convert_rgb": True,
        "do_image_splitting": True,
        "do_normalize": True,
        "do_pad": True,
        "do_rescale": True,
        "do_resize": True,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
        "max_image_size": {"longest_edge": 56},
        "resample": 1,
        "rescale_factor": 1 / 255,
        "size": {"longest_edge": 4 * 56},
    }
    return save(
        without_end(model_class(config)),
        tokenizer,
        folder,
        image_processor=processor,
        template=template,
        processor_config={"processor_class": f"{name}Processor", "image_seq_len": 4},
    )


def byte_tokenizer(special: list[str], begins: str | None = None) -> Any:
    """Return a byte-level tokenizer of the generic class, as Llama 3's checkpoints ship it."""
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    learner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=500,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    learner.train_from_iterator(TEXTS, trainer)
    learner.add_special_tokens(special)
    if begins is not None:
        learner.post_processor = Sequence(
            [
                ByteLevel(trim_offsets=True),
                TemplateProcessing(
                    single=f"{begins} $A",
                    pair=f"{begins} $A {begins} $B",
                    special_tokens=[(begins, learner.token_to_id(begins))],
                ),
            ]
        )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=learner, bos_token=begins)
    tokenizer.add_special_tokens({"additional_special_tokens": special})
    return tokenizer
