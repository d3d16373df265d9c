"""Where an answer has marks such as [1], and which sentence each stands behind."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["END", "Group", "groups_of"]

_MARK = re.compile(
    r"[ \t]*[\[(【](?:(?:sources?|figures?|figs?\.?|refs?\.?|captions?)[ \t]*)?"
    r"(\d{1,2}(?:\s*(?:,|;|&|and|–|-)\s*(?:source\s*)?\d{1,2})*)[\])】]",
    re.IGNORECASE,
)
_WORDED = re.compile(r"[\[(【][ \t]*[a-z]", re.IGNORECASE)
_BRACKET = re.compile(r"[ \t]*\[(?:the )?(?:image|picture|region)\]", re.IGNORECASE)
# Not after "Fig.", "e.g." or a number's point.
END = re.compile(r"(?<![A-Z])(?<!\bet al)(?<!\bFig)(?<!\be\.g)(?<!\bi\.e)[.!?](?=\s)|\n")
_MOST = 20
"""Larger numbers in brackets are something else: a direction in a crystal, a year."""


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
        numbers = _read(mark.group(1), count)
        # Round brackets hold more than sources: only (source 1) is a mark.
        bare = "(" in mark.group() and not _WORDED.search(mark.group())
        if numbers and not bare:
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


def _read(numbers: str, count: int) -> tuple[int, ...]:
    """Return the sources of a mark; none where it is something else in brackets."""
    found: list[int] = []
    parts = re.split(r"\s*(?:,|;|&|and)\s*", re.sub(r"source\s*", "", numbers, flags=re.I))
    for part in parts:
        ends = [int(end) for end in re.split(r"\s*[–-]\s*", part)]
        found += range(ends[0], ends[-1] + 1) if ends[0] <= ends[-1] else ends
    several = len(set(found)) < len(found)
    if several or not found or min(found) < 1 or max(found) > max(_MOST, count):
        return ()
    return tuple(found)
