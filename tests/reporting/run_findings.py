"""A run with everything in it that a report or a table has to show."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image

from napari_micrograph_vlm.labelling.label_sets import label_set_of
from napari_micrograph_vlm.results import AttentionMap
from napari_micrograph_vlm.runs.findings import Finding, Run, Said, Status
from napari_micrograph_vlm.runs.items import Item, Task
from napari_micrograph_vlm.runs.journal import Journal

NAMES = ("no defect", "bridge", "pore")
QUESTION = "What is it?"


def run(names=NAMES, questions=(QUESTION,), **settings):
    labels = label_set_of(names, "wafer") if names else None
    task = Task(tuple(questions), labels, **settings)
    return Run("student", "abc", "cpu", task, {"kind": "folder", "root": "/data"}, "0.1.0")


def jpeg(shape=(60, 80), seed=0):
    pixels = np.random.default_rng(seed).integers(0, 255, shape, np.uint8)
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG")
    return file.getvalue()


def attention(shape=(4, 5), peak=(1, 2)):
    values = np.full(shape, 0.1, np.float32)
    values[peak] = 5
    return AttentionMap(values / values.sum(), "cross-attention")


def finding(key="a", best="bridge", text="a bridge", **others):
    chances = dict.fromkeys(NAMES, 0.1)
    chances[best] = 0.8
    given = {
        "item": Item(key, f"/data/{key}.tif", (3,), (10, 20, 70, 100), label=7),
        "best": best,
        "probability": 0.8,
        "probabilities": chances,
        "said": (Said(QUESTION, text, 0.9),),
        "maps": (attention(),),
        "shape": (60, 80),
        "pixel_size": (1.5, 2.0),
        "unit": "nm",
        "thumbnail": jpeg(),
        "seconds": 0.25,
        "asked": "2025-01-02T03:04:05+00:00",
    }
    return Finding(**{**given, **others})


def skipped(key="broken", error="It is damaged."):
    return Finding(Item(key, f"/data/{key}.tif"), Status.SKIPPED, error)


def journal_of(*findings, of=None):
    journal = Journal.create(":memory:", of or run())
    for one in findings:
        journal.add(one)
    return journal
