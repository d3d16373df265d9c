"""The image tokens of pictures, and of pairs of pictures, as tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ..models.student.encoder import KINDS_A_REGION, TILE, token_positions
from .pairs import Pair
from .shards import Picture, ViewGrid

__all__ = ["ImageTensors", "image_tensors", "pair_tensors"]


@dataclass(frozen=True)
class ImageTensors:
    """Image tokens of several regions, or of several pairs of them, padded to one length.

    Attributes
    ----------
    features : (B, N, F) float16 tensor
        Backbone features.
    positions : (B, N, 2) float32 tensor
        Places (y, x) in the region, 0 to 1.
    kinds : (B, N) int64 tensor
        0 for the view of the whole, 1 for a tile; 2 and 3 for those of the second of a pair.
    mask : (B, N) bool tensor or None
        False for padding; None where there is none.
    """

    features: Tensor
    positions: Tensor
    kinds: Tensor
    mask: Tensor | None

    def arguments(self) -> dict[str, Tensor]:
        """Return them under the names of the model's arguments."""
        found = {"features": self.features, "positions": self.positions, "kinds": self.kinds}
        return found if self.mask is None else {**found, "image_mask": self.mask}


def image_tensors(pictures: Sequence[Picture]) -> ImageTensors:
    """Stack the tokens of pictures."""
    return _stack([(picture,) for picture in pictures])


def pair_tensors(pairs: Sequence[Pair]) -> ImageTensors:
    """Stack the tokens of pairs: those of the first picture, then those of the second.

    Every picture has its own places, and is seen whole.
    """
    return _stack([(_whole(first), _whole(second)) for first, second in pairs])


def _stack(rows: Sequence[tuple[Picture, ...]]) -> ImageTensors:
    longest = max(sum(p.tokens for p in row) for row in rows)
    features = np.zeros((len(rows), longest, rows[0][0].features.shape[1]), np.float16)
    positions = torch.zeros(len(rows), longest, 2)
    kinds = torch.zeros(len(rows), longest, dtype=torch.long)
    mask = torch.zeros(len(rows), longest, dtype=torch.bool)
    for i, row in enumerate(rows):
        start = 0
        for region, picture in enumerate(row):
            stop = start + picture.tokens
            features[i, start:stop] = picture.features
            positions[i, start:stop] = torch.cat([_places(view) for view in picture.views])
            kinds[i, start:stop] = region * KINDS_A_REGION
            kinds[i, start + picture.views[0].tokens : stop] += TILE
            start = stop
        mask[i, :start] = True
    padded = None if bool(mask.all()) else mask
    return ImageTensors(torch.from_numpy(features), positions, kinds, padded)


def _places(view: ViewGrid) -> Tensor:
    return token_positions(view.rows, view.columns, view.box)


def _whole(picture: Picture) -> Picture:
    """Return a picture without its tiles."""
    view = picture.views[0]
    return replace(picture, features=picture.features[: view.tokens], views=(view,))
