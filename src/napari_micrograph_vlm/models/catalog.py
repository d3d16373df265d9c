"""The models one can pick, as data."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from math import prod
from pathlib import Path
from typing import Any

from ..errors import ModelError

__all__ = ["FOLDERS_VARIABLE", "STUDENT", "CatalogEntry", "entries", "find"]

FOLDERS_VARIABLE = "NAPARI_MICROGRAPH_VLM_MODELS"
"""Environment variable with checkpoint folders of your own, separated as in PATH."""

_NO_WEIGHTS = ("running_mean", "running_var", "num_batches_tracked")


@dataclass(frozen=True)
class CatalogEntry:
    """One model that can be asked.

    Attributes
    ----------
    name : str
        What it is called in menus and on the command line.
    family : str
        The architecture.
    memory : str
        What it needs while it answers.
    licence : str
        Under which it may be used.
    good_at : str
        What to ask it.
    status : str
        ``"bundled"`` (in this package) or ``"local"`` (a folder of your own).
    path : Path
        The checkpoint folder.
    """

    name: str
    family: str
    memory: str
    licence: str
    good_at: str
    status: str
    path: Path

    @property
    def parameters(self) -> int | None:
        """Number of weights, from the head of the weights file; None where there is none."""
        try:
            with (self.path / "model.safetensors").open("rb") as file:
                head = json.loads(file.read(int.from_bytes(file.read(8), "little")))
            return sum(
                int(prod(tensor["shape"]))
                for name, tensor in head.items()
                if name != "__metadata__" and not name.endswith(_NO_WEIGHTS)
            )
        except (OSError, ValueError, KeyError, TypeError, OverflowError, MemoryError):
            return None

    def to_dict(self) -> dict[str, Any]:
        """Return the entry ready for JSON."""
        return {**asdict(self), "parameters": self.parameters, "path": str(self.path)}


STUDENT = CatalogEntry(
    name="student",
    family="MVaEMa (mvaema)",
    memory="below 1 GB, no GPU needed",
    licence="BSD-3-Clause; frozen backbone Apache-2.0",
    good_at="short questions on SEM pictures: defects, categories, counts, sizes, arrangement",
    status="bundled",
    path=Path(__file__).parent / "student" / "weights",
)
"""The model that comes with this package."""


def entries() -> tuple[CatalogEntry, ...]:
    """Return the bundled model, then the folders named in ``NAPARI_MICROGRAPH_VLM_MODELS``."""
    folders = os.environ.get(FOLDERS_VARIABLE, "").split(os.pathsep)
    return (STUDENT, *(_of_folder(Path(folder)) for folder in folders if folder.strip()))


def find(name: str | os.PathLike[str] | None = None) -> CatalogEntry:
    """Return the entry of a model.

    Parameters
    ----------
    name : str or path, optional
        A name from :func:`entries`, or a checkpoint folder. Default: the bundled student.

    Returns
    -------
    CatalogEntry
        What to load.

    Raises
    ------
    ModelError
        If there is no such model; it names those that there are.
    """
    if name is None:
        return STUDENT
    text = os.fspath(name)
    known = entries()
    for entry in known:
        if entry.name == text:
            return entry
    folder = Path(text).expanduser()
    if (folder / "config.json").is_file():
        return _of_folder(folder)
    names = ", ".join(entry.name for entry in known)
    raise ModelError(
        f"There is no model {text!r}; known are {names}, "
        "or give a checkpoint folder with a config.json."
    )


def _of_folder(folder: Path) -> CatalogEntry:
    folder = folder.expanduser()
    return CatalogEntry(
        name=folder.resolve().name,
        family="MVaEMa (mvaema)",
        memory="as its size",
        licence="your own",
        good_at="what it was trained for",
        status="local",
        path=folder,
    )
