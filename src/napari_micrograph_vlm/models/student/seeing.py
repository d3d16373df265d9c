"""Look at a region, or at two together, once and remember them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.utils.rnn import pad_sequence

from ...regions import Region
from ..base import ModelInput, View
from .batches import alike, shared_out
from .layout import Layout
from .memory import ImageMemory
from .modeling import MvaemaModel
from .processing import MvaemaImageProcessor
from .threads import one_thread

__all__ = ["Eyes", "Seen"]

REMEMBERED = 8
"""Regions and pairs whose image embeddings are kept for a further question."""
VIEWS_AT_ONCE = 4

Key = tuple[tuple[bytes, ...], ...]
"""For each region looked at, what tells its views from others."""

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, eq=False)
class Seen:
    """One region, or two, as the text layers see them.

    Attributes
    ----------
    layouts : tuple of Layout
        Where the tokens of each region lie.
    memory : ImageMemory
        Keys and values of all their tokens.
    wholes : tuple of (N, F) float tensor
        Backbone features of the view of each whole region.
    """

    layouts: tuple[Layout, ...]
    memory: ImageMemory
    wholes: tuple[torch.Tensor, ...]

    @property
    def tokens(self) -> int:
        """Number of tokens of all regions."""
        return sum(layout.tokens for layout in self.layouts)


class Eyes:
    """The image half of the student, with a memory of what it saw last.

    Parameters
    ----------
    model : MvaemaModel
        In eval mode.
    image_processor : MvaemaImageProcessor
        Scales the pixels.
    prepare : callable
        Gives the views of a region, tiled or not.
    """

    def __init__(
        self,
        model: MvaemaModel,
        image_processor: MvaemaImageProcessor,
        prepare: Callable[[Region, bool | None], ModelInput],
    ) -> None:
        self._model = model
        self._image_processor = image_processor
        self._prepare = prepare
        self._kept: OrderedDict[Key, Seen] = OrderedDict()
        self._wholes: OrderedDict[bytes, torch.Tensor] = OrderedDict()
        self._nothing: Seen | None = None

    def look(self, region: Region, tiled: bool | None, check: Callable[[], None]) -> Seen:
        """Encode a region, or remember how it was encoded.

        Parameters
        ----------
        region : Region
            Known again by what the model is given of it: a question asked anew reads its pixels
            anew.
        tiled : bool or None
            As in :class:`napari_micrograph_vlm.results.Question`.
        check : callable
            Called before and after the work and between views; raises to stop.
        """
        check()
        return self._see([self._prepare(region, tiled)], check)

    def look_at_two(self, regions: Sequence[Region], check: Callable[[], None]) -> Seen:
        """Encode two regions together, each whole; the backbone need not look at one again."""
        check()
        return self._see([self._prepare(region, False) for region in regions], check)

    def look_at_all(
        self,
        asked: Sequence[tuple[Sequence[Region], bool | None]],
        check: Callable[[], None],
    ) -> list[Seen]:
        """Encode several regions, or pairs, each on its own but computed together.

        Parameters
        ----------
        asked : sequence of (regions, tiled)
            One region, tiled or not, or two, which are seen whole.
        check : callable
            Called in between; raises to stop.
        """
        check()
        given = [
            [self._prepare(region, tiled if len(regions) == 1 else False) for region in regions]
            for regions, tiled in asked
        ]
        keys = [_key(each) for each in given]
        found = {key: self._kept[key] for key in keys if key in self._kept}
        fresh = {k: each for k, each in zip(keys, given, strict=True) if k not in found}
        shown = self._show(fresh, check)
        layouts = {
            key: tuple(Layout.of(one, self._model.config.token_size) for one in each)
            for key, each in fresh.items()
        }
        names = list(fresh)
        for group in alike([len(shown[key][0]) for key in names]):
            check()
            some = [names[i] for i in group]
            with one_thread():
                seen = self._remember_all([(layouts[key], *shown[key]) for key in some])
            found |= dict(zip(some, seen, strict=True))
        for key in keys:
            _keep(self._kept, key, found[key])
        check()
        return [found[key] for key in keys]

    def _show(
        self, fresh: Mapping[Key, Sequence[ModelInput]], check: Callable[[], None]
    ) -> dict[Key, tuple[torch.Tensor, tuple[torch.Tensor, ...]]]:
        """Return the backbone features of all tokens, and those of each whole region."""
        views = {
            digest: view
            for key, each in fresh.items()
            for digests, one in zip(key, each, strict=True)
            for digest, view in zip(digests, one.views, strict=True)
        }
        features = {name: self._wholes[name] for name in views if name in self._wholes}
        left = [name for name in views if name not in features]
        if self._model.device.type == "cpu":
            # Several together take longer: what passes between layers no longer stays in cache.
            works = [partial(self._backbone, [views[name].pixels]) for name in left]
            features |= dict(zip(left, shared_out(works, check), strict=True))
        else:
            left.sort(key=lambda name: views[name].pixels.shape)
            for pictures in _alike([views[name].pixels for name in left]):
                check()
                some, left = left[: len(pictures)], left[len(pictures) :]
                parts = self._backbone(pictures).chunk(len(pictures))
                features |= dict(zip(some, parts, strict=True))
        for key in fresh:
            for digests in key:
                _keep(self._wholes, digests[0], features[digests[0]])
        return {
            key: (
                torch.cat([features[name] for digests in key for name in digests]),
                tuple(features[digests[0]] for digests in key),
            )
            for key in fresh
        }

    def whole(self, region: Region, check: Callable[[], None]) -> tuple[Layout, torch.Tensor]:
        """Return the layout of a region that is not tiled, and its backbone features, (N, F)."""
        check()
        given = self._prepare(region, False)
        with one_thread():
            tokens = self._whole(given.views[0], _digest(given.views[0]))
        return Layout.of(given, self._model.config.token_size), tokens

    def nothing(self) -> Seen:
        """Return how a picture without content is seen: every token has the mean features."""
        if self._nothing is None:
            config = self._model.config
            side = config.image_size // config.token_size
            layout = Layout(((side, side),), ((0.0, 0.0, 1.0, 1.0),))
            mean = self._model.image_encoder.feature_mean.expand(side * side, -1)
            self._nothing = self._remember((layout,), mean, (mean,))
        return self._nothing

    def _see(self, given: Sequence[ModelInput], check: Callable[[], None]) -> Seen:
        key = _key(given)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        features, wholes = [], []
        # Two pictures or fewer are too little work to share out, see `one_thread`.
        with one_thread() if sum(len(each.views) for each in given) <= 2 else nullcontext():
            for each, digests in zip(given, key, strict=True):
                check()
                wholes.append(self._whole(each.views[0], digests[0]))
                features.append(wholes[-1])
                for pictures in _alike([view.pixels for view in each.views[1:]]):
                    check()
                    features.append(self._backbone(pictures))
            check()
            layouts = tuple(Layout.of(each, self._model.config.token_size) for each in given)
            seen = self._remember(layouts, torch.cat(features), tuple(wholes))
        _keep(self._kept, key, seen)
        check()
        return seen

    def _whole(self, view: View, digest: bytes) -> torch.Tensor:
        """Return the backbone features of a whole region; a pair shares them with its members."""
        found = self._wholes.get(digest)
        if found is None:
            found = self._backbone([view.pixels])
        _keep(self._wholes, digest, found)
        return found

    def _backbone(self, pictures: Sequence[NDArray[np.uint8]]) -> torch.Tensor:
        pixels = self._image_processor(pictures).to(self._model.device)
        return self._model.backbone_features(pixels).flatten(0, 1)

    def _remember(
        self, layouts: tuple[Layout, ...], features: torch.Tensor, wholes: tuple[torch.Tensor, ...]
    ) -> Seen:
        return self._remember_all([(layouts, features, wholes)])[0]

    def _remember_all(
        self, shown: Sequence[tuple[tuple[Layout, ...], torch.Tensor, tuple[torch.Tensor, ...]]]
    ) -> list[Seen]:
        device = self._model.device
        lengths = [len(features) for _, features, _ in shown]
        positions = [torch.cat([one.positions() for one in layouts]) for layouts, _, _ in shown]
        kinds = [
            torch.cat([layout.kinds(region) for region, layout in enumerate(layouts)])
            for layouts, _, _ in shown
        ]
        mask = None
        if min(lengths) < max(lengths):
            mask = (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).to(device)
        embeddings = self._model.encode(
            pad_sequence([features for _, features, _ in shown], batch_first=True),
            pad_sequence(positions, batch_first=True).to(device),
            pad_sequence(kinds, batch_first=True).to(device),
            mask,
        )
        return [
            Seen(layouts, self._model.remember(embeddings[i : i + 1, : length + 1]), wholes)
            for i, ((layouts, _, wholes), length) in enumerate(zip(shown, lengths, strict=True))
        ]


def _key(given: Sequence[ModelInput]) -> Key:
    return tuple(tuple(map(_digest, each.views)) for each in given)


def _keep(kept: OrderedDict[K, V], key: K, value: V) -> None:
    """Keep the values used last."""
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > REMEMBERED:
        kept.popitem(last=False)


def _digest(view: View) -> bytes:
    """Return what tells one view from another, some milliseconds for all of a large region."""
    digest = blake2b(digest_size=16)
    digest.update(repr((view.pixels.shape, view.box)).encode())
    digest.update(np.ascontiguousarray(view.pixels).data)
    return digest.digest()


def _alike(pictures: Sequence[NDArray[np.uint8]]) -> Iterator[list[NDArray[np.uint8]]]:
    """Group neighbours of one shape, a few at a time (and cancel in between)."""
    group: list[NDArray[np.uint8]] = []
    for picture in pictures:
        if group and (group[0].shape != picture.shape or len(group) == VIEWS_AT_ONCE):
            yield group
            group = []
        group.append(picture)
    if group:
        yield group
