"""Cephalo-Phi-3-MoE-vision-128k-3x4b-beta: three Phi-3-vision models mixed layer by layer.

The published class is ``Phi3VForCausalLMMoE``. Names: those of :mod:`.phi3_vision` behind one more
``model.``, and in each layer ``mlp.experts.{j}.{gate_up_proj,down_proj}`` and
``mlp.gating_layer.gate`` in place of ``mlp.{gate_up_proj,down_proj}``.
"""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

from transformers.models.phi3.modeling_phi3 import Phi3MLP

from .experts import NESTED, mix_layers
from .phi3_config import Phi3VisionConfig
from .phi3_vision import KEY_MAPPING, Phi3VisionForConditionalGeneration

__all__ = ["Phi3VisionMoeConfig", "Phi3VisionMoeForConditionalGeneration"]


class Phi3VisionMoeConfig(Phi3VisionConfig):
    """That of Phi-3-vision; ``k`` of ``num_expert_models`` experts work on a token."""

    model_type = "phi3_v_moe"

    k: int = 1
    num_expert_models: int = 2
    use_embeddings_in_router: bool = False


class Phi3VisionMoeForConditionalGeneration(Phi3VisionForConditionalGeneration):
    """Phi-3-vision whose feed-forward blocks are mixtures of those of several models."""

    config_class = Phi3VisionMoeConfig
    key_mapping: ClassVar[dict[str, str]] = {**NESTED, **KEY_MAPPING}

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        text = config.text_config
        mix_layers(
            self.model.language_model.layers,
            partial(Phi3MLP, text),
            experts=config.num_expert_models,
            size=text.hidden_size,
            chosen=config.k,
        )
        self.post_init()
