"""A server of the user's own as a model: ``load_model("http://gpu-box:8000/v1#qwen2-vl")``."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .engine import RemoteModel
    from .loading import load_remote

__all__ = ["RemoteModel", "load_remote"]

_HOMES = {"RemoteModel": "engine", "load_remote": "loading"}


def __getattr__(name: str) -> Any:
    # The teacher uses the client alone and needs nothing of what the engine imports.
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
