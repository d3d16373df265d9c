"""What differs between a region and a good one: registered, brightness matched, subtracted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..lengths import readable_length
from ..regions import Region
from .register import match_brightness, on_grid_of, register

__all__ = ["QUESTION", "SUGGESTIONS", "Difference", "compare"]

QUESTION = "What is different between the two regions?"
"""What the model is asked about region and reference unless the user says otherwise."""

SUGGESTIONS = (QUESTION, "Which region has more defects?", "Which region is defective?")
"""Questions about two regions, the first of them the suspect one."""

_QUANTILE = 99.5
_NOISES = 4.0
"""Differences below so many robust deviations are noise."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Difference:
    """A region less its reference.

    Attributes
    ----------
    region, reference : Region
        The suspect one and the good one.
    values : (H, W) float32 array
        Brightness from -1 to 1 on a grid over ``region.box``: above 0 where the region is
        brighter. NaN where the reference does not reach, and outside the drawn outline.
    shift : (float, float)
        By how many source pixels of the region, (rows, columns), the reference had to be moved
        to cover it, once their centres were on each other.
    correlation : float
        How alike both are once they cover each other, -1 to 1.
    overlap : float
        Share of the region that the reference covers.
    noise : float
        Robust deviation of the difference: what is due to noise.
    """

    region: Region
    reference: Region
    values: Floats
    shift: tuple[float, float]
    correlation: float
    overlap: float
    noise: float

    @property
    def least(self) -> float:
        """Absolute value up to which a difference is taken for noise."""
        return max(_NOISES * self.noise, 1e-3)

    @property
    def limits(self) -> tuple[float, float]:
        """Least and greatest value to be shown; symmetric, and no single pixel sets them."""
        known = np.abs(self.values[np.isfinite(self.values)])
        most = float(np.percentile(known, _QUANTILE)) if len(known) else 0.0
        most = max(most, self.least)
        return -most, most

    @property
    def changed(self) -> float:
        """Share of the compared pixels that differ by more than noise."""
        known = np.abs(self.values[np.isfinite(self.values)])
        return float((known > self.least).mean()) if len(known) else 0.0

    @property
    def shift_length(self) -> tuple[float, float] | None:
        """The shift in :attr:`unit`; None where the pixel size is not known."""
        size = self.region.pixel_size
        return None if size is None else (self.shift[0] * size[0], self.shift[1] * size[1])

    @property
    def unit(self) -> str:
        """Unit of :attr:`shift_length`."""
        return self.region.unit

    def __str__(self) -> str:
        """Say by how much the reference was moved and how alike both are."""
        rows, columns = (round(value, 2) + 0.0 for value in self.shift)
        text = f"Reference moved by {rows:+g} rows and {columns:+g} columns"
        if self.shift_length is not None:
            length = readable_length(float(np.hypot(*self.shift_length)), unit=self.unit)
            text += f" ({length})"
        text += f"; correlation {self.correlation:.2f}, {100 * self.changed:.1f} % differs."
        if self.overlap < 0.995:
            text += f" It covers {100 * self.overlap:.0f} % of the region."
        return text


def compare(region: Region, reference: Region) -> Difference:
    """Compare a suspect region with a good one that shows the same pattern.

    Parameters
    ----------
    region, reference : Region
        May have different sizes and be read at different levels of a pyramid. Pixels outside
        the region's outline are compared too while both are brought to cover each other.

    Returns
    -------
    Difference

    Raises
    ------
    RegionError
        If they cannot be brought to cover each other.
    """
    fixed, moving = on_grid_of(region, reference)
    found = register(fixed, moving)
    values = fixed - match_brightness(fixed, found.values)
    if region.mask is not None:
        values = np.where(_mask_on(region.mask, fixed.shape), values, np.nan)
    known = values[np.isfinite(values)]
    noise = 0.0
    if len(known):
        noise = 1.4826 * float(np.median(np.abs(known - np.median(known))))
    steps = [region.shape[side] / fixed.shape[side] for side in (0, 1)]
    return Difference(
        region,
        reference,
        np.asarray(values, np.float32),
        (found.shift[0] * steps[0], found.shift[1] * steps[1]),
        found.correlation,
        found.overlap,
        noise,
    )


def _mask_on(mask: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    rows, columns = (
        ((np.arange(n) + 0.5) * size / n).astype(int)
        for n, size in zip(shape, mask.shape, strict=True)
    )
    return mask[np.ix_(rows, columns)]
