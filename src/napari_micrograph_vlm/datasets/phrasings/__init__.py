"""How a question can be put: many phrasings of each kind, some kept for the test.

They stand in the text files beside this one: a kind in square brackets, then a phrasing a line.
Round brackets hold alternatives (see :mod:`.grammar`), lines with a star are kept for the test.
"""

from __future__ import annotations

from importlib.resources import files

import numpy as np

from .grammar import expand

__all__ = ["HELD_OUT", "PHRASINGS", "phrase", "roughen"]


def _parsed(*texts: str) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
    """Return kind -> phrasings used in training, and kind -> phrasings kept for the test."""
    used: dict[str, list[str]] = {}
    kept: dict[str, list[str]] = {}
    kind = ""
    for line in "\n".join(texts).splitlines():
        if line.startswith("["):
            kind = line.strip("[]")
            used[kind], kept[kind] = [], []
        elif line.startswith("* "):
            kept[kind].append(line[2:])
        elif line:
            used[kind].append(line)
    return (
        {name: tuple(lines) for name, lines in used.items()},
        {name: tuple(lines) for name, lines in kept.items()},
    )


PHRASINGS, HELD_OUT = _parsed(
    *(
        files(__package__).joinpath(f"{name}.txt").read_text(encoding="utf-8")
        for name in ("samples", "defects", "pictures")
    )
)
"""Kind of question -> phrasings used in training, and phrasings never used in training."""

ROUGH_SHARE = 0.35
"""Share of training questions written as people type: lower case, no question mark, a typo."""

TYPO_SHARE = 0.25

DROP_SHARE = 0.15
"""Share of those without one of their small words."""

_SMALL = frozenset({"the", "a", "an", "of", "in", "this", "do", "does", "please", "there"})

FRAMES: tuple[str, ...] = (
    "(Please tell me|Tell me|Can you tell me|Could you say|My question|Next|Quick one): {}",
    "(Look at|Consider|Have a look at|About) this (region|picture|part|area). {}",
    "(In|For|On|From) this (image|picture|micrograph|region|area|frame|field of view)(:|,) {}",
    "(I see something odd|I am not sure|This came from the line|I am new to this|For my notes). {}",
    "(Hello|Hi|Good morning|Hey|OK|So|Now|And|Well|Right|Sorry), {}",
    "{} (Please|Please answer|Thanks|Thank you|Answer briefly|Be short|Just the answer|Any idea).",
    "(I wonder|One thing|What I want to know|What I need|Just to check): {}",
    "{} (I need it for the report|It is for the log|I cannot see it myself|Look closely).",
)
"""What people write around a question."""

FRAME_SHARE = 0.12


def phrase(
    kind: str,
    rng: np.random.Generator,
    fields: dict[str, str] | None = None,
    *,
    held_out: bool = False,
    rough: bool = True,
) -> str:
    """Put a question into words.

    Parameters
    ----------
    kind : str
        One of ``PHRASINGS``.
    rng : numpy.random.Generator
        Chooses the phrasing.
    fields : dict of str, optional
        What the phrasing may name: objects, kind, kinds, a_kind, category, unit and so on.
    held_out : bool
        Use a phrasing never seen in training, and no typing errors.
    rough : bool
        Sometimes write it as people type.
    """
    choices = HELD_OUT[kind] if held_out else PHRASINGS[kind]
    text = expand(choices[int(rng.integers(len(choices)))], rng).format_map(fields or {})
    if held_out or not rough:
        return text
    if rng.random() < FRAME_SHARE:
        text = expand(FRAMES[int(rng.integers(len(FRAMES)))], rng).format(text)
    return roughen(text, rng) if rng.random() < ROUGH_SHARE else text


def roughen(text: str, rng: np.random.Generator) -> str:
    """Write a question as people type: lower case, often without question mark or article.

    At times with a typo.
    """
    result = text.lower()
    if rng.random() < 0.6:
        result = result.rstrip("?.")
    if rng.random() < DROP_SHARE:
        words = result.split()
        small = [i for i, word in enumerate(words) if word in _SMALL]
        if small:
            del words[small[int(rng.integers(len(small)))]]
            result = " ".join(words)
    if rng.random() < TYPO_SHARE:
        words = result.split()
        long = [i for i, word in enumerate(words) if len(word) > 4]
        if long:
            i = long[int(rng.integers(len(long)))]
            words[i] = _typo(words[i], rng)
            result = " ".join(words)
    return result


def _typo(word: str, rng: np.random.Generator) -> str:
    """Exchange, drop or double one letter inside a word."""
    at = int(rng.integers(1, len(word) - 2))
    what = int(rng.integers(3))
    if what == 0:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if what == 1:
        return word[:at] + word[at + 1 :]
    return word[: at + 1] + word[at] + word[at + 1 :]
