"""Real micrographs with masks: cracks in coatings, precipitates, particles."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import SourceError
from .facts import DefectFact, Facts, Mask
from .mask_files import read_mask
from .teacher_labels import RealPicture, read_teacher_labels

__all__ = ["read_real"]

TILE = 384
"""Side in pixels of a window of a large picture, at its native scale."""

MIN_CRACK_PIXELS = 150
"""A crack that only just enters a window cannot be seen there."""

_CRACK = 2


def read_real(folder: Path, broken: list[str] | None = None) -> list[RealPicture]:
    """Read every real picture of a folder: teacher labels and masks together.

    Parameters
    ----------
    folder : Path
        Laid out as its ``README.md`` says; parts that are missing are left out.
    broken : list of str, optional
        Gets one sentence for each line, record and mask that cannot be read; the pictures of
        such are left out.

    Raises
    ------
    SourceError
        If there are no teacher labels.
    """
    broken = [] if broken is None else broken
    taught = list(read_teacher_labels(folder, broken))
    labelled = {picture.path.stem for picture in taught}
    others = (p for p in _particles(folder, broken) if p.path.stem not in labelled)
    pictures = list(_with_particles((*taught, *others), folder, broken))
    pictures += [*_coating_cracks(folder, broken), *_superalloy(folder, broken)]
    return pictures


def _masked(folder: Path, broken: list[str]) -> Iterator[tuple[Path, NDArray[Any]]]:
    """Return the images of a folder with their masks; broken ones are named and left out."""
    for path in sorted((folder / "images").glob("*.png")):
        try:
            yield path, read_mask(folder / "masks" / path.name)
        except SourceError as error:
            broken.append(str(error))


def _coating_cracks(folder: Path, broken: list[str]) -> Iterator[RealPicture]:
    for path, ids in _masked(folder / "coating_cracks", broken):
        mask = ids == _CRACK
        for y0 in range(0, mask.shape[0] - TILE + 1, TILE * 5 // 6):
            for x0 in range(0, mask.shape[1] - TILE + 1, TILE * 5 // 6):
                window: Mask = mask[y0 : y0 + TILE, x0 : x0 + TILE]
                cracked = int(window.sum()) >= MIN_CRACK_PIXELS
                facts = Facts(
                    category="films and coated surfaces",
                    technique="SEM",
                    objects="layers",
                    # Windows without a crack hold pores that nobody has marked.
                    defects=(DefectFact("crack", window),) if cracked else None,
                    source="coating cracks",
                )
                # The first part of the name is the specimen; its pictures stay together.
                group = "coating " + path.stem.rsplit("_", 1)[0]
                yield RealPicture(path, group, facts, (y0, x0, y0 + TILE, x0 + TILE))


def _superalloy(folder: Path, broken: list[str]) -> Iterator[RealPicture]:
    for path, ids in _masked(folder / "superalloy", broken):
        facts = Facts(
            technique="SEM",
            objects="precipitates",
            density="dense",
            arrangement="close-packed",
            object_mask=ids > 0,
            source="superalloy",
        )
        yield RealPicture(path, "superalloy " + path.stem.split("_")[0], facts)


def _particles(folder: Path, broken: list[str]) -> Iterator[RealPicture]:
    """Read the particle pictures that have no teacher labels."""
    counts = folder / "particles" / "counts.csv"
    if not counts.is_file():
        return
    try:
        with counts.open(newline="", encoding="utf-8") as rows:
            names = [row["id"] for row in csv.DictReader(rows)]
    except (OSError, KeyError, ValueError, csv.Error) as error:
        broken.append(f"{counts} cannot be read: {error!r}.")
        return
    for name in names:
        facts = Facts(category="particles", objects="particles", source="particles")
        yield RealPicture(folder / "particles" / "images" / f"{name}.jpg", name, facts)


def _with_particles(
    pictures: Iterable[RealPicture], folder: Path, broken: list[str]
) -> Iterator[RealPicture]:
    """Add the measured count and mask to pictures that have them."""
    for picture in pictures:
        instances = folder / "particles" / "instances" / f"{picture.path.stem}.png"
        if picture.path.parent.parent.name != "particles" or not instances.is_file():
            yield picture
            continue
        try:
            ids = read_mask(instances)
        except SourceError as error:
            broken.append(str(error))
            continue
        count = len(np.unique(ids[ids > 0]))
        if picture.facts.objects == "particles" and count:
            facts = replace(picture.facts, count=count, object_mask=ids > 0)
            picture = replace(picture, facts=facts)
        yield picture
