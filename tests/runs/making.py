"""Items, findings and folders for tests of runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fakes import FakeModel
from napari_micrograph_vlm.labelling import label_set_of
from napari_micrograph_vlm.results import AttentionMap
from napari_micrograph_vlm.runs.findings import Finding, Run, Said
from napari_micrograph_vlm.runs.items import Item, Task

AWKWARD = ["pore, open", 'a "quoted" one', "=1+1", "@SUM(A1)", "🔬 crack", "пора", "<b>bold</b>"]


def task(*questions: str, labels: Any = ("pore", "crack"), **options: Any) -> Task:
    return Task(questions, None if labels is None else label_set_of(labels), **options)


def run(**changes: Any) -> Run:
    given = {"task": task("What is it?"), "source": {"kind": "test"}, **changes}
    return Run("fake", "1", "cpu", **given)


def finding(key: str = "a", **changes: Any) -> Finding:
    values = np.arange(1, 13, dtype=np.float32).reshape(3, 4)
    given = {
        "best": "pore",
        "probability": 0.75,
        "probabilities": {"pore": 0.75, "crack": 0.25},
        "said": (Said("What is it?", "A pore.", 0.5), Said("Where?", "There.")),
        "maps": (AttentionMap(values / values.sum(), "fake"),),
        "shape": (30, 40),
        "pixel_size": (0.5, 0.25),
        "unit": "nm",
        "thumbnail": b"\xff\xd8 not looked at",
        "seconds": 0.125,
        **changes,
    }
    outline = ((0.5, 1.0), (20.0, 2.0), (4.0, 30.0))
    return Finding(Item(key, "wafer.tif", (3,), (0, 1, 30, 41), outline, 7, "shape 1"), **given)


def noise(shape: tuple[int, ...] = (40, 48), seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, shape, np.uint8)


def save(path: Path, pixels: np.ndarray | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise() if pixels is None else pixels).save(path)
    return path


class Counting(FakeModel):
    """A model that remembers the sources it was asked about."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.seen: list[str] = []

    def classify(self, regions: Any, labels: Any, **options: Any) -> Any:
        self.seen += [region.source for region in regions]
        return super().classify(regions, labels, **options)


class Together(FakeModel):
    """A model that is given several regions at a time."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.given: list[int] = []

    def classify_many(self, regions: Any, label_set: Any, **options: Any) -> Any:
        self.given.append(len(regions))
        return self.classify(regions, label_set.names, **options)

    def ask_many(self, questions: Any, **options: Any) -> Any:
        return [self.ask(question, **options) for question in questions]
