"""What an answer about a plate says: a number of the right kind, or yes or no."""

from __future__ import annotations

import re

from ..datasets.fracture import STARTS
from ..simulation.records import Record
from ..simulation.runs import PULLED, QUANTITIES
from .quantities import Quantity, read_quantities, read_quantity

__all__ = ["told_value"]

_OF_PICTURE = re.compile(
    r"\s*of (the|its|their|a) (\w+ )?(picture|image|plate|sample|specimen|width|side|field)", re.I
)
_STRAIN_AFTER = re.compile(
    r"\s*(of )?((the|an?|applied|tensile|mean|total) )*(strain|elong|pull)", re.I
)
_STRAIN_BEFORE = re.compile(
    r"(strain|elongation|pull\w*|stretch\w*|strained)( \w{2,6})?\W{0,2}(of|by|to|at|is|about)?\s*$",
    re.I,
)

_LEADS = re.compile(r"\W*(yes|no(?! doubt))\b(?!-)", re.I)
_UNSURE = re.compile(
    r"\b(not (sure|certain|clear|known|possible to)|unsure|unclear|uncertain|cannot|can't|unable"
    r"|maybe|perhaps|possibly|might|may|could|don't know|do not know|if|either|whether)\b",
    re.I,
)
_DENIES = re.compile(
    r"\b(not|never|nothing|without|none|no (\w+ )?(cracks?|fracture|damage|failure))\b|n't\b", re.I
)
_SAYS_SO = re.compile(
    r"\b(cracks?|fractures?|it|plate)\b.*\b(starts?|forms?|appears?|initiates?|begins?|does|do|will|"
    r"breaks?|cracks?|fails?)\b|\bthere (is|are|will be) (\w+ )?cracks?\b|\b(breaks|yes)\b",
    re.I,
)


def told_value(kind: str, text: str, record: Record) -> float | None:
    """Return the number that an answer tells, in the unit of the quantity; None without one.

    Parameters
    ----------
    kind : str
        One of :data:`~napari_micrograph_vlm.simulation.runs.QUANTITIES`, or ``"starts"``: 1 for
        yes, 0 for no.
    text : str
        The answer.
    record : Record
        The plate, whose width says what a length is as a share of the picture.
    """
    if kind == STARTS:
        return _yes(text)
    if kind == "crack_length":
        return _length(text, record.width)
    if kind == "start_strain":
        found = list(read_quantities(text, "%"))
        named = [one for one in found if _is_strain(one)]
        other = [one for one in found if not _OF_PICTURE.match(one.after)]
        return next((one.value for one in (*named, *other)), None)
    return read_quantity(text, QUANTITIES[kind].unit)


def _length(text: str, width: float) -> float | None:
    """Return a length in percent of the picture; a percentage may also be the strain."""
    shares = list(read_quantities(text, "%"))
    for one in shares:
        if _OF_PICTURE.match(one.after):
            return one.value
    length = read_quantity(text, "µm")
    if length is not None:
        return 100 * length / width
    return next((one.value for one in shares if not _is_strain(one)), None)


def _is_strain(one: Quantity) -> bool:
    return bool(_STRAIN_AFTER.match(one.after) or _STRAIN_BEFORE.search(one.before))


def _yes(text: str) -> float | None:
    """Return 1 or 0 for an answer that clearly says yes or no, in whatever words."""
    if re.match(r"\W*yes\W+(or|and)\W+no\b", text, re.I):
        return None
    lead = _LEADS.match(text)
    if lead is not None:
        return float(lead[1].lower() == "yes")
    if _UNSURE.search(text):
        return None
    denied = _DENIES.search(text) is not None
    # A crack that starts at another strain may be no crack at the strain that was asked for.
    elsewhere = any(abs(one.value - 100 * PULLED) > 1e-9 for one in read_quantities(text, "%"))
    if elsewhere or not (denied or _SAYS_SO.search(text)):
        return None
    return float(not denied)
