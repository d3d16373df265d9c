"""Write an answer token by token, and note where each token looked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import DynamicCache, EncoderDecoderCache

from .memory import ImageMemory
from .modeling import MvaemaModel
from .tokenization import SPECIAL_TOKENS

__all__ = ["Step", "fork", "hidden_tokens", "read_prefix", "write"]


@dataclass(frozen=True, eq=False)
class Step:
    """One token of an answer.

    Attributes
    ----------
    token : int
        Its number.
    probability : float
        Its probability.
    attention : (N,) float tensor
        Share of attention that predicting it paid to each image token, summing to 1.
    """

    token: int
    probability: float
    attention: Tensor


@dataclass(frozen=True, eq=False)
class Prefix:
    """The decoder after reading a prompt.

    Attributes
    ----------
    cache : EncoderDecoderCache
        Keys and values of prompt and image.
    logits : (V,) float tensor
        Scores of the next token.
    attention : (N,) float tensor
        Where the last token of the prompt looked.
    """

    cache: EncoderDecoderCache
    logits: Tensor
    attention: Tensor


def hidden_tokens(entries: int, end: int, device: torch.device | str) -> Tensor:
    """Return which of the vocabulary's tokens are never written, (entries,) bool.

    They are the special ones, but for the one that ends an answer.
    """
    hidden = torch.zeros(entries, dtype=torch.bool, device=device)
    hidden[: len(SPECIAL_TOKENS)] = True
    hidden[end] = False
    return hidden


def read_prefix(model: MvaemaModel, memory: ImageMemory, ids: list[int]) -> Prefix:
    """Let the decoder read a prompt of ``ids`` about one image."""
    arguments = memory.arguments()
    cache = arguments["past_key_values"]
    read = model.decoder.bert(
        input_ids=torch.tensor([ids], device=model.device),
        is_decoder=True,
        use_cache=True,
        output_attentions=True,
        **arguments,
    )
    logits = model.decoder.cls(read.last_hidden_state[:, -1])[0]
    return Prefix(cache, logits, model.shown_attention(read.cross_attentions)[0, -1])


def fork(cache: EncoderDecoderCache, rows: int) -> EncoderDecoderCache:
    """Return a cache for ``rows`` continuations of one prompt, leaving the first as it is.

    The image's keys and values keep their single row, which attention broadcasts: of a tiled
    region they are too many to repeat for every label.
    """
    mine = DynamicCache()
    layers: list[Any] = list(cache.self_attention_cache.layers)
    for index, layer in enumerate(layers):
        mine.update(
            layer.keys.expand(rows, -1, -1, -1), layer.values.expand(rows, -1, -1, -1), index
        )
    return EncoderDecoderCache(mine, cache.cross_attention_cache)


def write(
    model: MvaemaModel, memory: ImageMemory, ids: list[int], most: int, hidden: Tensor
) -> Iterator[Step]:
    """Write the most probable answer, one token for each ``next``.

    Parameters
    ----------
    model : MvaemaModel
        In eval mode.
    memory : ImageMemory
        Of one region.
    ids : list of int
        The prompt.
    most : int
        Longest answer in tokens.
    hidden : (V,) bool tensor
        Tokens that are never written.

    Yields
    ------
    Step
        Without ``[EOS]``.
    """
    end = model.config.text_config.eos_token_id
    prefix = read_prefix(model, memory, ids)
    arguments = memory.arguments() | {"past_key_values": prefix.cache}
    logits, attention = prefix.logits, prefix.attention
    for count in range(most):
        allowed = logits.float().masked_fill(hidden, -torch.inf)
        if count == 0:
            allowed[end] = -torch.inf  # an answer has at least one word
        share = allowed.softmax(-1)
        token = int(share.argmax())
        if token == end:
            return
        yield Step(token, float(share[token]), attention)
        if count + 1 == most:
            return
        read = model.decoder.bert(
            input_ids=torch.tensor([[token]], device=model.device),
            is_decoder=True,
            use_cache=True,
            output_attentions=True,
            **arguments,
        )
        logits = model.decoder.cls(read.last_hidden_state[:, -1])[0]
        attention = model.shown_attention(read.cross_attentions)[0, -1]
