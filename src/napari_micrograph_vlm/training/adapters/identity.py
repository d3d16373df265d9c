"""What tells one training from others, so that none goes on with another's state."""

from __future__ import annotations

import json
from hashlib import sha256
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import SourceError
from ...models.hub_cache import is_adapter
from ...models.own import base_of
from ...whole_files import write_whole
from .card import read_facts
from .settings import IDENTITY, Outcome, Settings, has_begun

if TYPE_CHECKING:
    from ...models.catalog import CatalogEntry

__all__ = ["begin", "done_before", "identity_of", "write_identity"]


def identity_of(
    entry: CatalogEntry, data: Path, settings: Settings, merged: bool
) -> dict[str, Any]:
    """Return what tells a training from others."""
    from ...models.loading import weights_digest
    from .tuning import base_name

    files = sorted((data / "data").glob("*.parquet"))
    if not files:
        raise SourceError(
            f"{data} holds no conversations (data/*.parquet); make them with "
            "`napari-micrograph-vlm data chat`, or give a folder with a sub-folder for each class."
        )
    base = base_of(entry.path) if is_adapter(entry.path) else entry.path
    assert base is not None  # `find` has seen that it is here
    digest = sha256()
    for file in files:
        digest.update(f"{file.name} {file.stat().st_size}".encode())
        with file.open("rb") as stream:
            digest.update(stream.read(1 << 20))
    return {
        "base": {
            "name": entry.name,
            "place": base_name(entry.path, entry.repo),
            "folder": str(base.absolute()),
            "digest": weights_digest(base),
            "begun_with": weights_digest(entry.path),
        },
        "data": digest.hexdigest()[:12],
        "settings": settings.to_dict(),
        "merged": merged,
    }


def done_before(output: Path, identity: dict[str, Any]) -> Outcome | None:
    """Return what a finished training of the same kind left; None where there is none.

    Raises
    ------
    SourceError
        If the folder holds something else.
    """
    if output.is_file() or (output.is_dir() and any(output.iterdir())):
        facts = read_facts(output) if output.is_dir() else {}
        if all(facts.get(name) == value for name, value in identity.items()):
            known = facts["outcome"]
            losses = (nan if known[name] is None else known[name] for name in ("first", "best"))
            first, best = losses
            return Outcome(
                True,
                output,
                step=known["step"],
                steps=known["steps"],
                first=first,
                best=best,
                lessons=known["lessons"],
                held_out=known["held_out"],
                skipped=tuple(known["skipped"]),
            )
        raise SourceError(f"{output} holds something already; choose another folder.")
    if output.is_dir():
        output.rmdir()
    return None


def begin(work: Path, identity: dict[str, Any]) -> None:
    """Begin a training's folder, or go on with it.

    Raises
    ------
    SourceError
        If it was begun otherwise, or cannot be written.
    """
    try:
        work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SourceError(
            f"The folder {work} cannot be made ({error.strerror or error}); choose another."
        ) from None
    if not has_begun(work):
        write_identity(work, identity)
        return
    try:
        known = json.loads((work / IDENTITY).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {}
    for name, words in (("base", "another model"), ("data", "other data")):
        if known.get(name) != identity[name]:
            raise SourceError(
                f"The training in {work} was begun with {words}; choose another output, or delete "
                "that folder to begin anew."
            )
    for name, value in identity["settings"].items():
        before = known["settings"].get(name)
        if before != value:
            raise SourceError(
                f"The training in {work} was begun with {name.replace('_', ' ')} {before}, not "
                f"{value}; give the same, or delete that folder to begin anew."
            )


def write_identity(work: Path, values: dict[str, Any]) -> None:
    """Keep what a training is, and what was measured before its first step."""
    write_whole(work / IDENTITY, json.dumps(values, indent=1) + "\n")
