"""What the text layers need of an image, computed once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor
from transformers.cache_utils import DynamicCache, EncoderDecoderCache

__all__ = ["ImageMemory"]


@dataclass
class ImageMemory:
    """What the text layers need of an image: keys and values of every cross-attention layer.

    Encoder and decoder share their cross-attention, so one memory serves both, every question
    on the image and every token of an answer.

    Attributes
    ----------
    layers : list of (key, value)
        Each (B, heads, 1 + N, head size).
    mask : (B, 1 + N) bool tensor or None
        False for padding.
    """

    layers: list[tuple[Tensor, Tensor]]
    mask: Tensor | None

    def rows(self, index: Tensor | None) -> ImageMemory:
        """Return a memory whose row ``i`` is row ``index[i]`` of this one."""
        if index is None:
            return self
        mask = None if self.mask is None else self.mask[index]
        return ImageMemory([(key[index], value[index]) for key, value in self.layers], mask)

    def cache(self) -> EncoderDecoderCache:
        """Return a new cache for BLIP's text layers with the image part filled in."""
        cross = DynamicCache()
        for index, (key, value) in enumerate(self.layers):
            cross.update(key, value, index)
        return EncoderDecoderCache(DynamicCache(), cross)

    def arguments(self) -> dict[str, Any]:
        """Return the arguments by which a BLIP text model is given this image."""
        key = self.layers[0][0]
        batch, heads, length, size = key.shape
        # Only its shape is looked at: keys and values come from the cache.
        states = key.new_zeros(()).expand(batch, length, heads * size)
        return {
            "encoder_hidden_states": states,
            "encoder_attention_mask": self.mask,
            "past_key_values": self.cache(),
        }
