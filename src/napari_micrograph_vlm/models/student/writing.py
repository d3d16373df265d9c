"""Write an answer token by token, and note where each token looked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import DynamicCache, EncoderDecoderCache

from .memory import ImageMemory
from .modeling import MvaemaModel
from .tokenization import SPECIAL_TOKENS

__all__ = ["Step", "fork", "hidden_tokens", "read_prefix", "write", "write_many"]


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
    """The decoder after reading prompts of one length.

    Attributes
    ----------
    cache : EncoderDecoderCache
        Keys and values of prompts and images.
    logits : (B, V) float tensor
        Scores of the next token.
    attention : (B, N) float tensor
        Where the last token of each prompt looked.
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


def read_prefix(model: MvaemaModel, memory: ImageMemory, prompts: Sequence[list[int]]) -> Prefix:
    """Let the decoder read a prompt about each image, all of one length."""
    arguments = memory.arguments()
    cache = arguments["past_key_values"]
    read = model.decoder.bert(
        input_ids=torch.tensor(list(prompts), device=model.device),
        is_decoder=True,
        use_cache=True,
        output_attentions=True,
        **arguments,
    )
    logits = model.decoder.cls(read.last_hidden_state[:, -1])
    return Prefix(cache, logits, model.shown_attention(read.cross_attentions)[:, -1])


def fork(cache: EncoderDecoderCache, rows: int) -> EncoderDecoderCache:
    """Return a cache for ``rows`` continuations of each prompt, leaving the first as it is.

    The images' keys and values keep one row each, which cross-attention takes: of a tiled region
    they are too many to repeat for every label.
    """
    mine = DynamicCache()
    layers: list[Any] = list(cache.self_attention_cache.layers)
    for index, layer in enumerate(layers):
        mine.update(
            layer.keys.repeat_interleave(rows, 0), layer.values.repeat_interleave(rows, 0), index
        )
    return EncoderDecoderCache(mine, cache.cross_attention_cache)


def _kept(cache: EncoderDecoderCache, memory: ImageMemory, rows: Tensor) -> EncoderDecoderCache:
    """Return a cache of some rows only; ``memory`` has those rows already."""
    mine = DynamicCache()
    layers: list[Any] = list(cache.self_attention_cache.layers)
    for index, layer in enumerate(layers):
        mine.update(layer.keys[rows], layer.values[rows], index)
    return EncoderDecoderCache(mine, memory.cache().cross_attention_cache)


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
    for steps in write_many(model, memory, [ids], [most], hidden):
        yield steps[0]


def write_many(
    model: MvaemaModel,
    memory: ImageMemory,
    prompts: Sequence[list[int]],
    most: Sequence[int],
    hidden: Tensor,
) -> Iterator[dict[int, Step]]:
    """Write the most probable answers to several prompts, a token of each for each ``next``.

    Parameters
    ----------
    model : MvaemaModel
        In eval mode.
    memory : ImageMemory
        The image that each prompt is about.
    prompts : sequence of lists of int
        All of one length.
    most : sequence of int
        Longest answer to each in tokens.
    hidden : (V,) bool tensor
        Tokens that are never written.

    Yields
    ------
    dict of int to Step
        The next token of each prompt whose answer goes on, by its index, without ``[EOS]``.
    """
    end = model.config.text_config.eos_token_id
    lengths = memory.tokens
    prefix = read_prefix(model, memory, prompts)
    cache, logits, attention = prefix.cache, prefix.logits, prefix.attention
    given = memory.arguments()
    rows = list(range(len(prompts)))
    for count in range(max(most)):
        allowed = logits.float().masked_fill(hidden, -torch.inf)
        if count == 0:
            allowed[:, end] = -torch.inf  # an answer has at least one word
        share = allowed.softmax(-1)
        token = share.argmax(-1)
        tokens = token.tolist()
        sure = share.gather(1, token[:, None])[:, 0].tolist()
        writing = [i for i in range(len(rows)) if tokens[i] != end]
        if not writing:
            return
        yield {rows[i]: Step(tokens[i], sure[i], attention[i, : lengths[rows[i]]]) for i in writing}
        going = [i for i in writing if count + 1 < most[rows[i]]]
        if not going:
            return
        if len(going) < len(rows):
            chosen = torch.tensor(going, device=model.device)
            memory, token = memory.rows(chosen), token[chosen]
            cache, given = _kept(cache, memory, chosen), memory.arguments()
            rows = [rows[i] for i in going]
        read = model.decoder.bert(
            input_ids=token[:, None],
            is_decoder=True,
            use_cache=True,
            output_attentions=True,
            **(given | {"past_key_values": cache}),
        )
        logits = model.decoder.cls(read.last_hidden_state[:, -1])
        attention = model.shown_attention(read.cross_attentions)[:, -1]
