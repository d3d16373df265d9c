"""From pixels and a map to labelled objects, never outside the region."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Event

import numpy as np
from numpy.typing import NDArray

from .reduction import go_on
from .seeds import OF_PATTERN, THIN, Floats, Mask, darker, most_attended, uniform
from .splitting import on_grid, relabelled, split, without_holes, without_specks
from .thin import thin_objects
from .walker import walk

__all__ = ["METHODS", "SHARP", "Found", "segment"]

METHODS = ("auto", "random walker", "watershed", "local threshold", "otsu")
"""Ways to segment; ``"otsu"`` takes no notice of the map."""

SHARP = 0.2
"""From this focus on a map says which objects are meant; a flatter one says what they are like."""

_MEANT = 0.9
"""Share of the attention of the part that holds what is meant."""

_WITHIN = 0.5
"""Part of a pattern is meant only if it lies in there by this share: lines run on, defects do not.

All else is meant that reaches into it."""

_SIDE = 384
"""Longest side of the grid that a random walker goes on."""

_SURE = 0.5
"""Share of the dark and of the bright pixels that a random walker starts from."""

_FLAT, _WIDE = 0.5, 8
"""Share of the slow change of brightness that is taken off; slow: over an eighth of the side."""

_LEAST_PIXELS = 16
"""Objects of fewer pixels of the grid are noise."""

_NOISE = 1.0
"""Deviation in pixels of the Gaussian against noise."""

Labels = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Found:
    """Segmented objects.

    Attributes
    ----------
    labels : (H, W) int32 array
        From 1 on; 0 elsewhere.
    method : str
        How, for people to read.
    edge : float
        How many pixels wide a step of the outlines is.
    """

    labels: Labels
    method: str
    edge: float = 1.0


def segment(
    grey: Floats,
    mask: Mask,
    weight: Floats | None,
    *,
    focus: float = 0.0,
    name: str = "object",
    method: str = "auto",
    dark: bool | None = None,
    cancel: Event | None = None,
) -> Found:
    """Find objects in a region.

    Parameters
    ----------
    grey : (H, W) float32 array
        Brightness from 0 to 1.
    mask : (H, W) bool array
        What belongs to the region.
    weight : (H, W) float32 array or None
        Where the model looked; None where that says nothing.
    focus : float
        Of the map.
    name : str
        What the objects are called.
    method : str
        One of :data:`METHODS`. ``"auto"``: a local threshold for thin objects that the map points
        at, else a random walker.
    dark : bool, optional
        Whether objects are darker than what is around them; None: found out.
    cancel : threading.Event, optional
        Looked at between the stages.

    Returns
    -------
    Found
        No object where the region is of one brightness.

    Raises
    ------
    Cancelled
        If ``cancel`` was set.
    """
    go_on(cancel)
    if uniform(grey[mask]):
        return Found(np.zeros(grey.shape, np.int32), "nothing to see: one brightness")
    if method == "otsu":
        return _otsu(grey, mask, dark, cancel)
    if method == "auto":
        method = "local threshold" if name in THIN and weight is not None else "random walker"
    if method == "local threshold":
        dark = darker(name, grey, weight, mask) if dark is None else dark
        go_on(cancel)
        found = Found(thin_objects(grey, mask, weight, dark, name in THIN, cancel), method)
        gated = weight is not None
    else:
        gated = weight is not None and focus >= SHARP
        found = _regions(grey, mask, weight, dark, name, method, gated, cancel)
    if weight is None:
        said = "over the whole region, since the map singles nothing out"
    elif gated:
        said = "of what the model looked at most"
    else:
        said = "over the whole region, since the map singles out a kind of object, not some of it"
    return Found(found.labels, f"{found.method} {said}", found.edge)


def _otsu(grey: Floats, mask: Mask, dark: bool | None, cancel: Event | None) -> Found:
    """Return the pieces on one side of Otsu's threshold; by default the side in more pieces."""
    from scipy.ndimage import label
    from skimage.filters import threshold_otsu

    dark = darker("object", grey, None, mask) if dark is None else dark
    go_on(cancel)
    bright = grey > threshold_otsu(grey[mask])  # type: ignore[no-untyped-call]
    pieces, _ = label(mask & (~bright if dark else bright), np.ones((3, 3)))
    return Found(pieces.astype(np.int32), "Otsu's threshold over the whole region")


def _regions(
    grey: Floats,
    mask: Mask,
    weight: Floats | None,
    dark: bool | None,
    name: str,
    method: str,
    gated: bool,
    cancel: Event | None,
) -> Found:
    """Return objects of their own brightness, touching ones apart."""
    from scipy.ndimage import gaussian_filter, mean
    from skimage.filters import threshold_otsu

    step = max(max(grey.shape) / _SIDE, 1.0)
    shape = (max(round(grey.shape[0] / step), 1), max(round(grey.shape[1] / step), 1))
    small, inside = on_grid(grey, shape), on_grid(mask.astype(np.float32), shape) >= 0.5
    if not inside.any():
        return Found(np.zeros(grey.shape, np.int32), method, step)
    looked = None if weight is None else on_grid(weight, shape)
    go_on(cancel)
    slow = gaussian_filter(small, max(shape) / _WIDE)
    flat = small - np.float32(_FLAT) * slow
    if dark is None:
        soft = gaussian_filter(small, _NOISE / step)
        dark = darker(name, soft, looked, inside, soft - np.float32(_FLAT) * slow)
    shade = -flat if dark else flat
    values = shade[inside]
    if uniform(values):
        return Found(np.zeros(grey.shape, np.int32), method, step)
    level = threshold_otsu(values)  # type: ignore[no-untyped-call]
    high, low = inside & (shade > level), inside & (shade <= level)
    sure = high & (shade >= np.quantile(shade[high], 1 - _SURE))
    never = low & (shade <= np.quantile(shade[low], _SURE))
    go_on(cancel)
    if method == "random walker":
        chance = walk(shade, sure, never, inside, cancel)
    else:
        chance = _flood(shade, sure, never, inside)
    go_on(cancel)
    taken = without_specks((chance > 0.5) & inside, _LEAST_PIXELS)
    labels = np.where(inside, without_holes(without_specks(split(taken), _LEAST_PIXELS)), 0)
    if gated and looked is not None and labels.any():
        least = looked[most_attended(looked, inside, _MEANT)].min()
        within = mean((looked >= least).astype(np.float32), labels, np.arange(1, labels.max() + 1))
        enough = _WITHIN if name in OF_PATTERN else 1e-9
        labels = relabelled(labels, np.asarray(within) >= enough)
    go_on(cancel)
    return Found(_enlarged(labels, chance, mask), method, step)


def _flood(shade: Floats, sure: Mask, never: Mask, inside: Mask) -> Floats:
    """Return 1 where a flood from the objects comes first, 0 where one from around them does."""
    from skimage.filters import sobel
    from skimage.segmentation import watershed

    marks = np.where(sure, 1, np.where(never, 2, 0))
    return np.asarray(watershed(sobel(shade), marks, mask=inside) == 1, np.float32)  # type: ignore[no-untyped-call]


def _enlarged(labels: Labels, chance: Floats, mask: Mask) -> Labels:
    """Return labels on the grid of the mask, their outlines smooth."""
    if labels.shape == mask.shape:
        return np.where(mask, labels, 0).astype(np.int32)
    from skimage.segmentation import expand_labels

    nearest = [
        np.minimum(((np.arange(n) + 0.5) * m / n).astype(int), m - 1)
        for n, m in zip(mask.shape, labels.shape, strict=True)
    ]
    # Half a cell of the grid wider, and then cut back to the smooth outline.
    held = np.where(labels > 0, np.maximum(chance, 0.51), np.minimum(chance, 0.49))
    fine = on_grid(held.astype(np.float32), mask.shape) > 0.5
    coarse = labels[np.ix_(*nearest)]
    reach = max(mask.shape[0] / labels.shape[0], mask.shape[1] / labels.shape[1])
    spread = expand_labels(coarse, distance=reach)  # type: ignore[no-untyped-call]
    whole = np.where(fine & mask, spread, 0)
    return relabelled(whole, np.ones(int(whole.max(initial=0)), bool))
