"""How much memory a fine-tuning needs, before it is begun."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...models.memory import needed_bytes, readable_bytes

if TYPE_CHECKING:
    from ...models.memory import Memory
    from .settings import Settings

__all__ = ["needed_to_teach", "shortage_of"]

_TAUGHT_SHARE = 0.01
"""Weights that are taught, of all, at rank 16."""

_EACH = 16
"""Bytes of each: itself, its gradient, and two means of the optimiser."""

_KEPT = 2.0
_KEPT_TWICE_COMPUTED = 0.25
"""Bytes of activations for each weight, kept or computed twice."""


def needed_to_teach(parameters: int, bits: int, settings: Settings, *, saving: bool) -> int:
    """Estimate what a fine-tuning needs: a rough number, on the safe side.

    Parameters
    ----------
    parameters : int
        Number of weights.
    bits : int
        Bits of each frozen one.
    settings : Settings
        Of the training.
    saving : bool
        Whether activations are computed twice instead of kept.

    Returns
    -------
    int
        Bytes.
    """
    taught = _TAUGHT_SHARE * parameters * settings.rank / 16 * _EACH
    kept = parameters * (_KEPT_TWICE_COMPUTED if saving else _KEPT)
    return int(needed_bytes(parameters, bits) + taught + kept)


def shortage_of(
    parameters: int | None, bits: int, settings: Settings, memory: Memory, *, saving: bool
) -> str:
    """Say what to do where a fine-tuning does not fit: one sentence; empty where it does."""
    if parameters is None:
        return ""
    need = needed_to_teach(parameters, bits, settings, saving=saving)
    if need <= memory.free:
        return ""
    text = (
        f"To teach it needs about {readable_bytes(need)} and {readable_bytes(memory.free)} are "
        "free; "
    )
    smaller = needed_to_teach(parameters, 4, settings, saving=True)
    if bits > 4 and smaller <= memory.free:
        return text + "choose 4-bit numbers, which need a CUDA graphics card."
    if need <= memory.total:
        return text + "unload the model that answers, or close other programs."
    return text + "choose a smaller model."
