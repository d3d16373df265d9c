"""LLaVA, LLaVA-NeXT and LLaVA-OneVision whose feed-forward blocks are mixtures of experts.

Names as in Cephalo's mixtures: in each layer of the text model ``mlp.experts.{j}.*`` are whole
feed-forward blocks and ``mlp.gating_layer.gate`` chooses among them. All else is named as in the
models themselves.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from transformers import (
    AutoConfig,
    AutoModelForImageTextToText,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaNextConfig,
    LlavaNextForConditionalGeneration,
    LlavaOnevisionConfig,
    LlavaOnevisionForConditionalGeneration,
)

from ..cephalo.experts import mix_layers

__all__ = [
    "LlavaMoeConfig",
    "LlavaMoeForConditionalGeneration",
    "LlavaNextMoeConfig",
    "LlavaNextMoeForConditionalGeneration",
    "LlavaOnevisionMoeConfig",
    "LlavaOnevisionMoeForConditionalGeneration",
    "register",
]


class LlavaMoeConfig(LlavaConfig):
    """That of LLaVA; ``k`` of ``num_expert_models`` experts work on a token."""

    model_type = "llava_moe"

    k: int = 1
    num_expert_models: int = 2


class LlavaNextMoeConfig(LlavaNextConfig):
    """That of LLaVA-NeXT; ``k`` of ``num_expert_models`` experts work on a token."""

    model_type = "llava_next_moe"

    k: int = 1
    num_expert_models: int = 2


class LlavaOnevisionMoeConfig(LlavaOnevisionConfig):
    """That of LLaVA-OneVision; ``k`` of ``num_expert_models`` experts work on a token."""

    model_type = "llava_onevision_moe"

    k: int = 1
    num_expert_models: int = 2


class LlavaMoeForConditionalGeneration(LlavaForConditionalGeneration):
    """LLaVA with a mixture in every layer of its text model, be that Llama, Mistral or Qwen2."""

    config_class = LlavaMoeConfig

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        _mix(self, config)
        self.post_init()


class LlavaNextMoeForConditionalGeneration(LlavaNextForConditionalGeneration):
    """LLaVA-NeXT with a mixture in every layer of its text model."""

    config_class = LlavaNextMoeConfig

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        _mix(self, config)
        self.post_init()


class LlavaOnevisionMoeForConditionalGeneration(LlavaOnevisionForConditionalGeneration):
    """LLaVA-OneVision with a mixture in every layer of its text model."""

    config_class = LlavaOnevisionMoeConfig

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        _mix(self, config)
        self.post_init()


def register() -> None:
    """Make the mixtures known to transformers' automatic classes."""
    for config, model in (
        (LlavaMoeConfig, LlavaMoeForConditionalGeneration),
        (LlavaNextMoeConfig, LlavaNextMoeForConditionalGeneration),
        (LlavaOnevisionMoeConfig, LlavaOnevisionMoeForConditionalGeneration),
    ):
        AutoConfig.register(config.model_type, config, exist_ok=True)
        AutoModelForImageTextToText.register(config, model, exist_ok=True)


def _mix(model: Any, config: Any) -> None:
    text = config.text_config
    layers = model.model.language_model.layers
    block: Any = type(layers[0].mlp)
    mix_layers(
        layers,
        partial(block, text),
        experts=config.num_expert_models,
        size=text.hidden_size,
        chosen=config.k,
    )
