"""Real micrographs with masks: cracks in coatings, precipitates, particles."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from .facts import DefectFact, Facts, Mask
from .teacher_labels import RealPicture, read_teacher_labels

__all__ = ["read_real"]

TILE = 384
"""Side in pixels of a window of a large picture, at its native scale."""

MIN_CRACK_PIXELS = 150
"""A crack that only just enters a window cannot be seen there."""

_CRACK = 2


def read_real(folder: Path) -> list[RealPicture]:
    """Read every real picture of a folder: teacher labels and masks together.

    Parameters
    ----------
    folder : Path
        Laid out as its ``README.md`` says; parts that are missing are left out.
    """
    pictures = [_with_particles(picture, folder) for picture in read_teacher_labels(folder)]
    labelled = {picture.path.stem for picture in pictures}
    pictures += [p for p in _particles(folder) if p.path.stem not in labelled]
    pictures += [*_coating_cracks(folder), *_superalloy(folder)]
    return pictures


def _coating_cracks(folder: Path) -> Iterator[RealPicture]:
    for path in sorted((folder / "coating_cracks" / "images").glob("*.png")):
        mask = np.asarray(Image.open(folder / "coating_cracks" / "masks" / path.name)) == _CRACK
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


def _superalloy(folder: Path) -> Iterator[RealPicture]:
    for path in sorted((folder / "superalloy" / "images").glob("*.png")):
        mask = np.asarray(Image.open(folder / "superalloy" / "masks" / path.name)) > 0
        facts = Facts(
            technique="SEM",
            objects="precipitates",
            density="dense",
            arrangement="close-packed",
            object_mask=mask,
            source="superalloy",
        )
        yield RealPicture(path, "superalloy " + path.stem.split("_")[0], facts)


def _particles(folder: Path) -> Iterator[RealPicture]:
    """Read the particle pictures that have no teacher labels."""
    counts = folder / "particles" / "counts.csv"
    if not counts.is_file():
        return
    with counts.open(newline="") as rows:
        for row in csv.DictReader(rows):
            facts = Facts(category="particles", objects="particles", source="particles")
            path = folder / "particles" / "images" / f"{row['id']}.jpg"
            yield _with_particles(RealPicture(path, row["id"], facts), folder)


def _with_particles(picture: RealPicture, folder: Path) -> RealPicture:
    """Add the measured count and mask to a picture that has them."""
    instances = folder / "particles" / "instances" / f"{picture.path.stem}.png"
    if picture.path.parent.parent.name != "particles" or not instances.is_file():
        return picture
    ids = np.asarray(Image.open(instances))
    count = len(np.unique(ids[ids > 0]))
    if picture.facts.objects != "particles" or not count:
        return picture
    return replace(picture, facts=replace(picture.facts, count=count, object_mask=ids > 0))
