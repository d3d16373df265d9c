"""Classes for models that transformers' automatic classes do not find."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

__all__ = ["config_class_of", "model_class_of"]

_CEPHALO = "napari_micrograph_vlm.models.cephalo."

_MIXTURES = "napari_micrograph_vlm.models.mixtures.llava"

_MODELS = {
    "blip": ("transformers", "BlipForQuestionAnswering"),
    "phi3_v": (_CEPHALO + "phi3_vision", "Phi3VisionForConditionalGeneration"),
    "phi3_v_moe": (_CEPHALO + "phi3_moe", "Phi3VisionMoeForConditionalGeneration"),
    "idefics2_moe": (_CEPHALO + "idefics2_moe", "Idefics2MoeForConditionalGeneration"),
    "llava_moe": (_MIXTURES, "LlavaMoeForConditionalGeneration"),
    "llava_next_moe": (_MIXTURES, "LlavaNextMoeForConditionalGeneration"),
    "llava_onevision_moe": (_MIXTURES, "LlavaOnevisionMoeForConditionalGeneration"),
}

_CONFIGS = {
    "phi3_v": (_CEPHALO + "phi3_config", "Phi3VisionConfig"),
    "phi3_v_moe": (_CEPHALO + "phi3_moe", "Phi3VisionMoeConfig"),
    "idefics2_moe": (_CEPHALO + "idefics2_moe", "Idefics2MoeConfig"),
    "llava_moe": (_MIXTURES, "LlavaMoeConfig"),
    "llava_next_moe": (_MIXTURES, "LlavaNextMoeConfig"),
    "llava_onevision_moe": (_MIXTURES, "LlavaOnevisionMoeConfig"),
}


def model_class_of(model_type: str, architectures: Sequence[str] | None = None) -> Any:
    """Return the class that loads a checkpoint, or None where the automatic one does.

    Parameters
    ----------
    model_type : str
        As in ``config.json``.
    architectures : sequence of str, optional
        As in ``config.json``: BLIP's captioning checkpoints load automatically, those that answer
        questions do not.
    """
    if model_type == "blip" and "BlipForQuestionAnswering" not in (architectures or ()):
        return None
    return _find(_MODELS.get(model_type))


def config_class_of(model_type: str) -> Any:
    """Return the class of a checkpoint's configuration, or None where the automatic one does."""
    return _find(_CONFIGS.get(model_type))


def _find(place: tuple[str, str] | None) -> Any:
    return None if place is None else getattr(import_module(place[0]), place[1])
