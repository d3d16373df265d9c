"""Many labels in one row of tokens, as branches of a tree that grows from the prompt's end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache

__all__ = ["LabelTree", "can_branch", "label_trees", "tree_mask"]


@dataclass(frozen=True, eq=False)
class LabelTree:
    """Some labels as branches.

    Attributes
    ----------
    tokens, parents, depths : list of int
        Of each node; parents come before their children, and -1 is the prompt's end.
    leaves : list of int
        The node at which each label ends.
    """

    tokens: list[int] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    depths: list[int] = field(default_factory=list)
    leaves: list[int] = field(default_factory=list)

    def path(self, leaf: int) -> list[int]:
        """Return the nodes from a leaf to its first token."""
        nodes = [leaf]
        while self.parents[nodes[-1]] >= 0:
            nodes.append(self.parents[nodes[-1]])
        return nodes

    def sees(self) -> Tensor:
        """Return which nodes each node sees: itself and those before it, (T, T) bool."""
        seen = torch.eye(len(self.tokens), dtype=torch.bool)
        for node, parent in enumerate(self.parents):
            if parent >= 0:
                seen[node] |= seen[parent]
        return seen


def label_trees(answers: Sequence[Sequence[int]], most: int) -> Iterator[LabelTree]:
    """Yield trees of at most ``most`` nodes (or of one label) that hold all answers in order."""
    tree, known = LabelTree(), dict[tuple[int, ...], int]()
    for answer in answers:
        beginnings = [tuple(answer[: i + 1]) for i in range(len(answer))]
        new = [b for b in beginnings if b not in known]
        if tree.leaves and (most == 1 or len(tree.tokens) + len(new) > most):
            yield tree
            tree, known, new = LabelTree(), {}, beginnings
        for beginning in new:
            known[beginning] = len(tree.tokens)
            tree.tokens.append(beginning[-1])
            tree.parents.append(known.get(beginning[:-1], -1))
            tree.depths.append(len(beginning) - 1)
        tree.leaves.append(known[beginnings[-1]])
    yield tree


def tree_mask(cache: DynamicCache, tree: LabelTree, past: int, device: torch.device) -> Any:
    """Return what each node may see: the prompt and its own label's nodes.

    Parameters
    ----------
    cache : DynamicCache
        Of the prompt, whose layers tell which of them see a window only.
    tree : LabelTree
        T nodes.
    past : int
        Number of tokens of the prompt.
    device : torch.device
        Where the mask shall be.

    Returns
    -------
    (1, 1, T, K) bool Tensor, or dict of str to Tensor
        One for each kind of layer, by its name, where they differ.
    """
    own = tree.sees().to(device)
    depth = torch.tensor(tree.depths, device=device)[:, None]
    masks: dict[str, Tensor] = {}
    for layer in cache.layers:
        # Layers that see everything have no window.
        window: int | None = getattr(layer, "sliding_window", None)
        slides = window is not None and past + max(tree.depths) >= window
        if ("sliding_attention" if slides else "full_attention") in masks:
            continue
        if window is None or not slides:
            before = own.new_ones(len(own), past)
            masks["full_attention"] = torch.cat([before, own], dim=1)[None, None]
        else:
            # Of the prompt such a layer keeps the end, and each token sees a window of it.
            away = past + depth - torch.arange(past, device=device)
            before = (away < window)[:, past - min(past, window - 1) :]
            near = own & (depth - depth.T < window)
            masks["sliding_attention"] = torch.cat([before, near], dim=1)[None, None]
    return masks if len(masks) > 1 else next(iter(masks.values()))


def can_branch(cache: DynamicCache) -> bool:
    """Whether all layers attend, rather than carry a state along: then a mask makes branches."""
    kinds = {type(layer).__name__ for layer in cache.layers}
    return kinds <= {"DynamicLayer", "DynamicSlidingWindowLayer"}
