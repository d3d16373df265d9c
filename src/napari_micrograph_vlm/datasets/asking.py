"""A question with its answer, and what writes one about a picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..results import Turn
from .facts import Facts, Mask
from .phrasings import phrase
from .synthetic.truth import DEFECT_KINDS
from .wording import SYNONYMS, article, plural

__all__ = ["Asker", "Builder", "QuestionAnswer"]

_ALIKE: tuple[tuple[str, str], ...] = (
    ("bridge", "micro-bridge"),
    ("missing hole", "closed hole"),
    ("pore", "void"),
    ("break", "broken particle"),
    ("particle", "broken particle"),
)
"""Kinds that a person might call by each other's name; neither is denied where the other is."""


@dataclass(frozen=True, eq=False)
class QuestionAnswer:
    """A question about a picture and its answer.

    Attributes
    ----------
    question, answer : str
        What is asked and what is to be written.
    kind : str
        Kind of question, a key of ``BUILDERS``.
    grounded : (h, w) bool array or None
        Where the answer is to be seen, on any grid that covers the picture; None: anywhere.
    turns : tuple of Turn
        Earlier turns, without which the question cannot be understood.
    """

    question: str
    answer: str
    kind: str
    grounded: Mask | None = None
    turns: tuple[Turn, ...] = ()


@dataclass(frozen=True, eq=False)
class Asker:
    """Writes questions about one picture.

    Attributes
    ----------
    facts : Facts
        What is known about it.
    rng : numpy.random.Generator
        Chooses phrasings and what is asked for.
    held_out : bool
        Use only phrasings kept for the test.
    """

    facts: Facts
    rng: np.random.Generator
    held_out: bool = False

    def make(
        self,
        kind: str,
        answer: str | None,
        grounded: Mask | None = None,
        /,
        *,
        wording: str | None = None,
        turns: Sequence[tuple[str, str]] = (),
        fields: dict[str, str] | None = None,
    ) -> QuestionAnswer | None:
        """Return the question put into words; None where the answer is not known."""
        if answer is None:
            return None
        objects = self.facts.objects or "objects"
        question = phrase(
            wording or kind,
            self.rng,
            {"objects": objects, **(fields or {})},
            held_out=self.held_out,
        )
        return QuestionAnswer(question, answer, kind, grounded, tuple(Turn(q, a) for q, a in turns))

    def pick(self, names: Sequence[str]) -> str:
        """Return one of some names."""
        return names[int(self.rng.integers(len(names)))]

    def named(self, kind: str) -> dict[str, str]:
        """Return the fields that name a kind of defect, at times by another name."""
        name = kind
        if kind in SYNONYMS and self.rng.random() < 0.25:
            name = self.pick(SYNONYMS[kind])
        return {"kind": name, "kinds": plural(name), "a_kind": article(name)}

    def only_kind(self) -> str | None:
        """Return the kind of defect where there is exactly one."""
        kinds = self.facts.kinds
        return kinds[0] if len(kinds) == 1 else None

    def some(self, kind: str) -> str:
        """Return a kind with "a", or in the plural where there are several."""
        return article(kind) if len(self.facts.of_kind(kind)) == 1 else plural(kind)

    @property
    def absent(self) -> tuple[str, ...]:
        """The kinds of defect that are clearly not there."""
        there = set(self.facts.kinds)
        unfair = {name for pair in _ALIKE if there & set(pair) for name in pair}
        return tuple(kind for kind in DEFECT_KINDS if kind not in there | unfair)

    @property
    def countable(self) -> bool:
        """Whether every instance is known; a place such as "spread" stands for several."""
        return all(d.mask is not None for d in self.facts.defects or ())


Builder = Callable[[Asker], QuestionAnswer | None]
