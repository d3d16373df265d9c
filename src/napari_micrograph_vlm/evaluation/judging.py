"""Whether an answer is right, and whether its map points at the right place."""

from __future__ import annotations

import re
from collections.abc import Hashable

import numpy as np
from numpy.typing import NDArray

from ..datasets.facts import PLACES, Mask
from ..datasets.synthetic.truth import DEFECT_KINDS
from ..datasets.wording import STEPS, plural, step_of
from ..results import AttentionMap

__all__ = [
    "LARGE_SHARE",
    "SIZES",
    "YES_OR_NO",
    "judge",
    "meaning",
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

_AMOUNT = r"(about |more than )?\d+|many"

_SINGULAR = {plural(kind): kind for kind in DEFECT_KINDS}

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
    return meaning(kind, truth) == meaning(kind, said)


def meaning(kind: str, text: str) -> Hashable:
    """Return what of an answer is judged: answers that mean the same are right for one another.

    Places for where something is, the percentage for a size, amounts for numbers (with the kinds
    where there are several), yes or no, the set of names; where there is nothing of the sort,
    and for other kinds, the whole text.

    Parameters
    ----------
    kind : str
        Kind of question, as in :data:`..datasets.questions.KINDS`.
    text : str
        An answer to it.
    """
    text = _plain(text)
    if kind in YES_OR_NO:
        return text.split(",")[0]
    if kind in _PLACED:
        return frozenset(places_in(text)) or text
    if kind in SIZES:
        percent = said_percent(text)
        return text if percent is None else percent
    if kind in _COUNTED:
        parts = text.split(" and ")
        if kind == "how many defects" and len(parts) > 1:
            return frozenset((_amount(part), _counted_kind(part)) for part in parts)
        return _amount(text)
    if kind in _NAMED:
        return frozenset(text.split(" and "))
    return text


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
    found = re.match(_AMOUNT, text)
    return found.group() if found else text


def _counted_kind(text: str) -> str:
    """Return the kind of defect that is counted, in the singular."""
    name = re.sub(_AMOUNT, "", text).strip()
    return _SINGULAR.get(name, name)
