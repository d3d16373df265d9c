"""What a batch run costs beside the bare model, transformers' pipeline, and in memory.

Pairs in turns, one thread. The processor's seconds leave out what other programs use, but count all
that a run does on other threads meanwhile; seconds by the clock do not, but count other programs.
"""

from __future__ import annotations

import gc
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch

from napari_micrograph_vlm.labelling.label_sets import SEMICONDUCTOR_DEFECTS, label_set_of
from napari_micrograph_vlm.models.base import ModelInput
from napari_micrograph_vlm.models.generation import generate
from napari_micrograph_vlm.models.many import classify_many
from napari_micrograph_vlm.models.scoring import probabilities, score_labels
from napari_micrograph_vlm.models.session import Sessions
from napari_micrograph_vlm.models.views import prepare_views
from napari_micrograph_vlm.regions import Region
from napari_micrograph_vlm.results import (
    Answer,
    AttentionMap,
    Classification,
    Provenance,
    Question,
)
from napari_micrograph_vlm.runs.items import Task
from napari_micrograph_vlm.runs.journal import Journal
from napari_micrograph_vlm.runs.run import run_batch, run_of
from napari_micrograph_vlm.runs.sources import ArraySource, FolderSource

from .large import pairs
from .made import Made, weights
from .table import Row

CHUNK = 8
GROUP = "throughput"
_pictures = count(1)


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    images: int = 16  # more than the model remembers, else it would look at none
    side: int = 512
    repeats: int = 5
    regions: int = 2
    rounds: int = 5
    labels: int = 8
    layers: int = 6
    image_side: int = 224  # 256 image tokens
    items: int = 10_000
    first: int = 1_000


SMALL = Sizes(2, 64, 1, 1, 1, 3, 1, 28, 300, 100)


def measure(model: str | None = None, small: bool = False) -> list[Row]:
    """Measure all of it; ``small`` only shows that everything runs."""
    sizes = SMALL if small else Sizes()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return [*_bare(model, sizes), *_pipeline(sizes), *_memory(sizes)]
    finally:
        torch.set_num_threads(threads)


def _row(what: str, against: str, found: tuple[float, float, float, tuple[float, float]]) -> Row:
    """Make a row whose ratio is the median of the pairs' ratios of speed."""
    one, other, ratio, (low, high) = found
    del one
    return Row(
        GROUP,
        f"{what} (ratio {low:.2f} to {high:.2f})",
        ratio / other,
        "a second",
        against,
        1 / other,
    )


def _compare(
    ours: Callable[[], object],
    theirs: Callable[[], object],
    repeats: int,
    items: int,
    clock: Callable[[], float] = time.process_time,
) -> tuple[float, float, float, tuple[float, float]]:
    """Return seconds for each item of both, and the ratio of their speeds with its interval."""
    # `pairs` gives first / second in seconds: of speeds it is the other way round.
    their, our, ratio, interval = pairs(theirs, ours, repeats, clock)
    return our / items, their / items, ratio, interval


def _bare(model: str | None, sizes: Sizes) -> Iterator[Row]:
    """A run over a folder beside the bare model on the same batches, read before."""
    from PIL import Image

    from napari_micrograph_vlm import load_model
    from napari_micrograph_vlm.datasets.synthetic.samples import wafer_with_defects

    student: Any = load_model(model, "cpu")
    labels = label_set_of(SEMICONDUCTOR_DEFECTS)
    wafer = wafer_with_defects().image
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        for number in range(sizes.images):
            y, x = (int(rng.integers(0, n - sizes.side + 1)) for n in wafer.shape[:2])
            cut = np.ascontiguousarray(wafer[y : y + sizes.side, x : x + sizes.side])
            Image.fromarray(cut).save(Path(folder) / f"{number:03}.tif")
        source = FolderSource(folder, "*.tif")
        regions = [source.read(item) for item in source.items()]
        journals = count()

        def run() -> None:
            task = Task((), labels)
            path = Path(folder) / f"{next(journals)}.journal"
            with Journal.create(path, run_of(source, task, student)) as journal:
                run_batch(source, task, student, journal, chunk=CHUNK)
                assert journal.counts()["done"] == sizes.images

        def bare() -> None:
            for start in range(0, len(regions), CHUNK):
                classify_many(student, regions[start : start + CHUNK], labels)

        def one_by_one() -> None:
            for region in regions:
                student.classify((region,), SEMICONDUCTOR_DEFECTS)

        what = f"run over {sizes.images} files, {len(labels.names)} labels"
        by_clock: tuple[list[float], list[float]] = ([], [])
        ours, theirs = (partial(_clocked, *one) for one in zip((run, bare), by_clock, strict=True))
        found = _compare(ours, theirs, sizes.repeats, sizes.images)
        yield _row(f"{what}, processor", "bare model, same batches", found)
        # The first round warms up.
        seconds = np.array([one[1:] for one in by_clock])
        ratio = float(np.median(seconds[1] / seconds[0]))
        speed = sizes.images / float(np.median(seconds[1]))
        against = "bare model, same batches"
        yield Row(GROUP, f"{what}, clock", ratio * speed, "a second", against, speed)
        found = _compare(bare, one_by_one, sizes.repeats, sizes.images)
        yield _row(f"{CHUNK} regions at a time, processor", "one at a time", found)


def _clocked(task: Callable[[], object], seconds: list[float]) -> None:
    started = time.perf_counter()
    task()
    seconds.append(time.perf_counter() - started)


class Chosen:
    """A made model that gives each region a class by scoring labels, and writes answers.

    Every region is another picture, drawn by number, so that neither side prepares pixels.
    """

    name, revision, device = "made", "0", "cpu"

    def __init__(self, made: Made, tokens: int) -> None:
        self.made = made
        self.tokens = tokens
        self.sessions = Sessions()
        self._numbers: dict[bytes, int] = {}

    def prepare(self, region: Region, tiled: bool | None = None) -> ModelInput:
        return prepare_views(region, side=96, token=16, tiled=tiled)

    def suggestions(self) -> Sequence[str]:
        return ()

    def classify(self, regions: Sequence[Region], labels: Any, **options: Any) -> Classification:
        names = tuple(labels)
        rows = []
        for region in regions:
            prompt = self.made.prompt(self._number(region))
            started = self.sessions.start(self.made.model, self.made, prompt)
            scores = score_labels(self.made.model, self.made, prompt, started, list(names))
            blank = np.zeros(len(names))
            rows.append(probabilities(scores.likelihoods, blank))
        maps = tuple(_flat() for _ in regions)
        at = Provenance(self.name, self.revision, self.device, 0.0, "0")
        threshold = options.get("threshold", 0.0)
        return Classification(names, np.stack(rows), tuple(regions), maps, at, threshold)

    def ask(self, question: Question, **_options: Any) -> Answer:
        number = self._number(question.regions[0])
        asked = sum(question.text.encode())
        prompt = self.made.prompt(number, asked)
        started = self.sessions.start(self.made.model, self.made, prompt)
        for _step in generate(
            self.made.model,
            self.made,
            prompt,
            started,
            max_tokens=self.tokens,
            min_tokens=self.tokens,
        ):
            pass
        at = Provenance(self.name, self.revision, self.device, 0.0, "0")
        return Answer(question.text, "made", question.regions, (_flat(),), (), 0.5, at)

    def forget(self) -> None:
        self._numbers.clear()

    def _number(self, region: Region) -> int:
        return self._numbers.setdefault(region.pixels.tobytes(), next(_pictures))


def _flat() -> AttentionMap:
    return AttentionMap(np.full((6, 6), 1 / 36, np.float32), "made")


def _pipeline(sizes: Sizes) -> Iterator[Row]:
    """A run over regions beside transformers' pipeline, called for one region after the other."""
    from .gpu import pipeline_of

    made = _little(sizes)
    names = tuple(f"label {number}" for number in range(sizes.labels))
    tokens = max(len(made.tokenizer(name)["input_ids"]) for name in names)
    model: Any = Chosen(made, tokens)
    pipe = pipeline_of(made)
    noise = np.random.default_rng(0).integers(0, 255, (32, 32 * sizes.regions), np.uint8)
    boxes = [(0, 32 * i, 32, 32 * i + 32) for i in range(sizes.regions)]
    questions = ("Where is it?", "How large is it?", "What is beside it?")
    with tempfile.TemporaryDirectory() as folder:
        journals = count()

        def run(task: Task) -> None:
            model.forget()  # the next run sees other pictures
            source = ArraySource(noise, boxes)
            path = Path(folder) / f"{next(journals)}.journal"
            with Journal.create(path, run_of(source, task, model)) as journal:
                run_batch(source, task, model, journal, chunk=CHUNK)
                assert journal.counts()["done"] == sizes.regions

        def piped(each: int) -> None:
            for _region in range(sizes.regions):
                number = next(_pictures)
                for _question in range(each):
                    pipe(number, tokens)

        classes = label_set_of(names)
        for what, against, task, each in (
            ("a class", "pipeline, one answer a region", Task((), classes), 1),
            (
                f"a class and {len(questions)} answers",
                f"pipeline, {len(questions) + 1} answers a region",
                Task(questions, classes),
                len(questions) + 1,
            ),
            (
                f"probabilities of {len(names)} labels",
                "pipeline, an answer for each label",
                Task((), classes),
                len(names),
            ),
        ):
            found = _compare(partial(run, task), partial(piped, each), sizes.rounds, sizes.regions)
            yield _row(f"{what} a region, processor", against, found)


def _little(sizes: Sizes) -> Made:
    """LLaVA with 256 image tokens and a decoder of 6 layers, 512 wide: 57 M weights."""
    from transformers import (
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
    )

    patches = (sizes.image_side // 14) ** 2
    one: dict[str, Any] = {
        "hidden_size": 512,
        "num_hidden_layers": sizes.layers,
        "num_attention_heads": 8,
    }
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(
            **one, intermediate_size=2048, image_size=sizes.image_side, patch_size=14
        ),
        text_config=LlamaConfig(
            **one,
            vocab_size=32000,
            intermediate_size=1408,
            num_key_value_heads=8,
            max_position_embeddings=4096,
            tie_word_embeddings=True,
        ),
        image_token_id=31999,
        image_seq_length=patches,
        vision_feature_layer=-1,
    )

    def pixels(draw: torch.Generator) -> dict[str, torch.Tensor]:
        side = sizes.image_side
        return {"pixel_values": torch.randn(1, 3, side, side, generator=draw)}

    return Made(weights(LlavaForConditionalGeneration, config), 31999, patches, pixels)


class Quick:
    """A model that answers at once: what is left is the run's own."""

    name, revision, device = "quick", "0", "cpu"

    def prepare(self, region: Region, tiled: bool | None = None) -> ModelInput:
        return prepare_views(region, side=96, token=16, tiled=tiled)

    def suggestions(self) -> Sequence[str]:
        return ()

    def ask(self, question: Question, **_options: Any) -> Answer:
        at = Provenance(self.name, self.revision, self.device, 0.0, "0")
        return Answer(question.text, "nothing new", question.regions, (_flat(),), (), 0.5, at)

    def classify(self, regions: Sequence[Region], labels: Any, **options: Any) -> Classification:
        return self.classify_many(regions, label_set_of(labels), **options)

    def classify_many(
        self, regions: Sequence[Region], labels: Any, *, threshold: float = 0.0, **_options: Any
    ) -> Classification:
        rows = np.full((len(regions), len(labels.names)), 1 / len(labels.names), np.float32)
        at = Provenance(self.name, self.revision, self.device, 0.0, "0")
        maps = tuple(_flat() for _ in regions)
        return Classification(labels.names, rows, tuple(regions), maps, at, threshold)

    def ask_many(self, questions: Sequence[Question], **options: Any) -> list[Answer]:
        return [self.ask(one, **options) for one in questions]


def _memory(sizes: Sizes) -> Iterator[Row]:
    """What a long run holds in memory near its end, beside its beginning."""
    side = 16
    across = 100
    down = -(-sizes.items // across)
    array = np.random.default_rng(0).integers(0, 255, (down * side, across * side), np.uint8)
    boxes = [
        (side * y, side * x, side * y + side, side * x + side)
        for y in range(down)
        for x in range(across)
    ][: sizes.items]
    held: dict[int, float] = {}
    done = count(1)
    process = psutil.Process()

    def note(_finding: object) -> None:
        number = next(done)
        if number in (sizes.first, sizes.items):
            gc.collect()
            held[number] = process.memory_info().rss / 1e6

    model: Any = Quick()
    source = ArraySource(array, boxes)
    task = Task(("What is it?",), label_set_of(SEMICONDUCTOR_DEFECTS))
    with tempfile.TemporaryDirectory() as folder, _timed() as seconds:
        path = Path(folder) / "x.journal"
        with Journal.create(path, run_of(source, task, model)) as journal:
            run_batch(source, task, model, journal, on_finding=note)
    first, last = held[sizes.first], held[sizes.items]
    yield Row(
        GROUP,
        f"memory of the process after {sizes.items} items",
        last,
        "MB",
        f"after {sizes.first}",
        first,
    )
    each = 1e3 * seconds[0] / sizes.items
    yield Row(GROUP, "the run without a model, processor", each, "ms an item")


@contextmanager
def _timed() -> Iterator[list[float]]:
    found: list[float] = []
    started = time.process_time()
    yield found
    found.append(time.process_time() - started)
