"""How an answer is put: articles, plurals, counts, sizes and one-sentence descriptions."""

from __future__ import annotations

from .facts import Facts, places_text

__all__ = [
    "STEPS",
    "SYNONYMS",
    "article",
    "count_text",
    "cover_text",
    "defects_text",
    "describe",
    "extent_text",
    "kinds_text",
    "number_of",
    "plural",
    "share_text",
    "step_of",
]

NO_DEFECT = "no defect"

STEPS: tuple[int, ...] = (1, 2, 5, 10, 15, 20, 30, 40, 50, 60, 80, 100)
"""Sizes are said in these steps, in per cent."""

SYNONYMS: dict[str, tuple[str, ...]] = {
    "bridge": ("short", "bridging"),
    "break": ("open", "line break"),
    "necking": ("thinning", "pinching"),
    "missing hole": ("missing contact",),
    "pattern collapse": ("collapsed pattern", "collapse"),
    "particle": ("foreign particle",),
    "residue": ("scum", "stain"),
    "pore": ("hole in the coating",),
    "delamination": ("peeling", "detachment"),
    "blister": ("bubble",),
    "agglomerate": ("cluster", "clump"),
    "micro-bridge": ("microbridge",),
    "closed hole": ("blocked hole", "unopened hole"),
    "void": ("cavity",),
    "edge roughness": ("line edge roughness", "LER"),
    "broken particle": ("fragment", "cracked particle"),
}
"""Other names that a user may ask with; answers keep the first name."""

_UNCOUNTED = (
    "necking",
    "residue",
    "delamination",
    "pattern collapse",
    "edge roughness",
    # and what else they are called
    *("thinning", "pinching", "scum", "peeling", "detachment", "collapse", "collapsed pattern"),
    *("bridging", "line edge roughness", "LER"),
)
_NUMBERS = ((17, 15), (24, 20), (39, 30), (69, 50), (100, 80))


def article(name: str) -> str:
    """Return a name with "a" or "an", or alone where it is not counted."""
    if name in _UNCOUNTED:
        return name
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def plural(name: str) -> str:
    """Return the plural of a defect's name."""
    head, *rest = name.split(" in ")
    if name in _UNCOUNTED or head.endswith("s"):
        return name
    if head.endswith("y") and head[-2] not in "aeiou":
        head = head[:-1] + "ie"
    head += "es" if head.endswith(("ch", "sh")) else "s"
    return " in ".join((head, *rest))


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


def step_of(share: float) -> int:
    """Round a share, 0 to 1, to the nearest of the ``STEPS`` in per cent."""
    return min(STEPS, key=lambda step: abs(step - 100 * share))


def share_text(share: float) -> str:
    """Say how large something is: ``"about 20 % of the picture"``.

    Parameters
    ----------
    share : float
        Its length over that of the picture's longer side, 0 to 1.
    """
    return f"about {step_of(share)} % of the picture"


def cover_text(share: float) -> str:
    """Say how much something covers, 0 to 1: ``"about 20 % of the area"``."""
    return f"about {step_of(share)} % of the area"


def extent_text(extent: float) -> str:
    """Say how large a defect is: a class and its rounded share of the picture's side.

    Parameters
    ----------
    extent : float
        Longer side of its bounding box over the picture's, 0 to 1.
    """
    size = "small" if extent < 0.1 else "medium" if extent < 0.3 else "large"
    return f"{size}, {share_text(extent)}"


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
