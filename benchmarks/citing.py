"""How well figures are found and marks are judged: ``python -m benchmarks.citing``.

Retrieval: an index of figures, asked with a cut-out of one of them (is that figure the first, or
among the first three?), and with a whole figure (is another one of the same kind, of another
paper, among the first?). Beside it chance, and the correlation of the pixels of the same parts,
brought to 32 x 32. Marks: claims that a caption makes, claims of another caption, and claims with
a number or a negation changed: how many keep their mark? Synthetic figures by default; ``--real
FOLDER`` takes a folder with ``captioned/`` and ``teacher_labels.jsonl`` and asks about its test
split, which the student was not trained on.
"""

from __future__ import annotations

import argparse
import csv
import re
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from napari_micrograph_vlm.api import load_model
from napari_micrograph_vlm.datasets.papers.figure import PaperFigure, write_figures
from napari_micrograph_vlm.datasets.synthetic import synthesize
from napari_micrograph_vlm.intervals import wilson
from napari_micrograph_vlm.regions import Cutout
from napari_micrograph_vlm.retrieval.index import FigureIndex
from napari_micrograph_vlm.retrieval.support import supports
from napari_micrograph_vlm.retrieval.views import boxes_of
from napari_micrograph_vlm.retrieval.words import COMMON

SEED = 20_700_000
SIDES = (0.5, 0.3)
NEGATION = re.compile(r"\b(no|not|without)\b")

Picture = tuple[PaperFigure, np.ndarray, str, bool]
"""Figure, pixels, kind, and whether it is asked about."""


def drawn(count: int) -> list[Picture]:
    """Return synthetic figures, four a paper, with captions as papers write them."""
    found = []
    for i in range(count):
        one = synthesize(SEED + i, size=384)
        kinds = sorted({defect.kind for defect in one.defects})
        size = 3 + 7 * (i % 40)
        defects = f" with a {kinds[0]}" if kinds else ", without defects"
        caption = (
            f"SEM image of {one.category}{defects}, prepared for {1 + i % 23} h at "
            f"{300 + 5 * (i % 61)} °C. Features are {size} nm wide."
        )
        figure = PaperFigure(
            f"f{i:04d}", f"images/{i:04d}.png", caption, f"Figure {i % 4 + 1}", f"p{i // 4}.pdf"
        )
        found.append((figure, one.image, one.category, True))
    return found


def real(folder: Path, count: int) -> list[Picture]:
    """Return real figures: all of the test split, and others as many as fit."""
    from napari_micrograph_vlm.datasets.real_masks import read_real

    with (folder / "captioned" / "captions.csv").open(encoding="utf-8") as file:
        captions = {row["id"]: row for row in csv.DictReader(file)}
    pictures = [p for p in read_real(folder, []) if "captioned" in p.path.parts]
    pictures = sorted(pictures, key=lambda p: (not p.in_test, p.path.name))[:count]
    found = []
    for i, one in enumerate(pictures):
        row = captions[one.path.stem]
        figure = PaperFigure(
            f"f{i:04d}", f"images/{i:04d}.png", row["caption"], "", one.group, doi=row["doi"]
        )
        pixels = np.array(Image.open(one.path).convert("L"))
        found.append((figure, pixels, str(one.facts.category or "other"), one.in_test))
    return found


def cut(pixels: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Return a window anywhere in a picture, of some share of its sides."""
    height, width = (max(round(side * share), 48) for side in pixels.shape)
    height, width = min(height, pixels.shape[0]), min(width, pixels.shape[1])
    y = rng.integers(0, pixels.shape[0] - height + 1)
    x = rng.integers(0, pixels.shape[1] - width + 1)
    return pixels[y : y + height, x : x + width]


def small(pixels: np.ndarray) -> np.ndarray:
    """Return a picture as 1,024 numbers of mean 0 and length 1."""
    flat = np.asarray(Image.fromarray(pixels).resize((32, 32), Image.Resampling.BOX), np.float32)
    flat = flat.ravel() - flat.mean()
    return flat / max(float(np.linalg.norm(flat)), 1e-9)


class Pixels:
    """Ranks figures by the correlation of their parts with a picture."""

    def __init__(self, pictures: list[Picture]) -> None:
        rows, self.owners = [], []
        for i, (figure, pixels, _, _) in enumerate(pictures):
            for box in boxes_of(figure, pixels.shape[1], pixels.shape[0]):
                x0, y0, x1, y1 = box or (0, 0, pixels.shape[1], pixels.shape[0])
                rows.append(small(pixels[y0:y1, x0:x1]))
                self.owners.append(i)
        self.rows, self.count = np.stack(rows), len(pictures)

    def order(self, pixels: np.ndarray) -> np.ndarray:
        best = np.full(self.count, -1.0, np.float32)
        np.maximum.at(best, np.array(self.owners), self.rows @ small(pixels))
        return np.argsort(-best, kind="stable")


def retrieval(pictures: list[Picture], model, rng: np.random.Generator) -> None:
    """Print how often the right figures are found."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "images").mkdir()
        for figure, pixels, _, _ in pictures:
            Image.fromarray(pixels).save(folder / figure.image)
        write_figures(folder, [figure for figure, *_ in pictures])
        index = FigureIndex.build(folder, model)
        number = {figure.id: i for i, (figure, *_) in enumerate(pictures)}
        plain = Pixels(pictures)
        kinds = np.array([kind for _, _, kind, _ in pictures])
        papers = np.array([figure.paper for figure, *_ in pictures])
        asked = [i for i, (*_, chosen) in enumerate(pictures) if chosen]

        def order(pixels: np.ndarray, count: int) -> list[int]:
            region = Cutout.of_array(pixels).read()
            return [number[one.figure.id] for one in index.similar(region, count=count)]

        print(f"{len(index)} figures, {len(asked)} asked about, {index.made_by} {index.revision}")
        print("| what | n | @1 | 95 % | @3 | 95 % | chance @1, @3 | pixels @1, @3 |")
        print("|---|---|---|---|---|---|---|---|")
        for side in SIDES:
            ranks, other = [], []
            for i in asked:
                piece = cut(pictures[i][1], side, rng)
                if piece.min() == piece.max():
                    continue
                found = order(piece, 3)
                ranks.append(found.index(i) if i in found else 9)
                other.append(int(np.flatnonzero(plain.order(piece) == i)[0]))
            chance = 1 / len(index), 3 / len(index)
            line(f"the figure, from {side:.0%} of its sides", ranks, other, chance)
        ranks, other, firsts, thirds = [], [], [], []
        for i in asked:
            others = papers != papers[i]
            same = others & (kinds == kinds[i])
            if kinds[i] == "other" or not same.any():
                continue
            found = [j for j in order(pictures[i][1], 60) if others[j]]
            ranks.append(next((k for k, j in enumerate(found) if same[j]), 9))
            likely = [j for j in plain.order(pictures[i][1]) if others[j]]
            other.append(next(k for k, j in enumerate(likely) if same[j]))
            share = same.sum() / others.sum()
            firsts.append(share)
            thirds.append(1 - (1 - share) ** 3)
        chance = float(np.mean(firsts)), float(np.mean(thirds))
        line("one of the same kind, of another paper", ranks, other, chance)


def line(what: str, ranks: list[int], plain: list[int], chance: tuple[float, float]) -> None:
    """Print a row: shares among the first and the first three, with 95 % intervals."""
    cells = []
    for most in (1, 3):
        hits = sum(rank < most for rank in ranks)
        low, high = wilson(hits, len(ranks))
        cells += [f"{hits / len(ranks):.3f}", f"{low:.3f} to {high:.3f}"]
    pixels = ", ".join(f"{np.mean([rank < most for rank in plain]):.3f}" for most in (1, 3))
    print(
        f"| {what} | {len(ranks)} | {' | '.join(cells)} | {chance[0]:.3f}, {chance[1]:.3f} "
        f"| {pixels} |"
    )


def marks(pictures: list[Picture], rng: np.random.Generator) -> None:
    """Print how many claims keep their mark."""
    captions = list(dict.fromkeys(figure.caption for figure, *_ in pictures))
    rows: dict[str, list[bool]] = {}
    for i, caption in enumerate(captions):
        for claim in re.split(r"(?<=[a-z0-9)])[.;]\s+", caption)[:3]:
            words = claim.split()
            if sum(word.casefold() not in COMMON for word in words) < 4:
                continue
            # Without "no" it would say the opposite.
            said = " ".join(w for w in words if rng.random() > 0.25 or NEGATION.search(w))
            kept = rows.setdefault("said by the caption, a quarter of the words left out", [])
            kept.append(supports(caption, said))
            other = captions[(i + 1 + int(rng.integers(len(captions) - 1))) % len(captions)]
            rows.setdefault("said by another caption", []).append(supports(other, claim))
            changed = re.sub(r"\b\d+(?:\.\d+)?(?=\s*(?:nm|µm|μm|h\b|°|%|kV))", _larger, claim)
            if changed != claim:
                rows.setdefault("a number changed", []).append(supports(caption, changed))
            if not NEGATION.search(caption):
                negated = rows.setdefault("negated", [])
                negated.append(supports(caption, f"There is no {' '.join(words[-3:])}"))
    print("\n| claim | n | mark kept | 95 % |")
    print("|---|---|---|---|")
    for what, kept in rows.items():
        low, high = wilson(sum(kept), len(kept))
        print(f"| {what} | {len(kept)} | {np.mean(kept):.3f} | {low:.3f} to {high:.3f} |")


def _larger(number: re.Match[str]) -> str:
    return f"{float(number.group()) * 3 + 1:g}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.citing", description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="figures in the index")
    parser.add_argument("--real", type=Path, help="folder of real figures instead")
    parser.add_argument("--marks-only", action="store_true", help="leave the pictures out")
    parser.add_argument("--model", help="name or folder; the bundled student by default")
    chosen = parser.parse_args()
    rng = np.random.default_rng(0)
    pictures = drawn(chosen.count) if chosen.real is None else real(chosen.real, chosen.count)
    if not chosen.marks_only:
        retrieval(pictures, load_model(chosen.model), rng)
    marks(pictures, rng)


if __name__ == "__main__":
    main()
