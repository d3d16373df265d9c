"""Whether models fit each other: what they must agree in before their weights are mixed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ...errors import ModelError

if TYPE_CHECKING:
    from .checkpoint import Checkpoint

__all__ = ["SETTINGS", "check_settings"]

SETTINGS = (
    # sizes
    "hidden_size",
    "intermediate_size",
    "vocab_size",
    "d_model",
    "d_kv",
    "d_ff",
    "ffn_dim",
    # attention
    "num_attention_heads",
    "num_key_value_heads",
    "num_heads",
    "head_dim",
    "sliding_window",
    "use_sliding_window",
    "max_window_layers",
    "query_pre_attn_scalar",
    "attn_logit_softcapping",
    "final_logit_softcapping",
    "attention_bias",
    "qk_layernorms",
    # places of words
    "rope_parameters",
    "partial_rotary_factor",
    "relative_attention_num_buckets",
    "relative_attention_max_distance",
    # what a block computes
    "hidden_act",
    "hidden_activation",
    "activation_function",
    "feed_forward_proj",
    "rms_norm_eps",
    "layer_norm_eps",
    "layer_norm_epsilon",
    "do_layer_norm_before",
    "mlp_bias",
    # mixtures
    "num_experts",
    "num_experts_per_tok",
)
"""Settings in which a model's tensors, or what is computed with them, differ."""

_OF_MIXTURES = ("k", "num_expert_models")
"""What a mixture's own configuration says of its experts."""

_OF_DEPTH = ("layer_types", "cross_attention_layers", "patch_size", "image_size")
"""More that whole models have in common, and those of another depth do not."""


def check_settings(one: Checkpoint, other: Checkpoint, *, whole: bool = False) -> None:
    """See that two models are of one type and that their settings agree.

    Parameters
    ----------
    one, other : Checkpoint
        The models.
    whole : bool
        Whether their image encoders and depths must agree, too, not only the text model's blocks.

    Raises
    ------
    ModelError
        If they do not fit each other.
    """
    if one.model_type != other.model_type:
        raise ModelError(
            f"{other.folder} holds a model of type {other.model_type!r} and {one.folder} one of "
            f"type {one.model_type!r}; only models of one type fit each other."
        )
    ours, theirs = (dict(_settings(each, whole)) for each in (one, other))
    for name in {**ours, **theirs}:
        if ours.get(name) != theirs.get(name):
            raise ModelError(
                f"The models in {other.folder} and {one.folder} differ in {name}, so they do not "
                "fit each other; take models made from one."
            )


def _settings(checkpoint: Checkpoint, whole: bool) -> Iterator[tuple[str, Any]]:
    """Yield the settings that count; those of parts by the part's name and a full stop."""
    config = checkpoint.settings
    yield from _values("", checkpoint.text_settings, SETTINGS)
    yield from _values("", config, _OF_MIXTURES)
    if not whole:
        return
    yield from _values("", checkpoint.text_settings, _OF_DEPTH)
    for part in sorted(getattr(config, "sub_configs", None) or {}):
        inside = getattr(config, part, None)
        if inside is not None and part != "text_config":
            yield from _values(f"{part}.", inside, (*SETTINGS, *_OF_DEPTH))


def _values(start: str, config: Any, names: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    for name in names:
        value = getattr(config, name, None)
        if name == "head_dim" and value is None:
            heads = getattr(config, "num_attention_heads", None)
            value = getattr(config, "hidden_size", 0) // heads if heads else None
        yield start + name, value
