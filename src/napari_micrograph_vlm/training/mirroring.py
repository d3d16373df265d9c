"""Mirrored real pictures: the same facts, with their places exchanged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..datasets.facts import DefectFact, Facts, Mask

__all__ = ["mirrored"]

_SWAPS = {1: ("left", "right"), 0: ("top", "bottom")}


def mirrored(pixels: NDArray[np.uint8], facts: Facts) -> Iterator[tuple[NDArray[np.uint8], Facts]]:
    """Return a picture mirrored left to right, top to bottom, and both.

    Parameters
    ----------
    pixels : (H, W) uint8 array
        The picture.
    facts : Facts
        What is known of it. Sentences are left out of the results: they may name places.
    """
    for axes in ((1,), (0,), (0, 1)):
        yield np.ascontiguousarray(np.flip(pixels, axes)), _exchanged(facts, axes)


def _exchanged(facts: Facts, axes: tuple[int, ...]) -> Facts:
    defects = facts.defects
    if defects is not None:
        defects = tuple(
            DefectFact(d.kind, _flip(d.mask, axes), _place(d.place, axes)) for d in defects
        )
    return replace(
        facts,
        defects=defects,
        object_mask=_flip(facts.object_mask, axes),
        description=None,
        qa=(),
    )


def _flip(mask: Mask | None, axes: tuple[int, ...]) -> Mask | None:
    return None if mask is None else np.ascontiguousarray(np.flip(mask, axes))


def _place(place: str | None, axes: tuple[int, ...]) -> str | None:
    if place is None:
        return None
    words = place.split()
    for axis in axes:
        one, other = _SWAPS[axis]
        words = [other if w == one else one if w == other else w for w in words]
    return " ".join(words)
