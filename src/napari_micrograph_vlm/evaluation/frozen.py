"""Features of whole pictures from a network that is not trained further."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import MicrographError, SourceError
from ..models.student.features import EMBEDDINGS, describe, pooled

__all__ = ["EMBEDDINGS", "describe", "describe_all", "pooled"]

_PART = 100


def describe_all(
    pictures: Iterable[Callable[[], NDArray[np.uint8]]],
    look: Callable[[NDArray[np.uint8]], dict[str, NDArray[np.float32]]],
    cache: Path | None = None,
    name: str = "features",
    on_done: Callable[[], None] | None = None,
) -> tuple[dict[str, NDArray[np.floating]], list[int], list[str]]:
    """Return the features of many pictures; what was stopped goes on.

    Parameters
    ----------
    pictures : iterable of callables
        Each reads one picture, (H, W) uint8.
    look : callable
        Such as :func:`describe` of a model.
    cache : Path, optional
        Folder where features are kept, a file for every hundred pictures.
    name : str
        Says in the cache which network looked at which pictures.
    on_done : callable, optional
        Called after every picture.

    Returns
    -------
    features : dict of str to (n, F) float32 arrays
        Of the pictures that could be read.
    places : list of int
        Their numbers.
    broken : list of str
        What was wrong with the others.
    """
    readers = list(pictures)
    parts, places, broken = [], [], []
    for start in range(0, len(readers), _PART):
        some = readers[start : start + _PART]
        kept = None if cache is None else cache / f"{name}-{start:06d}-{len(some):03d}.npz"
        if kept is not None and kept.is_file():
            with np.load(kept) as file:
                part = {key: file[key] for key in file.files}
            numbers = [int(i) for i in part.pop("_places")]
            for _ in some:
                _call(on_done)
        else:
            rows, numbers = [], []
            for number, read in enumerate(some, start):
                try:
                    rows.append(look(read()))
                    numbers.append(number)
                except (MicrographError, OSError) as error:
                    broken.append(str(error))
                _call(on_done)
            part = {key: np.stack([row[key] for row in rows]) for key in (rows or [{}])[0]}
            # A part with a broken picture is looked at again: it may have been mended.
            if kept is not None and len(numbers) == len(some):
                kept.parent.mkdir(parents=True, exist_ok=True)
                unfinished = kept.with_suffix(".part.npz")
                np.savez(unfinished, _places=np.array(numbers), **part)
                unfinished.rename(kept)
        if numbers:
            parts.append(part)
        places += numbers
    if not parts:
        raise SourceError("None of the pictures can be read.")
    features = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    return features, places, broken


def _call(on_done: Callable[[], None] | None) -> None:
    if on_done is not None:
        on_done()
