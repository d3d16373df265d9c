"""What compares two regions: one function a kind of question."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .asking import Asker
from .facts import Facts, Mask
from .phrasings import phrase
from .synthetic.truth import DEFECT_KINDS
from .wording import NO_DEFECT, defects_text

__all__ = ["PAIR_BUILDERS", "Pair", "PairBuilder", "PairQuestion"]

FIRST, SECOND = "the first region", "the second region"

LARGER = 1.4
"""One size has to be so many times another to be called larger ..."""

ALIKE = 1.1
"""... and at most this many times to be called the same."""

_Grounded = tuple[Mask | None, Mask | None]


@dataclass(frozen=True, eq=False)
class PairQuestion:
    """A question about two regions and its answer.

    Attributes
    ----------
    question, answer : str
        What is asked and what is to be written.
    kind : str
        A kind of question about two regions.
    grounded : (mask or None, mask or None)
        Where the answer is to be seen in each region, bool arrays on any grid that covers it.
    """

    question: str
    answer: str
    kind: str
    grounded: tuple[Mask | None, Mask | None] = (None, None)


@dataclass(frozen=True, eq=False)
class Pair:
    """Two regions to be asked about."""

    first: Facts
    second: Facts
    rng: np.random.Generator
    held_out: bool

    def make(
        self,
        kind: str,
        answer: str | None,
        grounded: _Grounded = (None, None),
        fields: dict[str, str] | None = None,
    ) -> PairQuestion | None:
        """Return the question put into words; None where the answer is not known."""
        if answer is None:
            return None
        same = self.first.objects == self.second.objects
        objects = (self.first.objects if same else None) or "objects"
        question = phrase(
            kind, self.rng, {"objects": objects, **(fields or {})}, held_out=self.held_out
        )
        return PairQuestion(question, answer, kind, grounded)


PairBuilder = Callable[[Pair], PairQuestion | None]


def _either(first: float, second: float) -> str:
    return FIRST if first > second else SECOND


def _countable(facts: Facts) -> bool:
    return facts.defects is not None and all(d.mask is not None for d in facts.defects)


def _defect_masks(p: Pair) -> _Grounded:
    return p.first.mask_of(), p.second.mask_of()


def _object_masks(p: Pair) -> _Grounded:
    return p.first.object_focus, p.second.object_focus


def _more_defects(p: Pair) -> PairQuestion | None:
    if not _countable(p.first) or not _countable(p.second):
        return None
    one, two = len(p.first.defects or ()), len(p.second.defects or ())
    if one == two:
        answer = "both have the same" if one else "both have none"
    else:
        answer = _either(one, two)
    return p.make("compare defects", answer, _defect_masks(p))


def _same_kind(p: Pair) -> PairQuestion | None:
    for facts in (p.first, p.second):
        if facts.defects is None or len(facts.kinds) > 1:
            return None
    one, two = p.first.kinds, p.second.kinds
    if not one and not two:
        return p.make("compare kind", "both have none")
    texts = defects_text(p.first), defects_text(p.second)
    if one == two:
        # "Both show a crack" where one shows cracks would be half true.
        text = texts[0] if texts[0] == texts[1] else _several(p, one[0])
        return p.make("compare kind", f"yes, both show {text}", _defect_masks(p))
    if not one or not two:
        answer = (
            f"no, only the {'first' if one else 'second'} shows {texts[0] if one else texts[1]}"
        )
    else:
        answer = f"no, {texts[0]} in the first and {texts[1]} in the second"
    return p.make("compare kind", answer, _defect_masks(p))


def _several(p: Pair, kind: str) -> str:
    """Return the plural that the region with several instances uses."""
    facts = p.first if len(p.first.of_kind(kind)) > 1 else p.second
    return defects_text(facts)


def _same_category(p: Pair) -> PairQuestion | None:
    one, two = p.first.category, p.second.category
    if one is None or two is None:
        return None
    same = f"yes, both show {one}"
    return p.make(
        "compare category",
        same if one == two else f"no, {one} in the first and {two} in the second",
    )


def _sizes(one: float | None, two: float | None) -> str | None:
    """Say which of two sizes is larger; None where that is not clear."""
    if not one or not two:
        return None
    ratio = max(one / two, two / one)
    if ratio >= LARGER:
        return _either(one, two)
    return "both have the same" if ratio <= ALIKE else None


def _side_nm(facts: Facts) -> float | None:
    """Longer side of a picture in nm."""
    if not facts.field_of_view_nm:
        return None
    return facts.field_of_view_nm * max(1.0, 1 / (facts.aspect or 1.0))


def _compared(p: Pair, one: float | None, two: float | None) -> str | None:
    """Say which of two shares of the picture is larger.

    Where the size of both pictures is known, nothing is said if in nm the other one is larger: one
    cannot tell from the question which is meant.
    """
    answer = _sizes(one, two)
    sides = _side_nm(p.first), _side_nm(p.second)
    if answer in (FIRST, SECOND) and one and two and sides[0] and sides[1]:
        return answer if _either(one * sides[0], two * sides[1]) == answer else None
    return answer


def _larger_objects(p: Pair) -> PairQuestion | None:
    answer = _compared(p, p.first.object_extent, p.second.object_extent)
    return p.make("compare size", answer, _object_masks(p))


def _larger_defect(p: Pair) -> PairQuestion | None:
    if not p.first.defects or not p.second.defects:
        return None
    extents = [[facts.extent_of(d) for d in facts.defects or ()] for facts in (p.first, p.second)]
    largest = [max((e or 0.0) for e in found) for found in extents]
    if any(e is None for found in extents for e in found):
        return None
    return p.make("compare defect size", _compared(p, largest[0], largest[1]), _defect_masks(p))


def _denser(p: Pair) -> PairQuestion | None:
    one, two = p.first.covered, p.second.covered
    if one is None or two is None:
        return None
    if abs(one - two) < 0.03 and p.first.density == p.second.density:
        answer = "both are equally dense"
    elif abs(one - two) >= 0.08 and max(one, two) >= LARGER * min(one, two):
        answer = _either(one, two)
    else:
        return None
    return p.make("compare density", answer, _object_masks(p))


def _more_objects(p: Pair) -> PairQuestion | None:
    one, two = p.first.count, p.second.count
    same_objects = p.first.objects is not None and p.first.objects == p.second.objects
    if not isinstance(one, int) or not isinstance(two, int) or not same_objects:
        return None
    if one == two and one <= 12:
        answer = "both have the same"
    elif abs(one - two) >= max(1, 0.2 * max(one, two)):
        answer = _either(one, two)
    else:
        return None
    return p.make("compare count", answer, _object_masks(p))


def _difference(p: Pair) -> PairQuestion | None:
    if p.first.category is None or p.second.category is None:
        return None
    if p.first.category != p.second.category:
        answer = f"the first region shows {p.first.category}, the second {p.second.category}"
        return p.make("difference", answer)
    if p.first.defects is None or p.second.defects is None:
        return None
    texts = defects_text(p.first), defects_text(p.second)
    if texts[0] != texts[1]:
        answer = f"the first region has {texts[0]}, the second {texts[1]}"
        return p.make("difference", answer, _defect_masks(p))
    answer = f"no clear difference, both show {p.first.category} with {texts[0]}"
    if texts[0] == NO_DEFECT:
        answer = f"no clear difference, both show {p.first.category} without a defect"
    return p.make("difference", answer, _defect_masks(p))


def _which_has(p: Pair) -> PairQuestion | None:
    if p.first.defects is None or p.second.defects is None:
        return None
    there = [*dict.fromkeys((*p.first.kinds, *p.second.kinds))]
    one, two = Asker(p.first, p.rng), Asker(p.second, p.rng)
    if there and p.rng.random() < 0.9:
        kind = one.pick(there)
    else:
        kind = one.pick([k for k in DEFECT_KINDS if k in one.absent and k in two.absent])
    has = kind in p.first.kinds, kind in p.second.kinds
    # A void beside a pore: the other region cannot fairly be said to have none.
    if any(not h and kind not in a.absent for h, a in zip(has, (one, two), strict=True)):
        return None
    answer = {
        (True, True): "both regions",
        (True, False): FIRST,
        (False, True): SECOND,
        (False, False): "neither region",
    }[has]
    grounded = p.first.mask_of(kind), p.second.mask_of(kind)
    return p.make("which has", answer, grounded, one.named(kind))


PAIR_BUILDERS: dict[str, PairBuilder] = {
    "compare defects": _more_defects,
    "compare kind": _same_kind,
    "compare category": _same_category,
    "compare size": _larger_objects,
    "compare defect size": _larger_defect,
    "compare density": _denser,
    "compare count": _more_objects,
    "difference": _difference,
    "which has": _which_has,
}
"""Kind of question -> what writes one."""
