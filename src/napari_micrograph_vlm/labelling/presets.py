"""Label sets to start from, with what each class looks like."""

from __future__ import annotations

from .label_sets import NFFA_CATEGORIES, SEMICONDUCTOR_DEFECTS, LabelClass, LabelSet

__all__ = ["PRESETS"]

_CATEGORIES: dict[str, str] = {
    "biological": "Cells, bacteria, pollen, tissue or other matter that was once alive.",
    "fibres": "Long, thin, bendable strands, thicker than nanowires, loose or woven.",
    "films and coated surfaces": "A continuous layer on a substrate, from above or in "
    "cross-section.",
    "MEMS devices and electrodes": "Machined microscopic parts: combs, cantilevers, membranes, "
    "contact pads and electrodes.",
    "nanowires": "Straight or slightly bent wires less than about a micrometre thick, scattered "
    "or standing as a forest.",
    "particles": "Separate grains or spheres on a flat background, each with its own outline.",
    "patterned surfaces": "A regular pattern made by lithography or etching: lines and spaces, "
    "contact holes, pillars or gratings.",
    "porous sponge": "A connected network of ligaments or walls with open pores between them.",
    "powder": "A heap of many irregular grains that touch and cover each other.",
    "tips": "Sharp cones or needles that end in one apex, such as probes and field emitters.",
}

_DEFECTS: dict[str, str] = {
    "no defect": "The pattern or surface is as intended, with nothing missing, added or damaged.",
    "bridge": "Material joins two neighbouring lines that should be apart and shorts them.",
    "break": "A line, wire or fibre is interrupted by a gap across its full width.",
    "necking": "A line gets markedly narrower at one place without being interrupted.",
    "missing hole": "A contact hole is absent at a place of the array where one should be.",
    "pattern collapse": "Several neighbouring lines lean against each other or have fallen over.",
    "particle": "A foreign particle lies on the surface, often bright at its edge and rounded.",
    "residue": "Irregular patches of resist or etch residue remain where the surface should be "
    "clean.",
    "scratch": "A long, narrow, mostly straight mechanical mark runs across structures of any "
    "kind.",
    "crack": "A thin, dark, jagged line runs through the material where it has come apart.",
    "delamination": "A layer has come off the layer below, with a dark gap along the interface.",
    "pore": "A small, dark, rounded opening in a layer that should be dense.",
    "blister": "A round bump where the film has lifted off the substrate without breaking.",
    "inclusion": "A piece of another material, with another grey level, lies embedded in the "
    "layer.",
    "micro-bridge": "A very thin thread of material joins two neighbouring lines.",
    "closed hole": "A contact hole is there but filled or not opened, so that its inside is as "
    "bright as around it.",
    "void": "A cavity without material inside a line or a filled structure.",
    "edge roughness": "The edges of lines are wavy and ragged instead of straight and smooth.",
}


def _preset(name: str, names: tuple[str, ...], sentences: dict[str, str]) -> LabelSet:
    return LabelSet(name, tuple(LabelClass(each, sentences[each]) for each in names))


PRESETS: dict[str, LabelSet] = {
    each.name: each
    for each in (
        _preset("SEM categories (NFFA-Europe)", NFFA_CATEGORIES, _CATEGORIES),
        _preset("Semiconductor defects", SEMICONDUCTOR_DEFECTS, _DEFECTS),
    )
}
"""Label sets to start from, by name."""
