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
    """Cross-attention that heeds its mask, under whichever name it comes.

    Rows of text may outnumber images: then as many rows in turn, such as all answers to one
    question, look at each image, whose keys and values need not be repeated for them.
    """

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
        rows, length, width = hidden_states.shape
        images = rows if encoder_hidden_states is None else len(encoder_hidden_states)
        each = rows // images
        if each > 1:
            # No token of text sees another here: those of all rows of an image are one row.
            hidden_states = hidden_states.reshape(images, each * length, width)
            # Every token sees the same of its image, for which there is one row of the mask.
            mask = None if mask is None else mask[:, :, :1]
        context, shares = super().forward(
            hidden_states,
            encoder_hidden_states=encoder_hidden_states,
            encoder_attention_mask=mask,
            **kwargs,
        )
        if each > 1:
            context = context.reshape(rows, length, -1)
            parts = shares.unflatten(2, (each, length)).transpose(1, 2)
            shares = parts.reshape(rows, shares.shape[1], length, -1)
        return context, shares


def mask_cross_attention(model: BlipTextModel) -> None:
    """Make the cross-attention of every layer heed its mask."""
    layers: Any = model.encoder.layer
    for index, layer in enumerate(layers):
        layer.crossattention.self = MaskedCrossAttention(
            model.config, is_cross_attention=True, layer_idx=index
        )
