"""From which patches Idefics2's resampler makes each image token."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["follow"]


@contextmanager
def follow(model: nn.Module, finished: Callable[[Tensor], None]) -> Iterator[None]:
    """Work out beside the resampler which share of each patch every latent takes up.

    The resampler itself runs unchanged, with whatever attention it uses. A latent keeps half of
    what it was and takes half from what it attends to, patches and latents alike (attention
    rollout, Abnar and Zuidema 2020), layer after layer; what is left of its learnt beginning
    tells nothing about the picture and is divided out in the end.

    Parameters
    ----------
    model : nn.Module
        Holds one ``Idefics2PerceiverResampler``.
    finished : callable
        Given the shares, (pictures, latents, patches) float32 whose rows sum to 1, once the
        resampler has run.
    """
    from transformers.models.idefics2.modeling_idefics2 import (
        Idefics2PerceiverAttention,
        Idefics2PerceiverResampler,
    )

    shares: list[Tensor] = []

    def begin(_module: nn.Module, _args: Any) -> None:
        shares.clear()

    def attend(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        weights = _weights(module, **kwargs)
        patches = kwargs["context"].shape[1]
        seen, others = weights[..., :patches], weights[..., patches:]
        before = shares.pop() if shares else torch.zeros_like(seen)
        shares.append(0.5 * before + 0.5 * (seen + others @ before))

    def end(_module: nn.Module, _args: Any, _output: Any) -> None:
        total = shares.pop()
        finished(total / total.sum(dim=-1, keepdim=True))

    hooks = []
    for module in model.modules():
        if isinstance(module, Idefics2PerceiverAttention):
            hooks.append(module.register_forward_pre_hook(attend, with_kwargs=True))
        elif isinstance(module, Idefics2PerceiverResampler):
            hooks.append(module.register_forward_pre_hook(begin))
            hooks.append(module.register_forward_hook(end))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


@torch.no_grad()
def _weights(
    module: Any,
    latents: Tensor,
    context: Tensor,
    attention_mask: Tensor | None = None,
    **_: Any,
) -> Tensor:
    """Return attention of latents over patches and latents, mean of heads, (n, L, M + L)."""
    size = module.head_dim
    query = module.q_proj(latents).unflatten(-1, (-1, size)).transpose(1, 2)
    key = module.k_proj(torch.cat([context, latents], dim=1))
    key = key.unflatten(-1, (-1, size)).transpose(1, 2)
    rows = []
    # One picture at a time: weights of all heads over thousands of patches are large.
    for i in range(len(query)):
        heads = key[i].repeat_interleave(module.num_key_value_groups, dim=0)
        scores = (query[i] @ heads.transpose(1, 2)).float() * module.scaling
        if attention_mask is not None:
            mask = attention_mask[i, :, :, : heads.shape[1]]
            if mask.dtype == torch.bool:
                scores = scores.masked_fill(~mask, float("-inf"))
            else:
                scores = scores + mask
        rows.append(scores.softmax(dim=-1).mean(dim=0))
    return torch.stack(rows)
