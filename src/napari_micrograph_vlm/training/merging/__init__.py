"""Models from models: layers stacked, weights averaged, differences added."""

from __future__ import annotations

from .averaging import merge_linear, task_arithmetic
from .presets import PRESETS, stack_preset
from .stacking import Part, stack_layers

__all__ = [
    "PRESETS",
    "Part",
    "merge_linear",
    "stack_layers",
    "stack_preset",
    "task_arithmetic",
]
