"""What can be seen of a statement without asking anybody: numbers, names, quotations."""

from __future__ import annotations

import re
import unicodedata
from difflib import SequenceMatcher

from ..teacher.agreement import plain_words, same_answer

__all__ = ["agrees", "is_quoted", "numbers_of", "plain_fault", "sentences"]

_PAPER = re.compile(
    r"\b(fig(ure|s|\.)?\s*\d|(this|the|its) (caption|paper|article|study|author)s?\b|\bauthors?\b"
    r"|et al\b|panels? \(?[a-z]\)?(?![a-z])|as (shown|seen|described) in \(?[a-z]\))",
    re.IGNORECASE,
)
_LETTER = re.compile(r"\([a-h](?:[-–,][a-h])?\)", re.IGNORECASE)
_NUMBER = re.compile(
    r"(?<![\w.])[-−+]?\d{1,3}(?:[  ,]\d{3})+(?![\d.])|(?<![\w])[-−+]?\d+(?:[.,]\d+)?"
)
_UNIT = re.compile(
    r"\s*[-–]?\s*(?:%|°|[kKMGTmµμnpfc]?(?:m|A|V|W|Pa|Hz|J|N|eV|g|L|l|s|T|K|C|F|B|bar|mol|M|Ω|Å)"
    r"(?:\b|[²³⁻/·^])|Å|wt|at\.|vol|ppm|min\b|hours?\b|h\b|days?\b|years?\b|degrees?\b|percent\b"
    r"|(?:nano|micro|milli|centi|kilo)?met(?:er|re)s?\b|microns?\b|seconds?\b|minutes?\b"
    r"|(?:mega|giga|kilo)?pascals?\b|times\b|fold\b|×)"
)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9−–-]*[A-Z0-9][A-Za-z0-9]*")
_EVERYDAY = frozenset(
    ("SEM", "TEM", "STEM", "AFM", "FIB", "EDS", "EDX", "EBSD", "XRD", "SE", "BSE", "2D", "3D")
)
_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[A-Z0-9\"'(\[])")
_NO_END = re.compile(
    r"\b(?:fig|figs|eq|ref|refs|e\.g|i\.e|cf|ca|approx|vs|al|no|vol|wt|at|resp|dr|st)\.$",
    re.IGNORECASE,
)
ENOUGH = 0.6
"""Share of the shorter answer's words that the longer one must hold."""


def sentences(text: str) -> list[str]:
    """Split a text into its sentences; abbreviations and decimals do not end one."""
    parts: list[str] = []
    for piece in _END.split(" ".join(text.split())):
        if parts and _NO_END.search(parts[-1]):
            parts[-1] = f"{parts[-1]} {piece}"
        elif piece:
            parts.append(piece)
    return parts


def plain_fault(statement: str, caption: str) -> str:
    """Return why a statement cannot be kept, as far as the caption's letters tell; else empty.

    A measured value, and a name with capitals or digits inside, must stand in the caption: what a
    teacher reads off a picture or knows from elsewhere cannot be told from what it makes up.
    """
    if _PAPER.search(statement) or _LETTER.search(statement):
        return "speaks of the paper, not of what is seen"
    there = {abs(number) for number in numbers_of(caption)}
    for number in numbers_of(statement, measured=True):
        if not any(abs(abs(number) - one) <= 1e-9 * max(one, 1) for one in there):
            return "a measured value that the caption does not give"
    known = _plain(caption)
    for name in _NAME.findall(statement):
        if name.rstrip("s") not in _EVERYDAY and _plain(name).rstrip("s") not in known:
            return "a formula or abbreviation that the caption does not give"
    return ""


def numbers_of(text: str, *, measured: bool = False) -> list[float]:
    """Return the numbers of a text, those with a unit alone if they are to be measured values.

    A comma may be a decimal mark or one of thousands, as it stands.
    """
    found = []
    text = unicodedata.normalize("NFKC", text)
    for hit in _NUMBER.finditer(text):
        if measured and not _UNIT.match(text, hit.end()) and not _opens_range(text, hit.end()):
            continue
        word = hit[0].replace("−", "-")
        if re.fullmatch(r"[-+]?\d{1,3}(?:[  ,]\d{3})+", word):
            word = re.sub(r"[  ,]", "", word)
        found.append(float(word.replace(",", ".")))
    return found


def is_quoted(words: str, caption: str, statement: str) -> bool:
    """Whether words are the caption's, and have anything to do with the statement.

    A quotation may differ in a letter or two, and in marks; invented ones do not pass.
    """
    quote, whole = plain_words(words), plain_words(caption)
    if not quote or len(quote) > len(whole):
        return False
    at = [i for i, word in enumerate(whole) if word == quote[0]] or range(len(whole))
    best = max(
        SequenceMatcher(None, quote, whole[i : i + len(quote)], autojunk=False).ratio() for i in at
    )
    roots = {word[:5] for word in plain_words(statement)}
    return best >= 0.8 and any(word[:5] in roots for word in quote)


def agrees(first: str, second: str) -> bool:
    """Whether two answers say the same; of longer ones one may say more than the other.

    Measured values must be equal; counts need only be near.
    """
    values = [sorted(numbers_of(text, measured=True)) for text in (first, second)]
    if all(values) and values[0] != values[1]:
        return False
    if same_answer(first, second):
        return True
    one, two = plain_words(first), plain_words(second)
    if max(len(one), len(two)) <= 6 or min(len(one), len(two)) < 3:
        return False
    if sorted(numbers_of(first)) != sorted(numbers_of(second)):
        return False
    if ("no" in one) != ("no" in two) or ("yes" in one) != ("yes" in two):
        return False
    shared = len({*one} & {*two})
    return shared / min(len({*one}), len({*two})) >= ENOUGH


def _opens_range(text: str, at: int) -> bool:
    """Whether a number begins a range with a unit, such as the 5 of "5-10 nm"."""
    rest = re.match(r"\s*(?:[-–]|to|and|±)\s*\d+(?:[.,]\d+)?", text[at:])
    return rest is not None and _UNIT.match(text, at + rest.end()) is not None


def _plain(text: str) -> str:
    text = unicodedata.normalize("NFKC", text).casefold()
    return re.sub(r"[\s−–-]+", "", text)
