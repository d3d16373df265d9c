"""Families of models, found by the ``model_type`` of a checkpoint's ``config.json``."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ...errors import ModelError

if TYPE_CHECKING:
    from .base import Family

__all__ = ["MODULES", "family_of", "is_known"]

MODULES: dict[str, str] = {
    "llava": "llava",
    "llava_moe": "llava",
    "llava_next": "llava_next",
    "llava_next_moe": "llava_next",
    "llava_onevision": "llava_onevision",
    "llava_onevision_moe": "llava_onevision",
    "qwen2_vl": "qwen_vl",
    "qwen2_5_vl": "qwen_vl",
    "qwen3_vl": "qwen_vl",
    "qwen3_vl_moe": "qwen_vl",
    "internvl": "internvl",
    "idefics2": "idefics2",
    "idefics2_moe": "idefics2",
    "idefics3": "idefics3",
    "smolvlm": "idefics3",
    "gemma3": "gemma3",
    "paligemma": "paligemma",
    "mllama": "mllama",
    "blip": "blip",
    "blip-2": "instructblip",
    "instructblip": "instructblip",
    "phi3_v": "phi3_vision",
    "phi3_v_moe": "phi3_vision",
}
"""Module of each ``model_type``; it lists its families in ``FAMILIES``."""


def is_known(model_type: str) -> bool:
    """Whether models of this type can be loaded."""
    return model_type in MODULES


def family_of(config: Any) -> type[Family]:
    """Return the family of a model.

    Parameters
    ----------
    config
        The loaded transformers configuration, or its ``model_type``.

    Raises
    ------
    ModelError
        If no family stands for it.
    """
    model_type = config if isinstance(config, str) else str(config.model_type)
    if model_type in MODULES:
        module = import_module(f".{MODULES[model_type]}", __name__)
        for family in module.FAMILIES:
            if model_type in family.model_types:
                found: type[Family] = family
                return found
    raise ModelError(
        f"Models of type {model_type!r} are not known; choose one that 'models list' shows."
    )
