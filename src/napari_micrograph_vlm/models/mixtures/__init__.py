"""Mixtures of experts of LLaVA-type models, made by :mod:`napari_micrograph_vlm.training.experts`.

Importing this makes them known to transformers' automatic classes:

>>> import napari_micrograph_vlm.models.mixtures
>>> from transformers import AutoModelForImageTextToText
>>> AutoModelForImageTextToText.from_pretrained("my-mixture")  # doctest: +SKIP

Those of Cephalo's families (``idefics2_moe`` and ``phi3_v_moe``) are in
:mod:`napari_micrograph_vlm.models.cephalo`.
"""

from __future__ import annotations

from .llava import (
    LlavaMoeConfig,
    LlavaMoeForConditionalGeneration,
    LlavaNextMoeConfig,
    LlavaNextMoeForConditionalGeneration,
    LlavaOnevisionMoeConfig,
    LlavaOnevisionMoeForConditionalGeneration,
    register,
)

__all__ = [
    "LlavaMoeConfig",
    "LlavaMoeForConditionalGeneration",
    "LlavaNextMoeConfig",
    "LlavaNextMoeForConditionalGeneration",
    "LlavaOnevisionMoeConfig",
    "LlavaOnevisionMoeForConditionalGeneration",
]

register()
