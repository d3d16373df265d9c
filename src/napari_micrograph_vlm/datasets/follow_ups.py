"""Questions that only the turn before makes clear."""

from __future__ import annotations

from .about_defects import defect, is_there
from .about_samples import objects
from .about_sizes import UNITS, single
from .asking import Asker, QuestionAnswer
from .facts import places_text
from .phrasings import phrase
from .shapes import direction_of
from .wording import count_text, extent_text, number_of, share_text

__all__ = ["follow_up"]


def follow_up(a: Asker) -> QuestionAnswer | None:
    """Ask what only the earlier turn makes clear."""
    first = (defect, objects, is_there)[int(a.rng.choice(3, p=(0.6, 0.25, 0.15)))](a)
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
        present = bool(a.facts.kinds) and bool(a.rng.random() < 0.55)
        second = a.pick(a.facts.kinds if present else a.absent)
        answer = f"yes, {a.some(second)}" if present else "no"
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


_ASPECTS = ("and where", "and how many", "and how large", "and how large in units", "and direction")
_SHARES = (0.4, 0.24, 0.14, 0.11, 0.11)


def _about_defect(a: Asker, turns: list[tuple[str, str]]) -> QuestionAnswer | None:
    """Ask where, how many or how large the defect of the last answer is, or which way it runs."""
    kind = a.only_kind()
    if kind is None:
        return None
    found, mask = a.facts.of_kind(kind), a.facts.mask_of(kind)
    what = _ASPECTS[int(a.rng.choice(len(_ASPECTS), p=_SHARES))]
    if what == "and where":
        return a.make("follow-up", places_text(found), mask, wording=what, turns=turns)
    if what == "and how many":
        answer = number_of(kind, len(found)) if a.countable else None
        return a.make("follow-up", answer, mask, wording=what, turns=turns)
    one = single(a)
    extent = None if one is None else a.facts.extent_of(one[0])
    if one is None or extent is None:
        return None
    if what == "and direction":
        answer = direction_of(one[1], a.facts.aspect)
        return a.make("follow-up", answer, mask, wording=what, turns=turns)
    if what == "and how large":
        return a.make("follow-up", extent_text(extent), mask, wording=what, turns=turns)
    asked = phrase("how large", a.rng, a.named(kind), held_out=a.held_out)
    return a.make(
        "follow-up",
        share_text(extent),
        mask,
        wording=what,
        turns=[*turns, (asked, extent_text(extent))],
        fields={"unit": a.pick(UNITS)},
    )
