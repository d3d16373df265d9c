"""Where models lie on this computer: the cache shared by all Hugging Face programs, and our own.

Looked at without huggingface_hub, which takes long to import and reads these variables only once.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from platformdirs import user_data_dir

__all__ = [
    "ADAPTER_CONFIG",
    "converted_folder",
    "has_pickles",
    "hub_cache",
    "is_adapter",
    "is_complete",
    "repo_folder",
    "snapshot_of",
    "weight_files",
]

ADAPTER_CONFIG = "adapter_config.json"
"""The file by which peft tells a folder with an adapter."""

_SAFETENSORS = "model.safetensors"
_PICKLES = ("pytorch_model*.bin", "*.pt", "*.pth", "*.ckpt")


def hub_cache() -> Path:
    """Return the folder in which Hugging Face programs keep what they downloaded.

    Set by ``HF_HUB_CACHE`` or ``HF_HOME``; else in the user's cache.
    """
    if cache := os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE"):
        return Path(cache).expanduser()
    if home := os.environ.get("HF_HOME"):
        return Path(home).expanduser() / "hub"
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "huggingface" / "hub"


def repo_folder(repo: str) -> Path:
    """Return where the files of a repository (``"owner/name"``) are kept."""
    return hub_cache() / ("models--" + repo.replace("/", "--"))


def snapshot_of(repo: str, revision: str = "main") -> Path | None:
    """Return the folder of a downloaded repository; None where there is none.

    It may be incomplete: see :func:`is_complete`.
    """
    folder = repo_folder(repo)
    try:
        commit = (folder / "refs" / revision).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
    snapshot = folder / "snapshots" / commit
    return snapshot if commit and (snapshot / "config.json").is_file() else None


def converted_folder(name: str) -> Path:
    """Return where the converted weights of a model of the catalog are, or would be, kept."""
    return Path(user_data_dir("napari-micrograph-vlm", appauthor=False)) / "models" / name


def weight_files(folder: Path) -> list[Path]:
    """Return the safetensors that a model in a folder consists of; some may be missing."""
    index = folder / f"{_SAFETENSORS}.index.json"
    try:
        parts = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
        return [folder / part for part in sorted(set(parts))]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return [folder / _SAFETENSORS]


def is_complete(folder: Path) -> bool:
    """Tell whether a folder holds a configuration and all safetensors that it speaks of."""
    if not (folder / "config.json").is_file():
        return False
    return all(file.is_file() for file in weight_files(folder))


def is_adapter(folder: Path) -> bool:
    """Tell whether a folder holds a LoRA adapter: weights that belong to another model."""
    return (folder / ADAPTER_CONFIG).is_file() and not (folder / "config.json").is_file()


def has_pickles(folder: Path) -> bool:
    """Tell whether a folder holds weights as pickles, which can run code and are not opened."""
    return any(True for pattern in _PICKLES for _ in folder.glob(pattern))
