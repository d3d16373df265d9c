"""What the student answers about a picture that is no micrograph."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...results import AttentionMap, Word
from .layout import Layout
from .novelty import NOT_A_MICROGRAPH, Novelty
from .seeing import Seen

__all__ = ["Refusal", "refusal_of"]

METHOD = "none: the whole region"


@dataclass(frozen=True, eq=False)
class Refusal:
    """An answer without the text layers.

    Attributes
    ----------
    text : str
        "not a micrograph"; of two regions, which it is that is none.
    confidence : float
        Probability that this is so.
    maps : tuple of AttentionMap
        Even ones: the picture was judged as a whole, no place was looked at.
    """

    text: str
    confidence: float
    maps: tuple[AttentionMap, ...]

    @property
    def words(self) -> tuple[Word, ...]:
        """The words, none more probable than the whole."""
        return tuple(
            Word(found.start(), found.end(), self.confidence, self.maps)
            for found in re.finditer(r"\S+", self.text)
        )


def refusal_of(novelty: Novelty | None, seen: Seen) -> Refusal | None:
    """Return the refusal of what was seen; None where every region may be a micrograph.

    Parameters
    ----------
    novelty : Novelty or None
        The check; None where the model has not learnt it.
    seen : Seen
        One region or two; of two, one that is no micrograph is enough.
    """
    if novelty is None:
        return None
    refused = [not novelty.is_micrograph(whole) for whole in seen.wholes]
    if not any(refused):
        return None
    scores = [novelty.score(whole) for whole, no in zip(seen.wholes, refused, strict=True) if no]
    return Refusal(_text(refused), min(scores), _even(seen.layouts))


def _text(refused: Sequence[bool]) -> str:
    if len(refused) == 1:
        return NOT_A_MICROGRAPH
    if all(refused):
        return "neither region is a micrograph"
    return f"the {'first' if refused[0] else 'second'} region is {NOT_A_MICROGRAPH}"


def _even(layouts: Sequence[Layout]) -> tuple[AttentionMap, ...]:
    return tuple(AttentionMap(layout.to_map(np.zeros(layout.tokens)), METHOD) for layout in layouts)
