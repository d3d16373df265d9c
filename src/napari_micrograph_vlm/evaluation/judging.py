"""Whether an answer is right, and whether its map points at the right place."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from ..datasets.facts import PLACES, Mask
from ..datasets.wording import STEPS, step_of
from ..results import AttentionMap

__all__ = [
    "LARGE_SHARE",
    "SIZES",
    "YES_OR_NO",
    "judge",
    "near_size",
    "places_in",
    "pointing",
    "said_number",
    "said_percent",
    "touched",
]

LARGE_SHARE = 0.1
"""Masks that touch more of the tokens than this are too easy to point at; counted apart."""

YES_OR_NO: tuple[str, ...] = (
    "present",
    "is there",
    "is sample",
    "is technique",
    "is quality",
    "noisy or blurred",
    "information bar",
    "ordered",
    "more than",
    "half",
    "through",
)
"""Kinds answered by yes or no; what follows the first comma is not judged."""

SIZES: tuple[str, ...] = (
    "how large",
    "how large in units",
    "object size",
    "object size in units",
    "coverage",
    "field of view",
)
"""Kinds answered by a percentage, which has to be the right step."""

_PLACED = ("where", "where kind", "largest where")
_COUNTED = ("count", "how many defects", "how many kind")
_NAMED = ("defect", "quality")

_BY_LENGTH = sorted(PLACES, key=len, reverse=True)


def judge(kind: str, truth: str, said: str) -> bool:
    """Whether an answer is right.

    Parameters
    ----------
    kind : str
        Kind of question, as in :data:`..datasets.questions.KINDS`.
    truth, said : str
        The right answer and the model's.
    """
    truth, said = _plain(truth), _plain(said)
    if kind in YES_OR_NO:
        return truth.split(",")[0] == said.split(",")[0]
    if kind in _PLACED:
        return places_in(truth) == places_in(said)
    if kind in SIZES:
        return said_percent(truth) == said_percent(said)
    if kind in _COUNTED:
        return _amount(truth) == _amount(said)
    if kind in _NAMED:
        return set(truth.split(" and ")) == set(said.split(" and "))
    return truth == said


def near_size(truth: str, said: str) -> bool:
    """Whether a size is right within one of the steps in which sizes are said."""
    true, other = said_percent(truth), said_percent(said)
    if true is None or other is None:
        return False
    return abs(_step(true) - _step(other)) <= 1


def said_percent(text: str) -> int | None:
    """Return the first percentage of a text; None where there is none."""
    match = re.search(r"(\d+) ?%", text)
    return int(match.group(1)) if match else None


def places_in(text: str) -> set[str]:
    """Return the places that a text names."""
    found, rest = set(), _plain(text)
    for place in _BY_LENGTH:
        pattern = rf"{re.escape(place)}(?!\w)"
        if re.search(pattern, rest):
            found.add(place)
            rest = re.sub(pattern, " ", rest)
    return found


def said_number(text: str) -> int | None:
    """Return the first whole number of a text; None where there is none."""
    match = re.search(r"\d+", text)
    return int(match.group()) if match else None


def touched(mask: Mask, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the cells of a grid that a mask touches, (rows, columns) bool."""
    rows, columns = np.nonzero(mask)
    cells = np.zeros(shape, dtype=bool)
    cells[rows * shape[0] // mask.shape[0], columns * shape[1] // mask.shape[1]] = True
    return cells


def pointing(shown: AttentionMap, mask: Mask) -> tuple[bool, float]:
    """Play the pointing game.

    Returns
    -------
    hit : bool
        Whether the largest cell of the map touches the mask.
    chance : float
        Share of all cells that do.
    """
    cells = touched(mask, (shown.values.shape[0], shown.values.shape[1]))
    return bool(cells[shown.peak]), float(cells.mean())


def _step(percent: int) -> int:
    """Return the number of the step nearest to a percentage."""
    return STEPS.index(step_of(percent / 100))


def _plain(text: str) -> str:
    return text.strip().rstrip(".").casefold()


def _amount(text: str) -> str:
    """Return the part of an answer that says how many."""
    if text.startswith("no "):
        return "0"
    found = re.match(r"(about |more than )?\d+|many", text)
    return found.group() if found else text
