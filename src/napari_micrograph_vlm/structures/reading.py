"""A structure out of a text: what a person or a model wrote."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from ..results import Answer
from .fields import StructureError, StructureFields, complete
from .lengths_said import lengths_said

__all__ = ["fields_of", "kind_in", "orientation_in", "values_of"]

_WORDS: tuple[tuple[str, str], ...] = (
    ("gyroid", r"gyroids?(?:al)?"),
    ("schwarz d", r"schwar[tz]+\W*d\b|diamond (?:surface|minimal)|d[- ]surface"),
    ("schwarz p", r"schwar[tz]+(?:\W*p\b)?|primitive (?:surface|minimal)|p[- ]surface"),
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

_DENSITIES = (
    ("sparse", 0.08),
    ("moderate", 0.25),
    ("dense", 0.5),
)

_PERCENT = re.compile(r"(?<![\w.])(\d{1,3}(?:[.,]\d+)?)\s*(?:%|per ?cent\b|vol\.? ?%)")
_POROSITY = re.compile(r"poros|void|pore volume|empty|\bair\b", re.I)
_SOLID = re.compile(
    r"solid|dens|volume|filled|filling|fraction|relative|packing|material|vol\b", re.I
)
_FRACTION = re.compile(
    r"(?P<what>porosity|void fraction|relative density|volume fraction|solid fraction|density|"
    r"packing fraction|filling factor)\s*(?:of|is|=|:)?\s*(?:about\s*)?(?P<value>0?[.,]\d+)\b",
    re.I,
)
_ANGLE = re.compile(r"(-?\d{1,3}(?:[.,]\d+)?)\s*(?:°|deg(?:rees?)?\b)", re.I)
_LAYERS = re.compile(
    r"\b(\d{1,3}|two|three|four|five|six|seven|eight|nine|ten)\s+(?:\w+\s+){0,2}?"
    r"(?:layers|lamellae|lines|periods|unit cells|cells)\b",
    re.I,
)
_NUMBERS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_ORDERED = re.compile(
    r"(?<!not )(?<!no )\b(?:ordered|regular(?:ly)?|periodic|lattice|square|hexagonal|perfect\w*|"
    r"array|uniform\w*)\b",
    re.I,
)
_DISORDERED = re.compile(
    r"\b(?:disordered|irregular\w*|random\w*|scattered|dispersed|cluster\w*|aperiodic|"
    r"not (?:ordered|regular)|stochastic)\b",
    re.I,
)
_ALIGNED = re.compile(r"(?<!not )(?<!un)\b(?:aligned|parallel|combed|oriented|run\w*)\b", re.I)


def fields_of(said: Answer | str | Mapping[str, Any]) -> StructureFields:
    """Return the structure that a text describes.

    Understands the kind, a density or porosity in per cent or as a fraction (or "sparse",
    "moderate", "dense"), lengths with units and what they are of, directions in words or degrees,
    order, and a number of layers. What is not said is what is usual, and named in ``assumed``.

    Parameters
    ----------
    said : Answer, str or mapping
        A text, a model's answer, or fields by name: those of :class:`StructureFields`, or a JSON
        object with them in the text.

    Returns
    -------
    StructureFields

    Raises
    ------
    StructureError
        If no kind of structure is named, or the values cannot be.

    Examples
    --------
    >>> print(fields_of("a gyroid, 30 % solid, with a period of 200 nm"))
    gyroid, 30 % solid; ligament 60 nm, period 200 nm; block of 800 × 800 × 400 nm
    """
    if isinstance(said, Mapping):
        return complete(**_checked(said))
    text = said.text if isinstance(said, Answer) else said
    return complete(**values_of(text))


def values_of(text: str) -> dict[str, Any]:
    """Return what a text says of a structure, by the names of its fields; see :func:`fields_of`."""
    found = _json_in(text)
    if found is not None:
        return _checked(found)
    kind = kind_in(text)
    if kind is None:
        raise StructureError(
            "The text names no structure that can be built; name one, such as a gyroid, fibres, "
            "spheres, a foam, layers or pillars."
        )
    said: dict[str, Any] = {"kind": kind, "density": _density(text)}
    said |= lengths_said(text, kind)
    said["orientation"] = orientation_in(text)
    if angle := _ANGLE.search(text):
        said["angle"] = float(angle[1].replace(",", "."))
    if layers := _LAYERS.search(text):
        word = layers[1].lower()
        number = _NUMBERS.index(word) + 2 if word in _NUMBERS else int(word)
        said["layers"] = number or None
    if _DISORDERED.search(text):
        said["regularity"] = 0.0
    elif _ORDERED.search(text):
        said["regularity"] = 1.0
    elif _ALIGNED.search(text) and kind in ("fibres", "sponge"):
        said["regularity"] = 0.9
    directed = said["orientation"] is not None or "angle" in said
    if kind == "fibres" and not directed and _ALIGNED.search(text):
        said["orientation"] = "horizontal"
    return {name: value for name, value in said.items() if value is not None}


def kind_in(text: str) -> str | None:
    """Return the kind of structure that a text names; None where it names none."""
    low = text.lower()
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
        if (match := re.search(rf"(?<!\w)(?:{words})(?!\w)", low))
    ]
    named = [one for one in found if one[1] != "random"]
    return min(named or found)[1] if found else None


def _density(text: str) -> float | None:
    """Return the solid share that a text states, 0 to 1."""
    if found := _FRACTION.search(text):
        share = float(found["value"].replace(",", "."))
        return 1 - share if re.match("poros|void", found["what"], re.I) else share
    best: tuple[int, float] | None = None
    for found in _PERCENT.finditer(text):
        share = float(found[1].replace(",", ".")) / 100
        # Up to the next comma or number: what it is of.
        after = re.split(r"[,;.]|\d", text[found.end() : found.end() + 40])[0]
        before = re.split(r"[,;.]|%", text[max(found.start() - 40, 0) : found.start()])[-1]
        near = f"{before} {after}"
        if re.search(r"picture|humid|yield|strain|weight|\bwt\b|confiden", near, re.I):
            continue
        if _POROSITY.search(near):
            share = 1 - share
        elif not _SOLID.search(near):
            if best is None:
                best = (1, share)
            continue
        if best is None or best[0]:
            best = (0, share)
    if best is not None:
        return best[1]
    for word, share in _DENSITIES:
        if re.search(rf"\b{word}(?:ly)?\b", text, re.I):
            return share
    return None


def _json_in(text: str) -> Mapping[str, Any] | None:
    """Return the JSON object that a text holds, as larger models write one."""
    start, stop = text.find("{"), text.rfind("}")
    if not 0 <= start < stop:
        return None
    try:
        found = json.loads(text[start : stop + 1])
    except (json.JSONDecodeError, RecursionError):
        return None
    return found if isinstance(found, dict) and "kind" in found else None


_NUMBERS_OF = ("density", "size", "spacing", "width", "depth", "regularity", "angle", "layers")
_TEXTS_OF = ("kind", "unit", "orientation")


def _checked(given: Mapping[str, Any]) -> dict[str, Any]:
    """Take known fields from a mapping, and see that they are what they should be."""
    made: dict[str, Any] = {}
    for name in _TEXTS_OF:
        value = given.get(name)
        if value is not None:
            if not isinstance(value, str):
                raise StructureError(f"“{name}” is {value!r}; it has to be a word.")
            made[name] = value
    kind = made.get("kind")
    if kind is not None:
        made["kind"] = kind_in(kind) or kind
    for name in _NUMBERS_OF:
        value = given.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise StructureError(f"“{name}” is {value!r}; it has to be a number.")
        made[name] = float(value)
    return made
