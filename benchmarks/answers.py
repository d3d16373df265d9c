"""What answers cost: maps, a second question, many labels."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from statistics import median
from typing import Any
from unittest.mock import patch

import numpy as np

from napari_micrograph_vlm.labelling.label_sets import NFFA_CATEGORIES
from napari_micrograph_vlm.regions import Cutout, Region
from napari_micrograph_vlm.results import Question

from .table import Row

REPEATS = 5
MAX_TOKENS = 16
QUESTIONS = ("What defect is this?", "Where is the defect?", "How many lines are there?")


_steps = count()


def new_region() -> Region:
    """Return a region that the model has not seen: a step of one pixel further."""
    x = 64 + next(_steps) % 300
    return Cutout.of_array(_image(), (64, x, 448, x + 384)).read()


def _image() -> Any:
    from napari_micrograph_vlm.datasets.synthetic.samples import wafer_with_defects

    if not hasattr(_image, "kept"):
        _image.kept = wafer_with_defects().image  # type: ignore[attr-defined]
    return _image.kept  # type: ignore[attr-defined]


@contextmanager
def without_maps(student: Any) -> Iterator[None]:
    """Let the decoder write without handing out its attention."""
    import torch

    bert = student.model.decoder.bert
    forward = bert.forward

    def blind(*args: Any, **kwargs: Any) -> Any:
        return forward(*args, **{**kwargs, "output_attentions": False})

    side = student.model.config.image_size // student.model.config.token_size
    flat = torch.full((1, 1, side * side), 1 / side**2)
    with (
        patch.object(bert, "forward", blind),
        patch.object(student.model, "shown_attention", lambda _attentions: flat),
    ):
        yield


def side_by_side(*tasks: Callable[[], object]) -> list[float]:
    """Return the median seconds of each task, run in turns so that all meet the same load."""
    runs: list[list[float]] = [[] for _ in tasks]
    for repeat in range(REPEATS + 1):
        for task, times in zip(tasks, runs, strict=True):
            started = time.perf_counter()
            task()
            if repeat:  # the first round warms up
                times.append(time.perf_counter() - started)
    return [median(times) for times in runs]


def measure(model: str | None = None) -> list[Row]:
    from napari_micrograph_vlm import load_model

    student: Any = load_model(model, "cpu")
    known = new_region()
    student.ask(Question(QUESTIONS[0], (known,)), max_tokens=MAX_TOKENS)

    def fresh() -> None:
        student.ask(Question(QUESTIONS[0], (new_region(),)), max_tokens=MAX_TOKENS)

    def fresh_blind() -> None:
        with without_maps(student):
            fresh()

    def again() -> None:
        student.ask(Question(QUESTIONS[1], (known,)), max_tokens=MAX_TOKENS)

    def again_fresh() -> None:
        student.ask(Question(QUESTIONS[1], (new_region(),)), max_tokens=MAX_TOKENS)

    def classify() -> None:
        student.classify((new_region(),), NFFA_CATEGORIES)

    def ask_each() -> None:
        region = new_region()
        for name in NFFA_CATEGORIES:
            student.ask(Question(f"Is this a picture of {name}?", (region,)), max_tokens=MAX_TOKENS)

    seen, blind, known_time, new_time, classes, asks = side_by_side(
        fresh, fresh_blind, again, again_fresh, classify, ask_each
    )
    return [
        Row("answer", "with attention maps", seen, "s", "without", blind),
        Row("answer", "second question on a region", known_time, "s", "on a new region", new_time),
        Row("classify", "10 labels", classes, "s", "10 questions", asks),
        _lazy_memory(),
    ]


def _lazy_memory() -> Row:
    """Peak memory of cutting a region out of an array 400 times its size."""
    import tracemalloc

    import dask.array as da

    def block(block_info: Any = None) -> Any:
        rows, columns = (hi - lo for lo, hi in block_info[None]["array-location"])
        return np.add.outer(np.arange(rows), np.arange(columns)).astype(np.uint8)

    side, chunk = 40_000, 1024
    chunks = ((chunk,) * (side // chunk) + (side % chunk,),) * 2
    array = da.map_blocks(block, chunks=chunks, dtype=np.uint8, meta=np.empty((0, 0), np.uint8))
    cutout = Cutout.of_array(array, (20_000, 20_000, 22_000, 22_000))
    cutout.read()  # what dask imports at first is not the region's
    tracemalloc.start()
    region = cutout.read()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    pixels = region.pixels.nbytes
    return Row("memory", "2000 x 2000 of 1.6 GB (dask)", peak / 1e6, "MB", "region", pixels / 1e6)
