"""The image part of a question, read once and kept for the next question about the same regions.

Most tokens of a prompt stand for the image, and every question about a region begins with the same
ones. So they are read apart from the question and what the decoder made of them (keys and values of
every layer) is kept, besides what the image encoder made of the pixels. The first question goes the
same way as later ones, so that both are answered alike to the last bit.
"""

from __future__ import annotations

import copy
import inspect
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from hashlib import blake2b
from threading import Lock
from typing import Any

import torch
from torch import Tensor, nn
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from .families.base import Family, Mixing, Prompt

__all__ = ["Sessions", "Started", "fork", "new_cache"]

BOUND = 2 * 2**30
"""Bytes kept by default."""

_GROWN_BY_COPYING = (DynamicLayer, DynamicSlidingWindowLayer)
"""Layers of a cache that are extended into new tensors, never written to in place."""


@dataclass(frozen=True, eq=False)
class Started:
    """A prompt whose image part has been read.

    Attributes
    ----------
    cache : DynamicCache or None
        Keys and values of the first ``length`` tokens, for one question to extend: ask
        :meth:`Sessions.start` for another one for each. None where they cannot be kept.
    length : int
        Number of tokens in ``cache``; 0 without it.
    features : ModelOutput or None
        What the image encoder gave, as transformers takes it back in ``mm_encoder_outputs``; None
        where the model takes none back, or needs none since there is a ``cache``.
    mixing : tuple of (P, M) float32 Tensor or None
        :attr:`.families.base.Mixing.shares`, collected when the image was encoded; None where the
        image is yet to be encoded.
    shift : Tensor or None
        How far the positions of text after the image stand off its number of tokens, (1, 1) int64,
        in models that count positions along three axes.
    """

    cache: DynamicCache | None = None
    length: int = 0
    features: Any = None
    mixing: tuple[Tensor, ...] | None = None
    shift: Tensor | None = None

    def arguments(self, model: nn.Module, family: Family, prompt: Prompt) -> dict[str, Any]:
        """Return the arguments of ``forward`` or ``generate`` for the whole prompt.

        All tokens are among them, those in the cache too (``generate`` skips these itself); of
        the image only what has not been read.
        """
        given = {k: v for k, v in prompt.inputs.items() if k in family.sequence_keys}
        if self.cache is not None:
            return {**placed(model, given), "past_key_values": self.cache}
        if self.features is not None:
            rest = {k: v for k, v in prompt.inputs.items() if not k.startswith("pixel")}
            return {**placed(model, rest), "mm_encoder_outputs": {"image": self.features}}
        return placed(model, prompt.inputs)


class Sessions:
    """What one model has read of the regions it was asked about last.

    Parameters
    ----------
    bound : int
        Most bytes to keep; what was used longest ago is dropped first.
    """

    def __init__(self, bound: int = BOUND) -> None:
        self.bound = bound
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()
        self._lock = Lock()

    @property
    def size(self) -> int:
        """Bytes kept now."""
        with self._lock:
            return sum(kept.size for kept in self._kept.values())

    def __len__(self) -> int:
        return len(self._kept)

    @torch.no_grad()
    def start(self, model: nn.Module, family: Family, prompt: Prompt) -> Started:
        """Read the image part of a prompt, or remember it.

        Parameters
        ----------
        model : nn.Module
            Always the same one, in eval mode, used by this thread alone.
        family : Family
            Of the model.
        prompt : Prompt
            Known again by the tensors the model is given: other pixels, tiles or a changed
            instruction are another prompt.

        Raises
        ------
        Cancelled
            From inside the model, where an attention function that can be stopped is at work.
        """
        pixels = _digest({k: v for k, v in prompt.inputs.items() if k not in family.sequence_keys})
        if not family.keeps_prefix or prompt.shared <= 0:
            seen = self._see(pixels, model, family, prompt)
            return Started(features=seen.features, mixing=seen.mixing)
        shared = {
            k: v[:, : prompt.shared] for k, v in prompt.inputs.items() if k in family.sequence_keys
        }
        key = pixels + _digest(shared)
        read = self._find(key)
        if read is None:
            seen = self._see(pixels, model, family, prompt)
            read = _read(model, family, prompt, shared, seen)
            self._keep(key, read)
        _set_shift(model, read.shift)
        assert read.cache is not None
        return Started(fork(read.cache), prompt.shared, None, read.mixing, read.shift)

    def forget(self) -> None:
        """Drop everything, such as before the model is closed or where memory runs out."""
        with self._lock:
            self._kept.clear()

    def _see(self, key: bytes, model: nn.Module, family: Family, prompt: Prompt) -> _Kept:
        seen = self._find(key)
        if seen is None:
            seen = _see(model, family, prompt)
            if seen.features is not None:
                self._keep(key, seen)
        return seen

    def _find(self, key: bytes) -> _Kept | None:
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def _keep(self, key: bytes, kept: _Kept) -> None:
        if kept.size > self.bound:
            return
        with self._lock:
            self._kept[key] = kept
            self._kept.move_to_end(key)
            total = sum(each.size for each in self._kept.values())
            while total > self.bound:
                _, oldest = self._kept.popitem(last=False)
                total -= oldest.size


@dataclass(frozen=True, eq=False)
class _Kept:
    """Features of the image alone, or the decoder's keys and values of a prompt's beginning."""

    features: Any = None
    cache: DynamicCache | None = None
    mixing: tuple[Tensor, ...] | None = None
    shift: Tensor | None = None

    @property
    def size(self) -> int:
        """Bytes held."""
        held = [*_tensors(self.features), *(self.mixing or ())]
        for layer in self.cache.layers if self.cache is not None else ():
            held += [*_tensors([getattr(layer, "keys", None), getattr(layer, "values", None)])]
        return sum(t.untyped_storage().nbytes() for t in {t.data_ptr(): t for t in held}.values())


def fork(cache: DynamicCache) -> DynamicCache:
    """Return a cache that grows on its own from what ``cache`` holds, without copying that."""
    # The layers of transformers' dynamic cache never write into the tensors they hold.
    mine = copy.copy(cache)
    mine.layers = [
        copy.copy(layer) if type(layer) in _GROWN_BY_COPYING else copy.deepcopy(layer)
        for layer in cache.layers
    ]
    return mine


def new_cache(model: nn.Module) -> DynamicCache:
    """Return an empty cache fit for a model."""
    return DynamicCache(config=model.config)  # type: ignore[arg-type]


def placed(model: nn.Module, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return inputs on the model's device, pixels in the type of its weights."""
    device: Any = model.device
    dtype: Any = model.dtype
    moved: dict[str, Any] = {}
    for name, value in inputs.items():
        floats = isinstance(value, Tensor) and value.is_floating_point()
        moved[name] = value.to(device, dtype if floats else None)
    return moved


def accepts(model: nn.Module, argument: str) -> bool:
    """Whether ``forward`` of a model takes an argument of this name."""
    return argument in inspect.signature(model.forward).parameters


def _see(model: nn.Module, family: Family, prompt: Prompt) -> _Kept:
    """Let the image encoder read the pixels, where a model takes back what that gave."""
    encode = getattr(getattr(model, "base_model", None), "get_image_features", None)
    if encode is None or not accepts(model, "mm_encoder_outputs"):
        return _Kept()
    known = inspect.signature(encode).parameters
    given = {k: v for k, v in prompt.inputs.items() if k in known}
    with family.mixing(model, prompt) as mixing:
        features = encode(**placed(model, given), return_dict=True)
    # Hidden states of every layer would be kept too.
    slim = {k: v for k, v in features.items() if k in ("pooler_output", "deepstack_features")}
    return _Kept(features=type(features)(**slim), mixing=tuple(mixing.shares))


def _read(
    model: nn.Module, family: Family, prompt: Prompt, shared: dict[str, Tensor], seen: _Kept
) -> _Kept:
    """Let the decoder read the tokens that all questions about these regions share."""
    cache = new_cache(model)
    arguments = Started(features=seen.features).arguments(model, family, prompt)
    arguments |= placed(model, shared)
    if accepts(model, "logits_to_keep"):
        arguments["logits_to_keep"] = 1
    watch: AbstractContextManager[Mixing | None] = nullcontext()
    if seen.features is None:
        watch = family.mixing(model, prompt)
    _set_shift(model, None)
    with watch as mixing:
        model(**arguments, past_key_values=cache, use_cache=True)
    shares = seen.mixing if mixing is None else tuple(mixing.shares)
    return _Kept(cache=cache, mixing=shares, shift=shift_of(model))


def _counts_positions(model: nn.Module) -> nn.Module | None:
    """Return the part of a model that remembers how far text stands off, if there is one."""
    return next((m for m in model.modules() if hasattr(m, "rope_deltas")), None)


def shift_of(model: nn.Module) -> Tensor | None:
    """Return how far text stands off in what a model has just read (see :class:`Started`)."""
    shift: Tensor | None = getattr(_counts_positions(model), "rope_deltas", None)
    return None if shift is None else shift.clone()


def _set_shift(model: nn.Module, shift: Tensor | None) -> None:
    """Put back what the model remembers of the image: it may have read another one since."""
    part = _counts_positions(model)
    if part is not None:
        part.rope_deltas = shift  # type: ignore[assignment]


def _digest(inputs: Mapping[str, Tensor]) -> bytes:
    """Return what tells inputs from others; some milliseconds for those of a large region."""
    digest = blake2b(digest_size=16)
    for name in sorted(inputs):
        value = inputs[name].detach().cpu().contiguous()
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.flatten().view(torch.uint8).numpy().data)
    return digest.digest()


def _tensors(value: Any) -> Iterator[Tensor]:
    """Yield the tensors in nested outputs."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _tensors(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _tensors(each)
