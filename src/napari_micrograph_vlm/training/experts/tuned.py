"""A mixture that was taught as a whole, written with its gates in a file of their own."""

from __future__ import annotations

import json
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..merging.checkpoint import Checkpoint
from ..merging.describing import recipe_of, render
from ..merging.folders import recipe_in
from ..merging.writing import Piece, write_checkpoint
from .gates import REPORT
from .mixing import GATES

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["HISTORY", "identity_of", "recipe_for", "write_tuned"]

HISTORY = "tuning.json"
"""File beside the weights with the loss at each check."""


def identity_of(folder: Path, data: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """Return what tells one teaching from others: mixture, conversations and settings."""
    from ...models.loading import weights_digest

    digest = sha256()
    for file in sorted((data / "data").glob("*.parquet")):
        digest.update(f"{file.name} {file.stat().st_size}".encode())
        with file.open("rb") as stream:
            digest.update(stream.read(1 << 20))
    return {
        "base": {"name": folder.absolute().name, "digest": weights_digest(folder)},
        "data": digest.hexdigest()[:12],
        "settings": settings,
    }


def recipe_for(folder: Path, identity: dict[str, Any]) -> dict[str, Any]:
    """Return the mixture's own recipe, and how it was taught."""
    known = recipe_in(folder)
    made = known if isinstance(known, dict) else recipe_of("experts", folder, [])
    return {**made, "tuned": [*made.get("tuned", ()), identity]}


def write_tuned(
    folder: Path, output: Path, best: Path | None, recipe: dict[str, Any], report: dict[str, Any]
) -> None:
    """Write a mixture with the best parameters, in the numbers it was stored in.

    Parameters
    ----------
    folder, output : Path
        The mixture as it was, and the new one.
    best : Path or None
        File with the parameters that were taught; None: all are as they were.
    recipe : dict
        As of :func:`recipe_for`.
    report : dict
        What becomes :data:`HISTORY`.
    """
    from safetensors import safe_open

    source = Checkpoint.open(folder)
    names: set[str] = set()
    if best is not None:
        with safe_open(best, "pt") as file:
            names = set(file.keys())

    def taught(name: str) -> Tensor:
        with safe_open(best, "pt") as file:
            found: Tensor = file.get_tensor(name).to(source.kind(name))
        return found

    card = folder / "README.md"
    more = {HISTORY: json.dumps(report, indent=2) + "\n"}
    if report["what"] == "experts" and (folder / REPORT).is_file():
        more[REPORT] = (folder / REPORT).read_text(encoding="utf-8")  # the gates are as they were
    write_checkpoint(
        output,
        [
            Piece(
                source.stored[name],
                source.size(name),
                partial(taught if name in names else source.tensor, name),
                GATES if ".gating_layer.gate." in name else "",
            )
            for name in source.names
        ],
        config=source.config,
        files_of=folder,
        recipe=recipe,
        card=card.read_text(encoding="utf-8")
        if card.is_file()
        else render(output.name, recipe, source.model_type),
        more=more,
    )
