"""Names of tensors: which belong to the text model's layers, and one spelling of all.

The same model is stored under several names: as it was published, and as today's transformers
saves it. *Plain* names here are those of the modules once the model is loaded, which are also those
that LoRA adapters use.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["layer_of", "layer_prefix", "plain_name"]

_RENAMED = (
    (r"^language_model\.lm_head\.", "lm_head."),
    (r"^language_model\.model\.", "model.language_model."),
    (r"^(vision_tower|multi_modal_projector|image_newline|visual)(?=\.|$)", r"model.\1"),
    (r"^model\.(embed_tokens|layers|norm)\.", r"model.language_model.\1."),
)
"""What was published of the types below, and today's names."""

_MLLAMA = ((r"^vision_model\.", "model.vision_model."),)

_OF_TYPES = ("llava", "qwen", "internvl", "gemma3", "paligemma", "mllama")
"""Beginnings of the types that are named so; others are stored under their modules' names."""

_LAYER = re.compile(r"^(?:(.*)\.)?layers\.(\d+)\.(.+)$")

_NO_TEXT = re.compile(r"vision|visual|perceiver|resampler|encoder|connector|projector|qformer")


def plain_name(name: str, model_type: str) -> str | None:
    """Return the name of a stored tensor in the loaded model; None for one that is not loaded.

    Parameters
    ----------
    name : str
        As in the safetensors.
    model_type : str
        As in ``config.json``.
    """
    for pattern, replacement in _patterns(model_type):
        name = re.sub(pattern, replacement, name)
    return None if name.startswith("dropped.") else name


def layer_of(name: str, prefix: str) -> tuple[int, str] | None:
    """Return a tensor's layer and its name in it; None for one outside the layers."""
    start = f"{prefix}layers."
    if not name.startswith(start):
        return None
    number, _, rest = name[len(start) :].partition(".")
    return (int(number), rest) if number.isdigit() and rest else None


def layer_prefix(names: Iterable[str]) -> str | None:
    """Return what stands before ``layers.0.`` in the text model's names, with its full stop.

    Of several stacks of layers those of the image encoder and of what joins it are left out, and
    the longest of the others is taken. None where there is none.
    """
    found: dict[str, set[int]] = {}
    for name in names:
        match = _LAYER.match(name)
        if match and not _NO_TEXT.search(match[1] or ""):
            found.setdefault(f"{match[1]}." if match[1] else "", set()).add(int(match[2]))
    return max(found, key=lambda prefix: len(found[prefix]), default=None)


def _patterns(model_type: str) -> Iterable[tuple[str, str]]:
    if model_type.startswith(("phi3_v", "idefics2_moe")):
        from ...models.families.own_classes import model_class_of

        renamed: dict[str, str] = model_class_of(model_type).key_mapping
        return renamed.items()
    if not model_type.startswith(_OF_TYPES):
        return ()
    return (*_RENAMED, *_MLLAMA) if model_type == "mllama" else _RENAMED
