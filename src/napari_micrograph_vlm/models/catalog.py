"""The models one can pick, as data."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from functools import cache
from math import prod
from pathlib import Path
from typing import Any

from ..errors import ModelError
from .hub_cache import (
    converted_folder,
    has_pickles,
    is_adapter,
    is_complete,
    repo_folder,
    snapshot_of,
    weight_files,
)
from .own import FOLDERS_VARIABLE, base_of, base_place, is_model, own_folders, own_models

__all__ = [
    "FOLDERS_VARIABLE",
    "STUDENT",
    "CatalogEntry",
    "Loading",
    "Status",
    "converted_folder",
    "describe",
    "entries",
    "find",
    "is_adapter",
    "on_hub",
    "own_models",
    "published",
]

_NO_WEIGHTS = ("running_mean", "running_var", "num_batches_tracked")


class Loading(StrEnum):
    """Whether a checkpoint can be loaded as it was published."""

    AS_IT_IS = "as it is"
    CONVERT = "needs conversion"
    NEVER = "cannot be loaded"


class Status(StrEnum):
    """Where a model is."""

    BUNDLED = "bundled"
    LOCAL = "local"
    DOWNLOADED = "downloaded"
    TO_CONVERT = "to be converted"
    ABSENT = "not downloaded"
    NEVER = "cannot be loaded"


@dataclass(frozen=True)
class CatalogEntry:
    """One model that can be asked, or could be after a download.

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
    status : Status
        Where it is: in this package, in a folder of your own, downloaded, or nowhere yet.
    path : Path
        The checkpoint folder; where there is none yet, the place that it would be kept at.
    repo : str
        Its name on the hub; empty where it is not from there.
    revision : str
        Branch of the repository.
    model_type : str
        The architecture as ``config.json`` calls it.
    weights : int
        How many weights it is said to have; 0 where that is not known.
    download : int
        Bytes to be downloaded, roughly; 0 where that is not known.
    licence_link : str
        Where the licence can be read.
    loading : Loading
        Whether it can be loaded as it was published.
    note : str
        What to know besides: why it cannot be loaded, or what was not tried.
    gated : bool
        Whether the hub asks for an account that has agreed to the licence.
    instead : str
        A model to take instead of one that cannot be loaded.
    """

    name: str
    family: str
    memory: str
    licence: str
    good_at: str
    status: Status
    path: Path
    repo: str = ""
    revision: str = "main"
    model_type: str = ""
    weights: int = 0
    download: int = 0
    licence_link: str = ""
    loading: Loading = Loading.AS_IT_IS
    note: str = ""
    gated: bool = False
    instead: str = ""

    @property
    def is_here(self) -> bool:
        """Whether it can be loaded without a network."""
        return self.status in (Status.BUNDLED, Status.LOCAL, Status.DOWNLOADED)

    @property
    def parameters(self) -> int | None:
        """Number of weights, from the heads of the weights files or as published, else None."""
        base = base_of(self.path) if is_adapter(self.path) else None
        return count_weights(base or self.path) or self.weights or None

    def to_dict(self) -> dict[str, Any]:
        """Return the entry ready for JSON."""
        return {**asdict(self), "parameters": self.parameters, "path": str(self.path)}


STUDENT = CatalogEntry(
    name="student",
    family="MVaEMa (mvaema)",
    memory="below 1 GB, no GPU needed",
    licence="BSD-3-Clause; frozen backbone Apache-2.0",
    good_at="short questions on SEM pictures: defects, categories, counts, sizes, arrangement",
    status=Status.BUNDLED,
    path=Path(__file__).parent / "student" / "weights",
    model_type="mvaema",
)
"""The model that comes with this package."""


def entries() -> tuple[CatalogEntry, ...]:
    """Return every model that can be picked.

    Returns
    -------
    tuple of CatalogEntry
        The bundled model, the folders named in ``NAPARI_MICROGRAPH_VLM_MODELS``, what was made
        here (see :func:`own_models`), and the published models, whether they were downloaded or
        not.
    """
    return (STUDENT, *(_of_folder(folder) for folder in own_folders()), *published())


def published() -> tuple[CatalogEntry, ...]:
    """Return the models of the hub that are known, each with where it is on this computer now."""
    return tuple(_located(entry) for entry in _published())


def describe(name: str | os.PathLike[str] | None = None) -> CatalogEntry:
    """Return what is known of a model, be it on this computer or not.

    Parameters
    ----------
    name : str or path, optional
        A name from :func:`entries`, a checkpoint folder, or ``owner/name`` of a repository of
        the hub that was downloaded by any program. Default: the bundled student.

    Raises
    ------
    ModelError
        If there is no such model; it says where to find those that there are.
    """
    if name is None:
        return STUDENT
    text = os.fspath(name)
    known = entries()
    for entry in known:
        if text and text in (entry.name, entry.repo):
            return entry
    folder = Path(text).expanduser()
    if is_model(folder):
        return _of_folder(folder)
    snapshot = snapshot_of(text) if text.count("/") == 1 else None
    if snapshot is not None:
        local = _of_folder(snapshot)
        return replace(
            on_hub(text),
            family=local.family,
            model_type=local.model_type,
            path=snapshot,
            status=_status(snapshot, Loading.AS_IT_IS),
        )
    names = ", ".join(entry.name for entry in known if entry.is_here)
    raise ModelError(
        f"There is no model {text!r}; known are {names} and those that `napari-micrograph-vlm "
        "models` lists, or give a checkpoint folder with a config.json."
    )


def on_hub(repo: str) -> CatalogEntry:
    """Return an entry for any repository of the hub, such as a model that is not in the catalog.

    Parameters
    ----------
    repo : str
        ``owner/name``.
    """
    return CatalogEntry(
        name=repo,
        family="",
        memory="as its size",
        licence="as on its page",
        good_at="what it was trained for",
        status=Status.ABSENT,
        path=repo_folder(repo),
        repo=repo,
        licence_link=f"https://huggingface.co/{repo}",
    )


def find(name: str | os.PathLike[str] | None = None) -> CatalogEntry:
    """Return the entry of a model that is on this computer.

    Parameters
    ----------
    name : str or path, optional
        As for :func:`describe`.

    Returns
    -------
    CatalogEntry
        What to load: its ``path`` is a folder with a ``config.json``.

    Raises
    ------
    ModelError
        If there is no such model, or it must be downloaded or converted first.
    """
    entry = describe(name)
    if entry.is_here:
        return entry
    command = "napari-micrograph-vlm models"
    if is_adapter(entry.path):
        raise ModelError(f"The model {entry.name} cannot be loaded. {entry.note}")
    if entry.status is Status.NEVER:
        instead = f"; take {entry.instead} instead" if entry.instead else ""
        raise ModelError(f"The model {entry.name} cannot be loaded{instead}. {entry.note}".strip())
    if entry.status is Status.TO_CONVERT:
        raise ModelError(
            f"The weights of {entry.name} are pickles, which can run code and are not opened; "
            f"convert them once with `{command} convert {entry.name}`."
        )
    raise ModelError(
        f"The model {entry.name} is not on this computer; download it with `{command} download "
        f"{entry.name}` or in the panel “Models”."
    )


def count_weights(folder: Path) -> int | None:
    """Return the number of weights in a folder's safetensors; None where one cannot be read.

    Only the heads of the files are read.
    """
    count = 0
    try:
        for path in weight_files(folder):
            with path.open("rb") as file:
                head = json.loads(file.read(int.from_bytes(file.read(8), "little")))
            count += sum(
                int(prod(tensor["shape"]))
                for name, tensor in head.items()
                if name != "__metadata__" and not name.endswith(_NO_WEIGHTS)
            )
    except (OSError, ValueError, KeyError, TypeError, OverflowError, MemoryError):
        return None
    return count


@cache
def _published() -> tuple[CatalogEntry, ...]:
    file = Path(__file__).with_name("catalog.json")
    return tuple(_of_row(row) for row in json.loads(file.read_text(encoding="utf-8")))


def _of_row(row: dict[str, Any]) -> CatalogEntry:
    known = dict(row)
    count = known.pop("parameters")
    return CatalogEntry(
        **{
            **known,
            "memory": _memory(count),
            "weights": count,
            "status": Status.ABSENT,
            "loading": Loading(known["loading"]),
            "path": repo_folder(known["repo"]),
        }
    )


def _memory(count: int) -> str:
    from .memory import needed_bytes, readable_bytes

    half, quarter = (readable_bytes(needed_bytes(count, bits)) for bits in (16, 4))
    return f"about {half} with 16 bits, {quarter} with 4 bits"


def _located(entry: CatalogEntry) -> CatalogEntry:
    """Return the entry with where it is now."""
    if entry.loading is Loading.NEVER:
        return replace(entry, status=Status.NEVER, path=repo_folder(entry.repo))
    converted = converted_folder(entry.name)
    if is_complete(converted):
        return replace(entry, status=Status.DOWNLOADED, path=converted)
    snapshot = snapshot_of(entry.repo, entry.revision)
    if snapshot is None:
        return replace(entry, path=repo_folder(entry.repo))
    return replace(entry, status=_status(snapshot, entry.loading), path=snapshot)


def _status(folder: Path, loading: Loading) -> Status:
    if is_complete(folder):
        return Status.DOWNLOADED
    pickled = loading is not Loading.NEVER and has_pickles(folder)
    return Status.TO_CONVERT if pickled else Status.ABSENT


def _of_folder(folder: Path) -> CatalogEntry:
    folder = folder.expanduser()
    base = base_of(folder) if is_adapter(folder) else folder
    kind = _model_type(base) if base is not None else ""
    families = {entry.model_type: entry.family.split(", ")[-1] for entry in _published()}
    entry = CatalogEntry(
        name=folder.resolve().name,
        family=f"{families[kind]} ({kind})" if kind in families else kind or STUDENT.family,
        memory="as its size",
        licence="your own",
        good_at="what it was trained for",
        status=Status.LOCAL,
        path=folder,
        model_type=kind,
    )
    if base is folder:
        return entry
    if base is None:
        missing = f"It is an adapter of {base_place(folder)}, which is not on this computer."
        return replace(entry, family="", status=Status.ABSENT, note=missing)
    return replace(entry, memory="as its base", note=f"An adapter of {base_place(folder)}.")


def _model_type(folder: Path) -> str:
    try:
        return str(json.loads((folder / "config.json").read_text(encoding="utf-8"))["model_type"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
