"""All pictures of a training, from the cache or made for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from .building import Job, fill_cache, synthetic_jobs
from .progress import Lines, Progress
from .recipe import VALIDATION_SEED, Recipe
from .shards import Picture, read_shards
from .sources import SYNTHETIC, RealData, real_jobs, skipped, training_pictures

__all__ = ["Pictures", "TimeIsUp", "gather"]


class TimeIsUp(Exception):  # noqa: N818 - asked for, not an error
    """The time of this call is over; what was made is kept."""


@dataclass(frozen=True, eq=False)
class Pictures:
    """Pictures to train on.

    Attributes
    ----------
    synthetic : list of Picture
        Drawn by the computer.
    real : dict of str to list of Picture
        Source of the data -> its pictures, mirrored ones included.
    validation : list of Picture
        Synthetic pictures for the calibration.
    real_shards : set of str
        The files of the cache that the real ones are from.
    unmirrored : dict of str to int
        Source of the data -> number of its pictures without the mirrored ones.
    broken : list of str
        Pictures and records that were skipped, and why.
    """

    synthetic: list[Picture] = field(default_factory=list)
    real: dict[str, list[Picture]] = field(default_factory=dict)
    validation: list[Picture] = field(default_factory=list)
    real_shards: set[str] = field(default_factory=set)
    unmirrored: dict[str, int] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.synthetic) + sum(map(len, self.real.values()))

    @property
    def all(self) -> list[Picture]:
        """Those that are trained on."""
        return self.synthetic + [p for found in self.real.values() for p in found]

    def without(self, sources: Sequence[str]) -> Pictures:
        """Return them without some sources.

        Raises
        ------
        SourceError
            If there is no source of a name.
        """
        RealData({source: [] for source in self.real}).leave_out(sources)
        return replace(
            self,
            synthetic=[] if SYNTHETIC in sources else self.synthetic,
            validation=[] if SYNTHETIC in sources else self.validation,
            real={k: v for k, v in self.real.items() if k not in sources},
        )

    def in_words(self) -> str:
        """Return how many there are of what."""
        real = sum(self.unmirrored[source] for source in self.real)
        each = ", ".join(f"{self.unmirrored[source]} {source}" for source in self.real)
        line = f"{len(self.synthetic)} synthetic and {real} real pictures"
        return f"{line} ({each})" if each else line


def gather(
    recipe: Recipe,
    cache: Path,
    data: Sequence[Path] = (),
    *,
    leave_out: Sequence[str] = (),
    told: Progress | None = None,
    first: Any = None,
    until: float | None = None,
) -> Pictures:
    """Make the pictures that are not in the cache yet, and read all.

    Parameters
    ----------
    recipe : Recipe
        How many and which.
    cache : Path
        Folder for their features.
    data : sequence of Path
        Labelled folders.
    leave_out : sequence of str
        Sources of data to leave out.
    told : Progress, optional
        Told how far it is.
    first : accelerate.Accelerator, optional
        Of several processes the first makes the pictures while the others wait.
    until : float, optional
        Reading of ``time.perf_counter`` at which to stop.

    Raises
    ------
    TimeIsUp
        If it had to stop before all were made.
    MicrographError
        If a folder holds no labelled pictures, or a source to leave out is unknown.
    """
    told = told or Lines()
    labelled = training_pictures(data)
    labelled.leave_out(leave_out)
    jobs = real_jobs(cache / "real", recipe, labelled)
    todo = [job for found in jobs.values() for job in found if not job.done]
    train, validation = cache / "train", cache / "validation"
    drawn: list[Job] = []
    held_back: list[Job] = []
    if SYNTHETIC not in leave_out:
        drawn = synthetic_jobs(train, recipe, recipe.first_seed, recipe.images)
        n = recipe.validation_images
        held_back = synthetic_jobs(validation, recipe, VALIDATION_SEED, n)
        todo += [job for job in drawn + held_back if not job.done]
    made = True
    if first is None or first.is_main_process:
        made = _fill(todo, recipe, told, until)
    if not _all(made, first):
        raise TimeIsUp
    if labelled.speechless:
        told.say(f"{labelled.speechless} pictures have no label that a question could be made of")
    real: dict[str, list[Picture]] = {}
    unmirrored: dict[str, int] = {}
    names: set[str] = set()
    for source, found in jobs.items():
        plain, mirrored = ([j for j in found if j.mirrored == kind] for kind in (False, True))
        once = _read(cache / "real", plain)
        if once:
            unmirrored[source] = len(once)
            real[source] = once + _read(cache / "real", mirrored)
        names |= {job.name for job in found}
    every = [job for found in jobs.values() for job in found]
    return Pictures(
        synthetic=_read(train, drawn),
        real=real,
        validation=_read(validation, held_back),
        real_shards=names,
        unmirrored=unmirrored,
        broken=labelled.broken + [line for job in every for line in skipped(job)],
    )


def _fill(jobs: Sequence[Job], recipe: Recipe, told: Progress, until: float | None) -> bool:
    """Make what is missing; False where the time was over before."""
    total = sum(len(job.seeds) + len(job.real) for job in jobs)

    def on_done(done: int, n: int) -> None:
        told.share("making pictures", done / n, f"{round(total * done / n)} of {total}")
        if done < n and until is not None and perf_counter() > until:
            raise TimeIsUp

    try:
        if jobs:
            fill_cache(jobs, recipe.processes, on_done)
    except TimeIsUp:
        return False
    return True


def _all(made: bool, first: Any) -> bool:
    """Whether the process that made the pictures made them all; the others wait for it here."""
    if first is None or first.num_processes == 1:
        return made
    said = torch.tensor([int(made)], device=first.device)
    torch.distributed.all_reduce(said, op=torch.distributed.ReduceOp.MIN)
    return bool(said.item())


def _read(folder: Path, jobs: Sequence[Job]) -> list[Picture]:
    """Read the shards of some jobs; whatever else lies in the folder is another training's."""
    others = _names(folder) - {job.name for job in jobs}
    return [p for pictures in read_shards(folder, others).values() for p in pictures]


def _names(folder: Path) -> set[str]:
    return {path.stem for path in folder.glob("*.json")}
