"""Cephalo-Idefics2-vision-3x8b-beta: three Idefics2 models mixed layer by layer.

The published class is ``Idefics2ForCausalLMMoE``. Names: those of Idefics2 behind one more
``model.``, and in each layer of the text model ``mlp.experts.{j}.{gate,up,down}_proj`` and
``mlp.gating_layer.gate`` in place of ``mlp.{gate,up,down}_proj``.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from torch import nn
from transformers import Idefics2Config, Idefics2ForConditionalGeneration
from transformers.models.idefics2.modeling_idefics2 import Idefics2MLP

from .experts import NESTED, mix_layers

__all__ = ["Idefics2MoeConfig", "Idefics2MoeForConditionalGeneration"]


class Idefics2MoeConfig(Idefics2Config):
    """That of Idefics2; ``k`` of ``num_expert_models`` experts work on a token."""

    model_type = "idefics2_moe"

    k: int = 1
    num_expert_models: int = 2
    use_embeddings_in_router: bool = False


class Idefics2MoeForConditionalGeneration(Idefics2ForConditionalGeneration):
    """Idefics2 whose text model's feed-forward blocks are mixtures of those of several models."""

    config_class = Idefics2MoeConfig
    key_mapping: ClassVar[dict[str, str]] = NESTED
    _keys_to_ignore_on_load_unexpected = [r"^dropped\."]  # noqa: RUF012
    _tied_weights_keys = {  # noqa: RUF012
        "head.weight": "model.text_model.embed_tokens.weight"
    }

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        # As in Phi3VisionForConditionalGeneration: the name lm_head is that of the unused one.
        head: Any = self._modules.pop("lm_head")
        self.head: nn.Module = head
        size = config.text_config.hidden_size
        # As published: the activation of the resampler; it is the text model's too (silu).
        block = partial(
            Idefics2MLP,
            hidden_size=size,
            intermediate_size=config.text_config.intermediate_size,
            output_size=size,
            hidden_act=config.perceiver_config.hidden_act,
        )
        mix_layers(
            self.model.text_model.layers,
            block,
            experts=config.num_expert_models,
            size=size,
            chosen=config.k,
        )
        self.post_init()

    @property
    def lm_head(self) -> nn.Module:
        """What turns vectors into words; Idefics2's own code calls it so."""
        return self.head

    def get_output_embeddings(self) -> nn.Module:
        """Return what turns vectors into words."""
        return self.head

    def set_output_embeddings(self, value: nn.Module) -> None:
        """Replace what turns vectors into words."""
        self.head = value

    @classmethod
    def from_pretrained(  # type: ignore[override]
        cls, folder: str | Path, *args: Any, **kwargs: Any
    ) -> Any:
        """Load published weights; see transformers. Only safetensors are opened."""
        kwargs.setdefault("key_mapping", cls.key_mapping)
        return super().from_pretrained(folder, *args, **{**kwargs, "use_safetensors": True})
