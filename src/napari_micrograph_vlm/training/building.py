"""Fill the cache: synthetic and real pictures through the frozen backbone, in processes."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch

from ..datasets.synthetic import DEFECT_HOSTS, DEFECT_KINDS, synthesize
from ..datasets.synthetic.truth import CATEGORIES
from ..datasets.teacher_labels import RealPicture
from ..errors import one_line
from ..models.student.configuration import MvaemaConfig
from ..models.student.convert import load_imagenet_backbone
from ..models.student.encoder import ImageEncoder
from ..models.student.modeling import MvaemaModel
from ..models.student.processing import MvaemaImageProcessor
from ..models.views import prepare_views
from ..regions import Cutout
from .mirroring import mirrored
from .recipe import Recipe
from .shards import Picture, ViewGrid, write_shard
from .variation import Drawn, Variation

__all__ = [
    "SKIPPED",
    "Job",
    "draw_picture",
    "drawing_digest",
    "fill_cache",
    "frozen_encoder",
    "look",
    "make_shard",
    "seeds_of",
    "synthetic_jobs",
]

SKIPPED = ".skipped"
"""Ending of the file beside a shard that names the pictures that could not be read."""

DRAWING = 1
"""Goes up with every change of the code by which pictures are drawn, cropped or looked at.

It is part of the names of the shards: an older version may have drawn something else from the
same seeds.
"""

SIDE, TOKEN = 384, 32

CLOSER, CLOSER_SIDES = 0.22, (512, 640)
"""Share of the pictures that are drawn larger to be cropped closely, and the sides of these."""

_BATCH = 8


@dataclass(frozen=True)
class Job:
    """One shard to make.

    Attributes
    ----------
    folder : Path
        The cache.
    name : str
        Name of the shard.
    seeds : sequence of int
        Synthetic pictures; empty for real ones.
    recipe : Recipe
        How they are drawn.
    real : sequence of RealPicture
        Real pictures; they are seen whole.
    mirrored : bool
        Whether the real pictures are mirrored, three ways each.
    """

    folder: Path
    name: str
    seeds: Sequence[int] = ()
    recipe: Recipe = field(default_factory=Recipe)
    real: Sequence[RealPicture] = ()
    mirrored: bool = False

    @property
    def done(self) -> bool:
        """Whether the shard is there."""
        return (self.folder / f"{self.name}.json").exists()


def synthetic_jobs(folder: Path, recipe: Recipe, first: int, n: int) -> list[Job]:
    """Cut ``n`` seeds from ``first`` on into shards, those that are there included.

    The name of a shard says all that decides what is in it: its first seed, how many there are,
    and how they are drawn.
    """
    digest = drawing_digest(recipe)
    jobs = []
    for start in range(first, first + n, recipe.shard):
        seeds = range(start, min(start + recipe.shard, first + n))
        jobs.append(Job(folder, f"syn-{start:08d}-{len(seeds)}-{digest}", seeds, recipe))
    return jobs


def drawing_digest(recipe: Recipe) -> str:
    """Return eight characters that change with whatever decides how a seed is drawn."""
    settings = (DRAWING, float(recipe.large), float(recipe.by_category), SIDE, TOKEN, CLOSER,
                CLOSER_SIDES, Variation(), CATEGORIES, DEFECT_KINDS, DEFECT_HOSTS)  # fmt: skip
    return sha256(repr(settings).encode()).hexdigest()[:8]


def seeds_of(shard: str, recipe: Recipe) -> range:
    """Return the seeds in a shard of that name; none where this recipe draws them otherwise."""
    found = re.fullmatch(rf"syn-(\d+)-(\d+)-{drawing_digest(recipe)}", shard)
    if found is None:
        return range(0)
    first, n = map(int, found.groups())
    return range(first, first + n)


def fill_cache(
    jobs: Sequence[Job], processes: int = 0, on_done: Callable[[int, int], None] | None = None
) -> list[str]:
    """Make shards; in this process where ``processes`` is 1.

    Parameters
    ----------
    jobs : sequence of Job
        What to make.
    processes : int
        How many processes; 0 for one on each core.
    on_done : callable, optional
        Called with the number of shards made and that of all; what it raises stops the work.

    Returns
    -------
    list of str
        The pictures that could not be read, and why.
    """
    broken: list[str] = []
    processes = min(processes or _cores(), len(jobs))
    if processes < 2:
        for i, job in enumerate(jobs):
            broken += make_shard(job)
            if on_done is not None:
                on_done(i + 1, len(jobs))
        return broken
    threads = max(_cores() // processes, 1)
    # Forking a process in which torch has started threads can hang.
    with ProcessPoolExecutor(
        processes,
        mp_context=get_context("spawn"),
        initializer=_start_worker,
        initargs=(threads,),
    ) as pool:
        done = [pool.submit(make_shard, job) for job in jobs]
        try:
            for i, future in enumerate(as_completed(done)):
                broken += future.result()
                if on_done is not None:
                    on_done(i + 1, len(jobs))
        except BaseException:
            # What has begun is finished and kept, the rest is left for the next time.
            pool.shutdown(cancel_futures=True)
            raise
    return broken


def _cores() -> int:
    usable = getattr(os, "sched_getaffinity", None)
    return len(usable(0)) if usable is not None else os.cpu_count() or 1


def _start_worker(threads: int) -> None:
    # After Ctrl-C a worker ends without a traceback; unfinished shards are not taken for whole.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    torch.set_num_threads(threads)


def make_shard(job: Job) -> list[str]:
    """Draw the pictures of a job, look at them and write them down.

    Returns
    -------
    list of str
        The real pictures that could not be read, and why; they are also written beside the shard.
    """
    drawn = [draw_picture(seed, job.recipe) for seed in job.seeds]
    broken = []
    for picture in job.real:
        try:
            drawn += _real_regions(picture, job.mirrored)
        except Exception as error:  # readers raise what they like, and one file must not stop all
            broken.append(f"{picture.path}: {one_line(error)}")
    if drawn:
        write_shard(job.folder, job.name, look(frozen_encoder(), drawn))
    if broken:
        job.folder.mkdir(parents=True, exist_ok=True)
        notes = job.folder / f"{job.name}{SKIPPED}"
        notes.write_text("\n".join(broken), encoding="utf-8")
    return broken


def draw_picture(
    seed: int, recipe: Recipe, variation: Variation | None = None, *, closer: bool = True
) -> Drawn:
    """Draw a synthetic picture and a region on it; the seed decides everything.

    A share of the pictures has its category drawn evenly, the others their kind of defect (or
    none), so that neither a rare category nor a rare defect is seen too seldom. Without
    ``closer`` none is drawn larger to be cropped closely.
    """
    rng = np.random.default_rng([seed, 17])
    size = 2 * SIDE if rng.random() < recipe.large else SIDE
    if size == SIDE and rng.random() < CLOSER and closer:
        size = int(rng.choice(CLOSER_SIDES))
    tiled = size == 2 * SIDE and bool(rng.random() < 0.5)
    if rng.random() < recipe.by_category:
        category = CATEGORIES[int(rng.integers(len(CATEGORIES)))]
        micrograph = synthesize(seed, category=category, size=size)
    else:
        kind = DEFECT_KINDS[int(rng.integers(len(DEFECT_KINDS)))]
        hosts = [name for name in CATEGORIES if kind in DEFECT_HOSTS[name]]
        category = hosts[int(rng.integers(len(hosts)))]
        # A good picture now and then of the very hosts that show defects at other times.
        defect = None if rng.random() < 0.15 else kind
        micrograph = synthesize(seed, category=category, defect=defect, size=size)
    return (variation or Variation()).draw(micrograph, rng, tiled)


def _real_regions(picture: RealPicture, mirror: bool) -> Iterator[Drawn]:
    """Return a real picture as a region, or its mirror images as three."""
    pixels = picture.read()
    pairs = mirrored(pixels, picture.facts) if mirror else [(pixels, picture.facts)]
    for seen, facts in pairs:
        yield Drawn(Cutout.of_array(seen).read(), facts)


def look(encoder: ImageEncoder, drawn: Sequence[Drawn]) -> list[Picture]:
    """Compute the features of regions, prepared as the plugin prepares them."""
    processor = MvaemaImageProcessor()
    given = [prepare_views(d.region, side=SIDE, token=TOKEN, tiled=d.tiled) for d in drawn]
    views = [(i, view) for i, g in enumerate(given) for view in g.views]
    # Pictures of one size go through together.
    shapes: dict[tuple[int, ...], list[int]] = {}
    for k, (_, view) in enumerate(views):
        shapes.setdefault(view.pixels.shape, []).append(k)
    found: dict[int, np.ndarray] = {}
    for members in shapes.values():
        for start in range(0, len(members), _BATCH):
            part = members[start : start + _BATCH]
            pixels = processor([views[k][1].pixels for k in part])
            # Four times as fast on a CPU as float32 in the usual layout; the error, 3 % of the
            # mean feature, is less than the noise of two scans of one sample.
            with torch.autocast("cpu", torch.bfloat16):
                features = encoder.backbone_features(
                    pixels.contiguous(memory_format=torch.channels_last)
                )
            found.update(zip(part, features.half().numpy(), strict=True))
    pictures, k = [], 0
    for d, g in zip(drawn, given, strict=True):
        grids = tuple(
            ViewGrid(v.pixels.shape[0] // TOKEN, v.pixels.shape[1] // TOKEN, v.box) for v in g.views
        )
        tokens = np.concatenate([found[k + j] for j in range(len(grids))])
        k += len(grids)
        pictures.append(Picture(tokens, grids, d.facts))
    return pictures


@cache
def frozen_encoder() -> ImageEncoder:
    """Return an image encoder of which only the frozen backbone is used."""
    model = MvaemaModel(MvaemaConfig())
    load_imagenet_backbone(model)
    encoder = model.image_encoder.eval()
    return encoder.to(memory_format=torch.channels_last)  # type: ignore[no-any-return,call-overload]
