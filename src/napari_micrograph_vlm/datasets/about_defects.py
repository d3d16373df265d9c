"""Questions about defects: which, whether, where, how many."""

from __future__ import annotations

from .asking import Asker, Builder, QuestionAnswer
from .facts import places_text
from .wording import NO_DEFECT, defects_text, kinds_text, number_of

__all__ = ["DEFECT_BUILDERS", "defect", "is_there"]


def defect(a: Asker) -> QuestionAnswer | None:
    """Ask which defect it is."""
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
        parts.append(f"{a.some(kind)} {where}")
    return a.make("where", " and ".join(parts), a.facts.mask_of())


def _where_kind(a: Asker) -> QuestionAnswer | None:
    if not a.facts.kinds:
        return None
    kind = a.pick(a.facts.kinds)
    where = places_text(a.facts.of_kind(kind))
    return a.make("where kind", where, a.facts.mask_of(kind), fields=a.named(kind))


def _how_many_defects(a: Asker) -> QuestionAnswer | None:
    if a.facts.defects is None or not a.countable:
        return None
    parts = [number_of(kind, len(a.facts.of_kind(kind))) for kind in a.facts.kinds]
    return a.make("how many defects", " and ".join(parts) or NO_DEFECT, a.facts.mask_of())


def _how_many_kind(a: Asker) -> QuestionAnswer | None:
    if a.facts.defects is None or not a.countable:
        return None
    # Lines are rough or not, but nobody counts roughness.
    counted = [kind for kind in a.facts.kinds if kind != "edge roughness"]
    if counted and a.rng.random() < 0.8:
        kind = a.pick(counted)
        answer = number_of(kind, len(a.facts.of_kind(kind)))
        return a.make("how many kind", answer, a.facts.mask_of(kind), fields=a.named(kind))
    kind = a.pick([kind for kind in a.absent if kind != "edge roughness"])
    return a.make("how many kind", f"no {kind}", fields=a.named(kind))


def _most_frequent(a: Asker) -> QuestionAnswer | None:
    if not a.facts.defects or not a.countable:
        return None
    numbers = sorted(((len(a.facts.of_kind(kind)), kind) for kind in a.facts.kinds), reverse=True)
    most, kind = numbers[0]
    if most < 2 or (len(numbers) > 1 and numbers[1][0] == most):
        return None
    return a.make("most frequent", kind, a.facts.mask_of(kind))


def _through(a: Asker) -> QuestionAnswer | None:
    cracks = a.facts.of_kind("crack")
    if a.facts.through is None or not cracks:
        return None
    mask = a.facts.mask_of("crack")
    if len(cracks) > 1:  # all of one sort
        answer = "yes, through the coating" if a.facts.through else "no, they stop inside"
        return a.make("through", answer, mask, wording="through several")
    answer = "yes, through the coating" if a.facts.through else "no, it stops inside"
    return a.make("through", answer, mask)


def is_there(a: Asker) -> QuestionAnswer | None:
    """Ask whether there is a kind of defect; somewhat more often one that is there."""
    if a.facts.defects is None:
        return None
    if a.facts.kinds and a.rng.random() < 0.65:
        kind = a.pick(a.facts.kinds)
        answer = f"yes, {a.some(kind)}"
        return a.make("is there", answer, a.facts.mask_of(kind), fields=a.named(kind))
    return a.make("is there", "no", fields=a.named(a.pick(a.absent)))


DEFECT_BUILDERS: dict[str, Builder] = {
    "defect": defect,
    "present": _present,
    "where": _where,
    "where kind": _where_kind,
    "how many defects": _how_many_defects,
    "how many kind": _how_many_kind,
    "most frequent": _most_frequent,
    "is there": is_there,
    "through": _through,
}
"""Kind of question -> what writes one."""
