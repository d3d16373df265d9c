"""Statements made up on purpose: a teacher that confirms one of them is not believed."""

from __future__ import annotations

import re
from random import Random

from ..teacher.agreement import plain_words
from .plain_checks import numbers_of, sentences

__all__ = ["made_up"]

_ANYWHERE = (
    "The sample was etched in hydrofluoric acid before it was imaged.",
    "The same measurement was repeated on eleven samples from another supplier.",
    "The film was deposited on a sapphire wafer by molecular beam epitaxy.",
    "The sample was kept in liquid nitrogen for two weeks before the test.",
    "The material becomes superconducting when it is cooled.",
    "Bacteria on the surface were stained and counted under ultraviolet light.",
    "The specimen was struck by a falling weight and broke into equal halves.",
    "The coating lost its colour after a year in sea water.",
    "The powder was milled with zirconia balls until it turned amorphous.",
    "The magnetic domains line up along the long edge of the sample.",
)
_LABEL = re.compile(
    r"^\s*(?:(?:fig(?:ure|\.)?|scheme)\s*S?\d+\s*[.:|]?)?\s*(?:\(?[a-z](?:[-–,][a-z])?\)\s*)?",
    re.IGNORECASE,
)
_OPPOSITES = {
    "before": "after", "after": "before", "tensile": "compressive", "compressive": "tensile",
    "increases": "decreases", "decreases": "increases", "increasing": "decreasing",
    "decreasing": "increasing", "higher": "lower", "lower": "higher", "with": "without",
    "without": "with", "horizontal": "vertical", "vertical": "horizontal", "brittle": "ductile",
    "ductile": "brittle", "amorphous": "crystalline", "crystalline": "amorphous",
    "parallel": "perpendicular", "perpendicular": "parallel", "dry": "wet", "wet": "dry",
}  # fmt: skip


def made_up(caption: str, seed: int) -> str:
    """Return a statement that neither caption nor picture supports.

    Every other one is a sentence of the caption in which a number or a word was changed for
    another, where there is such a sentence; the others are about no figure in particular.
    """
    rng = Random(f"{seed} {caption}")
    if seed % 2 == 0:
        changed = [one for line in sentences(caption)[:6] for one in _changed(line, caption)]
        if changed:
            return rng.choice(changed)
    known = {*plain_words(caption)}
    strange = [one for one in _ANYWHERE if len(known & {*plain_words(one)}) <= 3]
    return rng.choice(strange or _ANYWHERE)


def _changed(line: str, caption: str) -> list[str]:
    line = _LABEL.sub("", line)
    if not 15 <= len(line) <= 240:
        return []
    found = []
    there = {*numbers_of(caption)}
    number = re.search(r"(?<![\w.,])\d{1,4}(?:\.\d+)?(?=\s*(?:[°%µμ]|[a-zA-Z]{1,3}\b))", line)
    if number is not None:
        other = float(number[0]) * 7 + 3
        if other not in there:
            found.append(f"{line[: number.start()]}{other:g}{line[number.end() :]}")
    for word, opposite in _OPPOSITES.items():
        # Where both stand the sentence may be as true the other way round.
        if re.search(rf"\b{opposite}\b", caption, re.IGNORECASE):
            continue
        changed, count = re.subn(rf"\b{word}\b", opposite, line, count=1)
        if count:
            found.append(changed)
    return found
