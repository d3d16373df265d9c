"""The figures of an index in the order in which they fit a region, a text or both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from .embedding import TOWER, Rows, scaled, unit
from .words import WordIndex

__all__ = ["IMAGE_SHARE", "Ranked", "Ranking", "check_extra"]

Floats = NDArray[np.float32]

IMAGE_SHARE = 0.75
"""Say of the pictures where a region and a text were given, the rest is the text's."""

_NEAREST = 200
"""Parts of figures that the search proposes; the figures they belong to are scored exactly."""


def check_extra() -> None:
    """Complain where the search library is not installed.

    Raises
    ------
    ModelError
        Names the extra that brings it.
    """
    if find_spec("faiss") is None:
        raise ModelError(
            "The search among figures needs faiss; install it with "
            "`pip install napari-micrograph-vlm[retrieval]`."
        )


@dataclass(frozen=True)
class Ranked:
    """How well a figure fits.

    Attributes
    ----------
    entry : int
        Number of the figure in the index.
    score, image, text : float
        As in :class:`..citations.Citation`; NaN where nothing was given to compare with.
    row : int
        Its part that is most alike; -1: no region was given.
    """

    entry: int
    score: float
    image: float
    text: float
    row: int


class Ranking:
    """Compares with all figures of an index.

    Parameters
    ----------
    rows : dict of str to (n, F) float32 arrays
        One row a part of a figure.
    owners : (n,) int array
        Which figure each row belongs to.
    captions : sequence of str
        Of each figure, with its title.
    """

    def __init__(self, rows: Rows, owners: NDArray[np.int64], captions: Sequence[str]) -> None:
        check_extra()
        import faiss

        self._rows, self._owners, self._count = rows, owners, len(captions)
        self._scaled = scaled(rows, rows)
        self._search = faiss.IndexFlatIP(self._scaled.shape[1])
        self._search.add(self._scaled)
        self._words = WordIndex(captions)
        tower = rows.get(TOWER)
        self._tower = None if tower is None else unit(tower - tower.mean(0) * _share(len(tower)))

    def best(
        self, query: Rows | None, text: str, told: Floats | None, count: int, share: float
    ) -> list[Ranked]:
        """Return the figures that fit best, best first; none that fits in no way.

        Parameters
        ----------
        query : dict of str to (q, F) float32 arrays, or None
            What the model sees of the regions; a figure is as alike as it is to the nearest.
        text : str
            Words to look for in captions.
        told : (D,) float32 array or None
            What the text is like, to be compared with the pictures themselves.
        count : int
            Figures at most.
        share : float
            Say of the regions beside the text.
        """
        words = self._words.scores(text) if text.strip() else None
        if words is not None and told is not None and self._tower is not None:
            seen = np.full(self._count, -1, np.float32)
            np.maximum.at(seen, self._owners, self._tower @ told)
            # What a picture shows and its caption does not say counts half.
            words += np.clip(seen, 0, 1) * (1 - words) / 2
        if words is not None and not words.any():
            words = None if query is not None else words
        if query is None:
            return [] if words is None else self._by_words(words, count)
        wanted = scaled(query, self._rows)
        _, near = self._search.search(wanted, min(max(_NEAREST, 8 * count), len(self._owners)))
        some = {int(self._owners[row]) for row in near.ravel() if row >= 0}
        if words is not None:
            some |= {int(i) for i in np.argsort(-words, kind="stable")[: max(50, 4 * count)]}
        found = [self._one(entry, wanted, words, share) for entry in sorted(some)]
        return sorted(found, key=lambda one: -one.score)[:count]

    def _by_words(self, words: Floats, count: int) -> list[Ranked]:
        order = np.argsort(-words, kind="stable")[:count]
        nan = float("nan")
        return [
            Ranked(int(i), float(words[i]), nan, float(words[i]), -1) for i in order if words[i] > 0
        ]

    def _one(self, entry: int, wanted: Floats, words: Floats | None, share: float) -> Ranked:
        rows = np.flatnonzero(self._owners == entry)
        alike = (self._scaled[rows] @ wanted.T).max(1)
        image, row = float(alike.max()), int(rows[alike.argmax()])
        if words is None:
            return Ranked(entry, max(image, 0.0), image, float("nan"), row)
        text = float(words[entry])
        return Ranked(entry, share * max(image, 0.0) + (1 - share) * text, image, text, row)


def _share(count: int) -> float:
    """Return how far the mean of so many rows is trusted."""
    return count / (count + 10)
