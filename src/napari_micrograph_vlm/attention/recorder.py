"""Where each word looks: attention kept while the decoder runs at full speed.

A fast attention kernel never forms the attention weights, so asking transformers for them makes
every layer slow and large. Here the decoder runs the same fast kernel, and beside it the weights of
the few rows that are wanted (the token being written, or the words of the question) are worked out
over the image alone. While tokens are written one by one even that waits: a token's query vector is
put aside and the weights of many tokens are worked out at once against the keys that the cache
holds anyway.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from threading import Event
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from ..errors import Cancelled

__all__ = ["NAME", "Recorder", "record", "recording", "stoppable", "use_recording", "watch_layers"]

NAME = "micrograph_sdpa"
"""Name under which transformers knows this attention function."""

Heads = Literal["mean", "keep"]
Positions = Sequence[int] | NDArray[np.int64] | Tensor

_WEIGHTS_AT_ONCE = 1 << 24
"""Most attention weights held at once (64 MB): rows beyond it are worked out in pieces."""

_WAITING = 32
"""Most tokens whose query vectors wait before their weights are worked out."""


@dataclass(eq=False)
class _Layer:
    """What one layer has recorded and what waits.

    Attributes
    ----------
    done : list of (heads, rows, P) Tensor
        Weights; one head where they are averaged.
    sizes : list of int
        Rows of each forward pass, waiting ones included.
    queries, masks : lists of Tensor
        Waiting queries (1, heads, 1, D), and for each the mask of its row or None.
    lengths : list of int
        How many of ``key`` each waiting query may see at most.
    key : (1, groups, K, D) Tensor or None
        Keys of the latest forward pass; those of earlier ones are its beginning.
    """

    scale: float = 1.0
    tokens: int = 0
    offset: int = 0
    key: Tensor | None = None
    done: list[Tensor] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    queries: list[Tensor] = field(default_factory=list)
    masks: list[Tensor | None] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)


class Recorder:
    """Keeps the attention of a decoder, one batch item; made by :func:`record`.

    Parameters
    ----------
    positions : sequence of int, optional
        The key positions wanted, such as those of the image tokens: (P,). None: all keys.
    rows : int or None
        How many of the last rows (tokens) of each forward pass to keep; None: all.
    heads : {"mean", "keep"}
        Whether the attention heads are averaged.
    layers : collection of int, optional
        The layers wanted; all by default.
    seen : int
        Number of tokens already in the cache at the start. Only layers with a sliding window,
        whose keys do not begin with the first token, need it.
    """

    def __init__(
        self,
        positions: Positions | None = None,
        *,
        rows: int | None = 1,
        heads: Heads = "mean",
        layers: Collection[int] | None = None,
        seen: int = 0,
    ) -> None:
        self.positions = None if positions is None else torch.as_tensor(positions).long().cpu()
        self._last = -1 if self.positions is None else int(max(self.positions.tolist(), default=-1))
        self.rows = rows
        self.heads: Heads = heads
        self._wanted = None if layers is None else frozenset(layers)
        self._seen = seen
        self._layers: dict[int, _Layer] = {}
        self._on_device: dict[torch.device, Tensor] = {}
        self._kept: Tensor | None = None

    @property
    def layers(self) -> tuple[int, ...]:
        """The layers recorded, in order."""
        return tuple(sorted(self._layers))

    @property
    def first_rows(self) -> int:
        """Rows kept of the first forward pass."""
        return min((layer.sizes[0] for layer in self._layers.values()), default=0)

    def weights(self) -> Tensor:
        """Return everything recorded, row by row.

        Returns
        -------
        (layers, rows, P) or (layers, heads, rows, P) float32 Tensor
            Share of each row's attention that went to each position, on the CPU. P is the number
            of positions asked for, or of all keys of the last forward pass. Rows of a pass that
            was broken off are left out.
        """
        if self._kept is not None:
            return self._kept
        for layer in self._layers.values():
            self._work_out(layer)
        if not self._layers:
            return torch.zeros(0, 0, 0)
        stacks = [torch.cat(_padded(self._layers[i].done), dim=1) for i in self.layers]
        rows = min(stack.shape[1] for stack in stacks)
        # Layers may lie on several devices; all go to that of the last, then at once to the CPU.
        device = stacks[-1].device
        all_layers = torch.stack([s[:, :rows].to(device) for s in _padded(stacks)]).cpu()
        self._kept = all_layers[:, 0] if self.heads == "mean" else all_layers
        return self._kept

    def forwards(self) -> list[Tensor]:
        """Return :meth:`weights` cut into the rows of each forward pass, oldest first."""
        weights = self.weights()
        if not self._layers:
            return []
        sizes = min((layer.sizes for layer in self._layers.values()), key=len)
        return list(torch.split(weights[..., : sum(sizes), :], sizes, dim=-2))

    def _take(
        self,
        index: int,
        query: Tensor,
        key: Tensor,
        mask: Tensor | None,
        scale: float | None,
        causal: bool,
        slides: bool,
    ) -> None:
        """Take one layer's attention: query (1, H, Q, D), key (1, G, K, D), mask (1, 1, Q, K)."""
        if self._wanted is not None and index not in self._wanted:
            return
        self._kept = None
        new = query.shape[2]
        rows = new if self.rows is None else min(self.rows, new)
        layer = self._layers.setdefault(index, _Layer(tokens=self._seen))
        layer.tokens += new
        offset = max(layer.tokens - key.shape[2], 0) if slides else 0
        grown = layer.key is not None and key.shape[2] == layer.key.shape[2] + new
        if layer.queries and (not grown or offset != layer.offset):
            self._work_out(layer)  # the old keys are not the beginning of the new ones
        layer.key, layer.offset = key, offset
        layer.scale = query.shape[-1] ** -0.5 if scale is None else scale
        layer.sizes.append(rows)
        if new == 1 and (mask is None or mask.dtype == torch.bool):
            layer.queries.append(query[:1])
            layer.masks.append(None if mask is None else mask[0, :, :, : key.shape[2]])
            layer.lengths.append(key.shape[2])
            if len(layer.queries) >= _WAITING:
                self._work_out(layer)
            return
        self._work_out(layer)
        self._add_rows(layer, query, key, mask, rows, causal)
        layer.key = None

    def _add_rows(
        self,
        layer: _Layer,
        query: Tensor,
        key: Tensor,
        mask: Tensor | None,
        rows: int,
        causal: bool,
    ) -> None:
        """Work out the last rows of one forward pass, a piece at a time."""
        new, length = query.shape[2], key.shape[2]
        step = max(_WEIGHTS_AT_ONCE // (query.shape[1] * length), 1)
        for start in range(new - rows, new, step):
            stop = min(start + step, new)
            part: Tensor | None = None
            if mask is not None:
                part = mask[0, :, start:stop, :length]
            elif causal and new > 1:
                # The kernel's own causal mask: row i sees keys 0 to i.
                row = torch.arange(start, stop, device=key.device)[:, None]
                part = (torch.arange(length, device=key.device) <= row)[None]
            self._add(layer, query[:1, :, start:stop], key, part)

    def _work_out(self, layer: _Layer) -> None:
        """Work out all that waits in a layer."""
        key = layer.key
        if key is None or not layer.queries:
            return
        length = key.shape[2]
        mask: Tensor | None = None
        if min(layer.lengths) < length or any(m is not None for m in layer.masks):
            ends = torch.tensor(layer.lengths, device=key.device)[:, None]
            mask = (torch.arange(length, device=key.device) < ends)[None]
            if any(m is not None for m in layer.masks):
                mask = mask.repeat(max(len(m) for m in layer.masks if m is not None), 1, 1)
                for row, own in enumerate(layer.masks):
                    if own is not None:
                        mask[:, row, : own.shape[-1]] &= own[:, 0]
        self._add(layer, torch.cat(layer.queries, dim=2), key, mask)
        layer.queries.clear()
        layer.masks.clear()
        layer.lengths.clear()

    @torch.no_grad()
    def _add(self, layer: _Layer, query: Tensor, key: Tensor, mask: Tensor | None) -> None:
        """Add the weights of query (1, H, n, D) over key (1, G, K, D) under mask (1 or H, n, K)."""
        _, heads, n, size = query.shape
        groups, length = key.shape[1], key.shape[2]
        # Query heads that share keys stand one after the other: fold them into the rows.
        folded = query.reshape(groups, heads // groups * n, size)
        scores = torch.matmul(folded, key[0].transpose(1, 2)).float() * layer.scale
        scores = scores.reshape(heads, n, length)
        if mask is not None:
            if mask.dtype == torch.bool:
                scores = scores.masked_fill(~mask, float("-inf"))
            else:
                scores = scores + mask
        weights = scores.softmax(-1)
        if self.heads == "mean":
            weights = weights.mean(0, keepdim=True)
        layer.done.append(self._pick(weights, layer.offset))

    def _pick(self, weights: Tensor, offset: int) -> Tensor:
        """Pick the wanted positions; the first key of ``weights`` is token number ``offset``."""
        if self.positions is None:
            return nn.functional.pad(weights, (offset, 0))
        device = weights.device
        if device not in self._on_device:
            self._on_device[device] = self.positions.to(device)
        columns, length = self._on_device[device], weights.shape[-1]
        if offset == 0 and self._last < length:
            return weights.index_select(-1, columns)
        # Tokens that a sliding window has left behind, or that are yet to come, get nothing.
        inside = (columns >= offset) & (columns < offset + length)
        return weights.index_select(-1, (columns - offset).clamp(0, length - 1)) * inside


def _padded(parts: Sequence[Tensor]) -> list[Tensor]:
    """Bring all to the longest last axis with zeros."""
    most = max(part.shape[-1] for part in parts)
    return [nn.functional.pad(part, (0, most - part.shape[-1])) for part in parts]


@dataclass(frozen=True, eq=False)
class _Active:
    recorder: Recorder | None = None
    cancel: Event | None = None


_ACTIVE: ContextVar[_Active | None] = ContextVar("napari_micrograph_vlm_recorder", default=None)


@contextmanager
def record(
    positions: Positions | None = None,
    *,
    rows: int | None = 1,
    heads: Heads = "mean",
    layers: Collection[int] | None = None,
    seen: int = 0,
    cancel: Event | None = None,
) -> Iterator[Recorder]:
    """Record the attention of what runs in this thread inside the ``with`` block.

    The decoder must have been given to :func:`use_recording`. For the parameters see
    :class:`Recorder`; for ``cancel`` see :func:`stoppable`.
    """
    recorder = Recorder(positions, rows=rows, heads=heads, layers=layers, seen=seen)
    with recording(recorder), stoppable(cancel):
        yield recorder


@contextmanager
def recording(recorder: Recorder) -> Iterator[Recorder]:
    """Go on recording into a recorder made before."""
    with _active(replace(_ACTIVE.get() or _Active(), recorder=recorder)):
        yield recorder


@contextmanager
def stoppable(cancel: Event | None) -> Iterator[None]:
    """Let an event break off a model that runs in this thread inside the ``with`` block.

    Raises
    ------
    Cancelled
        From inside the model, at the next layer after ``cancel`` was set: even the first pass
        over a long prompt stops at once.
    """
    if cancel is None:
        yield
        return
    with _active(replace(_ACTIVE.get() or _Active(), cancel=cancel)):
        yield


@contextmanager
def _active(state: _Active) -> Iterator[None]:
    token = _ACTIVE.set(state)
    try:
        yield
    finally:
        _ACTIVE.reset(token)


def use_recording(decoder: nn.Module) -> None:
    """Let a text decoder of transformers use the attention function that can record.

    Only the decoder is switched: image encoders keep their own attention.
    """
    decoder.set_attn_implementation(NAME)  # type: ignore[operator]


def watch_layers(model: nn.Module) -> None:
    """Let :func:`stoppable` also act between the layers of image encoders and resamplers."""
    for module in model.modules():
        if isinstance(module, nn.ModuleList):
            for layer in module:
                layer.register_forward_pre_hook(_stop)


def _stop(*_: Any) -> None:
    state = _ACTIVE.get()
    if state is not None and state.cancel is not None and state.cancel.is_set():
        raise Cancelled


def _attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    is_causal: bool | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """Run transformers' fast attention, and record if something records."""
    _stop()
    kwargs.pop("output_attentions", None)
    out, _ = sdpa_attention_forward(
        module,
        query,
        key,
        value,
        attention_mask,
        dropout=dropout,
        scaling=scaling,
        is_causal=is_causal,
        **kwargs,
    )
    state = _ACTIVE.get()
    index = getattr(module, "layer_idx", None)
    if state is not None and state.recorder is not None and index is not None:
        causal = getattr(module, "is_causal", True) if is_causal is None else is_causal
        slides = kwargs.get("sliding_window") is not None
        state.recorder._take(index, query, key, attention_mask, scaling, causal, slides)
    return out, None


AttentionInterface.register(NAME, _attention)
# Without a mask function of the same name the decoder would be given no mask at all.
AttentionMaskInterface.register(NAME, sdpa_mask)
