"""Look at a region once and remember it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import torch
from numpy.typing import NDArray

from ...regions import Region
from ..base import ModelInput
from .layout import Layout
from .memory import ImageMemory
from .modeling import MvaemaModel
from .processing import MvaemaImageProcessor
from .threads import one_thread

__all__ = ["Eyes", "Seen"]

REMEMBERED = 8
"""Regions whose image embeddings are kept for a further question."""
VIEWS_AT_ONCE = 4


@dataclass(frozen=True, eq=False)
class Seen:
    """A region as the text layers see it.

    Attributes
    ----------
    layout : Layout
        Where its tokens lie.
    memory : ImageMemory
        Keys and values of its tokens.
    """

    layout: Layout
    memory: ImageMemory


class Eyes:
    """The image half of the student, with a memory of the last regions.

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
        self._kept: OrderedDict[bytes, Seen] = OrderedDict()
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
        given = self._prepare(region, tiled)
        key = _digest(given)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        features = []
        # Two pictures or fewer are too little work to share out, see `one_thread`.
        with one_thread() if len(given.views) <= 2 else nullcontext():
            for pictures in _alike([view.pixels for view in given.views]):
                check()
                pixels = self._image_processor(pictures).to(self._model.device)
                features.append(self._model.backbone_features(pixels).flatten(0, 1))
            check()
            layout = Layout.of(given, self._model.config.token_size)
            seen = self._remember(layout, torch.cat(features))
        self._kept[key] = seen
        while len(self._kept) > REMEMBERED:
            self._kept.popitem(last=False)
        check()
        return seen

    def nothing(self) -> Seen:
        """Return how a picture without content is seen: every token has the mean features."""
        if self._nothing is None:
            config = self._model.config
            side = config.image_size // config.token_size
            layout = Layout(((side, side),), ((0.0, 0.0, 1.0, 1.0),))
            mean = self._model.image_encoder.feature_mean.expand(side * side, -1)
            self._nothing = self._remember(layout, mean)
        return self._nothing

    def _remember(self, layout: Layout, features: torch.Tensor) -> Seen:
        device = self._model.device
        embeddings = self._model.encode(
            features[None],
            layout.positions()[None].to(device),
            layout.kinds()[None].to(device),
        )
        return Seen(layout, self._model.remember(embeddings))


def _digest(given: ModelInput) -> bytes:
    """Return what tells one input from another, some milliseconds for the largest."""
    digest = blake2b(digest_size=16)
    for view in given.views:
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
    yield group
