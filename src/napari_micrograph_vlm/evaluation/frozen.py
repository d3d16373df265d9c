"""Features of whole pictures from a network that is not trained further."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from ..errors import MicrographError, SourceError
from ..models.student.encoder import ImageEncoder
from ..models.student.layout import Layout
from ..models.student.modeling import MvaemaModel
from ..models.student.processing import MvaemaImageProcessor
from ..models.student.threads import one_thread
from ..models.views import prepare_views
from ..regions import Cutout

__all__ = ["EMBEDDINGS", "describe", "describe_all", "pooled"]

_PART = 100

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
    encoder: ImageEncoder = model.image_encoder
    given = prepare_views(
        Cutout.of_array(pixels).read(),
        side=side or model.config.image_size,
        token=model.config.token_size,
        tiled=False,
    )
    found: dict[str, NDArray[np.float32]] = {}
    with one_thread():
        values = image_processor([given.views[0].pixels]).to(model.device)
        maps = encoder.backbone.features(values)
        for stride, features in zip(encoder.backbone.strides, maps, strict=True):
            for name, value in pooled(features[0].float().cpu().numpy()).items():
                found[f"stride {stride} {name}"] = value
        if embed:
            layout = Layout.of(given, model.config.token_size)
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
            for name, part in zip(EMBEDDINGS, parts, strict=True):
                found[name] = part.cpu().numpy().astype(np.float32)
    return found


def describe_all(
    pictures: Iterable[Callable[[], NDArray[np.uint8]]],
    look: Callable[[NDArray[np.uint8]], dict[str, NDArray[np.float32]]],
    cache: Path | None = None,
    name: str = "features",
    on_done: Callable[[], None] | None = None,
) -> tuple[dict[str, NDArray[np.floating]], list[int], list[str]]:
    """Return the features of many pictures; what was stopped goes on.

    Parameters
    ----------
    pictures : iterable of callables
        Each reads one picture, (H, W) uint8.
    look : callable
        Such as :func:`describe` of a model.
    cache : Path, optional
        Folder where features are kept, a file for every hundred pictures.
    name : str
        Says in the cache which network looked at which pictures.
    on_done : callable, optional
        Called after every picture.

    Returns
    -------
    features : dict of str to (n, F) float32 arrays
        Of the pictures that could be read.
    places : list of int
        Their numbers.
    broken : list of str
        What was wrong with the others.
    """
    readers = list(pictures)
    parts, places, broken = [], [], []
    for start in range(0, len(readers), _PART):
        some = readers[start : start + _PART]
        kept = None if cache is None else cache / f"{name}-{start:06d}-{len(some):03d}.npz"
        if kept is not None and kept.is_file():
            with np.load(kept) as file:
                part = {key: file[key] for key in file.files}
            numbers = [int(i) for i in part.pop("_places")]
            for _ in some:
                _call(on_done)
        else:
            rows, numbers = [], []
            for number, read in enumerate(some, start):
                try:
                    rows.append(look(read()))
                    numbers.append(number)
                except (MicrographError, OSError) as error:
                    broken.append(str(error))
                _call(on_done)
            part = {key: np.stack([row[key] for row in rows]) for key in (rows or [{}])[0]}
            # A part with a broken picture is looked at again: it may have been mended.
            if kept is not None and len(numbers) == len(some):
                kept.parent.mkdir(parents=True, exist_ok=True)
                unfinished = kept.with_suffix(".part.npz")
                np.savez(unfinished, _places=np.array(numbers), **part)
                unfinished.rename(kept)
        if numbers:
            parts.append(part)
        places += numbers
    if not parts:
        raise SourceError("None of the pictures can be read.")
    features = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    return features, places, broken


def _call(on_done: Callable[[], None] | None) -> None:
    if on_done is not None:
        on_done()
