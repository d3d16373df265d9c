"""The pictures a teacher is shown: found on disk, brought to 8 bits and a bearable size."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...errors import MicrographError, SourceError

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["Picture", "Shown", "find_pictures", "read_grey_or_colour"]

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")

NOT_PICTURES = ("masks", "instances")
"""Folders whose files are about pictures, and are none."""


@dataclass(frozen=True)
class Picture:
    """A picture to be labelled.

    Attributes
    ----------
    path : Path
        The file.
    name : str
        Where it lies as seen from the file of records.
    group : str
        Pictures of one group are never split between training and test.
    """

    path: Path
    name: str
    group: str

    def show(self, side: int) -> Shown:
        """Read it, no side longer than ``side`` pixels.

        Raises
        ------
        SourceError
            If it cannot be read.
        """
        try:
            image = read_grey_or_colour(self.path)
        except MicrographError:
            raise
        except Exception as error:  # a damaged file can raise anything
            raise SourceError(f"{self.path} cannot be read: {error}.") from None
        image.thumbnail((side, side))
        return Shown(image)


@dataclass(frozen=True, eq=False)
class Shown:
    """A picture as the teacher gets it."""

    image: Image


def read_grey_or_colour(path: Path) -> Image:
    """Read a picture of any depth as 8 bits, grey ("L") or colour ("RGB").

    Raises
    ------
    MicrographError
        If it cannot be read, or every pixel has the same value.
    """
    from PIL import Image

    from ...readers import read_micrograph
    from ...regions import to_unit_range

    pixels = np.asarray(read_micrograph(path, 0).array)
    if pixels.dtype != np.uint8 or pixels.min() == pixels.max():
        pixels = np.rint(to_unit_range(pixels) * 255).astype(np.uint8)
    return Image.fromarray(pixels)


def find_pictures(places: Sequence[Path], start: Path, grouping: str = "image") -> list[Picture]:
    """Find the pictures in folders (and the folders in them), in the order of their names.

    Parameters
    ----------
    places : sequence of Path
        Folders and files.
    start : Path
        Names are relative to this folder, that of the file of records.
    grouping : str
        ``"image"``: each picture is a group of its own; ``"folder"``: those of one folder belong
        together; else a regular expression, and what it finds in the file's name is the group.

    Raises
    ------
    SourceError
        If a place does not exist, there is no picture, or the expression is none.
    """
    paths: dict[Path, None] = {}
    for place in places:
        if not place.exists():
            raise SourceError(f"There is no file or folder {place}.")
        paths.update(dict.fromkeys(_pictures(place)))
    if not paths:
        raise SourceError(
            f"There is no picture in {', '.join(map(str, places))}; "
            f"their names must end in one of {' '.join(SUFFIXES)}."
        )
    try:
        pattern = re.compile(grouping)
    except re.error as error:
        raise SourceError(f"{grouping!r} is no regular expression: {error}.") from None
    names = ((path, _relative(path, start)) for path in paths)
    return [Picture(path, name, _group(name, grouping, pattern)) for path, name in names]


def _pictures(place: Path) -> Iterable[Path]:
    if place.is_file():
        return [place]
    found = []
    for folder, inside, files in os.walk(place):
        inside[:] = sorted(
            name for name in inside if name not in NOT_PICTURES and not name.startswith(".")
        )
        found += [
            Path(folder, name)
            for name in sorted(files)
            if name.lower().endswith(SUFFIXES) and not name.startswith(".")
        ]
    return found


def _relative(path: Path, start: Path) -> str:
    try:
        return Path(os.path.relpath(path, start)).as_posix()
    except ValueError:  # another drive
        return path.resolve().as_posix()


def _group(name: str, grouping: str, pattern: re.Pattern[str]) -> str:
    path = Path(name)
    if grouping == "image":
        return name
    if grouping == "folder":
        return path.parent.as_posix()
    found = pattern.search(path.name)
    if found is None:
        return name
    return found.group(1) if pattern.groups and found.group(1) else found.group(0)
