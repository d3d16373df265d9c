"""Trainings that were stopped: found again, described and discarded.

The panel leaves a note of its form in the folder of each training that it begins. A folder
without it was begun by the command or is somebody's own: it is neither offered nor deleted.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import SourceError, one_line
from ..models.own import own_models
from ..training.adapters.settings import has_begun, work_folder
from ..whole_files import write_whole

__all__ = ["Stopped", "discard", "remember", "running", "stopped_trainings"]

_RUNNING: set[Path] = set()
"""Folders of trainings that panels of this process follow now."""

_NOTE = "begun_in_napari.json"

_MOST = 1 << 20
"""Characters of a note or of a trainer's state that are read at most."""


@dataclass(frozen=True)
class Stopped:
    """A training that can be gone on with.

    Attributes
    ----------
    name : str
        Of the model that it shall become.
    work : Path
        Its folder.
    step, steps : int
        Steps made and kept, and those of the whole training; 0 where none was kept.
    form : dict
        What was set in the panel, with ``model``, ``device`` and ``precision``.
    """

    name: str
    work: Path
    step: int
    steps: int
    form: dict[str, Any]

    @property
    def sentence(self) -> str:
        """How far it came."""
        if not self.step:
            return f"{self.name} was stopped before a step was kept."
        return f"{self.name} was stopped at step {self.step} of {self.steps}."


def remember(work: Path, form: Mapping[str, Any]) -> None:
    """Leave a note of the form in the folder of a training that is about to begin.

    Raises
    ------
    SourceError
        If it cannot be written, or the folder holds what no panel put there: it is deleted in the
        end.
    """
    try:
        if work.exists() and any(work.iterdir()) and not (work / _NOTE).is_file():
            raise SourceError(
                f"{work} holds something already that is no training of this panel; write another "
                "name."
            )
        work.mkdir(parents=True, exist_ok=True)
        write_whole(work / _NOTE, json.dumps(dict(form), indent=1) + "\n")
    except OSError as error:
        raise SourceError(
            f"The folder {work} cannot be written ({one_line(error)}); make room there, or choose "
            "another folder of models in NAPARI_MICROGRAPH_VLM_MODELS."
        ) from None


@contextmanager
def running(work: Path) -> Iterator[None]:
    """Do not offer a training while it is going on."""
    _RUNNING.add(work)
    try:
        yield
    finally:
        _RUNNING.discard(work)


def stopped_trainings() -> list[Stopped]:
    """Return the trainings begun in this panel and not ended, the latest first."""
    try:
        works = sorted(own_models().glob(f"*{_ending()}"), key=_age)
    except OSError:
        return []
    found = []
    for work in works:
        if work.is_symlink() or work in _RUNNING or not has_begun(work):
            continue
        form = _read(work / _NOTE)
        if form is None:
            continue
        name = work.name.removesuffix(_ending())
        found.append(Stopped(name, work, *_reached(work), form))
    return found


def discard(stopped: Stopped) -> None:
    """Delete the folder of a stopped training, if it is still one that the panel began.

    Raises
    ------
    SourceError
        If it is not, or cannot be deleted.
    """
    if stopped.work not in [each.work for each in stopped_trainings()]:
        raise SourceError(
            f"The training of {stopped.name} is no longer there, or goes on; nothing was deleted."
        )
    try:
        shutil.rmtree(stopped.work)
    except OSError as error:
        raise SourceError(
            f"{stopped.work} cannot be deleted ({one_line(error)}); delete it yourself."
        ) from None


def _ending() -> str:
    return work_folder(Path("name")).name.removeprefix("name")


def _age(work: Path) -> float:
    return -work.lstat().st_mtime


def _reached(work: Path) -> tuple[int, int]:
    """Return the steps made in the last state kept, and those of the whole training."""
    found = (0, 0)
    for path in work.glob("checkpoint-*/trainer_state.json"):
        values = _read(path) or {}
        step, steps = values.get("global_step"), values.get("max_steps")
        # A state without this mark was not written to its end: it is not gone on with.
        whole = (path.parent / "whole").is_file()
        if whole and isinstance(step, int) and isinstance(steps, int):
            found = max(found, (step, steps))
    return found


def _read(path: Path) -> dict[str, Any] | None:
    try:
        with path.open(encoding="utf-8") as stream:
            values = json.loads(stream.read(_MOST))
    except (OSError, ValueError):
        return None
    return values if isinstance(values, dict) else None
