"""Mixtures of experts out of several fine-tuned models of one family."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .gates import PUBLISHED, Recipe, teach_gates
from .mixing import MIXTURES, mix_experts

if TYPE_CHECKING:
    from .tuning import tune_experts

__all__ = ["MIXTURES", "PUBLISHED", "Recipe", "mix_experts", "teach_gates", "tune_experts"]


def __getattr__(name: str) -> Any:
    if name == "tune_experts":  # late: it needs torch
        from .tuning import tune_experts

        return tune_experts
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
