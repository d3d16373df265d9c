"""A folder of captioned figures, as small as it can be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from napari_micrograph_vlm.datasets.papers.figure import Panel, PaperFigure, write_figures

CAPTIONS = (
    "SEM image of nanoporous gold after dealloying for 10 h, ligaments of 20 nm.",
    "TEM image of platinum particles on carbon, without visible cracks.",
    "Electrospun polymer fibres with a diameter of 1.2 µm.",
    "Cross-section of a coating with a crack; scale bar 5 µm.",
)


def pixels_of(number: int) -> np.ndarray:
    """A picture of its own brightness and grain: what the fake model tells apart."""
    rng = np.random.default_rng(number)
    return (20 + 50 * number + rng.integers(0, 5 + 12 * number, (96, 128))).astype(np.uint8)


def make_figures(folder: Path, captions: tuple[str, ...] = CAPTIONS) -> Path:
    """Write one figure for each caption; return the folder."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    figures = []
    for i, caption in enumerate(captions):
        Image.fromarray(pixels_of(i)).save(folder / "images" / f"{i}.png")
        panels = (Panel("a", (0, 0, 64, 96)), Panel("b", (64, 0, 128, 96))) if i == 1 else ()
        figures.append(
            PaperFigure(
                f"f{i}",
                f"images/{i}.png",
                caption,
                f"Figure {i + 1}",
                f"paper{i}.pdf",
                page=i + 2,
                size=(128, 96),
                panels=panels,
            )
        )
    write_figures(folder, figures)
    return folder
