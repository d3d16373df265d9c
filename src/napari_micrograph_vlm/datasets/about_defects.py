"""Questions about defects: which, whether, where, how many, how large."""

from __future__ import annotations

from .asking import Asker, Builder, QuestionAnswer
from .facts import places_text
from .synthetic.truth import DEFECT_KINDS
from .wording import NO_DEFECT, defects_text, extent_text, kinds_text, number_of

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


def is_there(a: Asker) -> QuestionAnswer | None:
    """Ask whether there is a kind of defect; somewhat more often one that is there."""
    if a.facts.defects is None:
        return None
    absent = [kind for kind in DEFECT_KINDS if kind not in a.facts.kinds]
    if a.facts.kinds and a.rng.random() < 0.6:
        kind = a.pick(a.facts.kinds)
        answer = f"yes, {a.some(kind)}"
        return a.make("is there", answer, a.facts.mask_of(kind), fields=a.named(kind))
    return a.make("is there", "no", fields=a.named(a.pick(absent)))


DEFECT_BUILDERS: dict[str, Builder] = {
    "defect": defect,
    "present": _present,
    "where": _where,
    "where kind": _where_kind,
    "how many defects": _how_many_defects,
    "how many kind": _how_many_kind,
    "how large": _how_large,
    "is there": is_there,
}
"""Kind of question -> what writes one."""
