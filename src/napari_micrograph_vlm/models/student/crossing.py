"""BLIP's cross-attention with its mask.

In transformers 5.23 ``BlipTextAttention`` gives the image's mask to its inner module under the
name of the text's, where cross-attention ignores it: padded image tokens would be looked at.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor
from transformers import BlipTextModel
from transformers.models.blip.modeling_blip_text import BlipTextSelfAttention

__all__ = ["MaskedCrossAttention", "mask_cross_attention"]


class MaskedCrossAttention(BlipTextSelfAttention):
    """Cross-attention that heeds its mask, under whichever name it comes."""

    def forward(  # type: ignore[override]
        self,
        hidden_states: Tensor,
        attention_mask: Tensor | None = None,
        encoder_hidden_states: Tensor | None = None,
        encoder_attention_mask: Tensor | None = None,
        **kwargs: Any,
    ) -> tuple[Tensor, Tensor]:
        """Attend to the image tokens for which the additive mask is 0."""
        mask = attention_mask if encoder_attention_mask is None else encoder_attention_mask
        context, shares = super().forward(
            hidden_states,
            encoder_hidden_states=encoder_hidden_states,
            encoder_attention_mask=mask,
            **kwargs,
        )
        return context, shares


def mask_cross_attention(model: BlipTextModel) -> None:
    """Make the cross-attention of every layer heed its mask."""
    layers: Any = model.encoder.layer
    for index, layer in enumerate(layers):
        layer.crossattention.self = MaskedCrossAttention(
            model.config, is_cross_attention=True, layer_idx=index
        )
