"""The folder of a merged model: begun out of sight, and put in its place once it is complete."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from ...errors import ModelError
from ...models.own import is_model
from ...whole_files import write_whole

__all__ = [
    "RECIPE",
    "begin_folder",
    "check_free",
    "copy_parts",
    "finish_folder",
    "is_made",
    "recipe_in",
]

RECIPE = "merge.json"
"""File beside the weights that says how they were made."""

_COPIED = (".json", ".jinja", ".txt", ".model")
_NOT_COPIED = (
    "config.json",
    "model.safetensors.index.json",
    "trainer_state.json",
    "training.json",
    "recipe.json",
    RECIPE,
    "tuning.json",
    "gates.json",
)
_NO_PARTS = (".", "checkpoint-")
"""Beginnings of folders that are no parts of a model: hidden ones and states of a training."""


def begin_folder(output: Path, recipe: dict[str, Any]) -> Path:
    """Return the hidden folder beside ``output`` to write to; with what is finished of a recipe.

    Raises
    ------
    ModelError
        If ``output`` holds something.
    """
    check_free(output)
    output = output.absolute()
    part = output.parent / f".{output.name}.part"
    output.parent.mkdir(parents=True, exist_ok=True)
    if recipe_in(part) != recipe:
        shutil.rmtree(part, ignore_errors=True)
    part.mkdir(exist_ok=True)
    write_whole(part / RECIPE, json.dumps(recipe, indent=2, ensure_ascii=False) + "\n")
    return part


def finish_folder(part: Path, output: Path) -> None:
    """Put a folder of :func:`begin_folder` in its place."""
    for left in part.glob(".*"):  # files that were being written when the power went
        left.unlink()
    output = output.absolute()
    if output.is_dir():
        output.rmdir()
    part.rename(output)


def check_free(output: Path) -> None:
    """See that a folder is empty or not there.

    Raises
    ------
    ModelError
        If it holds something.
    """
    if output.is_file() or (output.is_dir() and any(output.iterdir())):
        raise ModelError(f"{output} holds something already; choose another folder.")


def copy_parts(source: Path, target: Path) -> None:
    """Copy what belongs to a model besides its weights; no code, and nothing of its training.

    Folders in it, too, such as InstructBLIP's second tokenizer; but no other models.
    """
    for file in sorted(source.iterdir()):
        if file.name in _NOT_COPIED or file.name.endswith(".index.json"):
            continue
        licence = file.name.upper().startswith(("LICENSE", "LICENCE", "NOTICE"))
        if file.is_file() and (licence or file.suffix in _COPIED):
            target.mkdir(exist_ok=True)
            shutil.copyfile(file, target / file.name)
        elif file.is_dir() and not (
            file.is_symlink() or file.name.startswith(_NO_PARTS) or is_model(file)
        ):
            copy_parts(file, target / file.name)


def is_made(output: Path, recipe: dict[str, Any], last: str = "README.md") -> bool:
    """Whether a folder is what a recipe makes, up to its last file."""
    return (output / last).is_file() and recipe_in(output) == recipe


def recipe_in(folder: Path) -> Any:
    """Return the recipe in a folder; None where there is none."""
    try:
        return json.loads((folder / RECIPE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
