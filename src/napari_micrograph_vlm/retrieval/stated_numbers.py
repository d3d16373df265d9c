"""Numbers that a text states, with their units, and whether another text has the same."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import isclose

from ..measuring.stated import sizes_in
from .words import COMMON, content_words

__all__ = ["Stated", "numbers_in", "numbers_stand"]

_NUMBER = re.compile(
    # A minus has nothing before it: 5-10 is a range.
    r"(?<![\w.])(?:(?<![^\s(])[-−])?(?:\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?)(?!\w*\])"
)
_UNIT = re.compile(
    r"[ \t\u00a0\u202f-]?(?P<symbol>(?:wt|at|vol|mol)\b\.?\s?%?|°\s?[CFK]?|[%‰×Ω′″]"
    # Not the letter of a panel: 51 nm, c) 42 nm.
    r"|(?![^\W\d_]\))[^\W\d_]+)(?P<per>(?:\s?/\s?|\s+per\s+)[^\W\d_]+)?"
)
_JOINT = re.compile(r"\s*(?:,|and|or|to|by|[-–—/±×])\s*(?:(?:and|or)\s+)?")
_AFTER = re.compile(r"[.;:!?()](?=\s|$)|\n")
_REACH = 3
"""Words behind a number among which is what it counts: 3 large platinum particles."""

_SHORT = 4
"""Letters of a word that is no symbol."""

_NO_UNITS = frozenset(("after", "before", "during", "using", "via", "vs", "versus", "onto"))

_SAME = {
    "hour": "h", "hours": "h", "hr": "h", "hrs": "h",
    "second": "s", "seconds": "s", "sec": "s", "secs": "s",
    "minute": "min", "minutes": "min", "mins": "min", "day": "d", "days": "d",
    "percent": "%", "wt": "wt%", "at": "at%", "vol": "vol%", "mol": "mol",
    "degrees": "°", "degree": "°", "celsius": "°C", "kelvin": "K", "KV": "kV", "Kv": "kV",
    "kilovolt": "kV", "kilovolts": "kV", "volt": "V", "volts": "V", "x": "×", "times": "×",
    "electronvolt": "eV", "electronvolts": "eV",
}  # fmt: skip


@dataclass(frozen=True)
class Stated:
    """A number, and what it is a number of.

    Attributes
    ----------
    value : float
        As it stands.
    unit : str
        The word or symbol behind it; empty: none.
    counted : frozenset of str
        Words behind it without their endings, where the unit is a word and no symbol.
    """

    value: float
    unit: str
    counted: frozenset[str] = frozenset()

    def same(self, other: Stated) -> bool:
        """Whether another one says the same."""
        if not isclose(self.value, other.value):
            return False
        return self.unit == other.unit or bool(self.counted & other.counted)


def numbers_in(text: str) -> list[Stated]:
    """Return the numbers of a text in their order; lengths last, their unit ``"size"``."""
    sizes = sizes_in(text)
    found: list[Stated] = []
    behind: tuple[int, str, frozenset[str]] | None = None
    for number in reversed(list(_NUMBER.finditer(text))):
        if any(size.start <= number.start() < size.stop for size in sizes):
            continue
        unit, counted = _unit_at(text, number.end())
        if not unit and behind and _JOINT.fullmatch(text, number.end(), behind[0]):
            unit, counted = behind[1:]  # 10, 20 and 30 kV
        behind = number.start(), unit, counted
        value = float(number.group().replace("−", "-").replace(",", ""))
        found.append(Stated(value, unit, counted))
    return [*reversed(found), *(Stated(size.smallest, "size") for size in sizes)]


def numbers_stand(claim: str, caption: str) -> bool:
    """Return whether every number of a claim stands in a caption, lengths in any unit."""
    there = [one for one in numbers_in(caption) if one.unit != "size"]
    for one in numbers_in(claim):
        if one.unit != "size" and not any(one.same(other) for other in there):
            return False
    ends = [(end, size.area) for size in sizes_in(caption) for end in (size.smallest, size.largest)]
    return all(
        any(size.area == area and isclose(end, known, rel_tol=1e-3) for known, area in ends)
        for size in sizes_in(claim)
        for end in (size.smallest, size.largest)
        if 0 < end < float("inf")
    )


def _unit_at(text: str, at: int) -> tuple[str, frozenset[str]]:
    """Return the unit that stands at a place, and the words there where it is a word."""
    found = _UNIT.match(text, at)
    if found is None:
        return "", frozenset()
    symbol = re.sub(r"[\s.]", "", found["symbol"])
    if symbol in ("wt", "at", "vol") and not found["symbol"].endswith(("%", ".")):
        symbol = "" if symbol == "at" else symbol  # "at" is a word, too
    symbol = _SAME.get(symbol, symbol)
    if symbol == "°" and re.match(r"\s+(?:celsius|C\b)", text[found.end() :], re.IGNORECASE):
        symbol = "°C"
    per = found["per"]
    if per:
        unit = re.sub(r"^(?:/|per)", "", per.strip()).strip()
        return f"{symbol}/{_SAME.get(unit, unit)}", frozenset()
    if symbol.casefold() in COMMON | _NO_UNITS:
        return "", frozenset()
    if len(symbol) < _SHORT or not symbol.isalpha():
        return symbol, frozenset()
    rest = text[found.start("symbol") :]
    end = _AFTER.search(rest)
    words = rest[: end.start()] if end else rest
    return symbol.casefold(), frozenset(content_words(" ".join(words.split()[:_REACH])))
