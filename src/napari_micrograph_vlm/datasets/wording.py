"""How an answer is put: articles, plurals, counts, sizes and one-sentence descriptions."""

from __future__ import annotations

from .facts import Facts, places_text

__all__ = [
    "SYNONYMS",
    "article",
    "count_text",
    "defects_text",
    "describe",
    "extent_text",
    "kinds_text",
    "number_of",
    "plural",
]

NO_DEFECT = "no defect"

SYNONYMS: dict[str, tuple[str, ...]] = {
    "bridge": ("short", "bridging"),
    "break": ("open", "line break"),
    "necking": ("thinning", "pinching"),
    "missing hole": ("closed hole", "missing contact"),
    "pattern collapse": ("collapsed pattern", "collapse"),
    "particle": ("foreign particle",),
    "residue": ("scum", "stain"),
    "pore": ("void", "hole in the coating"),
    "delamination": ("peeling", "detachment"),
    "blister": ("bubble",),
    "agglomerate": ("cluster", "clump"),
}
"""Other names that a user may ask with; answers keep the first name."""

_UNCOUNTED = ("necking", "residue", "delamination", "pattern collapse")
_NUMBERS = ((17, 15), (24, 20), (39, 30), (69, 50), (100, 80))


def article(name: str) -> str:
    """Return a name with "a" or "an", or alone where it is not counted."""
    if name in _UNCOUNTED:
        return name
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def plural(name: str) -> str:
    """Return the plural of a defect's name."""
    if name.endswith(("s", "ing")) or name in ("residue", "delamination", "scum", "collapse"):
        return name
    return name + ("es" if name.endswith(("ch", "sh")) else "s")


def number_of(kind: str, n: int) -> str:
    """Return such as ``"1 bridge"`` or ``"3 pores"``."""
    return f"{n} {kind if n == 1 else plural(kind)}"


def count_text(count: int | str) -> str:
    """Say how many: exact up to 12, rounded above, ``"many"`` where not counted."""
    if isinstance(count, str):
        return count
    if count <= 12:
        return str(count)
    for most, text in _NUMBERS:
        if count <= most:
            return f"about {text}"
    return "more than 100"


def extent_text(extent: float) -> str:
    """Say how large a defect is: a class and its rounded share of the picture's side.

    Parameters
    ----------
    extent : float
        Longer side of its bounding box over the picture's, 0 to 1.
    """
    size = "small" if extent < 0.1 else "medium" if extent < 0.3 else "large"
    steps = (2, 5, 10, 15, 20, 30, 40, 50, 60, 80, 100)
    percent = min(steps, key=lambda step: abs(step - 100 * extent))
    return f"{size}, about {percent} % of the picture"


def kinds_text(facts: Facts) -> str:
    """Name the kinds of defect bare, as class names are: ``"bridge"``, ``"crack and pore"``."""
    return " and ".join(facts.kinds) or NO_DEFECT


def defects_text(facts: Facts) -> str:
    """Name the defects in a sentence: ``"a bridge"``, ``"pores"``, ``"a crack and a pore"``."""
    if not facts.kinds:
        return NO_DEFECT
    return " and ".join(
        article(kind) if len(facts.of_kind(kind)) == 1 else plural(kind) for kind in facts.kinds
    )


def describe(facts: Facts) -> str:
    """Describe a picture in one sentence."""
    if facts.description:
        return facts.description
    technique = facts.technique or "Electron"
    text = f"{'An' if technique[0] in 'SE' else 'A'} {technique} image of "
    text += " ".join(word for word in (facts.density, facts.objects or facts.category) if word)
    if facts.orientation in ("horizontal", "vertical", "diagonal"):
        text += f", {facts.orientation}"
    if facts.contrast:
        text += f", {facts.contrast}"
    if facts.defects is None:
        return text + "."
    if not facts.kinds:
        return text + ", no defect."
    where = places_text(facts.defects)
    return text + f", with {defects_text(facts)}" + (f" {where}." if where else ".")
