"""Models of real sizes with random weights, and prompts for them that need no processor."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor

from napari_micrograph_vlm.attention.recorder import use_recording
from napari_micrograph_vlm.attention.token_boxes import TokenBoxes
from napari_micrograph_vlm.models.families.base import Family, Mixing, Prompt, Sight

QUESTION_TOKENS = 24
LABELS = 45


class WordNumbers:
    """A tokenizer that gives each word one to three numbers, always the same ones."""

    all_special_ids = (0, 1, 2)
    eos_token_id = 2

    def __init__(self, words: int) -> None:
        self.words = words

    def __call__(self, text: str, **_: Any) -> dict[str, list[int]]:
        numbers: list[int] = []
        for word in text.split():
            seed = int.from_bytes(word.encode()[-6:], "big")
            rng = np.random.default_rng(seed)
            numbers += (10 + rng.integers(0, self.words - 20, rng.integers(1, 4))).tolist()
        return {"input_ids": numbers}

    def decode(self, _numbers: Sequence[int]) -> str:
        return ":"


class Made:
    """A model with random weights and what of a family it needs to be asked.

    ``prompt(seed)`` gives another picture for each seed; ``prompt(seed, question)`` other words.
    """

    sequence_keys = Family.sequence_keys
    keeps_prefix = True
    speaks_itself = False
    attention_layers = None

    def __init__(self, model: Any, image_token: int, image_tokens: int, pixels: Any) -> None:
        self.model = model
        self.image_token = image_token
        self.image_tokens = image_tokens
        self.pixels = pixels
        self.words = int(model.config.get_text_config().vocab_size)
        self.tokenizer = WordNumbers(min(self.words, image_token))
        use_recording(model.get_decoder())
        model.generation_config.update(
            do_sample=False, eos_token_id=2, pad_token_id=0, bos_token_id=1
        )

    def mixing(self, _model: Any, _prompt: Any) -> AbstractContextManager[Mixing]:
        return nullcontext(Mixing())

    def prompt(self, picture: int, question: int = 0) -> Prompt:
        draw = torch.Generator().manual_seed(question)
        asked = torch.randint(10, self.tokenizer.words - 10, (QUESTION_TOKENS,), generator=draw)
        lead = torch.tensor([1, 5, 6, 7])
        image = torch.full((self.image_tokens,), self.image_token)
        ids = torch.cat([lead, image, asked])[None]
        places = np.arange(len(lead), len(lead) + self.image_tokens)
        boxes = np.linspace(0, 1, self.image_tokens + 1)
        whole = np.zeros(self.image_tokens), np.ones(self.image_tokens)
        sight = Sight(
            places, TokenBoxes(np.stack([boxes[:-1], whole[0], boxes[1:], whole[1]], axis=1))
        )
        inputs: dict[str, Tensor] = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        inputs |= self.pixels(torch.Generator().manual_seed(picture))
        shared = len(lead) + self.image_tokens
        return Prompt(inputs, (sight,), shared, (shared, shared + QUESTION_TOKENS))


def labels() -> list[str]:
    """Names of one to three words."""
    parts = ("line", "pore", "crack", "bridge", "particle", "film", "void", "grain", "step")
    rng = np.random.default_rng(0)
    names = {" ".join(rng.permutation(parts)[: 1 + i % 3]) for i in range(400)}
    return sorted(names)[:LABELS]


def weights(made: Any, config: Any, device: str = "cpu", dtype: Any = torch.float32) -> Any:
    """Return a model of class ``made`` with random weights, made on its device."""
    torch.manual_seed(0)
    with torch.device(device):
        before = torch.get_default_dtype()
        torch.set_default_dtype(dtype)
        try:
            return made(config).eval().requires_grad_(False)
        finally:
            torch.set_default_dtype(before)


def mid_size() -> Made:
    """LLaVA with a decoder of 12 layers, 512 wide, and 1,024 image tokens: 94 M weights."""
    from transformers import (
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
    )

    sizes = {"hidden_size": 512, "num_hidden_layers": 12, "num_attention_heads": 8}
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(
            **sizes, intermediate_size=2048, image_size=448, patch_size=14
        ),
        text_config=LlamaConfig(
            **sizes,
            vocab_size=32000,
            intermediate_size=1408,
            num_key_value_heads=8,
            max_position_embeddings=4096,
            tie_word_embeddings=True,
        ),
        image_token_id=31999,
        image_seq_length=1024,
    )

    def pixels(draw: torch.Generator) -> dict[str, Tensor]:
        return {"pixel_values": torch.randn(1, 3, 448, 448, generator=draw)}

    return Made(weights(LlavaForConditionalGeneration, config), 31999, 1024, pixels)


def idefics2_8b(device: str, dtype: Any, tiny: bool = False) -> Made:
    """Idefics2-8B (Cephalo's base): Mistral-7B's decoder, 64 image tokens a picture."""
    from transformers import Idefics2Config, Idefics2ForConditionalGeneration, MistralConfig

    text = {"hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32}
    text |= {"num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 32003}
    vision = {"hidden_size": 1152, "intermediate_size": 4304, "num_hidden_layers": 27}
    vision |= {"num_attention_heads": 16, "image_size": 980, "patch_size": 14}
    perceiver = {"hidden_size": 4096, "resampler_n_latents": 64, "resampler_depth": 3}
    perceiver |= {"resampler_n_heads": 16, "resampler_head_dim": 96, "num_key_value_heads": 4}
    if tiny:
        text |= _TINY_TEXT
        vision |= _TINY_VISION
        perceiver |= {"hidden_size": 64, "resampler_n_heads": 2, "resampler_head_dim": 32}
        perceiver |= {"num_key_value_heads": 2}
    config = Idefics2Config(
        text_config=MistralConfig(**text, max_position_embeddings=32768, sliding_window=4096),
        vision_config=vision,
        perceiver_config=perceiver,
        image_token_id=32001,
    )
    side = 112 if tiny else 980

    def pixels(draw: torch.Generator) -> dict[str, Tensor]:
        return {
            "pixel_values": torch.randn(1, 1, 3, side, side, generator=draw),
            "pixel_attention_mask": torch.ones(1, 1, side, side, dtype=torch.bool),
        }

    made = weights(Idefics2ForConditionalGeneration, config, device, dtype)
    return Made(made, 32001, 64, pixels)


def smolvlm(device: str, dtype: Any, tiny: bool = False) -> Made:
    """SmolVLM-2.2B: 81 image tokens a tile, 16 tiles and the whole: 1,377 image tokens."""
    from transformers import LlamaConfig, SmolVLMConfig, SmolVLMForConditionalGeneration

    text = {"hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 24}
    text |= {"num_attention_heads": 32, "num_key_value_heads": 32, "vocab_size": 49280}
    vision = {"hidden_size": 1152, "intermediate_size": 4304, "num_hidden_layers": 27}
    vision |= {"num_attention_heads": 16, "image_size": 384, "patch_size": 14}
    tiles, side, tokens = 17, 384, 81
    if tiny:
        text |= _TINY_TEXT
        vision |= _TINY_VISION | {"image_size": 126}
        tiles, side, tokens = 2, 126, 9
    config = SmolVLMConfig(
        text_config=LlamaConfig(**text, max_position_embeddings=8192).to_dict(),
        vision_config=vision,
        image_token_id=49190,
        scale_factor=3,
    )

    def pixels(draw: torch.Generator) -> dict[str, Tensor]:
        return {
            "pixel_values": torch.randn(1, tiles, 3, side, side, generator=draw),
            "pixel_attention_mask": torch.ones(1, tiles, side, side, dtype=torch.bool),
        }

    made = weights(SmolVLMForConditionalGeneration, config, device, dtype)
    return Made(made, 49190, tiles * tokens, pixels)


_TINY_TEXT = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}
_TINY_VISION = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 112,
}
