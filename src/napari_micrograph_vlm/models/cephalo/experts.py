"""The mixture of experts both of Cephalo's mixtures use in every layer of the text model.

Names are the published ones: ``mlp.experts.{i}.*`` are whole feed-forward blocks of the models that
were mixed, ``mlp.gating_layer.gate.{weight,bias}`` chooses among them for each token.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

__all__ = ["NESTED", "GatingLayer", "Mixture", "mix_layers"]

NESTED = {
    r"^lm_head\.weight": "dropped.head.weight",  # not the pattern of a model that is not nested
    r"^model\.lm_head\.": "head.",
    r"^model\.model\.": "model.",
}
"""What undoes the nesting of the published mixtures.

They hold a whole model that writes in ``model``, so that its names begin with ``model.`` twice, and
beside it a head of their own that is never used (it was drawn at random).
"""


class GatingLayer(nn.Module):
    """Chooses experts for each token.

    Parameters
    ----------
    size : int
        Length of a token's vector.
    experts : int
        Number of experts.
    chosen : int
        How many of them work on a token.
    """

    def __init__(self, size: int, experts: int, chosen: int) -> None:
        super().__init__()
        self.chosen = chosen
        self.gate = nn.Linear(size, experts)

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Return weights and indices of the chosen experts, (..., chosen) each.

        As published: the probabilities of the chosen go through a softmax once more, so that
        their weights sum to 1 (and the weight of a single chosen expert is 1).
        """
        probabilities = self.gate(tokens).softmax(-1)
        values, indices = probabilities.topk(self.chosen, dim=-1)
        return values.softmax(-1), indices


class Mixture(nn.Module):
    """Feed-forward blocks of which each token passes the chosen ones only.

    Parameters
    ----------
    experts : list of nn.Module
        The blocks.
    size, chosen : int
        As in :class:`GatingLayer`.
    """

    def __init__(self, experts: list[nn.Module], size: int, chosen: int) -> None:
        super().__init__()
        self.experts = nn.ModuleList(experts)
        self.gating_layer = GatingLayer(size, len(experts), chosen)

    def forward(self, hidden: Tensor) -> Tensor:
        """Return the weighted sum of what the chosen experts make of ``hidden``, (..., size)."""
        tokens = hidden.flatten(0, -2)
        weights, indices = self.gating_layer(tokens)
        mixed = torch.zeros_like(tokens)
        # Only experts that were chosen are asked where their tokens are: the cost of a token does
        # not grow with the number of the others.
        for number in indices.unique().tolist():
            at, rank = (indices == number).nonzero(as_tuple=True)
            mixed.index_add_(0, at, self.experts[number](tokens[at]) * weights[at, rank, None])
        return mixed.view_as(hidden)


def mix_layers(
    layers: nn.ModuleList, make: Callable[[], nn.Module], *, experts: int, size: int, chosen: int
) -> None:
    """Replace the feed-forward block of every layer by a mixture of ``experts`` new blocks."""
    for layer in layers:
        layer.mlp = Mixture([make() for _ in range(experts)], size, chosen)
