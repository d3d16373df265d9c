"""Cracks and other objects that are thin and differ from what is on both sides of them."""

from __future__ import annotations

from threading import Event

import numpy as np
from numpy.typing import NDArray

from .reduction import go_on
from .seeds import Floats, Mask, most_attended, uniform
from .splitting import relabelled

__all__ = ["thin_objects"]

_SEEDS, _REACH = 0.5, 0.8
"""A thin object begins in the part with the first share, and goes on in that with the second."""

_WIDTHS = (9, 17, 33)
"""Thin objects are narrower than so many pixels; the first that they do not fill is taken."""

_FILLED = 0.62
"""Thin objects fill a width whose contrast is less than this share of that of the next."""

_LONG, _LEAST = 2.0, 20
"""Thin objects are at least so many times as long as wide, and have so many pixels."""

_NOISE = 1.0
"""Deviation in pixels of the Gaussian against noise."""

Labels = NDArray[np.int32]


def thin_objects(
    grey: Floats,
    mask: Mask,
    weight: Floats | None,
    dark: bool,
    long: bool,
    cancel: Event | None = None,
) -> Labels:
    """Return objects that are narrow and differ from what is on both sides of them.

    Parameters
    ----------
    grey : (H, W) float32 array
        Brightness.
    mask : (H, W) bool array
        What belongs to the region.
    weight : (H, W) float32 array or None
        Where the model looked; None where that says nothing.
    dark : bool
        Whether they are darker than what is on both sides.
    long : bool
        Whether only what is clearly longer than wide is one.
    cancel : threading.Event, optional
        Looked at before each width.

    Returns
    -------
    (H, W) int32 array
        Labels from 1 on.
    """
    from scipy.ndimage import gaussian_filter, grey_closing

    shade = gaussian_filter(grey if dark else 1 - grey, _NOISE)

    def depth(width: int) -> Floats:
        go_on(cancel)
        return np.asarray(grey_closing(shade, (width, width)) - shade, np.float32)

    contrast = depth(_WIDTHS[0])
    found = _pieces(contrast, mask, weight, long)
    for width in _WIDTHS[1:]:
        wider = depth(width)
        on = found > 0
        if on.any() and np.median(contrast[on] / np.maximum(wider[on], 1e-6)) >= _FILLED:
            break
        contrast, found = wider, _pieces(wider, mask, weight, long)
    return found


def _pieces(contrast: Floats, mask: Mask, weight: Floats | None, long: bool) -> Labels:
    """Return the pieces of high contrast that begin where the model looked most."""
    from scipy.ndimage import label
    from skimage.filters import threshold_otsu
    from skimage.measure import regionprops_table

    start, reach = mask, mask
    if weight is not None:
        start, reach = (most_attended(weight, mask, share) for share in (_SEEDS, _REACH))
    if uniform(contrast[start]):
        return np.zeros(mask.shape, np.int32)
    high = reach & (contrast > threshold_otsu(contrast[start]))  # type: ignore[no-untyped-call]
    pieces, number = label(high, np.ones((3, 3)))
    if not number:
        return np.zeros(mask.shape, np.int32)
    shape = regionprops_table(  # type: ignore[no-untyped-call]
        pieces, properties=("num_pixels", "axis_major_length", "axis_minor_length")
    )
    keep = np.isin(np.arange(1, number + 1), pieces[start & high])
    keep &= shape["num_pixels"] >= _LEAST
    if long:
        # Of a line one pixel wide the shorter axis is 0.
        keep &= shape["axis_major_length"] >= _LONG * np.maximum(shape["axis_minor_length"], 1)
    return relabelled(pieces, keep)
