"""What a map says about pixels: where to begin, and whether the object is dark or bright."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from ..results import AttentionMap

__all__ = [
    "DARK",
    "OF_PATTERN",
    "THIN",
    "Floats",
    "Mask",
    "darker",
    "denied",
    "grey_of",
    "kind_of",
    "most_attended",
    "named",
    "on_pixels",
    "uniform",
]

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

THIN = ("crack", "scratch")
"""What is long and thin, and darker than its surroundings."""

DARK = (*THIN, "void", "pore", "hole", "cavity")
"""What is darker than its surroundings."""

OF_PATTERN = ("bridge", "defect")
"""What may be as bright as the pattern that it is part of, and runs on into it."""

_OTHERS = (
    "particle", "precipitate", "residue", "inclusion", "grain", "droplet", "crystal", "cell",
    "nanowire", "wire", "fibre", "fiber", "rod", "sphere", "agglomerate", "island", "blister",
    "line", *OF_PATTERN,
)  # fmt: skip
_NAMES = re.compile(rf"\b({'|'.join((*DARK, *_OTHERS))})(?:e?s)?\b", re.IGNORECASE)
_NONE = re.compile(r"\W*(?:(?:there (?:is|are) )?(?:no|zero|0) [^\W\d]|none\b|nothing\b)", re.I)
_NO = re.compile(r"\W*no\b", re.IGNORECASE)
_INDEED = re.compile(r"\W*(?:there (?:is|are) )?no (?:doubt|(?:fewer|less|more) than)\b", re.I)
_BUT = re.compile(r"\b(?:but|except|only|(?:other|apart|aside|more) (?:than|from))\b", re.I)
_IS_THERE = re.compile(
    r"\W*(?:is|are) there\b|\W*(?:do|can) you see\b|\W*does\b.*\b(?:show|have|contain)\b", re.I
)

_SAME = 1e-4
"""Brightness that differs by less is one: no step of a histogram could be told from the next."""

_CORRELATED = 0.15
"""A map says whether objects are dark if it correlates with the brightness at least so much."""


def grey_of(pixels: Floats) -> Floats:
    """Return brightness, (H, W), of grey or colour pixels."""
    if pixels.ndim == 2:
        return pixels
    return np.asarray(pixels @ np.array([0.2126, 0.7152, 0.0722], np.float32))


def uniform(values: NDArray[np.floating]) -> bool:
    """Whether values are of one brightness, or there are none."""
    return not values.size or float(values.max() - values.min()) < _SAME


def on_pixels(attention: AttentionMap, shape: tuple[int, int]) -> Floats:
    """Return a map, smooth between the centres of its cells, on a grid of pixels.

    Returns
    -------
    (H, W) float32 array
        Over the same area; 1 is the mean cell.
    """
    from scipy.ndimage import map_coordinates

    values = attention.values.astype(np.float64)
    mean = values.mean()
    if not mean > 0:
        return np.ones(shape, np.float32)
    at = [
        (np.arange(n) + 0.5) * cells / n - 0.5 for n, cells in zip(shape, values.shape, strict=True)
    ]
    smooth = map_coordinates(
        values / mean, np.meshgrid(*at, indexing="ij"), order=1, mode="nearest"
    )
    return np.asarray(np.maximum(smooth, 0), np.float32)


def most_attended(weight: Floats, mask: Mask, share: float) -> Mask:
    """Return the smallest part of a region that got a share of its attention.

    Parameters
    ----------
    weight : (H, W) float32 array
        A map on pixels, from :func:`on_pixels`.
    mask : (H, W) bool array
        What belongs to the region.
    share : float
        Of the attention within the region, 0 to 1.
    """
    inside = np.sort(weight[mask])[::-1]
    summed = np.cumsum(inside, dtype=np.float64)
    last = min(int(np.searchsorted(summed, share * summed[-1])), len(inside) - 1)
    part: Mask = mask & (weight >= inside[last])
    return part


def named(*texts: str) -> str:
    """Return the first kind of object that texts name, in the singular; else ``"object"``."""
    for text in texts:
        if found := _NAMES.search(text):
            return found.group(1).lower()
    return "object"


def denied(question: str, answer: str) -> bool:
    """Whether an answer says that there is nothing: ``"No crack"``, ``"None."``.

    ``"No pores, but a crack"`` says that there is nothing only where the question was not about
    cracks.
    """
    if not _denies(question, answer):
        return False
    left = _BUT.search(answer)
    asked = named(question)
    return left is None or (asked != "object" and asked != named(answer[left.end() :]))


def kind_of(question: str, answer: str) -> str:
    """Return what kind of object an answer is about, in the singular; else ``"object"``."""
    left = _BUT.search(answer)
    if left is None or not _denies(question, answer):
        return named(answer, question)
    if denied(question, answer):
        return named(question)
    return named(answer[left.end() :], question, answer)


def _denies(question: str, answer: str) -> bool:
    """Whether an answer begins with saying that there is something not."""
    if _INDEED.match(answer):
        return False
    return bool(_NONE.match(answer) or (_NO.match(answer) and _IS_THERE.match(question)))


def darker(
    name: str, grey: Floats, weight: Floats | None, mask: Mask, flat: Floats | None = None
) -> bool:
    """Say whether objects are darker than what is around them.

    By their name; else by whether the model looked at dark or bright places; else the objects are
    the side that is in more pieces, since what is around them hangs together.

    Parameters
    ----------
    name : str
        From :func:`named`.
    grey : (H, W) float32 array
        Brightness.
    weight : (H, W) float32 array or None
        A map on the same pixels.
    mask : (H, W) bool array
        What belongs to the region.
    flat : (H, W) float32 array, optional
        Brightness less its slow change, to tell the pieces apart.
    """
    from skimage.filters import threshold_otsu

    if name in DARK:
        return True
    inside = grey[mask].astype(np.float64)
    if uniform(inside):
        return False
    if weight is not None and weight[mask].min() < weight[mask].max():
        correlation = float(np.corrcoef(inside, weight[mask])[0, 1])
        if abs(correlation) >= _CORRELATED:
            return correlation < 0
    flat = grey if flat is None else flat
    if uniform(flat[mask]):
        return False
    bright = flat > threshold_otsu(flat[mask])  # type: ignore[no-untyped-call]
    return _in_one_piece(mask & bright) > _in_one_piece(mask & ~bright)


def _in_one_piece(mask: Mask) -> float:
    """Return the share of some pixels that belong to their largest piece."""
    from scipy.ndimage import label

    pieces, number = label(mask)
    sizes = np.bincount(pieces.ravel())[1:]
    return float(sizes.max() / sizes.sum()) if number else 0.0
