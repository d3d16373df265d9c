"""What the words of an information bar say: makers' spellings, and letters that were misread."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ..metadata import to_nanometres

__all__ = ["Length", "Settings", "Word", "lengths_in", "settings_in"]

Box = tuple[float, float, float, float]

# Letters that stand for digits when they are misread, and only inside numbers.
_DIGITS = str.maketrans({"O": "0", "o": "0", "D": "0", "Q": "0", "l": "1", "I": "1", "|": "1"})
_FIGURES = r"([\dOolI|][\dOolIDQ|]*(?:[.,\s](?=[\dOolID])[\dOolIDQ|]+)*)"
_NUMBER = r"(?<![\dA-Za-z.,])" + _FIGURES
_MOST_NM = 2e7
_TOGETHER = re.compile(
    r"(\bS-?\d{4}|\bSU\d{4}|(?:\b|(?<=\d))(?:EHT|HV|WD|Mag|HFW|HFOV|FOV|SEI|Width)[-.:]?)(?=\d)"
)
_AFTER_UNIT = re.compile(r"(?<=\d)([kK]V|mm)(?=[\dxX×])")
_FIVE = re.compile(r"(?<![A-Za-z0-9])S(?=\s?[uµμn]m\b)")
# How sure the reader must be of a scale bar's length, and of one in millimetres: often nanometres.
_SURE, _SURE_MM = 0.7, 0.85
_UNITS = {
    "nm": ("nm", "nrn", "nn", "nM", "nrm", "NM"),
    # The micro sign is read as u, p, y or left out; picometres are on no scale bar of an SEM.
    "µm": (
        "µm",
        "um",
        "pm",
        "μm",
        "urn",
        "µrn",
        "prn",
        "ym",
        "jm",
        "μrn",
        "uM",
        "Um",
        "UM",
        "pam",
        "ªm",
        ":m",
        "μn",
        "un",
    ),
    "micron": ("microns", "micron"),
    "mm": ("mm", "mrn", "rnm", "MM", "rnrn"),
}
_UNIT_OF = {spelling: unit for unit, spellings in _UNITS.items() for spelling in spellings}
_SPELLINGS = "|".join(sorted(map(re.escape, _UNIT_OF), key=len, reverse=True))
# Not 5 1/nm nor 10 nm-1, which are scale bars of diffraction patterns.
_LENGTH = re.compile(_NUMBER + rf"\s*({_SPELLINGS})(?![a-wyz])(?!\s*(?:\^?\s*[-−–]\s*1|⁻))")
_VOLTAGE = re.compile(_NUMBER + r"\s*([kK]\s?[vVyY]|V)(?![a-z])")
_LABELLED_WIDTH = re.compile(
    r"(?:[vV]?[vVwW]idth|HFW|HFOV|FOV|FW|Field of view|View\s*field)\W*$", re.IGNORECASE
)
_LABELLED_DISTANCE = re.compile(r"(?:\bW\.?\s?D|Working distance)\W*$", re.IGNORECASE)
_TIMES = "[xX×]"
_MAGNIFICATIONS = (
    re.compile(r"(?:Mag\w*\.?\s*[=:]?|\bP:)\s*" + _NUMBER + rf"\s*([kK])?\s*{_TIMES}?", re.I),
    re.compile(rf"(?<![A-Za-z0-9]){_TIMES}\s?" + _FIGURES + r"\s*([kK])?(?![a-z])"),
    re.compile(_NUMBER + rf"\s*([kK])?\s?{_TIMES}(?![\dA-Za-z])"),
)


@dataclass(frozen=True)
class Word:
    """A piece of text and where it stands.

    Attributes
    ----------
    text : str
        As it was read.
    box : (float, float, float, float)
        ``y0, x0, y1, x1`` in pixels of the picture.
    score : float
        How sure the reader was, 0 to 1.
    """

    text: str
    box: Box
    score: float = 1.0

    def moved(self, rows: float, columns: float) -> Word:
        """Return the word at another place."""
        y0, x0, y1, x1 = self.box
        return replace(self, box=(y0 + rows, x0 + columns, y1 + rows, x1 + columns))


@dataclass(frozen=True)
class Length:
    """A length in a text: how long, in which unit it was written, and what stands before it."""

    nm: float
    unit: str
    before: str
    span: tuple[int, int]


@dataclass(frozen=True)
class Settings:
    """What the words say; None where they do not.

    Attributes
    ----------
    voltage_kv, working_distance_mm, magnification : float or None
        As in :class:`..metadata.Instrument`.
    field_width_nm : float or None
        Width of the whole picture.
    scales : tuple of (float, Word)
        Lengths in nanometres that may be the scale bar's, each with its word.
    """

    voltage_kv: float | None = None
    working_distance_mm: float | None = None
    magnification: float | None = None
    field_width_nm: float | None = None
    scales: tuple[tuple[float, Word], ...] = ()


def lengths_in(text: str) -> list[Length]:
    """Return the lengths in a text, ``"WD = 6.2 mm"``, ``"2O urn"``; inverse lengths are none."""
    found = []
    text = _FIVE.sub("5", _spaced(text))
    for match in _LENGTH.finditer(text):
        if text[: match.start()].rstrip().endswith(("/", "±")):
            continue
        value, unit = _number(match[1]), _UNIT_OF[match[2]]
        nm = None if value is None else to_nanometres(value, unit)
        if nm is not None and nm <= _MOST_NM * (5 if unit == "mm" else 1):
            found.append(Length(nm, unit, text[: match.start()], match.span()))
    return found


def _spaced(text: str) -> str:
    """Return a text with the spaces that are lost between small letters."""
    return _AFTER_UNIT.sub(r"\1 ", _TOGETHER.sub(r"\1 ", text))


def settings_in(words: Sequence[Word]) -> Settings:
    """Read acceleration voltage, working distance, magnification and lengths from words."""
    voltage = _first(_voltages(words))
    magnification = _first(_magnifications(words))
    distance = width = None
    rest: list[tuple[float, Word]] = []
    for word in words:
        for length in lengths_in(word.text):
            part = _part(word, length.span)
            labels = (length.before, _header(part, words))
            if any(map(_LABELLED_DISTANCE.search, labels)):
                distance = distance or length.nm / 1e6
            elif any(map(_LABELLED_WIDTH.search, labels)):
                width = width or length.nm
            elif length.unit == "mm" and _VOLTAGE.search(length.before):
                distance = distance or length.nm / 1e6  # Hitachi: "5.0kV 9.2mm x600"
            elif word.score > (_SURE_MM if length.unit == "mm" else _SURE):
                rest.append((length.nm, part))
    return Settings(voltage, distance, magnification, width, tuple(rest))


def _part(word: Word, span: tuple[int, int]) -> Word:
    """Return a piece of a word's text with the piece of its box where it about stands."""
    y0, x0, y1, x1 = word.box
    text = _spaced(word.text)
    step = (x1 - x0) / max(len(text), 1)
    box = (y0, x0 + span[0] * step, y1, x0 + span[1] * step)
    return Word(text[slice(*span)], box, word.score)


def _voltages(words: Sequence[Word]) -> Iterator[float]:
    for word in words:
        for match in _VOLTAGE.finditer(_spaced(word.text)):
            value = _number(match[1])
            kilovolts = None if value is None else value / (1000 if match[2] == "V" else 1)
            if kilovolts is not None and 0.01 <= kilovolts <= 1500:
                yield kilovolts


def _magnifications(words: Sequence[Word]) -> Iterator[float]:
    for pattern in _MAGNIFICATIONS:
        for word in words:
            for match in pattern.finditer(_spaced(word.text)):
                value = _number(match[1], thousands=not match[2])
                if value is not None and 5 <= (times := value * (1000 if match[2] else 1)) <= 1e8:
                    yield times


def _first(values: Iterator[float]) -> float | None:
    return next(values, None)


def _header(word: Word, words: Sequence[Word]) -> str:
    """Return what stands right above a word, as in the tables of FEI and Thermo."""
    y0, x0, y1, x1 = word.box
    height = max(y1 - y0, 1.0)
    above = [
        other
        for other in words
        if 0 <= y0 - other.box[0] <= 2.5 * height
        and other.box[2] <= (y0 + y1) / 2
        and min(x1, other.box[3]) > max(x0, other.box[1])
    ]
    return max(above, key=lambda other: other.box[2]).text if above else ""


def _number(text: str, *, thousands: bool = False) -> float | None:
    """Return a number, ``"1,000"`` and ``"15 000"`` too, and ``"2O"`` for 20."""
    if not any(map(str.isdigit, text)) and text not in ("l", "I", "|"):
        return None
    text = text.translate(_DIGITS)
    text = re.sub(r"\s", " ", text)
    if re.fullmatch(r"[1-9]\d{0,2}([ ,]\d{3})+(\.\d+)?", text):
        text = re.sub("[ ,]", "", text)
    elif thousands and re.fullmatch(r"[1-9]\d{0,2}(\.\d{3})+", text):
        text = text.replace(".", "")
    elif " " in text:
        # Two numbers side by side: the one next to the unit counts.
        text = text.rsplit(" ", 1)[1]
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return None
