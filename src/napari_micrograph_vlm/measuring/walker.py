"""The random walker (Grady 2006), solved without a warning where it converges slowly.

``skimage.segmentation.random_walker`` stops after a few steps and then warns, and warnings cannot
be held back safely in a thread. The equations are the same.
"""

from __future__ import annotations

from threading import Event
from typing import Any

import numpy as np

from .reduction import go_on
from .seeds import Floats, Mask

__all__ = ["walk"]

_BETA = 2000.0
"""How much a walker minds a change of brightness."""

_LEAST = 1e-6
"""It crosses any edge now and then, so that every pixel is reached."""

_EXACT, _STEPS = 1e-4, 400
"""The solution is good enough at this residual, or after so many steps: only which side of one
half a pixel is on counts."""


def walk(
    shade: Floats, sure: Mask, never: Mask, inside: Mask, cancel: Event | None = None
) -> Floats:
    """Return the chance that a random walker from each pixel comes to an object first.

    Parameters
    ----------
    shade : (H, W) float32 array
        Brightness; large steps of it are seldom taken.
    sure, never : (H, W) bool array
        What is an object, and what is none.
    inside : (H, W) bool array
        Where it may walk.
    cancel : threading.Event, optional
        Looked at before each step of the solution.

    Returns
    -------
    (H, W) float32 array
        1 where sure, 0 where never and outside.
    """
    from scipy.sparse import coo_array, diags_array
    from scipy.sparse.linalg import cg

    chance = sure.astype(np.float32)
    open_ = inside & ~sure & ~never
    if not open_.any() or not sure.any():
        return chance
    values = shade.astype(np.float64)
    number = np.arange(values.size).reshape(values.shape)
    scale = _BETA / (10 * max(float(values[inside].std()), 1e-9))
    rows, columns, weights = [], [], []
    for here, there in (
        ((slice(None, -1), slice(None)), (slice(1, None), slice(None))),
        ((slice(None), slice(None, -1)), (slice(None), slice(1, None))),
    ):
        both = inside[here] & inside[there]
        rows.append(number[here][both])
        columns.append(number[there][both])
        weights.append(np.exp(-scale * (values[here] - values[there])[both] ** 2) + _LEAST)
    one, other, weight = (np.concatenate(part) for part in (rows, columns, weights))
    size = values.size
    links = coo_array((weight, (one, other)), shape=(size, size)).tocsr()
    links = links + links.T
    at = np.flatnonzero(open_)
    among = links[at]
    total = np.asarray(among.sum(axis=1)).ravel()
    system = diags_array(total) - among[:, at]
    towards = among @ sure.ravel().astype(np.float64)
    easier = diags_array(1 / np.maximum(total, _LEAST))

    def stepped(_found: Any) -> None:
        go_on(cancel)

    found, _ = cg(system.tocsr(), towards, rtol=_EXACT, maxiter=_STEPS, M=easier, callback=stepped)
    chance.ravel()[at] = found
    return chance
