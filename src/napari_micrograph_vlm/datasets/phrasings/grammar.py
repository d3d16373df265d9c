"""Lines that stand for many sentences: ``(Where|In which part) is the {kind}?``."""

from __future__ import annotations

import re

import numpy as np

__all__ = ["expand", "pattern_of", "words_of"]

_INNERMOST = re.compile(r"\(([^()]*)\)")
_SPACES = re.compile(r" {2,}")
_SPACE_BEFORE = re.compile(r" +([?.,:;!])")
_FIELD = re.compile(r"\{\w+\}")
_PART = re.compile(r"[(|)]|\{\w+\}|[^(|){}]+")


def expand(line: str, rng: np.random.Generator) -> str:
    """Choose one alternative in each pair of round brackets.

    Parameters
    ----------
    line : str
        Brackets may be nested, alternatives may be empty; fields in braces are left as they are.
    rng : numpy.random.Generator
        Chooses.
    """
    if "(" not in line:
        return line
    found = _INNERMOST.search(line)
    while found is not None:
        choices = found.group(1).split("|")
        chosen = choices[int(rng.integers(len(choices)))]
        line = line[: found.start()] + chosen + line[found.end() :]
        found = _INNERMOST.search(line)
    line = _SPACE_BEFORE.sub(r"\1", _SPACES.sub(" ", line)).strip()
    return line[:1].upper() + line[1:]


def words_of(line: str) -> str:
    """Return the words of all alternatives, without fields."""
    return " ".join(_FIELD.sub(" ", re.sub(r"[(|)]", " ", line)).split())


def pattern_of(line: str) -> re.Pattern[str]:
    """Return what matches every sentence a line stands for, written in lower case without spaces.

    A field matches itself: ``{kind}`` is the text ``{kind}``.
    """
    parts = []
    for part in _PART.findall(line.lower()):
        if part == "(":
            parts.append("(?:")
        elif part in "|)":
            parts.append(part)
        else:
            parts.append(re.escape(part.replace(" ", "")))
    return re.compile("".join(parts))
