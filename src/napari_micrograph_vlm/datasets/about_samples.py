"""Questions about the sample: what it is, how much of it, how it looks."""

from __future__ import annotations

from .about_sizes import UNITS
from .asking import Asker, Builder, QuestionAnswer
from .facts import Mask
from .synthetic.truth import CATEGORIES
from .wording import count_text, cover_text, describe, plural, share_text

__all__ = ["SAMPLE_BUILDERS", "objects"]

_ORDER = {
    "ordered array": "yes",
    "dispersed": "no",
    "clustered": "no",
    "random network": "no",
}
"""Whether an arrangement is regular; of the others people would say now this, now that."""

_LEAST_MORE = 3
"""Fewer are not asked about: "more than one" needs no counting."""

_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def _category(a: Asker) -> QuestionAnswer | None:
    return a.make("category", a.facts.category)


def _technique(a: Asker) -> QuestionAnswer | None:
    return a.make("technique", a.facts.technique)


def objects(a: Asker) -> QuestionAnswer | None:
    """Ask what is to be seen."""
    return a.make("objects", a.facts.objects, a.facts.object_focus)


def _count(a: Asker) -> QuestionAnswer | None:
    if a.facts.count is None or a.facts.objects is None:
        return None
    answer = f"{count_text(a.facts.count)} {a.facts.objects}"
    return a.make("count", answer, a.facts.object_focus)


def _size(a: Asker) -> QuestionAnswer | None:
    return a.make("size", a.facts.size_class)


def _object_size(a: Asker) -> QuestionAnswer | None:
    extent = a.facts.object_extent
    answer = None if extent is None else share_text(extent)
    return a.make("object size", answer, a.facts.object_focus)


def _object_size_in_units(a: Asker) -> QuestionAnswer | None:
    extent = a.facts.object_extent
    answer = None if extent is None else share_text(extent)
    fields = {"unit": a.pick(UNITS)}
    return a.make("object size in units", answer, a.facts.object_focus, fields=fields)


def _coverage(a: Asker) -> QuestionAnswer | None:
    covered = a.facts.covered
    if not covered:
        return None
    return a.make("coverage", cover_text(covered), a.facts.object_focus)


def _density(a: Asker) -> QuestionAnswer | None:
    return a.make("density", a.facts.density)


def _orientation(a: Asker) -> QuestionAnswer | None:
    answer = a.facts.orientation
    return a.make("orientation", "no orientation" if answer == "none" else answer)


def _contrast(a: Asker) -> QuestionAnswer | None:
    return a.make("contrast", a.facts.contrast)


def _arrangement(a: Asker) -> QuestionAnswer | None:
    return a.make("arrangement", a.facts.arrangement)


def _ordered(a: Asker) -> QuestionAnswer | None:
    return a.make("ordered", _ORDER.get(a.facts.arrangement or ""))


def _more_than(a: Asker) -> QuestionAnswer | None:
    """Ask whether objects or defects exceed a number that is clearly above or below theirs."""
    counted: list[tuple[str, int, Mask | None]] = []
    if isinstance(a.facts.count, int) and a.facts.count >= _LEAST_MORE and a.facts.objects:
        counted.append((a.facts.objects, a.facts.count, a.facts.object_focus))
    if a.countable:
        for kind in a.facts.kinds:
            number = len(a.facts.of_kind(kind))
            # "Are there more than two residue?" is no question.
            if number >= _LEAST_MORE and plural(kind) != kind:
                counted.append((plural(kind), number, a.facts.mask_of(kind)))
    if not counted:
        return None
    things, true, mask = counted[int(a.rng.integers(len(counted)))]
    yes = bool(a.rng.random() < 0.5)
    # Above twelve nobody counts exactly, so the number asked for stays well away.
    least, most = (1, 3) if true <= 12 else (max(true // 3, 4), max(true // 2, 5))
    away = int(a.rng.integers(least, most + 1))
    asked = max(true - away, 2) if yes else true + away - (true <= 12)
    if true > 12:
        asked = 5 * round(asked / 5)
    number_word = _WORDS[asked] if asked < len(_WORDS) and a.rng.random() < 0.5 else str(asked)
    fields = {"things": things, "number": number_word}
    return a.make("more than", "yes" if yes else "no", mask, fields=fields)


def _shape(a: Asker) -> QuestionAnswer | None:
    return a.make("shape", a.facts.shape)


def _describe(a: Asker) -> QuestionAnswer | None:
    return a.make("describe", describe(a.facts)) if a.facts.category else None


def _is_sample(a: Asker) -> QuestionAnswer | None:
    if a.facts.category is None:
        return None
    if a.rng.random() < 0.5:
        return a.make("is sample", "yes", fields={"category": a.facts.category})
    other = [name for name in CATEGORIES if name != a.facts.category]
    return a.make("is sample", f"no, {a.facts.category}", fields={"category": a.pick(other)})


SAMPLE_BUILDERS: dict[str, Builder] = {
    "category": _category,
    "technique": _technique,
    "objects": objects,
    "count": _count,
    "size": _size,
    "object size": _object_size,
    "object size in units": _object_size_in_units,
    "coverage": _coverage,
    "density": _density,
    "orientation": _orientation,
    "contrast": _contrast,
    "arrangement": _arrangement,
    "ordered": _ordered,
    "more than": _more_than,
    "shape": _shape,
    "describe": _describe,
    "is sample": _is_sample,
}
"""Kind of question -> what writes one."""
