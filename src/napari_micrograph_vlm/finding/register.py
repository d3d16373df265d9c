"""Bringing a reference to cover a region: common size, shift, brightness."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import RegionError
from ..lengths import in_metres
from ..regions import MIN_SIDE, Region

__all__ = ["Registered", "match_brightness", "on_grid_of", "register"]

UPSAMPLING = 20
"""Shifts are found to a twentieth of a pixel."""

LEAST_CORRELATION = 0.35
"""Less alike than this, two regions do not show the same pattern."""

LEAST_OVERLAP = 0.4
"""Least share of what the reference covers with centre on centre that it must cover moved."""

LONGEST = 2048
"""Pixels on the longer side that are compared; larger regions are reduced."""

_SAME = 0.02
"""Of shifts whose correlations differ by less the smallest is taken: patterns repeat."""

_ROUNDS = 4
_OUTLYING = 3.0

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Registered:
    """A reference on the grid of a region.

    Attributes
    ----------
    values : (H, W) float32 array
        The reference, moved; NaN where it does not reach.
    shift : (float, float)
        By how many grid pixels, (rows, columns), it was moved.
    correlation : float
        Of region and moved reference, -1 to 1.
    overlap : float
        Share of the region that it covers.
    """

    values: Floats
    shift: tuple[float, float]
    correlation: float
    overlap: float


def on_grid_of(region: Region, reference: Region) -> tuple[Floats, Floats]:
    """Return both in grey, with pixels of one size and their centres on each other.

    Pixels have the same physical size where both have a known one, else the same number of
    source pixels.

    Returns
    -------
    region, reference : (H, W) float32 arrays
        Of one shape; the reference is NaN where it does not reach.

    Raises
    ------
    RegionError
        If their magnifications differ so much that less than 8 pixels are left.
    """
    from skimage.transform import resize

    fixed, moving = grey(region), grey(reference)
    reduction = max(1.0, max(fixed.shape) / LONGEST)
    if reduction > 1:
        shape = [max(round(n / reduction), 1) for n in fixed.shape]
        fixed = resize(fixed, shape, order=1, anti_aliasing=True)  # type: ignore[no-untyped-call]
    wanted = []
    for side in (0, 1):
        length = reference.shape[side] * _size(reference, region)[side]
        step = region.shape[side] / fixed.shape[side]
        wanted.append(round(length / step))
    if min(wanted) < MIN_SIDE or max(wanted) > 4 * LONGEST:
        raise RegionError(
            "Region and reference are magnified too differently to be compared; choose two of "
            "about the same size."
        )
    if tuple(wanted) != moving.shape:
        smaller = wanted[0] < moving.shape[0]
        moving = resize(  # type: ignore[no-untyped-call]
            moving, wanted, order=1, anti_aliasing=smaller
        )
    return fixed.astype(np.float32), _centred(moving.astype(np.float32), fixed.shape)


def register(fixed: Floats, moving: Floats) -> Registered:
    """Move an image, which may hold NaN, until it covers another of the same shape.

    Parameters
    ----------
    fixed, moving : (H, W) float32 arrays
        Region and reference.

    Raises
    ------
    RegionError
        If there is no shift at which they are alike.
    """
    best: Registered | None = None
    least = LEAST_OVERLAP * float(np.isfinite(moving).mean())  # a small one covers a part only
    for shift in sorted(_shifts(fixed, moving), key=lambda s: s[0] ** 2 + s[1] ** 2):
        found = _moved(fixed, moving, shift)
        if found.overlap < least:
            continue
        if best is None or found.correlation > best.correlation + _SAME:
            best = found
    if best is None or best.correlation < LEAST_CORRELATION:
        raise RegionError(
            "Region and reference do not show the same pattern at any shift; choose a reference "
            "that repeats it, such as the same place on the neighbouring die."
        )
    for _ in range(_ROUNDS):
        # A defect is no part of the pattern: left in, it would pull the reference aside.
        pattern = _without_outliers(fixed, best.values)
        best = _moved(fixed, moving, _refined(pattern, moving, best.shift))
    return best


def match_brightness(fixed: Floats, moving: Floats) -> Floats:
    """Return ``moving`` with the brightness and contrast of ``fixed``.

    A straight line through the pixels that agree: what differs is left out of the fit.
    """
    both = np.isfinite(moving) & np.isfinite(fixed)
    x, y = moving[both].astype(np.float64), fixed[both].astype(np.float64)
    keep = np.ones(len(x), bool)
    slope, offset = 1.0, 0.0
    for _ in range(3):
        spread = x[keep].var()
        if not spread:
            break
        slope = float(np.mean((x[keep] - x[keep].mean()) * (y[keep] - y[keep].mean())) / spread)
        offset = float(y[keep].mean() - slope * x[keep].mean())
        rest = np.abs(y - slope * x - offset)
        keep = rest <= max(3 * 1.4826 * float(np.median(rest)), 1e-6)
    matched: Floats = (slope * moving + offset).astype(np.float32)
    return matched


def grey(region: Region) -> Floats:
    """Return the pixels of a region in grey, (H, W)."""
    pixels = region.pixels
    return pixels.mean(axis=2, dtype=np.float32) if region.is_rgb else pixels


def _shifts(fixed: Floats, moving: Floats) -> list[tuple[float, float]]:
    """Return the shifts that are worth a try; none at all is one of them."""
    from skimage.registration import phase_cross_correlation

    first, second = (_windowed(image) for image in (fixed, moving))
    found = [(0.0, 0.0)]
    for normalization in ("phase", None):
        shift, _, _ = phase_cross_correlation(  # type: ignore[no-untyped-call]
            first, second, upsample_factor=UPSAMPLING, normalization=normalization
        )
        found.append((float(shift[0]), float(shift[1])))
    return found


def _without_outliers(fixed: Floats, reference: Floats) -> Floats:
    """Return an image with what differs most from the moved reference taken from that."""
    from scipy.ndimage import binary_dilation

    matched = match_brightness(fixed, reference)
    rest = np.abs(fixed - matched)
    known = np.isfinite(rest)
    limit = _OUTLYING * 1.4826 * float(np.median(rest[known]))
    out = binary_dilation(known & (rest > limit), iterations=2) & known
    return np.where(out, matched, fixed)


def _refined(fixed: Floats, moving: Floats, shift: tuple[float, float]) -> tuple[float, float]:
    """Measure a shift again where both overlap: what lies outside had pulled it towards none."""
    from skimage.registration import phase_cross_correlation

    whole = [round(each) for each in shift]
    here, there = [], []
    for n, step in zip(fixed.shape, whole, strict=True):
        here.append(slice(max(step, 0), n + min(step, 0)))
        there.append(slice(max(-step, 0), n + min(-step, 0)))
    first, second = fixed[tuple(here)], moving[tuple(there)]
    if min(first.shape) < MIN_SIDE or not np.isfinite(second).any():
        return shift
    rest, _, _ = phase_cross_correlation(  # type: ignore[no-untyped-call]
        _windowed(first), _windowed(second), upsample_factor=UPSAMPLING, normalization=None
    )
    if np.abs(rest).max() > 1.5:
        return shift
    return whole[0] + float(rest[0]), whole[1] + float(rest[1])


def _windowed(image: Floats) -> Floats:
    """Take off slow changes of brightness and fade to the edges, which would be taken for steps."""
    from scipy.ndimage import gaussian_filter

    filled = np.where(np.isfinite(image), image, np.nanmean(image))
    filled = filled - gaussian_filter(filled, max(min(filled.shape) / 8, 2.0))
    rows, columns = (np.hanning(n + 2)[1:-1] for n in filled.shape)
    return np.asarray(filled * np.sqrt(np.outer(rows, columns)), np.float32)


def _moved(fixed: Floats, moving: Floats, shift: tuple[float, float]) -> Registered:
    from scipy.ndimage import shift as move

    known = np.isfinite(moving)
    filled = np.where(known, moving, 0)
    # Cubic only where it has to be: a shift by whole pixels stays exact.
    whole = all(abs(s - round(s)) < 1e-6 for s in shift)
    values = move(filled, shift, order=0 if whole else 3, mode="constant", cval=0)
    reached = move(known.astype(np.float32), shift, order=1, mode="constant", cval=0) > 0.999
    overlap = float(reached.mean())
    correlation = 0.0
    if overlap > 0:
        a, b = fixed[reached].astype(float), values[reached].astype(float)
        a, b = a - a.mean(), b - b.mean()
        size = float(np.sqrt((a @ a) * (b @ b)))
        correlation = float(a @ b) / size if size else 0.0
    values = np.where(reached, values, np.nan).astype(np.float32)
    return Registered(values, shift, correlation, overlap)


def _centred(image: Floats, shape: tuple[int, ...]) -> Floats:
    """Cut or pad an image to a shape, its centre in the centre."""
    out = np.full(shape, np.nan, np.float32)
    take, put = [], []
    for n, wanted in zip(image.shape, shape, strict=True):
        length = min(n, wanted)
        take.append(slice((n - length) // 2, (n - length) // 2 + length))
        put.append(slice((wanted - length) // 2, (wanted - length) // 2 + length))
    out[tuple(put)] = image[tuple(take)]
    return out


def _size(reference: Region, region: Region) -> tuple[float, float]:
    """Source pixels of the region on one of the reference."""
    a, b = reference.pixel_size, region.pixel_size
    if a is None or b is None:
        return 1.0, 1.0
    mine, other = in_metres(region.unit), in_metres(reference.unit)
    if mine is None or other is None:
        return 1.0, 1.0
    factor = other / mine
    return a[0] * factor / b[0], a[1] * factor / b[1]
