"""A checkpoint folder written tensor by tensor, that can be gone on with after a stop."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from ...errors import Cancelled, ModelError
from ...models.memory import readable_bytes
from ...whole_files import replacing, write_whole

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Piece", "copy_parts", "write_checkpoint"]

SHARD = 10**9
"""Bytes of weights in one file: what is in memory at a time."""

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
)


@dataclass(frozen=True, eq=False)
class Piece:
    """One tensor of the new model.

    Attributes
    ----------
    name : str
        As it is stored.
    size : int
        Bytes.
    make : callable
        Gives the tensor; called when it is written.
    group : str
        Tensors of another group go into another file.
    """

    name: str
    size: int
    make: Callable[[], Tensor]
    group: str = ""


def write_checkpoint(
    output: Path,
    pieces: Sequence[Piece],
    *,
    config: dict[str, Any],
    files_of: Path,
    recipe: dict[str, Any],
    card: str,
    on_progress: Callable[[int, int], None] | None = None,
    stop: Event | None = None,
) -> Path:
    """Write weights, configuration, card, and the processor of another folder.

    All is written to a hidden folder beside ``output`` and put in its place when it is complete. A
    call with the same recipe goes on with the files that are finished.

    Parameters
    ----------
    output : Path
        A folder that is empty or not there yet; or one that this very recipe has made.
    pieces : sequence of Piece
        The tensors.
    config : dict
        ``config.json``.
    files_of : Path
        Folder with tokenizer, image processor and generation settings.
    recipe : dict
        How the weights were made, ready for JSON.
    card : str
        ``README.md``.
    on_progress : callable, optional
        Called with bytes written and bytes in all after each file.
    stop : Event, optional
        Once set, the work stops before the next tensor.

    Raises
    ------
    ModelError
        If the folder holds something else, or there is no room on the disk.
    Cancelled
        If ``stop`` was set; what is finished is kept.
    """
    if _is_made(output, recipe):
        return output
    output = output.absolute()
    check_free(output)
    part = output.parent / f".{output.name}.part"
    output.parent.mkdir(parents=True, exist_ok=True)
    if _read(part / RECIPE) != recipe:
        shutil.rmtree(part, ignore_errors=True)
    part.mkdir(exist_ok=True)
    write_whole(part / RECIPE, json.dumps(recipe, indent=2, ensure_ascii=False) + "\n")
    shards = _shards(pieces)
    total, done = sum(piece.size for piece in pieces), 0
    names = [f"model-{n:05d}-of-{len(shards):05d}.safetensors" for n in range(1, len(shards) + 1)]
    _check_room(part, total, names)
    if on_progress is not None:
        on_progress(0, total)
    for name, shard in zip(names, shards, strict=True):
        if not (part / name).is_file():
            _write_shard(part / name, shard, stop)
        done += sum(piece.size for piece in shard)
        if on_progress is not None:
            on_progress(done, total)
    where = {piece.name: name for name, shard in zip(names, shards, strict=True) for piece in shard}
    index = {"metadata": {"total_size": total}, "weight_map": where}
    write_whole(part / "model.safetensors.index.json", json.dumps(index, indent=2))
    write_whole(part / "config.json", json.dumps(config, indent=2) + "\n")
    copy_parts(files_of, part)
    write_whole(part / "README.md", card)
    for left in part.glob(".*"):  # files that were being written when the power went
        left.unlink()
    if output.is_dir():
        output.rmdir()
    part.rename(output)
    return output


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
    """Copy what belongs to a model besides its weights; no code, and nothing of its training."""
    for file in sorted(source.iterdir()):
        if file.name in _NOT_COPIED or file.name.endswith(".index.json"):
            continue
        licence = file.name.upper().startswith(("LICENSE", "LICENCE", "NOTICE"))
        if file.is_file() and (licence or file.suffix in _COPIED):
            shutil.copyfile(file, target / file.name)


def _write_shard(path: Path, shard: Iterable[Piece], stop: Event | None) -> None:
    from safetensors.torch import save_file

    tensors: dict[str, Tensor] = {}
    places: set[int] = set()
    for piece in shard:
        if stop is not None and stop.is_set():
            raise Cancelled
        found = piece.make().contiguous()
        # A layer may be taken twice: two names of one place in memory cannot be saved.
        found = found.clone() if found.data_ptr() in places else found
        places.add(found.data_ptr())
        tensors[piece.name] = found
    with replacing(path) as temporary:
        save_file(tensors, temporary, metadata={"format": "pt"})


def _shards(pieces: Sequence[Piece]) -> list[list[Piece]]:
    shards: list[list[Piece]] = []
    size, group = 0, ""
    for piece in sorted(pieces, key=lambda piece: piece.group):
        if not shards or size + piece.size > SHARD or piece.group != group:
            shards.append([])
            size, group = 0, piece.group
        shards[-1].append(piece)
        size += piece.size
    return shards


def _check_room(part: Path, total: int, names: Iterable[str]) -> None:
    there = sum((part / name).stat().st_size for name in names if (part / name).is_file())
    free = shutil.disk_usage(part).free
    if total - there > free:
        raise ModelError(
            f"The new model needs {readable_bytes(total - there)} and the disk of {part.parent} "
            f"has {readable_bytes(free)} left; choose another folder."
        )


def _is_made(output: Path, recipe: dict[str, Any]) -> bool:
    return (output / "README.md").is_file() and _read(output / RECIPE) == recipe


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
