"""How well objects are measured: ``python -m benchmarks.measure FOLDER [--half tune|report]``.

FOLDER (or ``MICROGRAPHS``) holds ``coating_cracks``, ``particles`` and ``superalloy``, each with
``images`` and ``masks`` or ``instances``. The bundled student is asked about each whole picture, as
a user would, and what ``measure`` finds is compared with the masks. Half of each folder was tuned
on; the other half is reported, and all pictures that the student was never trained on are in it (of
``particles`` no others are taken). Which is which is decided by ``SEED``.

Beside it: Otsu's threshold alone, its polarity chosen without the truth (the side that is in
more pieces, or the smaller one), and the same segmentation without the map.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import os
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from skimage.filters import threshold_otsu
from skimage.measure import label

from napari_micrograph_vlm.api import load_model
from napari_micrograph_vlm.datasets.teacher_labels import in_test
from napari_micrograph_vlm.evaluation.scores import mean_interval
from napari_micrograph_vlm.measuring.seeds import darker, denied, grey_of, named, on_pixels
from napari_micrograph_vlm.measuring.segment import segment
from napari_micrograph_vlm.measuring.splitting import without_specks
from napari_micrograph_vlm.regions import Cutout
from napari_micrograph_vlm.results import AttentionMap, Question

SEED = 6
SAMPLE = 60
"""Pictures of particles, drawn from those that were kept from training."""

CRACK = 2
LEAST = 10
"""Pixels of a piece of a mask that counts as one object."""

NEAR = 0.2

SPECK = 16
"""Pixels below which a piece of Otsu's side is dropped, where specks are."""


@dataclass(frozen=True)
class Set:
    """A folder, what is asked about its pictures, and which group each is of."""

    folder: str
    question: str
    tiled: bool | None
    group: Callable[[str], str]
    masks: str = "masks"


SETS = (
    Set("coating_cracks", "Where is the crack?", True, lambda n: "coating " + n.rsplit("_", 1)[0]),
    Set("particles", "How many particles are there?", None, lambda n: n, "instances"),
    Set(
        "superalloy", "Where are the precipitates?", None, lambda n: "superalloy " + n.split("_")[0]
    ),
)


def halves(root: Path, each: Set) -> tuple[list[Path], list[Path], set[str]]:
    """Return the pictures tuned on, those reported, and the names that training never saw."""
    paths = sorted((root / each.folder / "images").iterdir())
    unseen = {path.name for path in paths if in_test(each.group(path.stem))}
    if each.folder == "particles":
        paths = [path for path in paths if path.name in unseen]
        paths = random.Random(0).sample(paths, min(SAMPLE, len(paths)))
        rest, kept = sorted(paths), []
    else:
        rest = [path for path in paths if path.name not in unseen]
        kept = [path for path in paths if path.name in unseen]
    random.Random(SEED).shuffle(rest)
    tuned = len(paths) // 2
    return rest[:tuned], rest[tuned:] + kept, unseen


def truth_of(root: Path, each: Set, path: Path) -> tuple[np.ndarray, int]:
    """Return the mask of the objects and how many they are."""
    ids = np.asarray(Image.open(root / each.folder / each.masks / f"{path.stem}.png"))
    if each.masks == "instances":
        return ids > 0, len(np.unique(ids[ids > 0]))
    mask = ids == CRACK if each.folder == "coating_cracks" else ids > 0
    sizes = np.bincount(label(mask, connectivity=2).ravel())[1:]
    return mask, int((sizes >= LEAST).sum())


def asked(model, region, each: Set, path: Path, cache: Path | None) -> tuple[str, AttentionMap]:
    """Return answer and map, from the disk where they were made before."""
    key = f"{model.revision} {path} {each.question} {each.tiled}"
    kept = None if cache is None else cache / f"{hashlib.sha256(key.encode()).hexdigest()[:20]}.npz"
    if kept is not None and kept.is_file():
        with np.load(kept) as found:
            return str(found["text"]), AttentionMap(found["values"], "kept")
    said = model.ask(Question(each.question, (region,), (), each.tiled))
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez(kept, text=said.text, values=said.attention[0].values)
    return said.text, said.attention[0]


def ways(region, each: Set, text: str, attention: AttentionMap, methods: Sequence[str]):
    """Yield each way's name and the labels that it finds."""
    grey = grey_of(region.pixels)
    mask = np.ones(grey.shape, bool)
    name = named(text, each.question)
    weight = on_pixels(attention, grey.shape) if attention.has_focus else None
    for method in methods:
        if method == "auto" and denied(each.question, text):
            yield method, np.zeros(grey.shape, np.int32)
            continue
        found = segment(grey, mask, weight, focus=attention.focus, name=name, method=method)
        yield method, found.labels
    plain = "local threshold" if name == "crack" else "random walker"
    yield "auto, without the map", segment(grey, mask, None, name=name, method=plain).labels
    bright = grey > threshold_otsu(grey)
    pieces = ~bright if darker("object", grey, None, mask) else bright
    labels = label(pieces, connectivity=2)
    yield "Otsu, side in more pieces", labels
    yield "Otsu, the same, specks dropped", without_specks(labels, SPECK)
    yield "Otsu, smaller side", label(~bright if bright.mean() > 0.5 else bright, connectivity=2)


def measure_set(model, root: Path, each: Set, half: str, methods, cache) -> None:
    tuned, reported, unseen = halves(root, each)
    rows: dict[str, list[tuple]] = {}
    for path in tuned if half == "tune" else reported:
        region = Cutout.of_array(np.asarray(Image.open(path)), source=path.name).read()
        text, attention = asked(model, region, each, path, cache)
        truth, number = truth_of(root, each, path)
        group = each.group(path.stem)
        for way, labels in ways(region, each, text, attention, methods):
            found, count = labels > 0, len(np.unique(labels)) - 1
            overlap = (found & truth).sum() / max((found | truth).sum(), 1)
            off = abs(math.log((count + 0.5) / (number + 0.5)))
            near = abs(count - number) <= max(1, NEAR * number)
            rows.setdefault(way, []).append((group, overlap, off, near, path.name in unseen))
    for way, found in rows.items():
        print(_line(each.folder, way, found))
        never = [row for row in found if row[4]]
        if 0 < len(never) < len(found):
            print(_line(f"{each.folder}, never trained on", way, never))
    ours = rows[methods[0]]
    for way in ("Otsu, side in more pieces", "Otsu, the same, specks dropped"):
        gain = [(a[0], a[1] - b[1], a[2] - b[2]) for a, b in zip(ours, rows[way], strict=True)]
        iou, off = (_interval(gain, column) for column in (1, 2))
        print(
            f"| {each.folder} | **{methods[0]} against {way}** | {len(gain)} | "
            f"{iou[0]:+.3f} ({iou[1]:+.3f} to {iou[2]:+.3f}) | "
            f"times {math.exp(off[0]):.2f} ({math.exp(off[1]):.2f} to {math.exp(off[2]):.2f}) | |",
            flush=True,
        )


def _interval(rows: Sequence[tuple], column: int) -> tuple[float, float, float]:
    """Return the mean and its 95 % interval, drawing groups again; NaN of fewer than two."""
    mean, interval = mean_interval([float(row[column]) for row in rows], [row[0] for row in rows])
    return mean, *(interval or (math.nan, math.nan))


def _line(folder: str, way: str, rows: Sequence[tuple]) -> str:
    iou, off, near = (_interval(rows, column) for column in (1, 2, 3))
    factors = [math.exp(value) for value in off]
    return (
        f"| {folder} | {way} | {len(rows)} | {iou[0]:.3f} ({iou[1]:.3f} to {iou[2]:.3f}) | "
        f"{factors[0]:.2f} ({factors[1]:.2f} to {factors[2]:.2f}) | "
        f"{near[0]:.2f} ({near[1]:.2f} to {near[2]:.2f}) |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.measure", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=os.environ.get("MICROGRAPHS"))
    parser.add_argument("--half", choices=("tune", "report"), default="report")
    parser.add_argument("--methods", nargs="*", default=["auto"])
    parser.add_argument("--sets", nargs="*", default=[each.folder for each in SETS])
    parser.add_argument("--cache", type=Path, help="keep the maps there")
    chosen = parser.parse_args()
    if chosen.folder is None:
        parser.error("name the folder of micrographs")
    model, start = load_model(), time.perf_counter()
    print("| folder | way | n | IoU | count off by a factor of | count within 20 % or 1 |")
    print("|---|---|---|---|---|---|")
    for each in SETS:
        if each.folder in chosen.sets:
            measure_set(model, Path(chosen.folder), each, chosen.half, chosen.methods, chosen.cache)
    print(f"\n{time.perf_counter() - start:.0f} s; 95 % intervals by bootstrap over groups")


if __name__ == "__main__":
    main()
