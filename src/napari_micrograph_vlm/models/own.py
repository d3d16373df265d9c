"""Folders of models that were made on this computer, and of what an adapter is a part."""

from __future__ import annotations

import json
import os
from pathlib import Path

from ..errors import QuestionError
from .hub_cache import ADAPTER_CONFIG, converted_folder, is_adapter, is_complete, snapshot_of

__all__ = [
    "FOLDERS_VARIABLE",
    "base_of",
    "base_place",
    "is_model",
    "own_folder",
    "own_folders",
    "own_models",
    "target_of",
]

FOLDERS_VARIABLE = "NAPARI_MICROGRAPH_VLM_MODELS"
"""Environment variable with checkpoint folders of your own, or folders of them, as in PATH."""


def own_models() -> Path:
    """Return the folder in which models made on this computer are kept, one folder each.

    Returns
    -------
    Path
        The first folder in ``NAPARI_MICROGRAPH_VLM_MODELS`` that is no model itself; else in the
        user's data. It need not be there yet.
    """
    for folder in _named():
        if not is_model(folder):
            return folder
    return converted_folder("own")


def own_folder(name: str) -> Path:
    """Return where a model of this name is kept, or would be.

    Raises
    ------
    QuestionError
        If it is no name for a folder.
    """
    if not name or name[0] == "." or any(sign in name for sign in '/\\:*?"<>|\0'):
        raise QuestionError(f"{name!r} is no name for a model; write another.")
    return own_models() / name


def target_of(output: Path | None, name: str | None) -> Path:
    """Return the folder that a command saves a new model in: the one given, or one's own.

    Raises
    ------
    QuestionError
        If neither or both were given, or the name is no name for a folder.
    """
    if (output is None) == (name is None):
        raise QuestionError("Say where to save it: with --output FOLDER, or with --name NAME.")
    return output if output is not None else own_folder(name or "")


def own_folders() -> list[Path]:
    """Return the folders of models that were named, or are kept in :func:`own_models`."""
    found: list[Path] = []
    for folder in [*_named(), own_models()]:
        inside = [folder] if is_model(folder) else _models_in(folder)
        found += [each for each in inside if each not in found]
    return found


def is_model(folder: Path) -> bool:
    """Tell whether a folder holds a model, or an adapter of one."""
    return (folder / "config.json").is_file() or is_adapter(folder)


def base_place(adapter: Path) -> str:
    """Return what an adapter's own file calls the model that it belongs to; may be empty."""
    try:
        values = json.loads((adapter / ADAPTER_CONFIG).read_text(encoding="utf-8"))
        return str(values["base_model_name_or_path"] or "")
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def base_of(adapter: Path) -> Path | None:
    """Return the folder of the model that an adapter belongs to; None where it is not here.

    It is named as a folder, absolute or seen from the adapter's own, or as ``owner/name`` on the
    hub.
    """
    place = base_place(adapter)
    if not place:
        return None
    # Beside the adapter: where both were moved together.
    near = adapter.absolute().parent / Path(place).name
    for folder in (Path(place).expanduser(), adapter / place, near):
        if (folder.is_absolute() or folder == adapter / place) and _whole(folder):
            return folder
    return _of_hub(place) if place.count("/") == 1 else None


def _whole(folder: Path) -> bool:
    return (folder / "config.json").is_file()


def _of_hub(repo: str) -> Path | None:
    from .catalog import published

    known = next((entry for entry in published() if entry.repo == repo), None)
    if known is not None and known.is_here:
        return known.path
    snapshot = snapshot_of(repo)
    return snapshot if snapshot is not None and is_complete(snapshot) else None


def _named() -> list[Path]:
    named = os.environ.get(FOLDERS_VARIABLE, "").split(os.pathsep)
    return [Path(folder).expanduser() for folder in named if folder.strip()]


def _models_in(folder: Path) -> list[Path]:
    try:
        # What begins with a dot is still being written.
        return sorted(f for f in folder.iterdir() if f.name[0] != "." and is_model(f))
    except OSError:
        return []
