"""Measured values of a text, each with its unit, so that 200 nm is not 200 µm."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from math import isclose

__all__ = ["Measure", "in_words", "measures_of", "number_hits", "without_measures"]

_NUMBER = re.compile(
    r"(?<![\w.])[-−+]?\d{1,3}(?:[  ,]\d{3})+(?![\d.])|(?<![\w])[-−+]?\d+(?:[.,]\d+)?"
)
_PREFIXES = {
    "f": 1e-15, "p": 1e-12, "n": 1e-9, "µ": 1e-6, "μ": 1e-6, "m": 1e-3, "c": 1e-2, "": 1.0,
    "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12,
    "nano": 1e-9, "micro": 1e-6, "milli": 1e-3, "centi": 1e-2, "kilo": 1e3, "mega": 1e6,
    "giga": 1e9,
}  # fmt: skip
_UNIT = re.compile(
    r"\s*[-–]?\s*(?:"
    r"(?P<share>(?:wt|vol|at)\.?\s*-?%|%|percent\b|wt|at\.|vol|ppm)"
    r"|(?P<degree>°\s*(?:[CFK]\b)?|degrees?\b(?:\s+(?:Celsius|Fahrenheit|[CFK])\b)?)"
    r"|(?P<prefix>[kKMGTmµμnpfc]?)"
    r"(?P<base>m|A|V|W|Pa|Hz|J|N|eV|g|L|l|s|T|K|C|F|B|bar|mol|M|Ω|Å)"
    r"(?:(?P<power>(?<=m)\^?[23]\b)|\b|(?=[⁻/·^]))"
    r"|(?P<angstrom>Å|[åa]ngstr[oö]ms?\b)"
    r"|(?P<time>min\b|minutes?\b|hours?\b|h\b|days?\b|years?\b|seconds?\b)"
    r"|(?P<metre>(?P<long>nano|micro|milli|centi|kilo)?met(?:er|re)s?\b|microns?\b)"
    r"|(?P<pascal>(?P<large>mega|giga|kilo)?pascals?\b)"
    r"|(?P<fold>times\b|fold\b|×))"
)
_JOINT = r"\s*(?:[-–×x±]|to|and|or|by)\s*"
_RANGE = re.compile(rf"(?:{_JOINT}[-−+]?\d+(?:[.,]\d+)?)+")
_TIMES = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "y": 31557600.0}
_UNSIGNED = frozenset(("m", "s", "g"))
"""Where a sign is a dash."""


@dataclass(frozen=True)
class Measure:
    """A number with its unit.

    Attributes
    ----------
    value : float
        In the unit without prefix: metres, seconds, pascals.
    unit : str
        Such as ``"m"``, ``"°C"`` or ``"%"``; empty for a bare number.
    bare : float
        The number as it stands there.
    """

    value: float
    unit: str
    bare: float

    def is_like(self, other: Measure) -> bool:
        """Whether both are the same value; a number without a unit may have any."""
        if not self.unit or not other.unit:
            return isclose(abs(self.bare), abs(other.bare), rel_tol=1e-9)
        if not _alike(self.unit, other.unit):
            return False
        one, two = self.value, other.value
        if self.unit in _UNSIGNED:
            one, two = abs(one), abs(two)
        return isclose(one, two, rel_tol=1e-6)


def number_hits(text: str) -> list[tuple[re.Match[str], float]]:
    """Return where numbers stand in a text and what they are.

    A comma may be a decimal mark or one of thousands, as it stands.
    """
    found = []
    for hit in _NUMBER.finditer(text):
        word = hit[0].replace("−", "-")
        if re.fullmatch(r"[-+]?\d{1,3}(?:[  ,]\d{3})+", word):
            word = re.sub(r"[  ,]", "", word)
        found.append((hit, float(word.replace(",", "."))))
    return found


def measures_of(text: str, *, bare: bool = False) -> list[Measure]:
    """Return the numbers that have a unit, with ``bare`` those that have none, too.

    The first number of "5–10 nm" or "2 × 3 µm" has the unit of the last.
    """
    text = in_words(text)
    found = []
    for hit, number in number_hits(text):
        unit = _unit_behind(text, hit.end())
        if unit is not None:
            factor, name = _named(unit)
            before = text[: hit.start()]
            if hit[0][0] in "-−" and re.search(r"\d\s*$", before):
                number = abs(number)  # the dash of a range
            elif re.search(r"\bminus\s*$", before, re.IGNORECASE):
                number = -number
            found.append(Measure(number * factor, name, number))
        elif bare:
            found.append(Measure(number, "", number))
    return found


def without_measures(text: str) -> str:
    """Return a text without its measured values and their units."""
    text = in_words(text)
    for hit, _ in reversed(number_hits(text)):
        unit = _UNIT.match(text, hit.end())
        if unit is not None or _unit_behind(text, hit.end()) is not None:
            text = f"{text[: hit.start()]} {text[unit.end() if unit else hit.end() :]}"
    return text


def in_words(text: str) -> str:
    """Return a text with one sign for one meaning."""
    return unicodedata.normalize("NFKC", text)


def _unit_behind(text: str, at: int) -> re.Match[str] | None:
    chain = _RANGE.match(text, at)
    unit = None if chain is None else _UNIT.match(text, chain.end())
    return unit or _UNIT.match(text, at)


def _named(unit: re.Match[str]) -> tuple[float, str]:
    """Return a unit's factor and the name of the unit without prefix."""
    if unit["share"]:
        word = unit["share"][:2].casefold()
        return 1.0, {"wt": "wt%", "vo": "vol%", "at": "at%", "pp": "ppm"}.get(word, "%")
    if unit["degree"]:
        scale = re.search(r"(?:°|degrees?)\s*([CFK])", unit["degree"])
        return 1.0, f"°{scale[1]}" if scale else "°"
    if unit["angstrom"] or unit["base"] == "Å":
        return 1e-10, "m"
    if unit["time"]:
        word = unit["time"][0]
        return _TIMES[word], "s"
    if unit["metre"]:
        return (1e-6 if unit["metre"][:6] == "micron" else _PREFIXES[unit["long"] or ""]), "m"
    if unit["pascal"]:
        return _PREFIXES[unit["large"] or ""], "Pa"
    if unit["fold"]:
        return 1.0, "×"
    base, factor = unit["base"], _PREFIXES[unit["prefix"]]
    if base in ("C", "F", "K") and not unit["prefix"]:
        return 1.0, f"°{base}" if base != "K" else "K"
    if unit["power"]:
        power = int(unit["power"][-1])
        return factor**power, f"m{power}"
    return factor, {"l": "L"}.get(base, base)


def _alike(one: str, two: str) -> bool:
    if one == two:
        return True
    pair = {one, two}
    if "%" in pair:
        return pair <= {"%", "wt%", "vol%", "at%"}
    return pair in ({"°", "°C"}, {"°", "°F"}, {"K", "°K"})
