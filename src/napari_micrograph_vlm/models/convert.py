"""Checkpoints that exist only as pickles, rewritten as safetensors.

A pickle can run code when it is opened. It is opened by nothing but :mod:`.convert_worker`, in a
process of its own, by a reader that builds tensors only; everything else refuses pickles.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any

from ..errors import Cancelled, ModelError

__all__ = ["convert", "pickles_of"]

_WORKER = Path(__file__).with_name("convert_worker.py")
_INDEX = "pytorch_model.bin.index.json"
_WEIGHTS = ".safetensors"
_PATTERNS = ("pytorch_model*.bin", "*.bin", "*.pt", "*.pth")
_COPIED = (".json", ".jinja", ".model", ".txt")
"""Endings of the files that are taken along: settings, templates, vocabularies. No code."""

_NOT_WEIGHTS = frozenset({"training_args.bin", "optimizer.pt", "scheduler.pt", "rng_state.pth"})

_POLL = 0.1
"""Seconds between two looks at whether the work was stopped."""


def pickles_of(folder: Path) -> tuple[Path, ...]:
    """Return the pickled weights of a checkpoint folder, in order; empty where there are none.

    Raises
    ------
    ModelError
        If some of those that its index lists are missing.
    """
    index = folder / _INDEX
    if index.is_file():
        names = sorted(set(_read_json(index).get("weight_map", {}).values()))
        missing = [name for name in names if not (folder / name).is_file()]
        if missing:
            raise ModelError(
                f"{len(missing)} of the {len(names)} weights files are missing in {folder}, such "
                f"as {missing[0]}; download the model again."
            )
        return tuple(folder / name for name in names)
    for pattern in _PATTERNS:
        found = sorted(path for path in folder.glob(pattern) if path.name not in _NOT_WEIGHTS)
        if found:
            return tuple(found)
    return ()


def convert(
    source: Path,
    target: Path,
    *,
    on_progress: Callable[[str], None] | None = None,
    cancel: Event | None = None,
) -> Path:
    """Rewrite a checkpoint folder with pickled weights as one with safetensors.

    Parameters
    ----------
    source : Path
        The folder as it was published. It is not changed.
    target : Path
        The new folder; it appears when all is done, or not at all.
    on_progress : callable, optional
        Called with a line for each file.
    cancel : threading.Event, optional
        Once set, the work stops.

    Returns
    -------
    Path
        ``target``.

    Raises
    ------
    ModelError
        If there is nothing to convert, ``target`` exists, a file is broken, holds anything but
        tensors or would run code, or the disk is full.
    Cancelled
        If ``cancel`` was set.
    """
    say = on_progress or (lambda _line: None)
    pickles = pickles_of(source)
    if not pickles:
        remedy = "it is ready to use" if any(source.glob("*" + _WEIGHTS)) else "download it first"
        raise ModelError(f"There are no pickled weights to convert in {source}; {remedy}.")
    if target.exists() and any(target.iterdir()):
        raise ModelError(f"The folder {target} is there already; remove it to convert again.")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".converting-", dir=target.parent) as made:
            folder = Path(made) / "model"
            folder.mkdir()
            _check_space(pickles, folder)
            sizes: dict[str, dict[str, int]] = {}
            for number, pickle in enumerate(pickles, start=1):
                say(f"Converting file {number} of {len(pickles)}: {pickle.name}")
                name = _name(number, len(pickles))
                sizes[name] = _run(pickle, folder / name, cancel)
            _write_index(folder, sizes)
            _copy_settings(source, folder)
            if target.exists():
                target.rmdir()
            folder.rename(target)
    except OSError as error:
        raise ModelError(
            f"The model could not be converted ({error.strerror or error}); "
            "free some space on the disk or choose another folder."
        ) from error
    say(f"The converted model lies in {target}")
    return target


def _run(pickle: Path, written: Path, cancel: Event | None) -> dict[str, int]:
    """Let a process of its own rewrite one file, and return the tensors' sizes in bytes."""
    # -I: neither the user's environment nor the current folder decides what is imported.
    command = [sys.executable, "-I", str(_WORKER), str(pickle), str(written)]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        out = _wait(process, cancel)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    answer = _answer(out)
    if process.returncode != 0 or "tensors" not in answer:
        reason = str(answer.get("error", "the reading process ended unexpectedly")).rstrip(".")
        raise ModelError(
            f"The file {pickle.name} was not converted: {reason}. "
            "Get the weights from another source."
        )
    tensors: dict[str, int] = answer["tensors"]
    return tensors


def _wait(process: subprocess.Popen[bytes], cancel: Event | None) -> bytes:
    while True:
        if cancel is not None and cancel.is_set():
            raise Cancelled
        with suppress(subprocess.TimeoutExpired):
            out, _ = process.communicate(timeout=_POLL)
            return out


def _answer(out: bytes) -> dict[str, Any]:
    lines = out.decode("utf-8", "replace").strip().splitlines()
    try:
        answer = json.loads(lines[-1])
    except (IndexError, ValueError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _name(number: int, count: int) -> str:
    if count == 1:
        return "model" + _WEIGHTS
    return f"model-{number:05d}-of-{count:05d}{_WEIGHTS}"


def _write_index(folder: Path, sizes: dict[str, dict[str, int]]) -> None:
    if len(sizes) == 1:
        return
    index = {
        "metadata": {"total_size": sum(sum(tensors.values()) for tensors in sizes.values())},
        "weight_map": {tensor: name for name, tensors in sizes.items() for tensor in tensors},
    }
    path = folder / "model.safetensors.index.json"
    path.write_text(json.dumps(index, indent=2, sort_keys=True), encoding="utf-8")


def _copy_settings(source: Path, folder: Path) -> None:
    for path in sorted(source.rglob("*")):
        place = path.relative_to(source)
        hidden = any(part.startswith(".") for part in place.parts)
        if hidden or not path.is_file() or path.suffix not in _COPIED or path.name == _INDEX:
            continue
        copied = folder / place
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copied)


def _check_space(pickles: tuple[Path, ...], folder: Path) -> None:
    needed = sum(path.stat().st_size for path in pickles)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise ModelError(
            f"Converting needs {needed / 1e9:.1f} GB on the disk of {folder.parent.parent}, and "
            f"{free / 1e9:.1f} GB are free; free some space first."
        )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(
            f"The file {path.name} in {path.parent} is broken; download the model again."
        ) from error
    return content if isinstance(content, dict) else {}
