"""Relevance followed through all layers, from one more reading of prompt and answer.

Both methods need every attention weight of the decoder at once, which takes memory that grows with
the square of the prompt's length; recorded attention (see :mod:`.relevance`) needs almost none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..errors import ModelError
from ..models.generation import image_positions
from .relevance import Method

if TYPE_CHECKING:
    from ..models.families.base import Family, Prompt

__all__ = ["MOST_MEMORY", "followed", "lengthened", "needed_memory", "replay", "rolled_out"]

MOST_MEMORY = 4 * 2**30
"""Bytes that attention weights may take, unless the caller says otherwise."""


def replay(
    model: nn.Module,
    family: Family,
    prompt: Prompt,
    tokens: Sequence[int],
    method: Method,
    *,
    most_memory: int = MOST_MEMORY,
) -> NDArray[np.float32]:
    """Read a prompt and its answer once more and follow what each token of the answer rests on.

    Parameters
    ----------
    model : Module
        A generative model of transformers with a decoder-only text model; nobody else may use it
        meanwhile.
    family : Family
        How it is asked.
    prompt : Prompt
        The question.
    tokens : sequence of int
        The T tokens of the answer.
    method : Method
        :attr:`.Method.ROLLOUT` or :attr:`.Method.GRADIENT`.
    most_memory : int
        Bytes that the attention weights may take.

    Returns
    -------
    (T, P) float32 array
        Relevance of the image tokens of all regions, one region after the other; not negative.

    Raises
    ------
    ModelError
        If the prompt is too long for the method, or the model hands out no attention.
    """
    decoder: Any = family.decoder(model)
    config = decoder.config
    layers, heads = int(config.num_hidden_layers), int(config.num_attention_heads)
    length = prompt.length + len(tokens) - 1
    with_gradients = method is Method.GRADIENT
    needed = needed_memory(layers, heads, length, with_gradients)
    if needed > most_memory:
        raise ModelError(
            f"This way of making maps needs {needed / 2**30:.1f} GB for this region; "
            "choose 'As recommended' in Advanced, or ask without tiles."
        )
    device = next(model.parameters()).device
    given = lengthened(family, prompt, tokens[:-1])
    inputs = {name: value.to(device) for name, value in given.items()}
    columns = image_positions(prompt)
    rows = [prompt.length - 1 + i for i in range(len(tokens))]
    with (
        torch.inference_mode(False),
        torch.set_grad_enabled(with_gradients),
        _handing_out(decoder),
        _graph_of_attention(model, with_gradients),
    ):
        out = model(**inputs, output_attentions=True, use_cache=False)
        attentions = getattr(out, "attentions", None)
        if not attentions or attentions[0] is None or attentions[0].shape[-1] != length:
            raise ModelError(
                "This model does not hand out all of its attention; "
                "choose 'As recommended' in Advanced."
            )
        if with_gradients:
            logits = out.logits[0, -len(tokens) :].float().log_softmax(-1)
            targets = logits[torch.arange(len(tokens)), torch.tensor(tokens, device=device)]
            found = [
                followed(attentions, target, row) for target, row in zip(targets, rows, strict=True)
            ]
        else:
            averaged = [each[0].float().mean(0) for each in attentions]
            found = [rolled_out(averaged, row) for row in rows]
    relevance = torch.stack(found)[:, torch.as_tensor(columns, device=device)]
    result: NDArray[np.float32] = relevance.float().cpu().numpy()
    return result


def rolled_out(attentions: Sequence[Tensor], row: int) -> Tensor:
    """Follow attention from one token down through all layers (Abnar and Zuidema 2020).

    Parameters
    ----------
    attentions : sequence of (N, N) Tensor
        Weights of each layer, mean of its heads, first layer first; rows sum to 1.
    row : int
        The token at whose output the answer is read off.

    Returns
    -------
    (N,) Tensor
        Share of each input token; sums to 1.
    """
    share = torch.zeros_like(attentions[0][row])
    share[row] = 1
    for weights in reversed(attentions):
        share = (share + share @ weights) / 2  # half comes past the layer, unmixed
    return share


def followed(attentions: Sequence[Tensor], target: Tensor, row: int) -> Tensor:
    """Follow attention weighted by its gradient down through all layers (Chefer et al. 2021).

    Parameters
    ----------
    attentions : sequence of (1, H, N, N) Tensor
        Weights of each layer, part of the graph that ``target`` was computed with.
    target : () Tensor
        Log-probability of the token that is to be explained.
    row : int
        The token at whose output it is read off.

    Returns
    -------
    (N,) Tensor
        Relevance of each input token, not negative, without the token's own.
    """
    gradients = torch.autograd.grad(target, list(attentions), retain_graph=True)
    share = torch.zeros_like(attentions[0][0, 0, row], dtype=torch.float32)
    share[row] = 1
    for weights, gradient in zip(reversed(attentions), reversed(gradients), strict=True):
        useful = (weights.detach() * gradient)[0].clamp_min(0).float().mean(0)
        share = share + share @ useful
    share[row] = 0
    return share.detach()


def needed_memory(layers: int, heads: int, length: int, gradients: bool) -> int:
    """Return roughly how many bytes the attention weights of a prompt take, in float32."""
    return layers * heads * length**2 * 4 * (3 if gradients else 1)


def lengthened(family: Family, prompt: Prompt, tokens: Sequence[int]) -> dict[str, Tensor]:
    """Return the inputs of a prompt with the tokens of an answer behind it."""
    inputs = dict(prompt.inputs)
    fills = {"attention_mask": 1, "token_type_ids": family.answer_type}
    for name in set(inputs) & set(family.sequence_keys):
        values = inputs[name]
        if name == "input_ids":
            more = torch.tensor([list(tokens)], dtype=values.dtype)
        else:
            more = torch.full((1, len(tokens)), fills.get(name, 0), dtype=values.dtype)
        inputs[name] = torch.cat([values, more], dim=1)
    return inputs


@contextmanager
def _handing_out(decoder: Any) -> Iterator[None]:
    """Let the decoder use the slow attention that hands out its weights."""
    before = decoder.config._attn_implementation
    decoder.set_attn_implementation("eager")
    try:
        yield
    finally:
        decoder.set_attn_implementation(before)


@contextmanager
def _graph_of_attention(model: Any, wanted: bool) -> Iterator[None]:
    """Let a graph begin at the tokens' embeddings, and at no other weight: that takes memory."""
    if not wanted:
        yield
        return
    learning = [each for each in model.parameters() if each.requires_grad]
    embeddings = model.get_input_embeddings().weight
    for each in learning:
        each.requires_grad_(False)
    embeddings.requires_grad_(True)
    try:
        yield
    finally:
        embeddings.requires_grad_(False)
        for each in learning:
            each.requires_grad_(True)
