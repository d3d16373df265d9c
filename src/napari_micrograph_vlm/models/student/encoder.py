"""From pixels to image embeddings: one for each token of 32 pixels, and one for the whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import initialization as init
from transformers.models.blip.modeling_blip import BlipAttention, BlipEncoderLayer

from .backbone import LiteBackbone
from .configuration import MvaemaConfig

__all__ = ["KINDS_A_REGION", "REGIONS", "TILE", "WHOLE", "ImageEncoder", "token_positions"]

REGIONS = 2
"""Regions that can be looked at together."""

WHOLE, TILE = 0, 1
"""Kinds of token of the first region; those of the second follow after ``KINDS_A_REGION``."""

KINDS_A_REGION = 2

_FARTHEST = 8.0


def token_positions(rows: int, columns: int, box: Sequence[float] = (0.0, 0.0, 1.0, 1.0)) -> Tensor:
    """Return the centres of a view's tokens in its region.

    Parameters
    ----------
    rows, columns : int
        Tokens along the sides of the view.
    box : sequence of 4 floats
        The part of the region that the view shows: y0, x0, y1, x1 from 0 to 1.

    Returns
    -------
    (rows * columns, 2) float tensor
        (y, x) from 0 to 1, row by row.
    """
    y0, x0, y1, x1 = box
    y = y0 + (torch.arange(rows) + 0.5) / rows * (y1 - y0)
    x = x0 + (torch.arange(columns) + 0.5) / columns * (x1 - x0)
    return torch.stack(torch.meshgrid(y, x, indexing="ij"), dim=-1).reshape(-1, 2)


class MaskedAttention(BlipAttention):
    """BLIP's image self-attention, which has no mask, with a mask for padded tokens."""

    def forward(  # type: ignore[override]
        self, hidden_states: Tensor, attention_mask: Tensor | None = None, **kwargs: Any
    ) -> tuple[Tensor, None]:
        """Attend to the tokens of ``attention_mask`` (B, 1, 1, N) bool, True to be seen."""
        batch, length, width = hidden_states.shape
        qkv = self.qkv(hidden_states).view(batch, length, 3, self.num_heads, self.head_dim)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        context = F.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=attention_mask,
            dropout_p=self.dropout.p if self.training else 0.0,
        )
        return self.projection(context.transpose(1, 2).reshape(batch, length, width)), None


class PlaceEmbedding(nn.Module):
    """Embed a place in the region, given as two numbers from 0 to 1.

    A continuous function: a token of a tile gets the place it has in the whole region, which no
    table over a fixed grid has an entry for.
    """

    def __init__(self, frequencies: int, size: int) -> None:
        super().__init__()
        self.frequencies = frequencies
        self.mlp = nn.Sequential(nn.Linear(4 * frequencies, size), nn.GELU(), nn.Linear(size, size))

    def forward(self, positions: Tensor) -> Tensor:
        """Return embeddings (..., size) of ``positions`` (..., 2)."""
        octaves = torch.pi * 2.0 ** torch.arange(self.frequencies, device=positions.device)
        angles = (positions[..., None] * octaves).flatten(-2)
        waves = torch.cat([angles.sin(), angles.cos()], dim=-1)
        embedded: Tensor = self.mlp(waves.to(next(self.mlp.parameters()).dtype))
        return embedded

    @torch.no_grad()
    def strengthen(self, content: float) -> None:
        """Make the embedding of a place nearly as strong as that of what a token shows.

        As drawn at random it is a hundred times weaker, and most of it is fast waves, from which
        no place can be read: the student learnt what a defect is long before it could say where.

        Parameters
        ----------
        content : float
            Deviation of the embedding of what a token shows.
        """
        first, last = cast(nn.Linear, self.mlp[0]), cast(nn.Linear, self.mlp[-1])
        octaves = torch.arange(self.frequencies, device=first.weight.device)
        # Columns: sine and cosine, y and x, octaves from slow to fast.
        slow_first = (4 / 2.0**octaves).clamp_min(1).repeat(4)
        # These leave alone what was read from a file.
        init.copy_(first.weight, first.weight * slow_first)
        places = token_positions(12, 12).to(first.weight.device)
        init.copy_(last.weight, last.weight * (0.8 * content / self(places).std(0).mean()))


class Addition(nn.Linear):
    """A linear layer that is drawn as zero: it adds to something that is useful without it."""


class MemoryPlace(nn.Module):
    """Tell the text layers where each token lies, once more and unmixed.

    What the transformer layers leave of the first embedding names what is there, hardly where: a
    student without this named nearly every defect and placed six in ten.
    """

    OCTAVES = 4

    def __init__(self, size: int) -> None:
        super().__init__()
        self.out = Addition(4 * self.OCTAVES, size, bias=False)

    def forward(self, positions: Tensor) -> Tensor:
        """Return embeddings (..., size) of ``positions`` (..., 2)."""
        octaves = torch.pi * 2.0 ** torch.arange(self.OCTAVES, device=positions.device)
        angles = (positions[..., None] * octaves).flatten(-2)
        waves = torch.cat([angles.sin(), angles.cos()], dim=-1)
        placed: Tensor = self.out(waves.to(self.out.weight.dtype))
        return placed


class Amount(nn.Module):
    """Sum over tokens how much there is of some learnt things.

    Attention takes means: from a mean alone nothing can be counted.
    """

    def __init__(self, size: int, things: int) -> None:
        super().__init__()
        self.things = nn.Linear(size, things)
        self.out = Addition(REGIONS * things, size, bias=False)

    def forward(self, tokens: Tensor, kinds: Tensor, mask: Tensor | None) -> Tensor:
        """Return an embedding (B, size) of the sums over the tokens (B, N, size) of each whole.

        Tiles show the same things again and are left out.
        """
        found = F.softplus(self.things(tokens)).float()
        sums = []
        for region in range(REGIONS):
            counted = kinds == WHOLE + region * KINDS_A_REGION
            if mask is not None:
                counted = counted & mask.bool()
            sums.append((found * counted[..., None]).sum(1).log1p())
        amounts: Tensor = self.out(torch.cat(sums, dim=-1).to(self.out.weight.dtype))
        return amounts


class ImageEncoder(nn.Module):
    """Frozen EfficientNet-Lite0 features, then BLIP's transformer layers.

    Every token of 32 x 32 pixels gets the features of all strides that lie in it, so that a
    defect of a few pixels is still there at stride 8 when stride 32 has lost it.
    """

    feature_mean: Tensor
    feature_deviation: Tensor

    def __init__(self, config: MvaemaConfig) -> None:
        super().__init__()
        vision = config.vision_config
        size = vision.hidden_size
        self.token = config.token_size
        self.backbone = LiteBackbone(config.backbone_config, tuple(config.feature_strides))
        self.backbone.requires_grad_(False)
        folds = [self.token // stride for stride in config.feature_strides]
        self.feature_size = sum(
            channels * fold**2 for channels, fold in zip(self.backbone.channels, folds, strict=True)
        )
        # Standardise the features; learnt once from data by fit_statistics.
        self.register_buffer("feature_mean", torch.zeros(self.feature_size))
        self.register_buffer("feature_deviation", torch.ones(self.feature_size))
        self.project = nn.Linear(self.feature_size, size)
        self.place = PlaceEmbedding(config.position_frequencies, size)
        self.kind = nn.Embedding(REGIONS * KINDS_A_REGION, size)
        self.cls = nn.Parameter(torch.zeros(1, 1, size))
        self.layers = nn.ModuleList(
            BlipEncoderLayer(vision) for _ in range(vision.num_hidden_layers)
        )
        for layer in self.layers:
            layer.self_attn = MaskedAttention(vision)
        self.norm = nn.LayerNorm(size, eps=vision.layer_norm_eps)
        self.memory_place = MemoryPlace(size)
        self.amount = Amount(size, config.amounts)

    def train(self, mode: bool = True) -> ImageEncoder:
        """Set training mode, except for the frozen backbone, whose batch norms must not move."""
        super().train(mode)
        self.backbone.eval()
        return self

    @torch.no_grad()
    def backbone_features(self, pixel_values: Tensor) -> Tensor:
        """Return the frozen features of each token.

        Parameters
        ----------
        pixel_values : (B, 3, 32 r, 32 c) float tensor
            Normalised pixels.

        Returns
        -------
        (B, r * c, F) float tensor
            Row by row. They may be kept as float16.
        """
        folded = []
        for features in self.backbone.features(pixel_values):
            fold = features.shape[-1] * self.token // pixel_values.shape[-1]
            folded.append(F.pixel_unshuffle(features, fold))
        return torch.cat(folded, dim=1).flatten(2).transpose(1, 2)

    @torch.no_grad()
    def fit_statistics(self, features: Tensor) -> None:
        """Take mean and deviation of ``features`` (..., F) as those of all micrographs."""
        flat = features.float().reshape(-1, self.feature_size)
        self.feature_mean.copy_(flat.mean(0))
        deviation = flat.std(0)
        # Channels that hardly ever vary hold noise; do not blow it up.
        self.feature_deviation.copy_(deviation.clamp_min(0.05 * float(deviation.mean())))

    def forward(
        self,
        features: Tensor,
        positions: Tensor,
        kinds: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        """Return image embeddings.

        Parameters
        ----------
        features : (B, N, F) float tensor
            Backbone features of the tokens of all views of a region; float16 is taken too.
        positions : (B, N, 2) float tensor
            Centres (y, x) of the tokens in the region, 0 to 1.
        kinds : (B, N) integer tensor, optional
            ``WHOLE`` where the token belongs to the view of the whole, ``TILE`` to a tile, both
            plus ``KINDS_A_REGION`` for a second region; all ``WHOLE`` by default.
        mask : (B, N) bool tensor, optional
            True for tokens, False for padding.

        Returns
        -------
        (B, 1 + N, D) float tensor
            The embedding of the whole first.
        """
        features = features.to(self.project.weight.dtype)
        scaled = (features - self.feature_mean) / self.feature_deviation
        # What no micrograph of the training showed must not drown all else.
        scaled = scaled.clamp(-_FARTHEST, _FARTHEST)
        if kinds is None:
            kinds = torch.zeros(features.shape[:2], dtype=torch.long, device=features.device)
        hidden = self.project(scaled) + self.place(positions) + self.kind(kinds)
        hidden = torch.cat([self.cls.expand(len(hidden), -1, -1), hidden], dim=1)
        seen = None
        if mask is not None:
            seen = F.pad(mask.bool(), (1, 0), value=True)[:, None, None, :]
        for layer in self.layers:
            hidden = layer(hidden, attention_mask=seen)
        hidden = self.norm(hidden)
        whole, tokens = hidden[:, :1], hidden[:, 1:]
        whole = whole + self.amount(tokens, kinds, mask)[:, None]
        return torch.cat([whole, tokens + self.memory_place(positions)], dim=1)
