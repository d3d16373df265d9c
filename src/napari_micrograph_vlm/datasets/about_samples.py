"""Questions about the sample: what it is, how much of it, how it looks."""

from __future__ import annotations

from .asking import Asker, Builder, QuestionAnswer
from .synthetic.truth import CATEGORIES
from .wording import count_text, describe

__all__ = ["SAMPLE_BUILDERS", "objects"]


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
    "density": _density,
    "orientation": _orientation,
    "contrast": _contrast,
    "arrangement": _arrangement,
    "shape": _shape,
    "describe": _describe,
    "is sample": _is_sample,
}
"""Kind of question -> what writes one."""
