"""A structure out of a picture: a short list of questions to a model, and what it answers.

A picture shows areas and the block has volumes. Of arrays and lines the share of the area is that
of the volume. Scattered spheres and fibres hide each other: with a share C covered and a depth H,
objects of a volume v and a shadow a make ``-ln(1 - C) v / (a H)`` of the volume (Boolean model:
Chiu, Stoyan, Kendall, Mecke, Stochastic Geometry and its Applications, 3rd ed. 2013).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from math import log, pi
from threading import Event
from typing import Any

from ..lengths import in_metres
from ..models.base import Model
from ..regions import Region
from ..results import Question, Turn
from .fields import StructureError, StructureFields, complete
from .kinds import KINDS
from .units import unit_named
from .words import kind_in, orientation_in

__all__ = ["QUESTIONS", "describe_structure", "fields_of_answers"]

QUESTIONS: dict[str, str] = {
    "category": "What kind of sample is this?",
    "objects": "What objects are there?",
    "arrangement": "How are they arranged?",
    "orientation": "What is the orientation?",
    "coverage": "What fraction of the area is covered?",
    "density": "Is it dense or sparse?",
    "size": "How large is one of the objects compared with the picture?",
    "count": "How many are in view?",
}
"""What is asked of a picture; each of these the bundled model has learnt to answer."""

_PERCENT = re.compile(r"(\d{1,3}(?:\.\d+)?)\s*%")
_COVERED = {"sparse": 0.07, "moderate": 0.22, "dense": 0.55}
_USUAL_SIZE = 0.06
_CATEGORIES = {
    "porous sponge": "sponge",
    "nanowires": "fibres",
    "fibres": "fibres",
    "fibers": "fibres",
    "particles": "spheres",
    "powder": "spheres",
    "biological": "spheres",
    "tips": "tips",
    "patterned surfaces": "lines",
    "mems devices and electrodes": "lines",
    "films and coated surfaces": "film",
}
_DEPTH = {"spheres": 2.5, "fibres": 5.0}
"""Diameters from top to bottom of what lies pell-mell."""
_MOST_COVERED = 0.96


def describe_structure(
    model: Model,
    region: Region,
    *,
    on_answer: Callable[[str], None] = lambda text: None,
    cancel: Event | None = None,
) -> StructureFields:
    """Ask a model what a region shows, and return it as a structure.

    Parameters
    ----------
    model : Model
        Who is asked; the bundled one has learnt these questions.
    region : Region
        What it looks at. Lengths are in its unit, or in pixels where its scale is not known.
    on_answer : callable
        Called after each answer, with it.
    cancel : threading.Event, optional
        Once set, it stops within one token.

    Returns
    -------
    StructureFields
        With the questions and answers as ``said``.

    Raises
    ------
    StructureError
        If the answers name no structure that can be built.
    Cancelled
        If ``cancel`` was set.
    """
    said: dict[str, str] = {}
    for name, text in QUESTIONS.items():
        answer = model.ask(Question(text, (region,), tiled=False), cancel=cancel)
        said[name] = answer.text
        on_answer(answer.text)
    unit, pixel = "pixel", 1.0
    if region.pixel_size is not None and region.unit != "pixel":
        pixel = sum(region.pixel_size) / 2
        named = unit_named(region.unit)
        unit = named or "nm"
        if named is None:
            pixel *= (in_metres(region.unit) or 1e-9) / 1e-9
    longer, shorter = max(region.shape), min(region.shape)
    return fields_of_answers(said, shorter * pixel, longer * pixel, unit)


def fields_of_answers(
    said: dict[str, str], width: float, longer: float, unit: str
) -> StructureFields:
    """Return the structure that answers to :data:`QUESTIONS` describe.

    Parameters
    ----------
    said : dict of str to str
        Answers by the names of the questions.
    width, longer : float
        The shorter and the longer side of the picture in ``unit``.
    unit : str
        Of both.

    Raises
    ------
    StructureError
        If they name no structure that can be built.
    """
    kind = _kind(said)
    covered = _covered(said)
    share = _share(said.get("size", ""))
    assumed = [] if share is not None else ["size"]
    size = (share if share is not None else _USUAL_SIZE) * longer
    size = min(size, 0.45 * width)
    values: dict[str, Any] = {"kind": kind, "width": width, "unit": unit, "size": size}
    values |= _volume(kind, covered, size)
    if kind == "tips":
        values |= _tips(said, values["size"], width)
    values["orientation"] = _orientation(kind, said)
    values["regularity"] = _regularity(kind, said)
    if "density" in values:
        values["density"] = min(max(float(values["density"]), 0.01), KINDS[kind].densest)
    # Elements thinner than the eye can tell would need more voxels than a computer has.
    values["size"] = max(values["size"], 0.008 * width)
    made = complete(**values, assumed=(*assumed, "depth"))
    turns = tuple(Turn(QUESTIONS[name], text) for name, text in said.items() if name in QUESTIONS)
    return replace(made, said=turns)


def _kind(said: dict[str, str]) -> str:
    objects, category = said.get("objects", ""), said.get("category", "").strip().lower()
    named = kind_in(objects)
    usual = _CATEGORIES.get(category.rstrip("."))
    if named == "foam" and usual not in ("sponge", None):
        named = "holes" if usual == "lines" else usual
    found = named or usual or kind_in(category)
    if found is None:
        raise StructureError(
            f"The model saw “{objects or category}”, which is no structure that can be built; "
            "describe it in words instead."
        )
    return found


def _covered(said: dict[str, str]) -> float:
    """Return the share of the picture that objects cover, 0 to 1."""
    if found := _PERCENT.search(said.get("coverage", "")):
        return float(found[1]) / 100
    dense = said.get("density", "").lower()
    return next((share for word, share in _COVERED.items() if word in dense), 0.3)


def _share(text: str) -> float | None:
    """Return a size as a share of the picture's longer side."""
    if found := _PERCENT.search(text):
        return float(found[1]) / 100
    for word, share in (("small", 0.03), ("medium", 0.08), ("large", 0.18)):
        if word in text.lower():
            return share
    return None


def _volume(kind: str, covered: float, size: float) -> dict[str, float]:
    """Return density and depth of a block that covers so much when it is looked at."""
    seen = min(max(covered, 0.01), _MOST_COVERED)
    if kind in ("spheres", "fibres"):
        thick = size * (2 / 3 if kind == "spheres" else pi / 4)
        if kind == "spheres" and seen < 0.5:
            # One layer: none lies before another.
            depth = 1.05 * size
            return {"density": seen * thick / depth, "depth": depth}
        depth = _DEPTH[kind] * size
        most = 0.6 if kind == "spheres" else 0.8
        return {"density": min(-log(1 - seen) * thick / depth, most), "depth": depth}
    if kind == "foam":
        # The objects are the pores. Edges of cells, 5.83 long in a cell's volume, throw a shadow
        # of pi / 4 their length; half a cell is in front of the next.
        ratio = -log(min(max(covered, 0.05), 0.95)) / (5.83 * pi / 4 * 0.5)
        spacing = size / 0.85
        return {
            "density": KINDS["foam"].density_of(ratio, 1.0),
            "size": ratio * spacing,
            "depth": 2 * spacing,
        }
    if kind == "holes":
        return {"density": 1 - seen}
    if kind == "film":
        return {"density": 0.6}
    if kind == "tips":
        # Seen from the side as a triangle: its foot is twice as wide as it is on the mean.
        return {"size": 2 * size}
    return {"density": seen}


def _tips(said: dict[str, str], size: float, width: float) -> dict[str, float]:
    """Return foot and pitch of as many tips as are in view."""
    number = re.search(r"\d+", said.get("count", ""))
    rows = max(round(int(number[0]) ** 0.5), 1) if number else 1
    pitch = width / rows
    return {"size": min(size, 0.95 * pitch), "spacing": pitch}


def _orientation(kind: str, said: dict[str, str]) -> str | None:
    if not KINDS[kind].directed:
        return None
    text = said.get("orientation", "")
    named = orientation_in(text)
    if named == "random" and kind == "fibres":
        # What lies on a surface lies in its plane.
        return "in plane"
    if kind in ("layers", "lines") and named in (None, "random"):
        return None
    return named


def _regularity(kind: str, said: dict[str, str]) -> float | None:
    """Return how regular an arrangement is; None: as usual for the kind."""
    text = said.get("arrangement", "").lower()
    if kind in ("layers", "lines"):
        return None
    if "ordered" in text or "array" in text:
        return 1.0
    if "aligned" in text or "layered" in text:
        return 0.9
    if kind in ("sponge", "foam"):
        return None
    return 0.0 if text else None
