"""EfficientNet-Lite0 from transformers' EfficientNet."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import EfficientNetConfig, EfficientNetModel

__all__ = ["LiteBackbone"]


class LiteBackbone(EfficientNetModel):
    """Blocks of EfficientNet without squeeze-and-excitation, seen at several strides.

    The Lite variants leave squeeze-and-excitation out and use ReLU6 (set in the config); apart
    from that they are the same network. The 1280-channel head is left out: it was made for
    naming whole photographs and would be a seventh of the weights.

    Parameters
    ----------
    config : EfficientNetConfig
        Plan of the network.
    strides : sequence of int
        Strides at which features are wanted.
    """

    def __init__(self, config: EfficientNetConfig, strides: tuple[int, ...] = (8, 16, 32)) -> None:
        super().__init__(config)
        for block in self.encoder.blocks:
            block.squeeze_excite = nn.Identity()
        for part in ("top_conv", "top_bn", "top_activation"):
            setattr(self.encoder, part, nn.Identity())
        self.strides = tuple(strides)
        self.taps = self._find_taps()

    @property
    def channels(self) -> tuple[int, ...]:
        """Number of channels at each of ``strides``."""
        blocks: Any = self.encoder.blocks
        return tuple(int(blocks[i].projection.project_conv.out_channels) for i in self.taps)

    def features(self, pixel_values: Tensor) -> list[Tensor]:
        """Return the last features of each stride.

        Parameters
        ----------
        pixel_values : (B, 3, H, W) float tensor
            Normalised pixels; height and width are multiples of the largest stride.

        Returns
        -------
        list of (B, channels, H / stride, W / stride) float tensors
        """
        hidden = self.embeddings(pixel_values)
        found = []
        for index, block in enumerate(self.encoder.blocks):
            hidden = block(hidden)
            if index in self.taps:
                found.append(hidden)
        return found

    def _find_taps(self) -> tuple[int, ...]:
        """Index of the last block at each stride."""
        last: dict[int, int] = {}
        stride = 2  # of the stem
        for index, block in enumerate(self.encoder.blocks):
            stride *= int(block.depthwise_conv.stride)  # type: ignore[arg-type]
            last[stride] = index
        return tuple(last[stride] for stride in self.strides)

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> Any:
        # The stock rule draws batch norm weights from N(0, 0.02), under which nothing reaches
        # the last stage: a model with random weights would be blind.
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_in")
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)
            module.reset_running_stats()
