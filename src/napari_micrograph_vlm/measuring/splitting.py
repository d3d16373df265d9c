"""Masks of objects made tidy: no specks, no holes, touching ones apart."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .seeds import Floats, Mask

__all__ = ["on_grid", "relabelled", "split", "without_holes", "without_specks"]

_SPECK = 0.02
"""Objects smaller than this share of the typical one are specks."""

_NECK, _STEP = 0.2, 0.75
"""Touching objects come apart where their joint is so much narrower than they are, and this many
pixels more."""

Labels = NDArray[np.int32]


def on_grid(values: Floats, shape: tuple[int, ...]) -> Floats:
    """Return values on another grid over the same area, without aliasing."""
    if values.shape == shape:
        return values
    from skimage.transform import resize

    return np.asarray(resize(values, shape, order=1, anti_aliasing=True), np.float32)  # type: ignore[no-untyped-call]


def relabelled(labels: NDArray[Any], keep: Mask) -> Labels:
    """Return labels counted from 1 without gaps; ``keep[i]`` is for label ``i + 1``."""
    held = np.isin(np.arange(1, len(keep) + 1), labels) & keep
    numbers = np.concatenate([[0], np.where(held, np.cumsum(held), 0)])
    return np.asarray(numbers[labels], np.int32)


def without_specks(objects: NDArray[Any], least: int) -> Any:
    """Drop small objects of a mask or of labels.

    Parameters
    ----------
    objects : (H, W) bool or int32 array
        A mask, or labels.
    least : int
        Fewest pixels. Objects below a fiftieth of the typical one are dropped too.

    Returns
    -------
    (H, W) bool or int32 array
        As given.
    """
    from scipy.ndimage import label

    labels = label(objects)[0] if objects.dtype == bool else objects
    sizes = np.bincount(labels.ravel())[1:]
    kept = relabelled(labels, sizes >= max(least, _SPECK * _typical(sizes)))
    return kept > 0 if objects.dtype == bool else kept


def without_holes(labels: Labels) -> Labels:
    """Fill the holes that lie within one object; gaps between several stay open."""
    from scipy.ndimage import binary_fill_holes, find_objects

    filled = labels.copy()
    for number, window in enumerate(find_objects(labels), start=1):
        if window is not None:
            part = filled[window]
            part[binary_fill_holes(labels[window] == number) & (part == 0)] = number
    return filled


def split(mask: Mask) -> Labels:
    """Label the objects of a mask, touching ones apart.

    The distance to the outline has a summit in each object; two summits are one object's unless the
    way between them leads through a joint clearly narrower than the lower of them.
    """
    from scipy.ndimage import distance_transform_edt, label
    from skimage.morphology import reconstruction
    from skimage.segmentation import watershed

    if not mask.any():
        return np.zeros(mask.shape, np.int32)
    depth = distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    lowered = np.maximum(depth * (1 - _NECK) - _STEP, 0)
    above = depth - reconstruction(lowered, depth, method="dilation")  # type: ignore[no-untyped-call]
    summits = mask & (above >= 0.999 * np.minimum(_NECK * depth + _STEP, depth))
    marks, _ = label(summits, np.ones((3, 3)))
    return np.asarray(watershed(-depth, marks, mask=mask), np.int32)  # type: ignore[no-untyped-call]


def _typical(sizes: NDArray[Any]) -> float:
    """Return the mean size of the objects that pixels belong to."""
    total = float(sizes.sum())
    return float((sizes.astype(np.float64) ** 2).sum()) / total if total else 0.0
