"""Sizes that an answer states, and which of them cannot be true of what was looked at."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot, isfinite
from typing import TYPE_CHECKING

from ..lengths import in_metres, readable_length

if TYPE_CHECKING:
    from ..regions import Region
    from ..results import Answer

__all__ = ["StatedSize", "impossible_sizes", "sizes_in"]

ROUNDING = 0.05
"""An answer may round: sizes this much beyond a limit are let pass."""

_METRES = {
    "fm": 1e-15,
    "pm": 1e-12,
    "å": 1e-10,
    "nm": 1e-9,
    "um": 1e-6,
    "mm": 1e-3,
    "cm": 1e-2,
    "m": 1.0,
}
_PREFIXES = {
    "femto": "fm",
    "pico": "pm",
    "nano": "nm",
    "micro": "um",
    "milli": "mm",
    "centi": "cm",
    "": "m",
}

_NUMBER = (
    r"(?:[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?|\d+(?:[.,]\d+)?|\.\d+)"
    r"(?:\s?[eE][-+−]?\d+|\s?[×x*·]\s?10(?:\^\s?[-+−]?\d+|[-−]\d+|[⁻⁺]?[⁰¹²³⁴-⁹]+))?"
)
_JOINT = r"\s*(?:to|and|or|by|[-–—×x*~])\s*"
_LONG = r"(?:femto|pico|nano|micro|milli|centi)?-?met(?:er|re)s?|microns?|[åa]ngstr[oö]ms?"
# In capitals a symbol means something else: M is molar, or a million.
_UNIT = rf"{_LONG}|(?-i:[fpnuµμmc]m|[åÅ]|m)"
_SIZE = re.compile(
    rf"(?<![\w.,^])(?<!\d:)(?P<first>{_NUMBER})"
    rf"(?:(?P<joint>{_JOINT})(?P<second>{_NUMBER}))?"
    r"(?:\s*|-)(?P<squared>(?:square|sq\.?)[\s-]+)?"
    rf"(?P<unit>{_UNIT})(?P<power>\^?[23]|[²³])?"
    # Not a rate, a reciprocal, a part of a word or a power that is not a size.
    r"(?![\w²³^⁻]|[-−]\d|\s?/|\s+per\b|\s+a\s+(?:pixel|second)\b)",
    re.IGNORECASE,
)
_OCLOCK = re.compile(r"\b(?:at|by|from|until|till|before|after|since)\s*$", re.IGNORECASE)
_SUPERSCRIPT = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")

# Lengths that do not lie in the plane of the picture, or not in the picture at all.
_ELSEWHERE = re.compile(
    r"working\s+distance|\bWD\b|\bwavelength|\bresol(?:ution|ved?)\b|\bdepth|\bdeep\b|\bthick"
    r"|\bcoat|\bwafer|\bpixel\s+size|\bpenetrat|\bheight\b|\bcamera\s+length|\blayer\s+of\b"
    r"|\bfield\s+of\s+view|\bscale\s*bar|\broughness|\bz-?axis",
    re.IGNORECASE,
)
_AT_MOST = re.compile(
    r"(?:less|smaller|shorter|finer|narrower|thinner|fewer|lower)\s+than|\bbelow|\bunder"
    r"|\bup\s+to|\bat\s+most|\bwithin|\bmaximum(?:\s+of)?|\bno\s+(?:more|larger|longer)\s+than|[<≤≲]",
    re.IGNORECASE,
)
_AT_LEAST = re.compile(
    r"(?:more|larger|greater|longer|wider|bigger)\s+than|\babove|\bover|\bat\s+least|\bexceed\w*"
    r"|\bno\s+(?:less|smaller|shorter)\s+than|[>≥≳]",
    re.IGNORECASE,
)
_END = re.compile(r"[.;!?]\s|\n")
_REACH = 40
"""How many characters before a size, and half as many behind it, tell what it is the size of."""


@dataclass(frozen=True)
class StatedSize:
    """A length or an area that a text states.

    Attributes
    ----------
    start, stop : int
        It stands at ``text[start:stop]``.
    text : str
        As it stands there, such as ``"4.1 µm"``.
    smallest, largest : float
        In metres, or in square metres for an area; they differ for a range such as
        ``"5 to 10 nm"``. Zero or infinity where only one is stated, ``"less than 5 nm"``.
    area : bool
        Whether it is an area.
    in_plane : bool
        Whether it can be a size in the plane of the picture; False for depths, thicknesses and
        the instrument's own lengths.
    """

    start: int
    stop: int
    text: str
    smallest: float
    largest: float
    area: bool
    in_plane: bool


def sizes_in(text: str) -> list[StatedSize]:
    """Find the lengths and areas that a text states, in their order.

    Understands ranges, ``"2 × 3 µm"``, decimal commas, thousands, powers of ten and units by
    symbol or by name. Rates (``nm/s``), reciprocals (``nm⁻¹``) and volumes are no sizes.
    """
    return [size for found in _SIZE.finditer(text) if (size := _size(text, found)) is not None]


def impossible_sizes(answer: Answer) -> list[str]:
    """Return a sentence for each stated size that cannot be true.

    Parameters
    ----------
    answer : Answer
        Its ``text`` is compared with its regions: nothing in a region is longer than its diagonal
        or larger than its area, and nothing below half a pixel can be seen in it.

    Returns
    -------
    list of str
        Empty where nothing is wrong, or where the pixel size of a region is not known.
    """
    limits = _Limits.of(answer.regions)
    if limits is None:
        return []
    said = (limits.judged(size) for size in sizes_in(answer.text) if size.in_plane)
    return list(dict.fromkeys(filter(None, said)))


@dataclass(frozen=True)
class _Limits:
    """What sizes there can be in some regions, in metres and square metres."""

    diagonal: float
    area: float
    pixel: float
    cell: float
    several: bool

    @classmethod
    def of(cls, regions: Sequence[Region]) -> _Limits | None:
        """Return the widest limits; None where a scale is not known."""
        found = []
        for region in regions:
            metres = in_metres(region.unit)
            if region.pixel_size is None or metres is None:
                return None
            down, across = (size * metres for size in region.pixel_size)
            if not (0 < down < float("inf") and 0 < across < float("inf")):
                return None
            height, width = (n * s for n, s in zip(region.shape, (down, across), strict=True))
            # Twice the standard uncertainty of the scale: what is still likely is not impossible.
            more = 1 + 2 * (region.scale_error or 0.0)
            share = 1.0 if region.mask is None else float(region.mask.mean())
            found.append(
                (
                    hypot(height, width) * more,
                    height * width * share * more**2,
                    min(down, across) / more,
                    down * across / more**2,
                )
            )
        if not found:
            return None
        long, wide, short, small = zip(*found, strict=True)
        return cls(max(long), max(wide), min(short), min(small), len(found) > 1)

    def judged(self, size: StatedSize) -> str:
        """Return what is wrong with a size; empty where nothing is."""
        it = "a region" if self.several else "the region"
        if size.area:
            if size.smallest > self.area * (1 + ROUNDING):
                return f"“{size.text}” is more than the whole area of {it}, {self._area()}."
            if size.largest < self.cell / 4 / (1 + ROUNDING):
                return f"“{size.text}” is less than a quarter of a pixel's area: not visible."
            return ""
        if size.smallest > self.diagonal * (1 + ROUNDING):
            across = readable_length(self.diagonal, unit="m")
            return f"“{size.text}” is longer than {it}, which is {across} from corner to corner."
        if size.largest < self.pixel / 2 / (1 + ROUNDING):
            pixel = readable_length(self.pixel, unit="m")
            return f"“{size.text}” is less than half a pixel, which is {pixel} wide: not visible."
        return ""

    def _area(self) -> str:
        """Write the area in the square of the unit that suits the diagonal."""
        unit = readable_length(self.diagonal, unit="m").split()[1]
        return f"{self.area / (in_metres(unit) or 1.0) ** 2:.3g} {unit}²"


def _size(text: str, found: re.Match[str]) -> StatedSize | None:
    power = found["power"] or ""
    area = bool(found["squared"]) or power.endswith(("2", "²"))
    if power.endswith(("3", "³")):
        return None
    factor = _factor(found["unit"]) ** (2 if area else 1)
    numbers = [_number(found[name]) * factor for name in ("first", "second") if found[name]]
    joint = (found["joint"] or "").strip()
    if area and joint in ("×", "x", "*", "by") and len(numbers) == 2:
        return None  # "3 × 4 µm²" may mean either
    if not all(isfinite(number) and number > 0 for number in numbers):
        return None
    smallest, largest = min(numbers), max(numbers)
    if found["unit"] == "pm" and _is_hour(found) and _OCLOCK.search(text[: found.start()]):
        return None
    if joint in ("×", "x", "*", "by", "and"):
        # Two sizes at once: the larger must fit, and the smaller be seen.
        smallest, largest = largest, smallest
    before, after = _around(text, found)
    near = before[-24:]
    if _AT_MOST.search(near):
        smallest = 0.0
    elif _AT_LEAST.search(near):
        largest = float("inf")
    return StatedSize(
        found.start(),
        found.end(),
        found.group().strip(),
        smallest,
        largest,
        area,
        not _ELSEWHERE.search(before + " " + after),
    )


def _is_hour(found: re.Match[str]) -> bool:
    """Whether numbers can be hours of the day, as in ``"at 5 pm"``."""
    hours = (found[name] for name in ("first", "second") if found[name])
    return all(re.fullmatch(r"[1-9]|1[0-2]|0[1-9]", hour) for hour in hours)


def _around(text: str, found: re.Match[str]) -> tuple[str, str]:
    """Return what is said of a size in its sentence, before it and behind it."""
    before = text[max(found.start() - _REACH, 0) : found.start()]
    after = text[found.end() : found.end() + _REACH // 2]
    ends = list(_END.finditer(before))
    if ends:
        before = before[ends[-1].end() :]
    end = _END.search(after)
    # What follows a comma is about something else.
    return before, re.split(r"[,;]", after[: end.start()] if end else after)[0]


def _number(text: str) -> float:
    text = re.sub(r"\s", "", text.translate(_SUPERSCRIPT)).replace("−", "-").lower()
    text = re.sub(r"[×x*·]10\^?", "e", text)
    if re.fullmatch(r"[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?(?:e.*)?", text):
        text = text.replace(",", "")
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return float("nan")


def _factor(unit: str) -> float:
    name = unit.lower().replace("µ", "u").replace("μ", "u").replace("-", "")
    if name.startswith("micron"):
        return 1e-6
    if name.startswith(("ång", "ang")) or name == "å":
        return 1e-10
    long = re.match(r"(femto|pico|nano|micro|milli|centi|)met(?:er|re)s?$", name)
    return _METRES[_PREFIXES[long.group(1)] if long else name]
