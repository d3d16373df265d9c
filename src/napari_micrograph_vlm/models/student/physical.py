"""Physical lengths: arithmetic that needs no model, done where the model writes shares.

The student writes a length as a share of the picture, ``"about 10 % of the picture"``: of the
longer side of what it looked at. Where the size of a pixel is known, the length follows it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ...frames.montage import SHEET
from ...lengths import in_metres, readable_length
from ...regions import Region

__all__ = [
    "AS_SHARES",
    "Expander",
    "NoScale",
    "Scale",
    "asks_for_length",
    "asks_which_is_larger",
    "expand",
    "plain",
    "scale_of",
]

AS_SHARES = " (as a share of each region)"
"""Follows the region that is named where sizes in regions of different size are compared."""


class NoScale(StrEnum):
    """Why there is no length; it follows a share where a length was asked for."""

    UNKNOWN = " (the pixel size is not known)"
    DIFFERS = " (the regions differ in size)"
    SHEET = " (a share of the sheet of frames; ask about one frame for a length)"


_SHARE = re.compile(r"(about )?(?<![\w.,])(\d{1,3}(?:\.\d+)?) ?% of the picture(?![\w'’])", re.I)
_NAMED = re.compile(r"\A(?:the first region|the second region|both have the same)(?!\w)", re.I)
_ADDED = re.compile(
    r"(% of the picture)"
    rf"(?: \((?:about )?[\d.]+ (?:pm|nm|µm|mm|m)\)|{'|'.join(map(re.escape, NoScale))})"
    rf"|({_NAMED.pattern}){re.escape(AS_SHARES)}",
    re.IGNORECASE,
)
_LENGTH_ASKED = re.compile(
    r"(?<![^\W\d_])(nm|[uµμ]m|mm|pm|microns?|(?:pico|nano|micro|milli)?met(?:er|re)s?|[åa]ngstr[oö]ms?)(?!\w)"
    r"|\b(?:physical|absolute|real)\s+(?:size|length|width|diameter|unit)",
    re.IGNORECASE,
)
_LARGER_ASKED = re.compile(
    r"\b(?:(?:larg|bigg|small|long|short|wid|thick|thinn|coars|fin)(?:er|est)|sizes?|further)\b"
    r"(?!\s+(?:number|amount|share|proportion|density|coverage)\b)",
    re.IGNORECASE,
)
_SAID = re.compile(r"[^\W_]+(?:\.\d+)?")

_ALIKE = 0.005
"""Two regions this close in size have one scale."""


@dataclass(frozen=True)
class Scale:
    """How large what was looked at is.

    Attributes
    ----------
    side, width : float
        Its longer side and its width in nm.
    """

    side: float
    width: float


def scale_of(regions: Sequence[Region]) -> Scale | NoScale:
    """Return the scale that regions have in common, or why there is none."""
    if any(region.scale_from == SHEET for region in regions):
        return NoScale.SHEET
    scales = [_scale(region) for region in regions]
    known = [scale for scale in scales if scale is not None]
    if not known or len(known) < len(scales):
        return NoScale.UNKNOWN
    first = known[0]
    for other in known[1:]:
        if not (_alike(other.side, first.side) and _alike(other.width, first.width)):
            return NoScale.DIFFERS
    return first


def _scale(region: Region) -> Scale | None:
    metres = None if region.unit == "pixel" else in_metres(region.unit)
    if region.pixel_size is None or metres is None:
        return None
    height, width = (
        n * size * metres * 1e9 for n, size in zip(region.shape, region.pixel_size, strict=True)
    )
    return Scale(max(height, width), width)


def _alike(one: float, other: float) -> bool:
    return abs(one - other) <= _ALIKE * max(one, other)


def asks_for_length(question: str) -> bool:
    """Whether a question names a unit of length or asks for a physical size."""
    return _LENGTH_ASKED.search(question) is not None


def asks_which_is_larger(question: str) -> bool:
    """Whether a question compares sizes."""
    return _LARGER_ASKED.search(question) is not None


def expand(text: str, nm_across: float | None, *, question: str = "") -> str:
    """Return a text with a length after each share of the picture.

    Parameters
    ----------
    text : str
        Such as ``"large, about 40 % of the picture"``.
    nm_across : float or None
        Side of the (square) picture in nm; None where it is not known.
    question : str
        Where it asks for a length that cannot be told, that is said.
    """
    scale = NoScale.UNKNOWN if nm_across is None else Scale(nm_across, nm_across)
    expander = Expander(scale, question)
    expander.push(text)
    return expander.text


def plain(text: str) -> str:
    """Return a text without what an :class:`Expander` added: what the model itself wrote."""
    return _ADDED.sub(lambda found: found.group(1) or found.group(2), text)


class Expander:
    """Put lengths into a text that comes word by word.

    The pieces that :meth:`push` returns add up to :attr:`text`.

    Parameters
    ----------
    scale : Scale or NoScale
        Without one, only the reason is added, once, where the question asks for a length. Where
        the scales of two regions differ and the question compares sizes, :data:`AS_SHARES` is
        added, since the model compares shares.
    question : str
        What was asked.
    """

    def __init__(self, scale: Scale | NoScale, question: str = "") -> None:
        self._scale = scale
        self._tell_why = asks_for_length(question)
        self._tell_shares = scale is NoScale.DIFFERS and asks_which_is_larger(question)
        self._raw = ""
        self._added: list[tuple[int, int, str]] = []
        self.text = ""

    def push(self, piece: str) -> str:
        """Take whole words, with the space before them; return them with lengths."""
        start = done = len(self._raw)
        self._raw += piece
        new = ""
        for end, source, added in self._additions():
            if end <= start or not added:
                continue
            self._added.append((end, source, added))
            new += self._raw[done:end] + added
            done = end
        new += self._raw[done:]
        self.text += new
        return new

    def _additions(self) -> Iterator[tuple[int, int, str]]:
        """Say where something belongs, where the word lies that it is about, and what it is."""
        if self._tell_shares and (named := _NAMED.match(self._raw)):
            yield named.end(), named.end() - 1, AS_SHARES
        for found in _SHARE.finditer(self._raw):
            yield found.end(), found.start(2), self._length(found)

    def _length(self, found: re.Match[str]) -> str:
        share = float(found.group(2)) / 100
        if isinstance(self._scale, NoScale):
            once = self._tell_why and not self._added
            return str(self._scale) if once else ""
        if not share:
            return ""
        if share == 1 and not found.group(1):
            # The field of view, which is no estimate.
            return f" ({readable_length(self._scale.width, unit='nm', digits=3)})"
        return f" (about {readable_length(share * self._scale.side, unit='nm', digits=2)})"

    def placed(
        self, words: Sequence[tuple[int, int, tuple[int, ...]]]
    ) -> list[tuple[int, int, tuple[int, ...]]]:
        """Return where words lie in :attr:`text`, with the words that were added.

        Parameters
        ----------
        words : sequence of (start, stop, tokens)
            Words of the text without lengths, in their order.

        Returns
        -------
        list of (start, stop, tokens)
            An added word has the tokens of the number, or of the word, that it is about.
        """

        def moved(before: int) -> int:
            return sum(len(text) for end, _, text in self._added if end < before)

        placed = [
            (start + moved(stop), stop + moved(stop), tokens) for start, stop, tokens in words
        ]
        for end, number, text in self._added:
            tokens = next((t for start, stop, t in words if start <= number < stop), ())
            first = end + moved(end)
            said = _SAID.finditer(text) if tokens else ()
            placed += [(first + word.start(), first + word.end(), tokens) for word in said]
        return sorted(placed)
