"""What becomes of right answers where the picture is coarser, finer, closer, noisier, inverted.

All of it on pictures with one kind of defect whose mask touches at most a tenth of the cells:

- *pixel size x 2, x 4*: the same field with 2 x 2 or 4 x 4 pixels averaged into one (192 and 96
  pixels a side), as if taken at a larger pixel size; *x 1/2*: interpolated to 768 pixels;
- *window of 0.8 ... 0.4*: a window of that share of the side at a random place round the defect,
  as if taken at a higher magnification: the defect, the objects and the grain of the noise are
  larger;
- *noise 0.05 ... 0.2*: Gaussian noise of that standard deviation, where white is 1;
- *inverted*: bright and dark exchanged.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.facts import Mask
from ..datasets.phrasings import PHRASINGS
from ..models.base import Model
from ..regions import Region
from ..results import Question
from ..training.variation import Drawn
from .found import Case
from .judging import LARGE_SHARE, judge, pointing, touched

__all__ = ["CONDITIONS", "Seen", "robustness_of", "seen_under"]

WINDOWS = (0.8, 0.65, 0.5, 0.4)
NOISES = (0.05, 0.1, 0.2)

CONDITIONS: tuple[str, ...] = (
    "as drawn",
    "pixel size x 1/2",
    "pixel size x 2",
    "pixel size x 4",
    *(f"window of {share}" for share in WINDOWS),
    *(f"noise {sigma}" for sigma in NOISES),
    "inverted",
)

GRID = (12, 12)


@dataclass(frozen=True, eq=False)
class Seen:
    """A picture under one condition: the region, and where its defect is."""

    region: Region
    mask: Mask


def robustness_of(model: Model, one: Drawn, seed: int) -> Iterator[Case]:
    """Ask for category and defect under every condition; nothing where there is no small defect.

    Yields
    ------
    Case
        Whether category and defect were right and the overlay's peak on the defect; ``measure``
        is such as ``"noise 0.1: defect"``.
    """
    mask = one.facts.mask_of()
    if len(one.facts.kinds) != 1 or mask is None or touched(mask, GRID).mean() > LARGE_SHARE:
        return
    rng = np.random.default_rng([seed, 5])
    truths = {"category": one.facts.category, "defect": one.facts.kinds[0]}
    group = f"seed {seed}"
    for condition in CONDITIONS:
        seen = seen_under(condition, one.region, mask, rng)
        for kind, truth in truths.items():
            said = model.ask(Question(PHRASINGS[kind][0], (seen.region,)))
            right = judge(kind, truth or "", said.text)
            yield Case("robustness", f"{condition}: {kind}", group, right, truth=truth or "")
            if kind == "defect":
                hit, chance = pointing(said.attention[0], seen.mask)
                name = f"{condition}: peak in the defect"
                yield Case("robustness", name, group, hit, {"chance": chance})


def seen_under(condition: str, region: Region, mask: Mask, rng: np.random.Generator) -> Seen:
    """Return a picture and the place of its defect under one of :data:`CONDITIONS`."""
    pixels = region.pixels
    name, _, amount = condition.rpartition(" ")
    if name == "window of":
        return _window(region, mask, float(amount), rng)
    if name == "pixel size x":
        pixels = _resampled(pixels, amount)
    elif name == "noise":
        noisy = pixels + rng.normal(0, float(amount), pixels.shape)
        pixels = np.clip(noisy, 0, 1).astype(np.float32)
    elif condition == "inverted":
        pixels = 1 - pixels
    height, width = pixels.shape[:2]
    size = _pixel_size(region, region.pixels.shape[0] / height)
    return Seen(replace(region, pixels=pixels, box=(0, 0, height, width), pixel_size=size), mask)


def _resampled(pixels: NDArray[np.float32], factor: str) -> NDArray[np.float32]:
    from skimage import transform

    change: Any = transform  # its functions have no types
    if factor == "1/2":
        changed = change.resize(pixels, (2 * pixels.shape[0], 2 * pixels.shape[1]), order=1)
    else:
        changed = change.downscale_local_mean(pixels, (int(factor), int(factor)))
    result: NDArray[np.float32] = changed.astype(np.float32)
    return result


def _window(region: Region, mask: Mask, share: float, rng: np.random.Generator) -> Seen:
    """Cut a window that holds the defect, or its middle where it is larger than the window."""
    pixels = np.argwhere(mask)
    middle = pixels[len(pixels) // 2]
    starts = []
    for axis, side in enumerate(mask.shape):
        length = round(share * side)
        first, last = int(pixels[:, axis].min()), int(pixels[:, axis].max())
        low, high = max(last + 1 - length, 0), min(first, side - length)
        if low <= high:
            start = int(rng.integers(low, high + 1))
        else:
            start = int(np.clip(middle[axis] - length // 2, 0, side - length))
        starts.append((start, length))
    (y0, rows), (x0, columns) = starts
    window = np.s_[y0 : y0 + rows, x0 : x0 + columns]
    cut = replace(region, pixels=region.pixels[window], box=(y0, x0, y0 + rows, x0 + columns))
    return Seen(cut, mask[window])


def _pixel_size(region: Region, factor: float) -> tuple[float, float] | None:
    if region.pixel_size is None:
        return None
    return region.pixel_size[0] * factor, region.pixel_size[1] * factor
