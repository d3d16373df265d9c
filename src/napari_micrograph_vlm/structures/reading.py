"""A structure out of a text: what a person or a model wrote."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from ..results import Answer
from .fields import StructureError, StructureFields, complete
from .kinds import KINDS
from .lengths_said import lengths_said
from .numbers_said import UNIT_WORDS, plain, refuse_signs
from .units import UNITS, unit_named
from .words import kind_in, orientation_in

__all__ = ["fields_of", "kind_in", "kind_named", "orientation_in", "values_of"]

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
    r"(?<![\w.,^])(\d{1,3}|two|three|four|five|six|seven|eight|nine|ten)\s+"
    # "200 nm lines" are not 200 of them.
    rf"(?!{UNIT_WORDS}\b|%|°|per\b|deg)(?:\w+\s+){{0,2}}?"
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
    text = plain(text)
    kind = kind_in(text)
    if kind is None:
        raise StructureError(
            "The text names no structure that can be built; name one, such as a gyroid, fibres, "
            "spheres, a foam, layers or pillars."
        )
    refuse_signs(text)
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
        if re.search(rf"(?<!not )\b{word}(?:ly)?\b", text, re.I):
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
    if "kind" in made:
        made["kind"] = kind_named(made["kind"])
    if "unit" in made:
        made["unit"] = _unit(made["unit"])
    for name in _NUMBERS_OF:
        value = given.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise StructureError(f"“{name}” is {value!r}; it has to be a number.")
        try:
            made[name] = float(value)
        except OverflowError:  # a whole number of hundreds of digits
            made[name] = float("inf")
    return made


def _unit(said: str) -> str:
    unit = unit_named(said)
    if unit is None:
        raise StructureError(
            f"“{said}” is no unit of a structure; give lengths in {', '.join(UNITS)} or pixel."
        )
    return unit


def kind_named(said: str) -> str:
    """Return the kind that a name stands for, ``"schwarz d"`` of ``"Schwarz diamond"``."""
    return said if said in KINDS else kind_in(said) or said
