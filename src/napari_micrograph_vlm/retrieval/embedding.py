"""What a model sees of a picture, as rows of numbers that can be compared."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..models.base import Model, Sees, eyes_of
from ..regions import Region

__all__ = ["TOWER", "Rows", "look", "read", "scaled"]

Rows = dict[str, NDArray[np.float32]]
"""Blocks of features by name, (n, F) each, one row a picture."""

TOWER = "contrast"
"""Block of pictures that a text can be compared with, of a model that has one."""

CHOSEN = ("tokens mean", "stride 32 mean")
"""Blocks that are compared, of those that a model has; all where it has neither.

Means tell what a picture shows and not where, so a part of it stays alike. Chosen on 220 real
pictures: the first alone finds a picture of the same kind as often, and the picture that a cut-out
is from less often.
"""

_FEW = 10
"""Rows whose spread is trusted as much as that of all numbers together."""


def look(model: Sees, regions: Sequence[Region], cancel: Event | None = None) -> Rows:
    """Return the blocks of features that an index keeps.

    Parameters
    ----------
    model : Sees
        Looks at each region as a whole.
    regions : sequence of Region
        At least one.

    Raises
    ------
    Cancelled
        If ``cancel`` was set.
    """
    seen = model.features(regions, cancel=cancel)
    kept = {name: seen[name] for name in CHOSEN if name in seen} or dict(seen)
    student = _student(model)
    if student is not None:
        from ..models.student.towers import of_pictures

        kept[TOWER] = of_pictures(student, seen["whole"])
    return {name: np.asarray(rows, np.float32) for name, rows in kept.items()}


def read(model: Sees, text: str) -> NDArray[np.float32] | None:
    """Return what a text is like, to be compared with the block TOWER; None: it has no way to."""
    student = _student(model)
    if student is None or not text.strip():
        return None
    from ..models.student.towers import of_statement

    return of_statement(student, text)


def scaled(rows: Rows, reference: Rows) -> NDArray[np.float32]:
    """Bring blocks to one length-1 row a picture, every block with the same say.

    Parameters
    ----------
    rows : dict of str to (n, F) float32 arrays
        What to bring.
    reference : dict of str to (N, F) float32 arrays
        Rows of the whole index: their mean is taken off, and each number is divided by its
        spread, as far as there are enough rows to tell these.

    Returns
    -------
    (n, sum of F) float32 array
    """
    parts = []
    for name in sorted(reference):
        if name == TOWER:
            continue
        known = reference[name].astype(np.float32)
        trusted = len(known) / (len(known) + _FEW)
        variance = trusted * known.var(0) + (1 - trusted) * max(float(known.var()), 1e-12)
        part = (rows[name] - trusted * known.mean(0)) / np.sqrt(variance + 1e-12)
        parts.append(unit(part))
    return unit(np.concatenate(parts, axis=1))


def unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return rows of length 1; zeros stay zeros."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-9), np.float32)


def eyes(model: Any) -> Sees:
    """Return a model as one that an index can be made with.

    Raises
    ------
    ModelError
        If it does not show what it sees, such as one behind a server.
    """
    seen: Model = model
    return eyes_of(seen)


def _student(model: Any) -> Any:
    """Return the student, or None where the model is another one."""
    inner = model
    while inner is not None and type(inner).__name__ != "Student":
        inner = getattr(inner, "__dict__", {}).get("model")
    return inner
