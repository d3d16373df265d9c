"""Folders of labelled pictures: which of them are trained on, and where each comes from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

import numpy as np

from ..datasets.labelled import read_labelled
from ..datasets.questions import ask_about
from ..datasets.real_masks import read_real
from ..datasets.teacher_labels import RealPicture
from ..errors import SourceError
from .building import SKIPPED, Job
from .recipe import Recipe

__all__ = [
    "SYNTHETIC",
    "RealData",
    "digest_of",
    "real_jobs",
    "skipped",
    "source_of",
    "training_pictures",
]

SYNTHETIC = "synthetic"
"""What pictures drawn by the computer are called among the sources."""

SHARD = 25
"""Pictures in one file of the cache: few, for a new label to make few of them anew."""


@dataclass
class RealData:
    """The labelled pictures of some folders that are trained on.

    Attributes
    ----------
    sources : dict of str to list of RealPicture
        Source of the data -> its pictures.
    broken : list of str
        Records and pictures that could not be read, and why.
    speechless : int
        Pictures about which no question can be asked.
    """

    sources: dict[str, list[RealPicture]] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    speechless: int = 0

    def leave_out(self, names: Sequence[str]) -> None:
        """Leave out sources of data.

        Raises
        ------
        SourceError
            If there is no source of a name.
        """
        known = {SYNTHETIC, *self.sources}
        unknown = sorted(set(names) - known)
        if unknown:
            raise SourceError(
                f"There is no source of data called {', '.join(unknown)}; "
                f"there are {', '.join(sorted(known))}."
            )
        self.sources = {k: v for k, v in self.sources.items() if k not in names}


def training_pictures(folders: Sequence[Path]) -> RealData:
    """Read the training part of labelled folders.

    The test part, a fifth of the groups, is left out: ``evaluate`` measures on it.

    Parameters
    ----------
    folders : sequence of Path
        Each with a file of labels.

    Raises
    ------
    SourceError
        If a folder has no labels, or none of its pictures can be trained on.
    """
    found = RealData()
    rng = np.random.default_rng(0)
    for folder in folders:
        broken: list[str] = []
        before = sum(map(len, found.sources.values()))
        kept_for_test = 0
        for picture in read_real(folder, broken):
            if picture.in_test:
                kept_for_test += 1
            elif not picture.path.is_file():
                found.broken.append(f"{picture.path}: there is no such file")
            elif not ask_about(picture.facts, rng, 1):
                found.speechless += 1
            else:
                found.sources.setdefault(source_of(picture, folder), []).append(picture)
        found.broken += [f"{folder}: {sentence}" for sentence in broken]
        if sum(map(len, found.sources.values())) == before:
            labels = len(read_labelled(folder).records)
            raise SourceError(
                f"{folder} holds no labelled picture to train on: {labels} labels can be read, "
                f"{kept_for_test} pictures are kept for the test, {len(broken)} are broken"
                f"{f' ({broken[0]})' if broken else ''}; label more with "
                "`napari-micrograph-vlm data teach`."
            )
    return found


def source_of(picture: RealPicture, folder: Path) -> str:
    """Return the first folder of an image within the labelled one, or the name of the latter."""
    path, folder = picture.path.resolve(), folder.resolve()
    parts = path.relative_to(folder).parts if path.is_relative_to(folder) else ()
    return parts[0] if len(parts) > 1 else folder.name


def real_jobs(folder: Path, recipe: Recipe, data: RealData) -> dict[str, list[Job]]:
    """Cut labelled pictures into shards, once as they are and once mirrored.

    The name of a shard follows from what is in it: pictures and labels that have changed are
    read again.

    Returns
    -------
    dict of str to list of Job
        Source of the data -> shards, those that are there included.
    """
    jobs: dict[str, list[Job]] = {}
    for source, pictures in data.sources.items():
        name = re.sub(r"[^\w-]", "_", source)
        for start in range(0, len(pictures), SHARD):
            part = pictures[start : start + SHARD]
            digest = digest_of(part)
            jobs.setdefault(source, []).extend(
                Job(folder, f"{name}-{kind}{digest}", recipe=recipe, real=part, mirrored=bool(kind))
                for kind in ("", "mirrored-")
            )
    return jobs


def skipped(job: Job) -> list[str]:
    """Return the pictures that could not be read when a shard was made."""
    notes = job.folder / f"{job.name}{SKIPPED}"
    if job.mirrored or not notes.is_file():
        return []
    return notes.read_text(encoding="utf-8").splitlines()


def digest_of(pictures: Sequence[RealPicture]) -> str:
    """Return twelve characters that change with pictures, labels and masks."""
    found = sha256()
    for picture in pictures:
        file = picture.path.stat()
        facts = picture.facts
        bare = replace(facts, defects=None, object_mask=None)
        found.update(repr((str(picture.path), file.st_size, file.st_mtime_ns)).encode())
        found.update(repr((picture.box, bare)).encode())
        for defect in facts.defects or ():
            found.update(repr((defect.kind, defect.place)).encode())
        masks = [facts.object_mask, *(defect.mask for defect in facts.defects or ())]
        for mask in masks:
            found.update(b"-" if mask is None else np.packbits(mask).tobytes())
    return found.hexdigest()[:12]
