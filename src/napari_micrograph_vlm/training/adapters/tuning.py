"""Small matrices beside a model's large ones: put on, kept, read back (LoRA, arXiv 2106.09685)."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from torch import nn

from ...errors import ModelError
from ...models.families.base import Family
from ...models.hub_cache import ADAPTER_CONFIG, is_adapter
from ...models.own import base_place
from .settings import Settings

__all__ = ["attach", "fill", "keep", "learning"]

_WEIGHTS = "adapter_model.safetensors"

_NOT_TAUGHT = {"lm_head", "gate", "router", "score"}
"""Linear layers that stay, besides :func:`_heads`: scores of words, and what picks experts."""


def attach(
    model: nn.Module, family: Family, settings: Settings, base: str, start: Path | None = None
) -> Any:
    """Put matrices that learn beside those of a loaded model.

    Parameters
    ----------
    model : Module
        Its own weights are frozen; changed in place.
    family : Family
        Knows which part writes.
    settings : Settings
        Rank, alpha, dropout, and whether the image encoder learns, too.
    base : str
        What the adapter calls the model that it belongs to.
    start : Path, optional
        An adapter to go on teaching; its rank and places are kept.

    Returns
    -------
    peft.PeftModel
        With everything else frozen.

    Raises
    ------
    ModelError
        If the model has no linear layer to teach, or the adapter does not fit.
    """
    import torch
    from peft import LoraConfig
    from peft.utils import prepare_model_for_kbit_training

    from ...models.adapters import check_peft, read_config, wrapped_in

    check_peft()
    if start is None:
        config = LoraConfig(
            r=settings.rank,
            lora_alpha=settings.alpha,
            lora_dropout=settings.dropout,
            target_modules=places(model, family, vision=settings.vision),
            base_model_name_or_path=base,
        )
    else:
        config = read_config(start, learning=True)
        config.base_model_name_or_path = base
    # The first matrices are random: the same ones each time.
    torch.manual_seed(settings.seed)
    if getattr(model, "hf_quantizer", None) is not None:
        prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)
    wrapped = wrapped_in(model, config)
    if start is not None:
        fill(wrapped, start)
    return wrapped


def learning(model: Any, family: Family, checkpointing: bool) -> None:
    """Let activations be computed twice instead of kept, where the model can do that."""
    inner = model.get_base_model()
    able = getattr(inner, "supports_gradient_checkpointing", False) and not family.speaks_itself
    if checkpointing and able:
        inner.gradient_checkpointing_enable({"use_reentrant": False})
        inner.enable_input_require_grads()


def places(model: nn.Module, family: Family, *, vision: bool) -> str:
    """Return a pattern that matches the names of the linear layers that are taught.

    Raises
    ------
    ModelError
        If there are none.
    """
    inside = "" if vision else _name_of(model, family.decoder(model))
    heads = _heads(model)
    names = [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear)
        and name.startswith(inside)
        and name.rpartition(".")[2] not in _NOT_TAUGHT
        and module not in heads
    ]
    if not names:
        raise ModelError("This model has no linear layers that could be taught; choose another.")
    # Layers are numbered: one pattern for all of them.
    shapes = sorted({re.sub(r"(?<=\.)\d+(?=\.)", "#", name) for name in names})
    return "|".join(re.escape(shape).replace(r"\#", r"\d+") for shape in shapes)


def keep(model: Any, folder: Path) -> None:
    """Write an adapter: safetensors and its configuration.

    Parameters
    ----------
    model : peft.PeftModel
        From :func:`attach`.
    folder : Path
        Made if it is not there.
    """
    from peft import get_peft_model_state_dict
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    state = get_peft_model_state_dict(model, save_embedding_layers=False)
    tensors = {name: value.detach().cpu().contiguous() for name, value in state.items()}
    save_file(tensors, folder / _WEIGHTS, metadata={"format": "pt"})
    config = model.peft_config["default"].to_dict()
    config["inference_mode"] = True
    text = json.dumps(config, indent=2, sort_keys=True, default=_plain)
    (folder / ADAPTER_CONFIG).write_text(text + "\n", encoding="utf-8")


def fill(model: Any, folder: Path) -> None:
    """Read the matrices of an adapter that :func:`keep` wrote.

    Raises
    ------
    ModelError
        If they are broken or do not fit.
    """
    from peft import set_peft_model_state_dict
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        result: Any = set_peft_model_state_dict(model, load_file(folder / _WEIGHTS))
    except (OSError, SafetensorError, RuntimeError, ValueError, KeyError) as error:
        raise ModelError(f"The adapter in {folder} is broken or does not fit.") from error
    if result.unexpected_keys or any("lora_" in name for name in result.missing_keys):
        raise ModelError(f"The adapter in {folder} belongs to another model.")


def base_name(folder: Path, repo: str = "") -> str:
    """Return what an adapter calls its model: ``owner/name`` on the hub, or a folder."""
    if is_adapter(folder):
        return base_place(folder)
    return repo or str(folder.absolute())


def _heads(model: nn.Module) -> set[nn.Module]:
    """Return what scores words, whatever it is called.

    Where it shares its weights with the embeddings, to add something to it would change what the
    model reads, too.
    """
    words = {id(each.weight) for each in model.modules() if isinstance(each, nn.Embedding)}
    heads: set[nn.Module] = {
        each for each in model.modules() if isinstance(each, nn.Linear) and id(each.weight) in words
    }
    for part in model.modules():
        found: Any = getattr(part, "get_output_embeddings", lambda: None)()
        if isinstance(found, nn.Module):
            heads.add(found)
    return heads


def _name_of(model: nn.Module, part: nn.Module) -> str:
    found = next((name for name, module in model.named_modules() if module is part), "")
    return f"{found}." if found else ""


def _plain(value: Any) -> Any:
    """Return what JSON does not know: sets as lists, kinds as their values."""
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    return getattr(value, "value", str(value))
