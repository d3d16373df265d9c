"""InstructBLIP on a T5 in small, as Salesforce/instructblip-flan-t5-xl."""

from __future__ import annotations

from pathlib import Path

from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import T5Tokenizer

from models.tiny_instructblip import write
from models.tiny_models import TEXTS


def build(folder: Path, seed: int = 0) -> Path:
    learner = Tokenizer(models.Unigram())
    learner.pre_tokenizer = pre_tokenizers.Metaspace()
    core = ["<pad>", "</s>", "<unk>"]
    trainer = trainers.UnigramTrainer(
        vocab_size=200, special_tokens=core, unk_token="<unk>", show_progress=False
    )
    learner.train_from_iterator(TEXTS, trainer)
    vocab = sorted(learner.get_vocab().items(), key=lambda item: item[1])
    tokenizer = T5Tokenizer(vocab=[(word, -float(i) / 10) for word, i in vocab], extra_ids=0)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<image>"]})
    text = {
        "model_type": "t5",
        "vocab_size": len(tokenizer),
        "d_model": 48,
        "d_kv": 12,
        "d_ff": 64,
        "num_layers": 3,
        "num_decoder_layers": 3,
        "num_heads": 4,
        "initializer_factor": 3.0,
        "decoder_start_token_id": 0,
        "pad_token_id": 0,
        "eos_token_id": 1,
        "tie_word_embeddings": False,
    }
    return write(folder, tokenizer, text, seed)
