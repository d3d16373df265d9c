"""BLIP for visual question answering in small: 4 x 4 patches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import BertTokenizer, BlipConfig, BlipForQuestionAnswering

from models.tiny_models import TEXTS, save

# As Salesforce/blip-vqa-base publishes it, but for the size.
PROCESSOR = {
    "do_normalize": True,
    "do_pad": True,
    "do_rescale": True,
    "do_resize": True,
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_processor_type": "BlipImageProcessor",
    "image_std": [0.26862954, 0.26130258, 0.27577711],
    "processor_class": "BlipProcessor",
    "resample": 3,
    "rescale_factor": 0.00392156862745098,
    "size_divisor": 32,
}


def build(folder: Path, seed: int = 0, side: int = 64) -> Path:
    torch.manual_seed(seed)
    tokenizer = bert_tokenizer(["[DEC]", "[ENC]"])
    config = BlipConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": 48,
            "encoder_hidden_size": 48,
            "intermediate_size": 64,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "max_position_embeddings": 64,
            "bos_token_id": tokenizer.convert_tokens_to_ids("[DEC]"),
            "eos_token_id": 2,
            "pad_token_id": tokenizer.pad_token_id,
            "sep_token_id": tokenizer.sep_token_id,
            "initializer_range": 0.3,
        },
        vision_config={
            "hidden_size": 48,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": side,
            "patch_size": side // 4,
            "initializer_range": 0.3,
        },
        initializer_range=0.3,
    )
    model = BlipForQuestionAnswering(config)
    size = {"height": side, "width": side}
    return save(model, tokenizer, folder, image_processor={**PROCESSOR, "size": size})


def bert_tokenizer(special: list[str]) -> Any:
    learner = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    learner.normalizer = normalizers.BertNormalizer()
    learner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    core = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=300, special_tokens=core, show_progress=False)
    learner.train_from_iterator(TEXTS, trainer)
    tokenizer = BertTokenizer(vocab=learner.get_vocab())
    tokenizer.add_special_tokens({"additional_special_tokens": special})
    return tokenizer
