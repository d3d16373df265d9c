"""Words for kinds and directions, and what a text says is not there."""

from __future__ import annotations

import re

__all__ = ["kind_in", "orientation_in"]

_WORDS: tuple[tuple[str, str], ...] = (
    ("gyroid", r"gyroids?(?:al)?"),
    ("schwarz d", r"schwar[tz]+(?:['’]?s)?\W*d(?:iamond)?\b|diamond (?:surface|minimal|tpms)"
                  r"|d[- ]surface"),
    ("schwarz p", r"schwar[tz]+(?:['’]?s)?(?:\W*p(?:rimitive)?\b)?"
                  r"|primitive (?:surface|minimal|tpms)|p[- ]surface"),
    ("foam", r"(?:open[- ]cell(?:ed)? |metal )?foams?|cellular|honeycombs?"),
    ("sponge", r"spong\w*|bicontinuous|spinodal|ligaments?|nano-?porous|aerogels?|porous"),
    ("tips", r"tips?|cones?|conical|needles?|spikes?"),
    ("holes", r"(?:contact |through |via )?holes?|vias?|perforat\w+|pore array"),
    ("pillars", r"(?:nano|micro)?(?:pillars?|posts|rods? array)|columns?|pillared|mesas?|dots"),
    ("fibres", r"(?:nano|micro)?(?:fib(?:re|er)s?|wires?|tubes?|rods?)|fibrous|filaments?|mats?\b"),
    ("lines", r"lines?|line/space|gratings?|trench(?:es)?|fins?|comb fingers?|fingers"),
    ("layers", r"layers?|layered|lamell(?:ae|a|ar)|laminat\w+|multilayers?|stacks?"),
    ("spheres", r"(?:nano|micro)?(?:spheres?|particles?|beads?)|spherical|grains?|powders?|cells"
                r"|droplets?|colloids?|balls?|crystals?|granul\w+"),
    ("film", r"films?|coatings?|coated|nodules?|bumpy|rough surface"),
    ("foam", r"pores?|voids?"),
)  # fmt: skip
"""Kinds and words for them; of two kinds in a text the one named first counts, unless the other
is the more special: those further up."""
_SPECIAL = frozenset(("gyroid", "schwarz d", "schwarz p"))

_DIRECTIONS = (
    ("random", r"(?:un|non-?|not )(?:oriented|aligned)|random\w*(?: orient\w+| network)?|isotropic"
               r"|tangled|no orientation|entangled|every direction"),
    ("in plane", r"in[- ](?:the )?plane|lying flat|flat on|stacked (?:up|upon)|in a mat"),
    ("upright", r"upright|standing|free-?standing|perpendicular to the (?:surface|substrate|plane)"
                r"|out[- ]of[- ]plane|along z\b|along the z"),
    ("diagonal", r"diagonal\w*|oblique\w*|slanted"),
    ("horizontal", r"horizontal\w*|left to right|along x\b|along the x"),
    ("vertical", r"vertical\w*|up and down|top to bottom|along y\b|along the y"),
)  # fmt: skip

_ANY_KIND = "|".join(words for _, words in _WORDS)
_NEGATED = re.compile(
    r"\b(?:no|not|without|nor|neither|never|instead of|rather than|free of|free from|lack(?:s|ing)?"
    r"|absence of|devoid of|(?:is|are|was|were)n['’]t)\s+"
    r"(?:(?:an?|the|any|visible|single|individual|other|longer|more|simply|really|made|of|metal|"
    r"open|closed|clear|signs?|seen)\s+){0,3}"
    rf"(?:{_ANY_KIND})(?!\w)(?:\s+(?:or|nor)\s+(?:{_ANY_KIND})(?!\w))*"
)


def _affirmed(low: str) -> str:
    """Return a text without the kinds that it says are not there."""
    return _NEGATED.sub(" ", low)


def kind_in(text: str) -> str | None:
    """Return the kind of structure that a text names; None where it names none."""
    low = _affirmed(text.lower())
    found = []
    for rank, (kind, words) in enumerate(_WORDS):
        if match := re.search(rf"(?<!\w)(?:{words})(?!\w)", low):
            if kind in _SPECIAL:
                return kind
            found.append((match.start(), rank, kind))
    if not found:
        return None
    kinds = {kind for _, _, kind in found}
    # "A porous sponge of ligaments", "pillars in an array of holes": the first; but a network,
    # film or stack that is made of something is that something's.
    if "foam" in kinds and re.search(r"foam|open[- ]cell|honeycomb", low):
        return "foam"
    if kinds & {"pillars", "tips", "holes"}:
        found = [one for one in found if one[2] not in ("film", "layers", "spheres", "lines")]
    if kinds & {"fibres", "spheres"}:
        found = [one for one in found if one[2] != "film"] or found
    return min(found)[2]


def orientation_in(text: str) -> str | None:
    """Return the direction that a text names; None where it names none."""
    low = text.lower()
    found = [
        (match.start(), name)
        for name, words in _DIRECTIONS
        if (match := re.search(rf"(?<!\w)(?<!not )(?:{words})(?!\w)", low))
    ]
    named = [one for one in found if one[1] != "random"]
    return min(named or found)[1] if found else None
