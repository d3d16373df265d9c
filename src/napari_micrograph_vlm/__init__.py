"""Ask questions about regions of electron micrographs, and see where the model looked.

Everything here is imported when first used: torch, transformers and napari cost nothing until
then.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api import ask, ask_async, classify, load_model
    from .measuring.measurement import measure
    from .regions import Region
    from .results import Answer, AttentionMap, Classification
    from .runs.calls import batch
    from .structures.calls import structure

__version__ = "0.1.0"

__all__ = [
    "Answer",
    "AttentionMap",
    "Classification",
    "Region",
    "__version__",
    "ask",
    "ask_async",
    "batch",
    "classify",
    "load_model",
    "measure",
    "structure",
]

_HOMES = {
    "Answer": "results",
    "AttentionMap": "results",
    "Classification": "results",
    "Region": "regions",
    "ask": "api",
    "ask_async": "api",
    "batch": "runs.calls",
    "classify": "api",
    "load_model": "api",
    "measure": "measuring.measurement",
    "structure": "structures.calls",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        # importlib keeps `classify` the function apart from the room of the same name.
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
