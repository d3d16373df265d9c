"""Panels of compound figures: ``python -m benchmarks.panels [--count N] [--pictures FOLDER]``.

Figures are put together from pictures whose places are known, in rows and beside columns, with
letters inside, boxed, outside or none, on white or black, plots among them, and saved as JPEG. A
panel counts when its box and the true one share at least 0.7 of what both cover together.

``--pictures`` takes the photographs from a folder instead of drawing them; ``--touching`` leaves no
strip between them; ``--no-caption`` says nothing of their number; ``--single`` counts how many
single pictures of that folder are wrongly cut, each with a caption that names four panels.
"""

from __future__ import annotations

import argparse
import io
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

from napari_micrograph_vlm.datasets.papers.panels import split_panels
from napari_micrograph_vlm.intervals import wilson

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "datasets" / "papers"))
from compounds import compound, found_of, picture

_FOUR = "Foams. (a) SEM image, (b) TEM image, (c) map and (d) spectrum."


def measure(count: int, seed: int, files: list[Path], touching: bool, captioned: bool) -> None:
    """Print precision and recall of panels, and how many figures are right in all of them."""

    def photograph(rng: np.random.Generator, width: int, height: int) -> Image.Image:
        chosen = Image.open(files[rng.integers(len(files))])
        return chosen.convert("RGB").resize((width, height))

    right = found = there = whole = lettered = 0
    start = time.perf_counter()
    for number in range(count):
        rng = np.random.default_rng(seed + number)
        made = compound(rng, photograph if files else picture, touching=touching)
        data = io.BytesIO()
        made.image.save(data, "JPEG", quality=int(rng.integers(75, 96)))
        panels = split_panels(Image.open(data), made.caption if captioned else "")
        hits = found_of([one.box for one in panels], made.boxes)
        right, found, there = right + hits, found + len(panels), there + len(made.boxes)
        whole += hits == len(panels) == len(made.boxes)
        lettered += [one.letter for one in panels] == made.letters
    spent = (time.perf_counter() - start) / count
    for name, part, total in (
        ("precision", right, found),
        ("recall", right, there),
        ("figures with all panels right", whole, count),
        ("figures with all letters right", lettered, count),
    ):
        low, high = wilson(part, total)
        share = part / max(1, total)
        print(f"{name}: {share:.3f} ({low:.3f} to {high:.3f}; {part} of {total})")
    print(f"{spent:.2f} s a figure")


def single(files: list[Path]) -> None:
    """Print how many single pictures are cut."""
    cut = 0
    for file in files:
        with Image.open(file) as image:
            cut += bool(split_panels(image, _FOUR))
    low, high = wilson(cut, len(files))
    print(f"single pictures cut: {cut / len(files):.3f} ({low:.3f} to {high:.3f}; {cut})")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.panels", description=__doc__)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=50_000)
    parser.add_argument("--pictures", type=Path, help="folder of photographs")
    parser.add_argument("--touching", action="store_true")
    parser.add_argument("--no-caption", action="store_true")
    parser.add_argument("--single", action="store_true", help="needs --pictures")
    chosen = parser.parse_args()
    files = sorted(chosen.pictures.iterdir()) if chosen.pictures else []
    if chosen.single:
        single(files)
    else:
        measure(chosen.count, chosen.seed, files, chosen.touching, not chosen.no_caption)


if __name__ == "__main__":
    main()
