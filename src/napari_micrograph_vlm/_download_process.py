"""The process that downloads: the only one in which the network may be used.

Run as ``python -m napari_micrograph_vlm._download_process`` with one JSON object on
standard input. It writes one JSON object a line: first what there is to download, then how far it
is, then the folder; or an error. To cancel is to end it.
"""

from __future__ import annotations

import json
import shutil
import sys
from fnmatch import fnmatch
from pathlib import Path
from threading import Event, Thread
from typing import Any

__all__ = ["main", "wanted"]

KEPT = (
    "*.safetensors",
    "*.safetensors.index.json",
    "*.json",
    "*.jinja",
    "*.txt",
    "*.model",
    "README.md",
    "LICENSE*",
    "NOTICE*",
)
"""Files that a model is loaded from, none of which can run code."""

PICKLES = ("pytorch_model*.bin",)
"""Only for a model that is marked to be converted."""

FOLDERS = ("qformer_tokenizer", "additional_chat_templates")
"""Folders of a repository that hold texts a model is loaded from."""

_TEXTS = ("*.json", "*.jinja", "*.txt", "*.model")

_POLL = 0.2
_FREE = 200_000_000
"""Bytes that a download leaves free on the disk."""


def wanted(names: list[str], *, pickles: bool) -> list[str]:
    """Return the files of a repository that are downloaded.

    Parameters
    ----------
    names : list of str
        All its files.
    pickles : bool
        Whether it is marked to be converted; then its pickles are taken if it has nothing else.
    """
    top = [name for name in names if "/" not in name]
    kept = [name for name in top if any(fnmatch(name, kind) for kind in KEPT)]
    # A second copy in the format of another program.
    kept = [name for name in kept if not name.startswith("consolidated")]
    if pickles and not any(name.endswith(".safetensors") for name in kept):
        kept += [name for name in top if any(fnmatch(name, kind) for kind in PICKLES)]
        kept += [name for name in top if name.endswith(".bin.index.json") and name not in kept]
    for name in names:
        folder, _, file = name.partition("/")
        if folder in FOLDERS and any(fnmatch(file, kind) for kind in _TEXTS) and "/" not in file:
            kept.append(name)
    return kept


def main() -> None:
    """Look up or download a repository as told on standard input."""
    job = json.loads(sys.stdin.readline())
    try:
        _run(job)
    except Exception as error:
        _tell(error=_kind(error), text=str(error).strip().partition("\n")[0])


def _run(job: dict[str, Any]) -> None:
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.hf_api import RepoFile

    api = HfApi(library_name="napari-micrograph-vlm")
    info = api.repo_info(job["repo"], revision=job["revision"])
    tree = api.list_repo_tree(job["repo"], recursive=True, revision=info.sha)
    files = {file.path: file for file in tree if isinstance(file, RepoFile)}
    names = wanted(list(files), pickles=job["pickles"])
    total = sum(int(files[name].size or 0) for name in names)
    card: Any = getattr(info, "card_data", None)
    licence = getattr(card, "license_name", None) or getattr(card, "license", None) or ""
    weights = [name for name in names if name.endswith((".safetensors", ".bin"))]
    _tell(total=total, files=len(names), licence=str(licence), weights=len(weights))
    if job["look"]:
        return
    cache = Path(job["cache"])
    cache.mkdir(parents=True, exist_ok=True)
    blobs = cache / ("models--" + job["repo"].replace("/", "--")) / "blobs"
    etags = tuple(_etag(files[name]) for name in names)
    missing = total - _on_disk(blobs, etags)
    free = shutil.disk_usage(cache).free
    if missing + _FREE > free:
        _tell(error="disk", text=f"{missing} {free}")
        return
    done = Event()
    watch = Thread(target=_report, args=(blobs, etags, total, done), daemon=True)
    watch.start()
    folder = snapshot_download(
        job["repo"],
        revision=job["revision"],
        cache_dir=cache,
        allow_patterns=names,
        library_name="napari-micrograph-vlm",
        max_workers=4,
    )
    done.set()
    watch.join()
    _tell(done=total)
    _tell(folder=folder)


def _etag(file: Any) -> str:
    return str(file.lfs.sha256 if file.lfs is not None else file.blob_id)


def _on_disk(blobs: Path, etags: tuple[str, ...]) -> int:
    """Return the bytes there are of some files, finished or not."""
    size = 0
    try:
        for blob in blobs.iterdir():
            if blob.name.partition(".")[0] in etags:
                size += blob.stat().st_size
    except OSError:  # not made yet, or renamed in this moment
        pass
    return size


def _report(blobs: Path, etags: tuple[str, ...], total: int, done: Event) -> None:
    while not done.wait(_POLL):
        _tell(done=min(_on_disk(blobs, etags), total))


def _kind(error: Exception) -> str:
    """Return a word for what went wrong: gated, missing, network or other."""
    names = {kind.__name__ for kind in type(error).__mro__}
    for name, kind in (
        ("GatedRepoError", "gated"),
        ("RepositoryNotFoundError", "missing"),
        ("RevisionNotFoundError", "missing"),
        ("HFValidationError", "missing"),
        ("OfflineModeIsEnabled", "offline"),
        ("LocalEntryNotFoundError", "network"),
        ("TransportError", "network"),
        ("ConnectionError", "network"),
        ("TimeoutError", "network"),
        ("HTTPError", "network"),
        ("HfHubHTTPError", "network"),
    ):
        if name in names:
            return kind
    return "other"


def _tell(**values: Any) -> None:
    print(json.dumps(values), flush=True)


if __name__ == "__main__":
    main()
