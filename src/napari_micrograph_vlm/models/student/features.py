"""What the student sees of whole pictures and of each place, as numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ...regions import Cutout, Region
from ..base import ModelInput
from ..views import prepare_views
from .encoder import ImageEncoder
from .layout import Layout
from .modeling import MvaemaModel
from .processing import MvaemaImageProcessor
from .threads import one_thread

__all__ = ["EMBEDDINGS", "describe", "grid_of", "pooled", "rows_of"]

EMBEDDINGS: tuple[str, ...] = ("whole", "tokens mean", "tokens deviation", "tokens largest")
"""Blocks of the student's own image embeddings."""

_POOLS = (
    "mean",
    "deviation",
    "largest",
    "top",
    "residue size",
    "residue deviation",
    "residue largest",
    "residue smallest",
)
_TOP = 20
"""The largest twentieth of the cells is averaged for ``top``."""


def pooled(features: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """Summarise a map of features by numbers that do not depend on where things lie.

    Besides mean, deviation and maximum: the residue that remains once the mean of every row and
    of every column is taken off. In a picture of something made of straight lines (the fingers
    of a solar cell, lines and spaces) that is what does not belong to the lines.

    Parameters
    ----------
    features : (C, h, w) float array
        One map for each channel.

    Returns
    -------
    dict of str to (C,) float32 array
    """
    flat = features.reshape(len(features), -1)
    over_rows, over_columns = features.mean(2, keepdims=True), features.mean(1, keepdims=True)
    residue = features - over_rows - over_columns + features.mean((1, 2), keepdims=True)
    residue = residue.reshape(flat.shape)
    top = max(flat.shape[1] // _TOP, 1)
    values = (
        flat.mean(1),
        flat.std(1),
        flat.max(1),
        np.partition(flat, -top, axis=1)[:, -top:].mean(1),
        np.abs(residue).mean(1),
        residue.std(1),
        residue.max(1),
        residue.min(1),
    )
    return {name: v.astype(np.float32) for name, v in zip(_POOLS, values, strict=True)}


@torch.inference_mode()
def describe(
    model: MvaemaModel,
    image_processor: MvaemaImageProcessor,
    pixels: NDArray[np.uint8],
    *,
    embed: bool = True,
    side: int | None = None,
) -> dict[str, NDArray[np.float32]]:
    """Return the features of one picture, seen whole.

    Parameters
    ----------
    model : MvaemaModel
        In eval mode.
    image_processor : MvaemaImageProcessor
        Scales the pixels.
    pixels : (H, W) uint8 array
        The picture.
    embed : bool
        Whether to add the blocks of :data:`EMBEDDINGS`.
    side : int, optional
        Longer side in pixels to which the picture is brought; the model's own by default.

    Returns
    -------
    dict of str to (F,) float32 array
        The blocks by name.
    """
    given = prepare_views(
        Cutout.of_array(pixels).read(),
        side=side or model.config.image_size,
        token=model.config.token_size,
        tiled=False,
    )
    with one_thread():
        maps = _maps(model, image_processor, given)
        found = _pooled_of(model.image_encoder, maps)
        if embed:
            found |= _embeddings(model, maps, Layout.of(given, model.config.token_size))
    return found


@torch.inference_mode()
def rows_of(
    model: MvaemaModel,
    look: Callable[[Region], tuple[Layout, Tensor]],
    regions: Sequence[Region],
    on_region: Callable[[int], None] | None = None,
) -> dict[str, NDArray[np.float32]]:
    """Return the blocks of :func:`describe` for regions, (n, F) each.

    Parameters
    ----------
    model : MvaemaModel
        In eval mode.
    look : callable
        Gives the layout of a region seen whole and the backbone features of its tokens, (N, F).
    regions : sequence of Region
        At least one.
    on_region : callable, optional
        Gets the number of finished ones.
    """
    rows = []
    for count, region in enumerate(regions, start=1):
        layout, tokens = look(region)
        with one_thread():
            maps = _unfolded(model.image_encoder, tokens, layout)
            rows.append(_pooled_of(model.image_encoder, maps) | _embeddings(model, maps, layout))
        if on_region is not None:
            on_region(count)
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


@torch.inference_mode()
def grid_of(model: MvaemaModel, layout: Layout, tokens: Tensor) -> NDArray[np.float32]:
    """Return what is shown at each place, (rows, columns, F), on the grid of the finest stride.

    Coarser strides are interpolated. Every channel is brought to the mean and the deviation that
    it has over micrographs, and every stride has the same say.

    Parameters
    ----------
    model : MvaemaModel
        In eval mode.
    layout : Layout
        Of a region seen whole.
    tokens : (N, F) float tensor
        The backbone features of its tokens.
    """
    encoder = model.image_encoder
    deviation = encoder.feature_deviation.to(tokens)
    scaled = (tokens - encoder.feature_mean.to(tokens)) / deviation
    with one_thread():
        maps = _unfolded(encoder, scaled, layout)
        finest = maps[0].shape[-2:]
        layers = [
            F.interpolate(m, size=finest, mode="bilinear", align_corners=False)[0]
            / (len(maps) * m.shape[1]) ** 0.5
            for m in maps
        ]
        cells = torch.cat(layers).permute(1, 2, 0)
    found: NDArray[np.float32] = np.ascontiguousarray(cells.float().cpu().numpy())
    return found


def _maps(
    model: MvaemaModel, image_processor: MvaemaImageProcessor, given: ModelInput
) -> list[Tensor]:
    """Return the backbone features of the whole view at each stride, (1, C, h, w)."""
    values = image_processor([given.views[0].pixels]).to(model.device)
    found: list[Tensor] = model.image_encoder.backbone.features(values)
    return found


def _unfolded(encoder: ImageEncoder, tokens: Tensor, layout: Layout) -> list[Tensor]:
    """Take the features of tokens apart again into a map for each stride, (1, C, h, w)."""
    rows, columns = layout.grids[0]
    folded = tokens.T.reshape(1, -1, rows, columns)
    folds = [encoder.token // stride for stride in encoder.backbone.strides]
    widths = [c * f**2 for c, f in zip(encoder.backbone.channels, folds, strict=True)]
    parts = folded.split(widths, dim=1)
    return [F.pixel_shuffle(part, fold) for part, fold in zip(parts, folds, strict=True)]


def _pooled_of(encoder: ImageEncoder, maps: Sequence[Tensor]) -> dict[str, NDArray[np.float32]]:
    found: dict[str, NDArray[np.float32]] = {}
    for stride, features in zip(encoder.backbone.strides, maps, strict=True):
        for name, value in pooled(features[0].float().cpu().numpy()).items():
            found[f"stride {stride} {name}"] = value
    return found


def _embeddings(
    model: MvaemaModel, maps: Sequence[Tensor], layout: Layout
) -> dict[str, NDArray[np.float32]]:
    width = layout.grids[0][1]
    folded = [F.pixel_unshuffle(m, m.shape[-1] // width) for m in maps]
    embeddings = model.encode(
        torch.cat(folded, dim=1).flatten(2).transpose(1, 2),
        layout.positions()[None].to(model.device),
        layout.kinds()[None].to(model.device),
    )[0].float()
    parts = (
        embeddings[0],
        embeddings[1:].mean(0),
        embeddings[1:].std(0, correction=0),
        embeddings[1:].amax(0),
    )
    return {
        name: part.cpu().numpy().astype(np.float32)
        for name, part in zip(EMBEDDINGS, parts, strict=True)
    }
