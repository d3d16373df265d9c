"""Download a model, only after the user agreed, and check what came.

The work is done by a process of its own (``_download_process``), so that it can be cancelled at
any moment and this one never uses the network.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue
from threading import Event, Thread
from typing import Any

from .._offline import is_offline, online_environment
from ..errors import Cancelled, ModelError
from .catalog import CatalogEntry, Loading, Status
from .hub_cache import converted_folder, hub_cache, repo_folder
from .memory import readable_bytes

__all__ = ["Offer", "download", "look_up", "remove", "verify"]

_POLL = 0.1
_CHUNK = 1 << 22

Progress = Callable[[str, int, int], None]
"""Called with what is going on, bytes done and bytes in all."""


@dataclass(frozen=True)
class Offer:
    """What would be downloaded.

    Attributes
    ----------
    size : int
        Bytes.
    licence : str
        As the hub says; may be empty.
    """

    size: int
    licence: str


def look_up(entry: CatalogEntry, cancel: Event | None = None) -> Offer:
    """Ask the hub how large a model is and under which licence; nothing of it is downloaded.

    Raises
    ------
    ModelError
        If there is no network or no such model, or it has only weights that can run code.
    Cancelled
        If ``cancel`` was set.
    """
    with _process(entry, look=True, cancel=cancel) as lines:
        return _offer(entry, next(lines))


def download(
    entry: CatalogEntry,
    *,
    agreed: bool,
    on_progress: Progress | None = None,
    cancel: Event | None = None,
) -> Path:
    """Download a model and check it.

    Only safetensors and the texts beside them are taken; pickles only of a model that the catalog
    marks to be converted.

    Parameters
    ----------
    entry : CatalogEntry
        From :func:`.catalog.describe`.
    agreed : bool
        Whether the user has seen the licence and agreed to it and to the download.
    on_progress : callable, optional
        ``on_progress(what, done, total)``, in this thread, several times a second.
    cancel : threading.Event, optional
        Once set, the download ends within a fraction of a second; finished files are kept.

    Returns
    -------
    Path
        The checkpoint folder.

    Raises
    ------
    ModelError
        If it was not agreed to, cannot be downloaded, or came broken.
    Cancelled
        If ``cancel`` was set.
    """
    if not agreed:
        raise ModelError(
            f"The model {entry.name} is under the licence {entry.licence} "
            f"({entry.licence_link}); agree to it first."
        )
    tell = on_progress or (lambda what, done, total: None)
    before = set(_incomplete(entry))
    try:
        folder = _fetch(entry, tell, cancel)
    finally:
        # What was cut off cannot be gone on with and would fill the disk.
        for rest in set(_incomplete(entry)) - before:
            rest.unlink(missing_ok=True)
    verify(folder, on_progress=tell, cancel=cancel)
    return folder


def verify(
    folder: Path, *, on_progress: Progress | None = None, cancel: Event | None = None
) -> None:
    """Check every downloaded file against the checksum that is its name in the cache.

    A broken file is removed, so that downloading again fetches it anew.

    Raises
    ------
    ModelError
        If a file is broken.
    Cancelled
        If ``cancel`` was set.
    """
    tell = on_progress or (lambda what, done, total: None)
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    total = sum(file.stat().st_size for file in files)
    done = 0
    broken = []
    for file in files:
        blob = file.resolve()
        digest = _digest_like(blob)
        if digest is None:  # a copy, made where links cannot be: it has no checksum
            done += file.stat().st_size
            continue
        with blob.open("rb") as content:
            while piece := content.read(_CHUNK):
                if cancel is not None and cancel.is_set():
                    raise Cancelled
                digest.update(piece)
                done += len(piece)
                tell("Checking", done, total)
        if digest.hexdigest() != blob.name:
            broken.append(file.name)
            blob.unlink()
            file.unlink(missing_ok=True)
    if broken:
        raise ModelError(
            f"The download of {', '.join(broken)} came broken and was removed; download again."
        )


def remove(entry: CatalogEntry) -> int:
    """Delete a downloaded model, its converted weights too; return how many bytes that freed.

    Raises
    ------
    ModelError
        If it is not a downloaded model.
    """
    if entry.status is Status.BUNDLED:
        raise ModelError(f"The model {entry.name} is part of this package and stays.")
    if entry.status is Status.LOCAL or not entry.repo:
        raise ModelError(
            f"The model {entry.name} was not downloaded, so it is not removed; delete its folder "
            f"{entry.path} yourself if you want to."
        )
    folders = [
        folder
        for folder in (repo_folder(entry.repo), converted_folder(entry.name))
        if folder.is_dir()
    ]
    if not folders:
        raise ModelError(f"The model {entry.name} is not on this computer; there is nothing to do.")
    freed = 0
    for folder in folders:
        freed += sum(
            f.stat().st_size for f in folder.rglob("*") if f.is_file() and not f.is_symlink()
        )
        shutil.rmtree(folder)
    return freed


def _fetch(entry: CatalogEntry, tell: Progress, cancel: Event | None) -> Path:
    with _process(entry, look=False, cancel=cancel) as lines:
        total = _offer(entry, next(lines)).size
        tell("Downloading", 0, total)
        for line in lines:
            if "folder" in line:
                return Path(line["folder"])
            tell("Downloading", int(line.get("done", 0)), total)
    raise ModelError(f"The download of {entry.name} ended too early; try again.")


def _offer(entry: CatalogEntry, line: dict[str, Any]) -> Offer:
    if not line.get("weights"):
        raise ModelError(
            f"The model {entry.name} is published without safetensors; other formats of weights "
            "can run code and are not downloaded."
        )
    return Offer(int(line["total"]), str(line["licence"]))


@contextmanager
def _process(
    entry: CatalogEntry, *, look: bool, cancel: Event | None
) -> Iterator[Iterator[dict[str, Any]]]:
    """Run the process that downloads; yields what it tells."""
    if entry.status is Status.NEVER:
        raise ModelError(f"The model {entry.name} cannot be loaded. {entry.note}")
    if not entry.repo:
        raise ModelError(f"The model {entry.name} is on this computer already.")
    if is_offline():
        raise ModelError(
            "Downloads are forbidden here by HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE; unset it to "
            "download, or copy the model's folder to this computer."
        )
    job = {
        "repo": entry.repo,
        "revision": entry.revision,
        "pickles": entry.loading is Loading.CONVERT,
        "cache": str(hub_cache()),
        "look": look,
    }
    child = subprocess.Popen(
        [sys.executable, "-m", "napari_micrograph_vlm._download_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        # Its own complaints are told in one sentence below.
        stderr=subprocess.DEVNULL,
        env=online_environment(),
        text=True,
        encoding="utf-8",
    )
    assert child.stdin is not None
    assert child.stdout is not None
    with suppress(BrokenPipeError):  # it died at once; the reader below says so
        child.stdin.write(json.dumps(job) + "\n")
        child.stdin.close()
    lines: Queue[str | None] = Queue()
    reader = Thread(target=_read, args=(child.stdout, lines), daemon=True)
    reader.start()
    try:
        yield _told(entry, lines, cancel)
    finally:
        if child.poll() is None:
            child.terminate()
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        reader.join()
        child.stdout.close()


def _read(stream: Any, lines: Queue[str | None]) -> None:
    for line in stream:
        lines.put(line)
    lines.put(None)


def _told(
    entry: CatalogEntry, lines: Queue[str | None], cancel: Event | None
) -> Iterator[dict[str, Any]]:
    while True:
        if cancel is not None and cancel.is_set():
            raise Cancelled
        try:
            line = lines.get(timeout=_POLL)
        except Empty:
            continue
        if line is None:
            raise ModelError(f"The download of {entry.name} ended too early; try again.")
        try:
            told = json.loads(line)
        except ValueError:  # something a library printed
            continue
        if "error" in told:
            raise ModelError(_sentence(entry, told["error"], told["text"]))
        yield told


def _sentence(entry: CatalogEntry, kind: str, text: str) -> str:
    page = f"https://huggingface.co/{entry.repo}"
    if kind == "gated":
        return (
            f"{entry.name} is given only to accounts that agreed to its licence: do so at {page} "
            "and log in with `hf auth login`."
        )
    if kind == "missing":
        return f"There is no model {entry.repo} on the hub, or your account may not see it."
    if kind == "disk":
        need, free = (readable_bytes(int(part)) for part in text.split())
        return (
            f"There is too little room on the disk: {need} are needed and {free} are free in "
            f"{hub_cache()}; make room, or set HF_HUB_CACHE to another folder."
        )
    if kind in ("network", "offline"):
        return f"The hub cannot be reached ({text}); check the network and try again."
    return f"The download of {entry.name} failed: {text}"


def _incomplete(entry: CatalogEntry) -> Iterator[Path]:
    return (repo_folder(entry.repo) / "blobs").glob("*.incomplete")


def _digest_like(blob: Path) -> Any | None:
    """Return the beginning of the checksum that a file is named by; None where it has none.

    Large files are named by SHA-256, small ones as git names them.
    """
    name = blob.name
    if not set(name) <= set("0123456789abcdef"):
        return None
    if len(name) == 64:
        return hashlib.sha256()
    if len(name) == 40:
        return hashlib.sha1(b"blob %d\0" % blob.stat().st_size, usedforsecurity=False)
    return None
