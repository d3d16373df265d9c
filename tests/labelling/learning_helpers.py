"""Regions whose class can be seen from their brightness."""

from __future__ import annotations

import numpy as np

from napari_micrograph_vlm.labelling import LabelSet, label_set_of
from napari_micrograph_vlm.regions import Region

LEVELS = {"dark": 0.15, "grey": 0.5, "bright": 0.85}
LABELS: LabelSet = label_set_of([*LEVELS, "other"], "brightness")


def region_of(name: str, seed: int = 0) -> Region:
    noise = np.random.default_rng([seed, len(name)]).normal(0, 0.05, (32, 40))
    pixels = np.clip(LEVELS[name] + noise, 0, 1).astype(np.float32)
    return Region(pixels, (0, 0, 32, 40), source=f"{name} {seed}")


def examples_of(each: int, *names: str) -> list[tuple[Region, str]]:
    return [(region_of(name, i), name) for name in names or LEVELS for i in range(each)]
