"""Text as a paper printed it: what fonts, line ends and encodings did to it undone."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

__all__ = ["clean_text", "lowered", "raised", "scripts"]

_LIGATURES = {
    "ﬀ": "ff",
    "ﬁ": "fi",
    "ﬂ": "fl",
    "ﬃ": "ffi",
    "ﬄ": "ffl",
    "ﬅ": "st",
    "ﬆ": "st",
    "ĳ": "ij",
    "Ĳ": "IJ",
}

_SYMBOL_FONT = dict(
    zip(
        range(0xF041, 0xF07B),
        "ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ[∴]⊥_‾αβχδεφγηιϕκλμνοπθρστυϖωξψζ",
        strict=True,
    )
) | {
    0xF02B: "+",
    0xF02D: "−",
    0xF03C: "<",
    0xF03D: "=",
    0xF03E: ">",
    0xF07E: "∼",
    0xF0A2: "′",
    0xF0A3: "≤",
    0xF0A5: "∞",
    0xF0AE: "→",
    0xF0B0: "°",
    0xF0B1: "±",
    0xF0B2: "″",
    0xF0B3: "≥",
    0xF0B4: "×",
    0xF0B7: "•",
    0xF0B9: "≠",
    0xF0BB: "≈",
    0xF0C5: "⊕",
    0xF0D0: "∠",
    0xF0D1: "∇",
    0xF0D6: "√",
    0xF0D7: "⋅",
    0xF0E5: "∑",
}
"""The Symbol font's own places, which many programs put into the private-use area."""

_ACCENTS = {"¨": "\u0308", "´": "\u0301", "ˇ": "\u030c", "ˆ": "\u0302", "˜": "\u0303"}
"""Accents that fonts of seven bits print before their letter, as characters of their own."""

_KEEPS_HYPHEN = re.compile(
    r"as|back|bright|charge|cross|custom|dark|double|edge|electron|energy|far|few|field|fine|"
    r"fold|free|front|full|gas|glass|grain|half|hand|heat|heavy|high|hot|ice|in|ion|iron|"
    r"kinetic|large|laser|lattice|layer|lead|left|light|liquid|long|low|mass|mid|mixed|near|"
    r"non|off|on|one|open|out|phase|plan|plane|post|pre|quasi|rate|real|right|room|self|semi|"
    r"shape|sharp|short|side|single|size|small|so|solid|spin|steady|step|sub|surface|"
    r"surfactant|temperature|ten|thick|thin|three|through|time|top|two|ultra|up|water|wave|"
    r"weight|well|wet|wide|x|y|z",
    re.IGNORECASE,
)
"""First halves that are more often written with a hyphen than run together."""

_HYPHENS = "-\u2010\u00ad\ufffe\x02"
"""At a line's end; PDFium writes the last two."""

_AT_LINE_END = re.compile(rf"(\w+)([{_HYPHENS}])[ \t]*[\r\n]+[ \t]*(\w+)")
_BROKEN = re.compile(r"(\w+)[\ufffe\x02]\s*(\w+)")
_GLYPH = re.compile(r"\(cid:\d+\)")
_NOTHING = re.compile(r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\ufffc-\uffff]")


def clean_text(text: str) -> str:
    """Return a text with what its typesetting did to it undone, on one line.

    Ligatures are letters again, words that a line's end parted are joined, letters from the
    Symbol font's private places and from mathematical alphabets are the letters they show, accents
    stand on their letters; invisible characters are gone, and all white space is one blank.

    Parameters
    ----------
    text : str
        With its line ends: a hyphen is taken for a parted word only there.

    Returns
    -------
    str
        In Unicode's composed form (NFC), with the micro sign in ``"µm"``.
    """
    for ligature, letters in _LIGATURES.items():
        text = text.replace(ligature, letters)
    text = "".join(_letter(character) for character in text)
    # Twice: a word of one letter may belong to two line ends.
    for pattern in (_AT_LINE_END, _AT_LINE_END, _BROKEN):
        text = pattern.sub(_joined, text)
    text = _NOTHING.sub("", _GLYPH.sub("", text))
    text = "".join(c if c.isprintable() else " " for c in text)
    text = re.sub(r"([¨´ˇˆ˜])([AEIOUYaeiouyCcNnRrSsZz])", _accented, text)
    text = re.sub(r"[◦˚º]\s?(?=[CF]\b)", "°", text)
    text = re.sub(r"(?<![^\W\d])μ(?=\s?(?:m|s|g|l|L|A|V|W|N|J|M|F|C|Pa|mol|Ω)\b)", "µ", text)
    return unicodedata.normalize("NFC", " ".join(text.split()))


_RAISED = str.maketrans("0123456789+-−–=()ni", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁻⁼⁽⁾ⁿⁱ")
_LOWERED = str.maketrans("0123456789+-−–=()", "₀₁₂₃₄₅₆₇₈₉₊₋₋₋₌₍₎")
_PLAIN = re.compile(r"\W*(?:st|nd|rd|th|®|™|©|TM)?\W*|\[.*\]", re.IGNORECASE)
"""What is raised for its looks alone: signs, ordinals, numbers of references in brackets."""


def raised(text: str) -> str:
    """Return a superscript in plain text: ``"⁻³"``, or ``"^{ab}"`` where Unicode has none."""
    text = text.strip()
    if text in ("o", "O", "∘", "◦", "°", "º", "˚"):
        return "°"
    return _set(text, _RAISED, "^")


def lowered(text: str) -> str:
    """Return a subscript in plain text: ``"₂"``, or ``"_{max}"`` where Unicode has none."""
    return _set(text.strip(), _LOWERED, "_")


def scripts(tag: str, parts: Sequence[str]) -> str:
    """Return what MathML's ``msup``, ``msub`` or ``msubsup`` shows, its parts given as text."""
    said = [one.strip() for one in parts if one.strip()]
    if len(said) == 3 and tag == "msubsup":
        return f"{said[0]}{lowered(said[1])}{raised(said[2])}"
    if len(said) == 2 and tag != "msubsup":
        return said[0] + (raised if tag == "msup" else lowered)(said[1])
    return " ".join(said)


def _set(text: str, letters: dict[int, int], sign: str) -> str:
    if text and all(ord(one) in letters for one in text):
        return text.translate(letters)
    return text if _PLAIN.fullmatch(text) else f"{sign}{{{text}}}"


def _letter(character: str) -> str:
    code = ord(character)
    if 0xE000 <= code <= 0xF8FF:
        if 0xF030 <= code <= 0xF039:
            return chr(code - 0xF000)
        return _SYMBOL_FONT.get(code, "")
    if 0x1D400 <= code <= 0x1D7FF:
        return unicodedata.normalize("NFKC", character)
    if code >= 0xF0000 or 0xD800 <= code <= 0xDFFF:
        return ""
    return character


def _joined(found: re.Match[str]) -> str:
    first, second, text = found.group(1), found.group(found.lastindex or 2), found.string
    whole, parted = first + second, f"{first}-{second}"
    if re.search(rf"\b{re.escape(parted)}\b", text):
        return parted
    if re.search(rf"\b{re.escape(whole)}\b", text):
        return whole
    upright = second[0].islower() and first[-1].isalpha()
    # "Al-Ti", "X-ray" and "3-fold" are written so; so is "high-resolution".
    if not upright or len(first) == 1 or _KEEPS_HYPHEN.fullmatch(first):
        return parted
    return whole


def _accented(found: re.Match[str]) -> str:
    before = found.string[found.start() - 1 : found.start()]
    if before.isdigit():  # 5´ is the end of a strand
        return found.group()
    both = unicodedata.normalize("NFC", found.group(2) + _ACCENTS[found.group(1)])
    return both if len(both) == 1 else found.group()
