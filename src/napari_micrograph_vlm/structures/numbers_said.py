"""Numbers in a text: means without their deviations, and what no length or share can be."""

from __future__ import annotations

import re

from .fields import StructureError

__all__ = ["UNIT_WORDS", "plain", "refuse_signs"]

UNIT_WORDS = (
    r"(?:(?-i:[fpnuµμmc]m|m)|[åÅ]|(?:femto|pico|nano|micro|milli|centi)?-?met(?:er|re)s?|microns?"
    r"|[åa]ngstr[oö]ms?)"
)
"""Units of length by symbol or by name."""

_NUMBER = r"(?:\d+(?:[.,]\d+)?|[.,]\d+)(?:[eE][-+]?\d+)?"
_MORE_OR_LESS = r"(?:±|\+\s?/\s?[-−–]|\+[-−–])"
_MEASURE = rf"(?:{UNIT_WORDS}(?!\w)|%|per ?cent\b)"
_DEVIATIONS = (
    # "480 nm ± 120 nm", "80 % ± 3 %", "100 nm ± 10 %"
    (re.compile(rf"({_MEASURE})\s*{_MORE_OR_LESS}\s*{_NUMBER}\s*{_MEASURE}", re.I), r"\1"),
    (re.compile(rf"\(\s*({_NUMBER})\s*{_MORE_OR_LESS}\s*{_NUMBER}\s*\)", re.I), r"\1"),
    (re.compile(rf"(?<=\d)\s*{_MORE_OR_LESS}\s*{_NUMBER}", re.I), ""),
)

_SIGNED = re.compile(
    rf"(?:^|(?<=[\s(=:~]))(?<!\d\s)(?P<said>[-−](?:{_NUMBER})\s*(?:{_MEASURE}))", re.I
)
_NOTHING = re.compile(
    rf"(?<![\w.,])(?P<said>(?:0+(?:[.,]0+)?|nan|-?inf(?:inity)?|∞)\s*(?:{UNIT_WORDS})(?!\w))", re.I
)
_MAY_BE = re.compile(
    r"defocus|strain|stage|offset|shift|drift|chang|shrink|error|deviat|defect", re.I
)


def plain(text: str) -> str:
    """Return a text in which ``"480 ± 120 nm"`` is ``"480 nm"``."""
    for pattern, kept in _DEVIATIONS:
        text = pattern.sub(kept, text)
    return text


def refuse_signs(text: str) -> None:
    """See that no length or share has a minus sign, and no length is 0.

    Raises
    ------
    StructureError
        If one is; a defocus or a strain may be.
    """
    for pattern in (_SIGNED, _NOTHING):
        for found in pattern.finditer(text):
            near = text[max(found.start() - 25, 0) : found.start()]
            if _MAY_BE.search(re.split(r"[,;]", near)[-1]):
                continue
            said = found["said"]
            if said.endswith(("%", "t")):
                raise StructureError(f"“{said}” is no share; give one between 0 and 100 %.")
            raise StructureError(f"“{said}” is no length; give one above 0.")
