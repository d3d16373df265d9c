"""The student's losses: contrast, matching and grounding."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["contrastive_loss", "grounding_loss", "hard_negatives", "language_loss"]


def contrastive_loss(similarity: Tensor, matches: Tensor) -> Tensor:
    """Return the image-text contrastive loss, both ways.

    Parameters
    ----------
    similarity : (B, B) float tensor
        Scaled similarity of image (row) and statement (column).
    matches : (B, B) bool tensor
        Which statements are true of which images. Templates repeat: the same statement can be
        true of several images, and must not be pushed away from them.
    """
    truth = matches.to(similarity.dtype)
    by_image = truth / truth.sum(1, keepdim=True)
    by_text = truth.T / truth.T.sum(1, keepdim=True)
    return 0.5 * (F.cross_entropy(similarity, by_image) + F.cross_entropy(similarity.T, by_text))


@torch.no_grad()
def hard_negatives(similarity: Tensor, matches: Tensor) -> tuple[Tensor, Tensor]:
    """Draw for each row a wrong column, the more often the more similar it is.

    Parameters
    ----------
    similarity : (B, B) float tensor
        Scaled similarity.
    matches : (B, B) bool tensor
        Pairs that must not be drawn.

    Returns
    -------
    rows, columns : (K,) integer tensors
        Rows that have a wrong column at all, and that column.
    """
    rows = (~matches).any(1).nonzero()[:, 0]
    if not len(rows):
        return rows, rows
    weights = similarity[rows].float().masked_fill(matches[rows], -torch.inf).softmax(1)
    # A little of everything, so that a weight that underflows can still be drawn.
    weights = weights + 1e-6 * (~matches[rows])
    return rows, torch.multinomial(weights, 1)[:, 0]


def language_loss(logits: Tensor, targets: Tensor, smoothing: float = 0.0) -> Tensor:
    """Return the cross-entropy of (T, V) logits and (T,) targets; 0 where there are none."""
    if not len(targets):
        return logits.sum() * 0
    return F.cross_entropy(logits, targets, label_smoothing=smoothing)


def grounding_loss(attention: Tensor, target: Tensor, words: Tensor, spread: float = 0.2) -> Tensor:
    """Return how far the attention of answer words is from the mask of what they name.

    Parameters
    ----------
    attention : (R, L, N) float tensor
        Share of attention that each position pays to each image token.
    target : (R, N) float tensor
        Share of the mask in each token; all 0 where it is not known.
    words : (R, L) bool tensor
        Positions that predict a grounded word.
    spread : float
        0 asks only that all attention lies somewhere within the mask; 1 asks for all of the mask.

    Returns
    -------
    scalar tensor
        Mean over positions of ``-log`` of the mass within the mask, blended with the divergence
        from the mask; 0 where nothing is grounded.
    """
    chosen = words & (target.sum(1) > 0)[:, None]
    rows, positions = chosen.nonzero(as_tuple=True)
    if not len(rows):
        return attention.sum() * 0
    paid = attention[rows, positions].float()
    share = target[rows].float()
    share = share / share.sum(1, keepdim=True)
    within = -(paid * (share > 0)).sum(1).clamp_min(1e-6).log()
    divergence = (torch.xlogy(share, share) - share * paid.clamp_min(1e-6).log()).sum(1)
    return ((1 - spread) * within + spread * divergence).mean()
