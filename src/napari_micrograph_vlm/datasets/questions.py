"""From the facts about a picture to questions and answers, each with what it should look at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..results import Turn
from .facts import Facts, Mask, places_text
from .phrasings import phrase
from .synthetic.truth import CATEGORIES, DEFECT_KINDS
from .wording import (
    NO_DEFECT,
    SYNONYMS,
    article,
    count_text,
    defects_text,
    describe,
    extent_text,
    kinds_text,
    number_of,
    plural,
)

__all__ = ["BUILDERS", "KIND_SHARES", "Asker", "QuestionAnswer", "ask_about", "questions_about"]


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


Builder = Callable[[Asker], QuestionAnswer | None]


def _category(a: Asker) -> QuestionAnswer | None:
    return a.make("category", a.facts.category)


def _technique(a: Asker) -> QuestionAnswer | None:
    return a.make("technique", a.facts.technique)


def _objects(a: Asker) -> QuestionAnswer | None:
    return a.make("objects", a.facts.objects, a.facts.object_focus)


def _defect(a: Asker) -> QuestionAnswer | None:
    if a.facts.defects is None:
        return None
    return a.make("defect", kinds_text(a.facts), a.facts.mask_of())


def _present(a: Asker) -> QuestionAnswer | None:
    if a.facts.defects is None:
        return None
    answer = f"yes, {defects_text(a.facts)}" if a.facts.defects else "no"
    return a.make("present", answer, a.facts.mask_of())


def _where(a: Asker) -> QuestionAnswer | None:
    if a.facts.defects is None:
        return None
    if not a.facts.defects:
        return a.make("where", NO_DEFECT)
    parts = []
    for kind in a.facts.kinds:
        found = a.facts.of_kind(kind)
        where = places_text(found)
        if where is None:
            return None
        parts.append(f"{article(kind) if len(found) == 1 else plural(kind)} {where}")
    return a.make("where", " and ".join(parts), a.facts.mask_of())


def _where_kind(a: Asker) -> QuestionAnswer | None:
    if not a.facts.kinds:
        return None
    kind = a.pick(a.facts.kinds)
    where = places_text(a.facts.of_kind(kind))
    return a.make("where kind", where, a.facts.mask_of(kind), fields=a.named(kind))


def _how_many_defects(a: Asker) -> QuestionAnswer | None:
    if a.facts.defects is None or not _countable(a.facts):
        return None
    parts = [number_of(kind, len(a.facts.of_kind(kind))) for kind in a.facts.kinds]
    return a.make("how many defects", " and ".join(parts) or NO_DEFECT, a.facts.mask_of())


def _how_many_kind(a: Asker) -> QuestionAnswer | None:
    if a.facts.defects is None or not _countable(a.facts):
        return None
    absent = [kind for kind in DEFECT_KINDS if kind not in a.facts.kinds]
    if a.facts.kinds and a.rng.random() < 0.8:
        kind = a.pick(a.facts.kinds)
        answer = number_of(kind, len(a.facts.of_kind(kind)))
        return a.make("how many kind", answer, a.facts.mask_of(kind), fields=a.named(kind))
    kind = a.pick(absent)
    return a.make("how many kind", f"no {kind}", fields=a.named(kind))


def _how_large(a: Asker) -> QuestionAnswer | None:
    kind = a.only_kind()
    if kind is None or len(a.facts.of_kind(kind)) != 1:
        return None
    extent = a.facts.of_kind(kind)[0].extent
    if extent is None:
        return None
    return a.make("how large", extent_text(extent), a.facts.mask_of(kind), fields=a.named(kind))


def _count(a: Asker) -> QuestionAnswer | None:
    if a.facts.count is None or a.facts.objects is None:
        return None
    answer = f"{count_text(a.facts.count)} {a.facts.objects}"
    return a.make("count", answer, a.facts.object_focus)


def _size(a: Asker) -> QuestionAnswer | None:
    return a.make("size", a.facts.size_class)


def _density(a: Asker) -> QuestionAnswer | None:
    return a.make("density", a.facts.density)


def _orientation(a: Asker) -> QuestionAnswer | None:
    answer = a.facts.orientation
    return a.make("orientation", "no orientation" if answer == "none" else answer)


def _contrast(a: Asker) -> QuestionAnswer | None:
    return a.make("contrast", a.facts.contrast)


def _arrangement(a: Asker) -> QuestionAnswer | None:
    return a.make("arrangement", a.facts.arrangement)


def _shape(a: Asker) -> QuestionAnswer | None:
    return a.make("shape", a.facts.shape)


def _describe(a: Asker) -> QuestionAnswer | None:
    return a.make("describe", describe(a.facts)) if a.facts.category else None


def _is_there(a: Asker) -> QuestionAnswer | None:
    if a.facts.defects is None:
        return None
    absent = [kind for kind in DEFECT_KINDS if kind not in a.facts.kinds]
    if a.facts.kinds and a.rng.random() < 0.6:
        kind = a.pick(a.facts.kinds)
        answer = f"yes, {_some(a.facts, kind)}"
        return a.make("is there", answer, a.facts.mask_of(kind), fields=a.named(kind))
    return a.make("is there", "no", fields=a.named(a.pick(absent)))


def _is_sample(a: Asker) -> QuestionAnswer | None:
    if a.facts.category is None:
        return None
    if a.rng.random() < 0.5:
        return a.make("is sample", "yes", fields={"category": a.facts.category})
    other = [name for name in CATEGORIES if name != a.facts.category]
    return a.make("is sample", f"no, {a.facts.category}", fields={"category": a.pick(other)})


def _follow_up(a: Asker) -> QuestionAnswer | None:
    """Ask what only the earlier turn makes clear."""
    first = (_defect, _objects, _is_there)[int(a.rng.choice(3, p=(0.6, 0.25, 0.15)))](a)
    if first is None:
        return None
    turns = [(first.question, first.answer)]
    if first.kind == "objects":
        if a.facts.count is None:
            return None
        answer = f"{count_text(a.facts.count)} {a.facts.objects}"
        return a.make(
            "follow-up", answer, a.facts.object_focus, wording="and how many", turns=turns
        )
    if first.kind == "is there":
        second = a.pick(a.facts.kinds if a.facts.kinds and a.rng.random() < 0.5 else DEFECT_KINDS)
        present = second in a.facts.kinds
        answer = f"yes, {_some(a.facts, second)}" if present else "no"
        mask = a.facts.mask_of(second) if present else None
        return a.make(
            "follow-up", answer, mask, wording="and is there", turns=turns, fields=a.named(second)
        )
    if len(a.facts.kinds) == 2:
        one, two = a.facts.kinds if a.rng.random() < 0.5 else a.facts.kinds[::-1]
        asked = phrase("where kind", a.rng, a.named(one), held_out=a.held_out)
        where = places_text(a.facts.of_kind(one)), places_text(a.facts.of_kind(two))
        if where[0] is None:
            return None
        return a.make(
            "follow-up",
            where[1],
            a.facts.mask_of(two),
            wording="and kind",
            turns=[(asked, where[0])],
            fields=a.named(two),
        )
    return _about_defect(a, turns)


def _about_defect(a: Asker, turns: list[tuple[str, str]]) -> QuestionAnswer | None:
    """Ask where, how many or how large the defect of the last answer is."""
    kind = a.only_kind()
    if kind is None:
        return None
    found, mask = a.facts.of_kind(kind), a.facts.mask_of(kind)
    what = ("and where", "and how many", "and how large")[int(a.rng.choice(3, p=(0.5, 0.3, 0.2)))]
    if what == "and where":
        return a.make("follow-up", places_text(found), mask, wording=what, turns=turns)
    if what == "and how many":
        answer = number_of(kind, len(found)) if _countable(a.facts) else None
        return a.make("follow-up", answer, mask, wording=what, turns=turns)
    extent = found[0].extent if len(found) == 1 else None
    answer = None if extent is None else extent_text(extent)
    return a.make("follow-up", answer, mask, wording=what, turns=turns)


BUILDERS: dict[str, Builder] = {
    "category": _category,
    "technique": _technique,
    "objects": _objects,
    "defect": _defect,
    "present": _present,
    "where": _where,
    "where kind": _where_kind,
    "how many defects": _how_many_defects,
    "how many kind": _how_many_kind,
    "how large": _how_large,
    "count": _count,
    "size": _size,
    "density": _density,
    "orientation": _orientation,
    "contrast": _contrast,
    "arrangement": _arrangement,
    "shape": _shape,
    "describe": _describe,
    "is there": _is_there,
    "is sample": _is_sample,
    "follow-up": _follow_up,
}
"""Kind of question -> what writes one."""

KIND_SHARES: dict[str, float] = {
    "category": 2.0,
    "defect": 3.0,
    "where": 6.0,
    "where kind": 5.0,
    "present": 1.5,
    "is there": 1.5,
    "follow-up": 4.0,
    "how many defects": 2.0,
    "count": 3.0,
    "technique": 0.5,
    "is sample": 0.5,
    "shape": 0.5,
}
"""How often a kind is trained on, against 1 for the others."""


def ask_about(
    facts: Facts, rng: np.random.Generator, n: int, *, held_out: bool = False
) -> list[QuestionAnswer]:
    """Write up to ``n`` questions of different kinds about a picture.

    Parameters
    ----------
    facts : Facts
        What is known.
    rng : numpy.random.Generator
        Chooses kinds and phrasings.
    n : int
        How many at most.
    held_out : bool
        Use only phrasings kept for the test.
    """
    kinds = list(BUILDERS)
    shares = np.array([KIND_SHARES.get(kind, 1.0) for kind in kinds])
    # The Gumbel trick draws an order without replacement, each kind in proportion to its share.
    order = np.argsort(-(np.log(shares) + rng.gumbel(size=len(kinds))))
    asker = Asker(facts, rng, held_out)
    found: list[QuestionAnswer] = []
    if facts.qa and not held_out and rng.random() < 0.5:
        question, answer = facts.qa[int(rng.integers(len(facts.qa)))]
        found.append(QuestionAnswer(question, answer, "free"))
    for i in order:
        if len(found) >= n:
            break
        item = BUILDERS[kinds[i]](asker)
        if item is not None:
            found.append(item)
    return found


def questions_about(
    facts: Facts, rng: np.random.Generator, *, held_out: bool = False
) -> list[QuestionAnswer]:
    """Write one question of every kind that the facts can answer."""
    asker = Asker(facts, rng, held_out)
    made = (build(asker) for build in BUILDERS.values())
    return [item for item in made if item is not None]


def _some(facts: Facts, kind: str) -> str:
    return article(kind) if len(facts.of_kind(kind)) == 1 else plural(kind)


def _countable(facts: Facts) -> bool:
    """Whether every instance is known; a place such as "spread" stands for several."""
    return all(d.mask is not None for d in facts.defects or ())
