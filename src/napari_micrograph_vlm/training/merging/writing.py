"""A checkpoint folder written tensor by tensor, that can be gone on with after a stop."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from ...errors import Cancelled, ModelError
from ...models.memory import readable_bytes
from ...whole_files import replacing, write_whole
from .folders import begin_folder, copy_parts, finish_folder, is_made

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Piece", "write_checkpoint"]

SHARD = 10**9
"""Bytes of weights in one file: what is in memory at a time."""


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
    more: Mapping[str, str] | None = None,
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
    more : dict of str to str, optional
        Other files' texts by their names.
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
    if is_made(output, recipe):
        return output
    part = begin_folder(output, recipe)
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
    for name, text in (more or {}).items():
        write_whole(part / name, text)
    finish_folder(part, output)
    return output


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
