"""Where an answer has marks such as [1], and which sentence each stands behind."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["END", "Group", "groups_of", "strangers_of"]

_MARK = re.compile(
    r"[ \t]*[\[(【](?:(?:sources?|figures?|figs?\.?|refs?\.?|captions?)[ \t]*)?"
    # Not what is a part of a word, such as [2]catenane.
    r"(\d{1,2}(?:\s*(?:,|;|&|and|–|-)\s*(?:source\s*)?\d{1,2})*)[\])】](?!-?\w)",
    re.IGNORECASE,
)
_LONE = re.compile(r"(?<=\w)[.]?[ \t]*\[([1-9])\](?=[.,;!?]|\s*$)", re.MULTILINE)
_WORDED = re.compile(r"[\[(【][ \t]*[a-z]", re.IGNORECASE)
_BRACKET = re.compile(r"[ \t]*\[(?:the )?(?:image|picture|region)\]", re.IGNORECASE)
# Not after "Fig.", "e.g." or a number's point.
END = re.compile(r"(?<![A-Z])(?<!\bet al)(?<!\bFig)(?<!\be\.g)(?<!\bi\.e)[.!?](?=\s)|\n")
_CRYSTAL = r"(?:directions?|ax[ie]s|planes?|zones?|intervals?|hkl|orientations?|facets?|vectors?)"
_BEFORE = re.compile(
    rf"\b{_CRYSTAL}(?P<joint>\W+(?:is|are|was|were|of|along|in|to|from)|\s*[:=(])?\W*$",
    re.IGNORECASE,
)
_AFTER = re.compile(
    rf"[\s-]*(?:(?:crystal\w*|zone|close-packed)[\s-]+)?{_CRYSTAL}\b", re.IGNORECASE
)
_NEAR = 40
"""Letters around a mark that tell what else it may be."""


@dataclass(frozen=True)
class Group:
    """Marks side by side, and the claim that they stand behind."""

    start: int
    stop: int
    claim: tuple[int, int]
    numbers: tuple[int, ...]


def groups_of(text: str, count: int) -> Iterator[Group]:
    """Find marks, those side by side as one, each with the sentence it stands behind."""
    found: list[tuple[int, int, tuple[int, ...]]] = []
    for mark in _MARK.finditer(text):
        worded = _WORDED.search(mark.group()) is not None
        numbers = _read(mark.group(1), count, worded)
        # Round brackets hold more than sources: only (source 1) is a mark.
        other = not worded and ("(" in mark.group() or _is_crystal(text, mark, len(numbers)))
        if numbers and not other:
            if found and not text[found[-1][1] : mark.start()].strip(" ,;"):
                start, _, before = found.pop()
                found.append((start, mark.end(), tuple(dict.fromkeys((*before, *numbers)))))
            else:
                found.append((mark.start(), mark.end(), numbers))
    found += [(m.start(), m.end(), ()) for m in _BRACKET.finditer(text)]
    last = 0
    for start, stop, numbers in sorted(found):
        body = text[last:start]
        inner = body.rstrip(" .!?\n\t")  # a mark may stand behind the full stop
        ends = [m.end() for m in END.finditer(body, 0, len(inner))]
        begin = last + (ends[-1] if ends else 0)
        begin += len(text[begin:start]) - len(text[begin:start].lstrip(" ,;.\n\t"))
        yield Group(start, stop, (min(begin, start), start), numbers)
        last = stop


def strangers_of(text: str, count: int) -> list[int]:
    """Return lone digits in brackets behind a word that look like marks of sources unknown."""
    return [
        int(mark[1])
        for mark in _LONE.finditer(text)
        if int(mark[1]) > count and not _is_crystal(text, mark, 1)
    ]


def _is_crystal(text: str, mark: re.Match[str], count: int) -> bool:
    """Whether numbers in brackets are indices or an interval: "the interval is [1, 2]"."""
    if _AFTER.match(text[mark.end() : mark.end() + _NEAR]):
        return True
    before = _BEFORE.search(text[max(mark.start() - _NEAR, 0) : mark.start()])
    # "cut along this plane [1]" has a source; "the axis is [1]" has not.
    return before is not None and (count > 1 or before["joint"] is not None)


def _read(numbers: str, count: int, worded: bool) -> tuple[int, ...]:
    """Return the sources of a mark; none where it is something else in brackets.

    ``worded``: it says that it is a source, so a number that no source has is a mark, too.
    """
    found: list[int] = []
    parts = re.split(r"\s*(?:,|;|&|and)\s*", re.sub(r"source\s*", "", numbers, flags=re.I))
    for part in parts:
        ends = re.split(r"\s*[–-]\s*", part)
        first, last = int(ends[0]), int(ends[-1])
        # A hyphen before two digits, or falling numbers, are a minus: [1-10], [2-1].
        if len(ends) > 2 or (len(ends) == 2 and (first >= last or ("-" in part and last > 9))):
            return ()
        if any(end.startswith("0") for end in ends):
            return ()
        found += range(first, last + 1)
    several = len(set(found)) < len(found)
    if several or (max(found) > count and not worded):
        return ()
    return tuple(found)
