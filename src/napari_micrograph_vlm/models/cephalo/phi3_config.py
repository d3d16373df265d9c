"""Phi-3-vision's configuration, read as it was published."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, ClassVar

from transformers import CLIPVisionConfig, Phi3Config
from transformers.configuration_utils import PreTrainedConfig

__all__ = ["Phi3VisionConfig"]

IMAGE_TOKEN = 32044
"""Id of ``<|image|>``. The published code marks image tokens by negative ids instead."""

CLIP_336 = {
    "hidden_size": 1024,
    "image_size": 336,
    "intermediate_size": 4096,
    "num_attention_heads": 16,
    "num_hidden_layers": 24,
    "patch_size": 14,
    "projection_dim": 768,
}
"""OpenAI's CLIP ViT-L/14 at 336 pixels, which the published code has built in."""


class Phi3VisionConfig(PreTrainedConfig):
    """Configuration in the published, flat form or with ``text_config`` and ``vision_config``.

    The published ``config.json`` holds the text model's fields at the top, the vision tower's name
    in ``img_processor`` and how it is joined in ``embd_layer``.

    Raises
    ------
    ValueError
        If it asks for a vision tower, or for a way of joining it, other than the published one.
    """

    model_type = "phi3_v"
    sub_configs_defaults: ClassVar[dict[str, Any]] = {
        "text_config": Phi3Config,
        "vision_config": CLIPVisionConfig,
    }

    text_config: dict[str, Any] | PreTrainedConfig | None = None
    vision_config: dict[str, Any] | PreTrainedConfig | None = None
    img_processor: dict[str, Any] | None = None
    embd_layer: dict[str, Any] | None = None
    image_token_id: int = IMAGE_TOKEN
    tie_word_embeddings: bool = False

    def __post_init__(self, **kwargs: Any) -> None:
        flat = {name: kwargs.pop(name) for name in list(kwargs) if name in _TEXT_FIELDS}
        self._check_published()
        if self.text_config is None:
            self.text_config = _text_config(flat)
        if self.vision_config is None:
            self.vision_config = dict(CLIP_336)
        super().__post_init__(**kwargs)

    def _check_published(self) -> None:
        tower = self.img_processor or {}
        joined = self.embd_layer or {}
        expected = (
            tower.get("name", "clip_vision_model") == "clip_vision_model"
            and tower.get("type_feature", "patch") == "patch"
            and joined.get("projection_cls", "mlp") == "mlp"
            and joined.get("hd_transform_order", "sub_glb") == "sub_glb"
            and joined.get("use_hd_transform", True)
            and joined.get("with_learnable_separator", True)
        )
        if not expected:
            raise ValueError(
                "This Phi-3-vision joins its vision tower in a way other than the published one."
            )

    @property
    def vision_layer(self) -> int:
        """Hidden state of the vision tower that is used, counted from the end."""
        return int((self.img_processor or {}).get("layer_idx", -2))


_TEXT_FIELDS = (
    {field.name for field in fields(Phi3Config)}
    - {field.name for field in fields(PreTrainedConfig)}
    - {"tie_word_embeddings"}
) | {"rope_scaling", "rope_theta"}


def _text_config(flat: dict[str, Any]) -> dict[str, Any]:
    """Return the text model's configuration out of the flat one."""
    window = flat.get("sliding_window")
    if window is not None and window >= flat.get("max_position_embeddings", 0):
        # Never reached; without it the cache can be shortened and shared.
        flat = {**flat, "sliding_window": None}
    scaling = dict(flat.get("rope_scaling") or {})
    if scaling.pop("type", None) == "su":
        # The name of the time. What transformers adds to the other name by itself, it needs here.
        scaling["rope_type"] = "longrope"
        short = flat["original_max_position_embeddings"]
        scaling["original_max_position_embeddings"] = short
        scaling["factor"] = flat["max_position_embeddings"] / short
        flat = {**flat, "rope_scaling": scaling}
    return flat
