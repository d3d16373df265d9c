"""Examples on disk: a folder with one sub-folder for each class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import numpy as np

from ..errors import Cancelled, MicrographError, SourceError
from ..regions import Cutout, Region
from .label_sets import LabelSet

if TYPE_CHECKING:
    from ..models.base import Model
    from .fitting import Examples
    from .learning import Learnt

__all__ = ["ExampleFiles", "examples_in", "learn_from"]

_AT_ONCE = 8


@dataclass(frozen=True)
class ExampleFiles:
    """Pictures whose class is known.

    Attributes
    ----------
    files : tuple of (Path, str)
        Each picture and its class, which is the name of its folder.
    """

    files: tuple[tuple[Path, str], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The classes, in the order of the folders."""
        return tuple(dict.fromkeys(name for _, name in self.files))


def examples_in(folder: Path) -> ExampleFiles:
    """List the pictures of a folder of classes; what is hidden or ours is passed over.

    Raises
    ------
    SourceError
        If there are fewer than two sub-folders with pictures.
    """
    from ..reporting.sidecar import SUFFIX
    from ..runs.folders import pictures_in

    try:
        groups = sorted(
            one
            for one in folder.iterdir()
            if one.is_dir() and not one.name.startswith(".") and not one.name.endswith(SUFFIX)
        )
        files = tuple(
            (path, group.name.strip()) for group in groups for path in sorted(pictures_in(group))
        )
    except OSError as error:
        raise SourceError(
            f"The folder {folder} cannot be read ({error.strerror or error}); choose another."
        ) from None
    found = ExampleFiles(files)
    if len(found.names) < 2:
        raise SourceError(
            f"{folder} needs at least two sub-folders with pictures, one for each class; choose "
            "the folder that holds them."
        )
    return found


def learn_from(
    model: Model,
    label_set: LabelSet,
    examples: ExampleFiles,
    *,
    cancel: Event | None = None,
    on_file: Callable[[int], None] | None = None,
) -> tuple[Learnt, list[str]]:
    """Learn from pictures, each as one region, a few of them in memory at a time.

    Parameters
    ----------
    model : Model
        One that shows what it sees.
    label_set : LabelSet
        The classes; the names of the folders are among them.
    examples : ExampleFiles
        What to learn from; of equal pictures the last counts.
    cancel : threading.Event, optional
        Once set, the work stops.
    on_file : callable, optional
        Told how many pictures have been looked at.

    Returns
    -------
    learnt : Learnt
        What was learnt.
    skipped : list of str
        One sentence for each picture that cannot be read.

    Raises
    ------
    QuestionError
        If fewer than two classes have two examples, or a folder is no class of the label set.
    ModelError
        If the model does not show what it sees.
    SourceError
        If no picture can be read.
    Cancelled
        If ``cancel`` was set.
    """
    from .learning import Learnt, look, places_of, region_key

    truth = places_of(label_set, [name for _, name in examples.files])
    seen: Examples | None = None
    skipped: list[str] = []
    for start in range(0, len(examples.files), _AT_ONCE):
        regions: dict[str, tuple[Region, int]] = {}
        for i, (path, _) in enumerate(examples.files[start : start + _AT_ONCE], start):
            if cancel is not None and cancel.is_set():
                raise Cancelled
            try:
                region = _read(path)
            except MicrographError as error:
                skipped.append(str(error))
            else:
                regions[region_key(region)] = region, int(truth[i])
        if regions:
            some, places = zip(*regions.values(), strict=True)
            new = look(model, label_set, some, np.array(places, np.intp), cancel)
            seen = new if seen is None else seen.joined(new)
        if on_file is not None:
            on_file(min(start + _AT_ONCE, len(examples.files)))
    if seen is None:
        raise SourceError(f"No picture could be read; the first: {skipped[0]}")
    return Learnt.of(model, label_set, seen, cancel), skipped


def _read(path: Path) -> Region:
    from ..readers.micrograph import read_micrograph
    from ..readers.picture_area import find_area

    file = read_micrograph(path, 0)
    return Cutout.of_array(
        file.array,
        levels=file.levels,
        area=find_area(file.array),
        source=str(path),
        **file.told,
    ).read()
