"""Whether a picture is a micrograph at all, from the features that the student sees anyway."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .encoder import ImageEncoder

__all__ = ["NOT_A_MICROGRAPH", "Novelty", "groups_of", "summarise", "summary_size"]

NOT_A_MICROGRAPH = "not a micrograph"
"""What the student answers about anything else, whatever the question."""

Groups = Sequence[tuple[int, int]]
"""Channels of each stride, and how many of its places lie in one token."""

HIDDEN = 128
"""Units of the hidden layer."""

_FARTHEST = 6.0


def groups_of(encoder: ImageEncoder) -> Groups:
    """Return the groups of channels that make up the features of an encoder."""
    backbone = encoder.backbone
    return [
        (channels, (encoder.token // stride) ** 2)
        for channels, stride in zip(backbone.channels, backbone.strides, strict=True)
    ]


def summary_size(groups: Groups) -> int:
    """Return how many numbers :func:`summarise` gives: a mean and a spread for each channel."""
    return 2 * sum(channels for channels, _ in groups)


def summarise(features: Tensor, groups: Groups) -> Tensor:
    """Return mean and spread of every channel over a view.

    Parameters
    ----------
    features : (N, F) float tensor
        Backbone features of the tokens of a view of the whole region.
    groups : sequence of (int, int)
        Channels and places in a token of each stride, in the order of the features.

    Returns
    -------
    (D,) float32 tensor
        Means of all channels, then their standard deviations.
    """
    means, spreads, start = [], [], 0
    for group in groups:
        size = prod(group)
        part = features[:, start : start + size].float().reshape(len(features), *group)
        start += size
        means.append(part.mean((0, 2)))
        spreads.append(part.var((0, 2), correction=0).sqrt())
    return torch.cat([*means, *spreads])


class Novelty(nn.Module):
    """Tell micrographs from everything else by a small network on the summary of a picture.

    The numbers are found by :func:`napari_micrograph_vlm.training.novelty.fit_novelty`; until
    then every picture counts as a micrograph. They are buffers: no training moves them.

    Parameters
    ----------
    groups : sequence of (int, int)
        As in :func:`summarise`.
    """

    mean: Tensor
    deviation: Tensor
    first: Tensor
    first_bias: Tensor
    last: Tensor
    last_bias: Tensor
    limit: Tensor

    def __init__(self, groups: Groups) -> None:
        super().__init__()
        self.groups = tuple((int(channels), int(places)) for channels, places in groups)
        size = summary_size(self.groups)
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("deviation", torch.ones(size))
        self.register_buffer("first", torch.zeros(HIDDEN, size))
        self.register_buffer("first_bias", torch.zeros(HIDDEN))
        self.register_buffer("last", torch.zeros(HIDDEN))
        self.register_buffer("last_bias", torch.zeros(1))
        # Log-odds above which a picture is refused.
        self.register_buffer("limit", torch.full((1,), 20.0))

    def scaled(self, summaries: Tensor) -> Tensor:
        """Return summaries (B, D) measured by the spread among micrographs."""
        scaled: Tensor = (summaries - self.mean) / self.deviation
        # What is far from all that was seen must not outweigh all else.
        return scaled.clamp(-_FARTHEST, _FARTHEST)

    def forward(self, features: Tensor) -> Tensor:
        """Return the log-odds, a scalar, that a picture is no micrograph; see :meth:`score`."""
        return self.odds(self.scaled(summarise(features, self.groups)[None]))[0]

    def odds(self, scaled: Tensor) -> Tensor:
        """Return the log-odds (B,) of what :meth:`scaled` gave."""
        hidden = F.gelu(scaled @ self.first.T + self.first_bias)
        odds: Tensor = hidden @ self.last + self.last_bias
        return odds

    @torch.no_grad()
    def score(self, features: Tensor) -> float:
        """Return the probability that a picture is no micrograph, were half of them none.

        Parameters
        ----------
        features : (N, F) float tensor
            Backbone features of the tokens of the view of the whole; not those of tiles.
        """
        return float(self(features).sigmoid())

    @torch.no_grad()
    def is_micrograph(self, features: Tensor) -> bool:
        """Whether a picture may be one: few micrographs (see ``limit``) are refused."""
        return bool(self(features) <= self.limit)
