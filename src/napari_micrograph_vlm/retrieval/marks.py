"""Marks such as [1] in an answer: which part of it each stands for, and whether it is true."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from ..citations import Citation, Part
from ..results import Answer, Word
from .mark_places import END, groups_of, strangers_of
from .support import repeats, supports

__all__ = ["Marked", "checked_marks", "marked"]


@dataclass(frozen=True)
class Marked:
    """An answer's text once its marks were checked.

    Attributes
    ----------
    text : str
        Without the marks that were taken out.
    parts : tuple of Part
        All of the text, cut where its origin changes.
    removed : tuple of str
        One sentence for each mark that was taken out, and each number that is no source's.
    pieces : tuple of (int, int, int)
        What was left of the text: start and end before, start now.
    """

    text: str
    parts: tuple[Part, ...]
    removed: tuple[str, ...]
    pieces: tuple[tuple[int, int, int], ...]

    def moved(self, words: Sequence[Word]) -> tuple[Word, ...]:
        """Return words at their places in the new text; those taken out are left out."""
        found = []
        for word in words:
            for start, stop, now in self.pieces:
                a, b = max(word.start, start), min(word.stop, stop)
                # Of "[1]." a full stop is left, which is no word.
                if a < b and (b - a == word.stop - word.start or b - a > 1):
                    found.append(replace(word, start=a - start + now, stop=b - start + now))
                    break
        return tuple(found)


def checked_marks(text: str, captions: Sequence[str], question: str = "") -> Marked:
    """Check what an answer says it has from numbered sources.

    A mark stands for the sentence before it, from the mark before on. It stays where the caption
    supports that (see :func:`.support.supports`). A sentence without a mark that repeats a caption
    word for word is from there, too. A number in brackets that no source has is left alone, since
    it may be a direction in a crystal; where it can hardly be one, that is told.

    Parameters
    ----------
    text : str
        What a model wrote.
    captions : sequence of str
        The sources; ``[1]`` is the first.
    question : str
        What was asked.
    """
    groups = list(groups_of(text, len(captions)))
    out: list[str] = []
    pieces: list[tuple[int, int, int]] = []
    spans: list[tuple[int, int, tuple[int, ...]]] = []
    removed: list[str] = []
    length = 0

    def put(start: int, stop: int, written: str | None = None) -> None:
        nonlocal length
        if written is None and start and not length:  # a mark stood first
            start += len(text[start:stop]) - len(text[start:stop].lstrip())
        piece = text[start:stop] if written is None else written
        if written is None and piece:
            pieces.append((start, stop, length))
        out.append(piece)
        length += len(piece)

    at = 0
    for group in groups:
        claim = text[slice(*group.claim)].strip()
        kept = tuple(
            number
            for number in group.numbers
            if number <= len(captions) and supports(captions[number - 1], claim, question)
        )
        wrong = [number for number in group.numbers if number not in kept]
        removed += [_why(number, claim, len(captions)) for number in wrong]
        put(at, group.claim[0])
        begun = length
        put(group.claim[0], group.start)
        if kept:
            put(group.start, group.stop, " " + "".join(f"[{number}]" for number in kept))
        spans.append((begun, length, kept))
        at = group.stop
    put(at, len(text))
    removed += [
        f"The number [{number}] in the answer is no source's: there are {len(captions)}."
        for number in strangers_of(text, len(captions))
    ]
    whole = "".join(out)
    parts = tuple(_parts(whole, spans, captions, question))
    return Marked(whole, parts, tuple(dict.fromkeys(removed)), tuple(pieces))


def marked(said: Answer, question: str, citations: Sequence[Citation]) -> Answer:
    """Return an answer with its marks checked, its parts, and its citations.

    Parameters
    ----------
    said : Answer
        What a model wrote that was told the captions.
    question : str
        What the user asked: the beginning of what the model was asked.
    citations : sequence of Citation
        The sources.
    """
    captions = [one.figure.caption for one in citations]
    found = checked_marks(said.text, captions, question)
    steps, notes = [], list(found.removed)
    used = {number for part in found.parts for number in part.sources}
    for step in said.steps:
        clean = checked_marks(step.text, captions, question)
        steps.append(replace(step, text=clean.text))
        notes += clean.removed
    return replace(
        said,
        question=question,
        text=found.text,
        words=found.moved(said.words),
        question_words=tuple(w for w in said.question_words if w.stop <= len(question)),
        steps=tuple(steps),
        citations=tuple(
            replace(one, told=True, used=one.number in used) for one in citations
        ),
        parts=found.parts,
        notes=(*said.notes, *dict.fromkeys(notes)),
    )  # fmt: skip


def _parts(
    text: str,
    spans: Sequence[tuple[int, int, tuple[int, ...]]],
    captions: Sequence[str],
    question: str,
) -> Iterator[Part]:
    """Cut a text where its origin changes."""
    cut: list[Part] = []
    at = 0
    for start, stop, sources in [*spans, (len(text), len(text), ())]:
        cut += _unmarked(text, at, start, captions, question)
        if stop > start:
            cut += (
                [Part(start, stop, sources)]
                if sources
                else _unmarked(text, start, stop, captions, question)
            )
        at = max(at, stop)
    joined: list[Part] = []
    for part in cut:
        if joined and joined[-1].sources == part.sources:
            joined[-1] = replace(joined[-1], stop=part.stop)
        else:
            joined.append(part)
    yield from joined


def _unmarked(
    text: str, start: int, stop: int, captions: Sequence[str], question: str
) -> list[Part]:
    """Cut what bears no mark into sentences, and find those that are copied from a caption."""
    ends = [m.end() for m in END.finditer(text, start, stop)]
    edges = [start, *[end for end in ends if start < end < stop], stop]
    found = []
    for a, b in pairwise(edges):
        sentence = text[a:b]
        if not sentence:
            continue
        copied = tuple(
            number
            for number, caption in enumerate(captions, start=1)
            if repeats(caption, sentence) and not repeats(question, sentence)
        )
        found.append(Part(a, b, copied[:1]))
    return found


def _why(number: int, claim: str, count: int) -> str:
    if not re.search(r"\w", claim):
        return f"The mark [{number}] was taken out: nothing stands before it."
    short = claim if len(claim) <= 60 else f"{claim[:59].rstrip()}…"
    if number > count:
        return f"The mark [{number}] was taken out: there is no such source."
    return f"The mark [{number}] was taken out: the caption does not say “{short}”."
