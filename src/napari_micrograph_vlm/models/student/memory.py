"""What the text layers need of an image, computed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
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

    @classmethod
    def together(cls, memories: Sequence[ImageMemory]) -> ImageMemory:
        """Return one memory of several images, the shorter ones padded at the end."""
        lengths = [memory.layers[0][0].shape[2] for memory in memories for _ in memory.layers[0][0]]
        longest = max(lengths)
        layers = []
        for parts in zip(*(memory.layers for memory in memories), strict=True):
            sides = zip(*parts, strict=True)
            key, value = (
                torch.cat([F.pad(each, (0, 0, 0, longest - each.shape[2])) for each in side])
                for side in sides
            )
            layers.append((key, value))
        if min(lengths) == longest and all(memory.mask is None for memory in memories):
            return cls(layers, None)
        places = torch.arange(longest, device=layers[0][0].device)
        seen = [
            F.pad(m.mask, (0, longest - m.mask.shape[1]))
            if m.mask is not None
            else (places < m.layers[0][0].shape[2]).expand(len(m.layers[0][0]), -1)
            for m in memories
        ]
        return cls(layers, torch.cat(seen))

    @property
    def images(self) -> int:
        """How many there are."""
        return len(self.layers[0][0])

    @property
    def tokens(self) -> list[int]:
        """How many tokens of each image have a place; what pads it comes after them."""
        length = self.layers[0][0].shape[2]
        if self.mask is None:
            return [length - 1] * self.images
        return (self.mask.sum(1) - 1).tolist()

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
