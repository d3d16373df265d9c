"""Questions about the size, the shape and the side of a defect; only where the answer is clear."""

from __future__ import annotations

from .asking import Asker, Builder, QuestionAnswer
from .facts import DefectFact, Mask, place_of
from .shapes import HALVES, direction_of, half_of, shape_of
from .wording import article, extent_text, share_text

__all__ = ["SIZE_BUILDERS", "UNITS", "single"]

UNITS: tuple[str, ...] = (
    "nm", "µm", "um", "mm", "nanometres", "micrometres", "nanometers", "micrometers", "microns",
)  # fmt: skip
"""Units that a question may name; the answer is a share of the picture all the same."""

LARGER = 1.5
"""One size has to be so many times another to be called larger."""

_MIN_LARGEST = 8
"""An area of fewer cells cannot be compared."""


def single(a: Asker) -> tuple[DefectFact, Mask] | None:
    """Return the defect and its mask where there is exactly one and its mask is known.

    The mask of edge roughness is that of whole lines, which says nothing of its size or shape.
    """
    found = a.facts.defects or ()
    if len(found) != 1 or found[0].mask is None or found[0].kind == "edge roughness":
        return None
    return found[0], found[0].mask


def _how_large(a: Asker) -> QuestionAnswer | None:
    one = single(a)
    if one is None:
        return None
    extent = a.facts.extent_of(one[0])
    answer = None if extent is None else extent_text(extent)
    return a.make("how large", answer, one[1], fields=a.named(one[0].kind))


def _in_units(a: Asker) -> QuestionAnswer | None:
    one = single(a)
    if one is None:
        return None
    extent = a.facts.extent_of(one[0])
    answer = None if extent is None else share_text(extent)
    fields = {**a.named(one[0].kind), "unit": a.pick(UNITS)}
    return a.make("how large in units", answer, one[1], fields=fields)


def _direction(a: Asker) -> QuestionAnswer | None:
    one = single(a)
    if one is None:
        return None
    answer = direction_of(one[1], a.facts.aspect)
    return a.make("direction", answer, one[1], fields=a.named(one[0].kind))


def _defect_shape(a: Asker) -> QuestionAnswer | None:
    one = single(a)
    # The mask of a broken particle is what it was before.
    if one is None or one[0].kind == "broken particle":
        return None
    answer = shape_of(one[1], a.facts.aspect)
    return a.make("defect shape", answer, one[1], fields=a.named(one[0].kind))


def _half(a: Asker) -> QuestionAnswer | None:
    one = single(a)
    if one is None:
        return None
    clear = [axis for axis in (0, 1) if half_of(one[1], axis)]
    if not clear:
        return None
    axis = clear[int(a.rng.integers(len(clear)))]
    true = half_of(one[1], axis)
    asked = HALVES[axis][int(a.rng.integers(2))]
    answer = "yes" if asked == true else f"no, in the {true} half"
    return a.make("half", answer, one[1], fields={**a.named(one[0].kind), "half": asked})


def _largest_where(a: Asker) -> QuestionAnswer | None:
    several = [kind for kind in a.facts.kinds if len(a.facts.of_kind(kind)) > 1]
    if not several:
        return None
    kind = a.pick(several)
    masks = [d.mask for d in a.facts.of_kind(kind) if d.mask is not None]
    if len(masks) < len(a.facts.of_kind(kind)):
        return None
    masks.sort(key=lambda mask: -int(mask.sum()))
    first, second = int(masks[0].sum()), int(masks[1].sum())
    if first < _MIN_LARGEST or first < LARGER * second:
        return None
    return a.make("largest where", place_of(masks[0]), masks[0], fields=a.named(kind))


def _which_larger(a: Asker) -> QuestionAnswer | None:
    kinds = a.facts.kinds
    if len(kinds) != 2 or not a.countable:
        return None
    sizes = [max(a.facts.extent_of(d) or 0.0 for d in a.facts.of_kind(kind)) for kind in kinds]
    areas = [max(_area(d) for d in a.facts.of_kind(kind)) for kind in kinds]
    larger = int(sizes[1] > sizes[0])
    if sizes[larger] < LARGER * sizes[1 - larger] or areas[larger] <= areas[1 - larger]:
        return None
    kind = kinds[larger]
    named = [a.named(name)["kind"] for name in kinds]
    if a.rng.random() < 0.5:
        named.reverse()
    wording = "which defect larger" if a.rng.random() < 0.3 else "which larger"
    bare = article(kind) == kind
    return a.make(
        "which larger",
        kind if bare else f"the {kind}",
        a.facts.mask_of(kind),
        wording=wording,
        fields={"one": named[0], "other": named[1]},
    )


def _area(defect: DefectFact) -> float:
    return 0.0 if defect.mask is None else float(defect.mask.mean())


SIZE_BUILDERS: dict[str, Builder] = {
    "how large": _how_large,
    "how large in units": _in_units,
    "direction": _direction,
    "defect shape": _defect_shape,
    "half": _half,
    "largest where": _largest_where,
    "which larger": _which_larger,
}
"""Kind of question -> what writes one."""
