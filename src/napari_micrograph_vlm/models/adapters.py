"""LoRA adapters: small matrices that are put beside those of the model they were taught with."""

from __future__ import annotations

import json
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from ..errors import ModelError, one_line
from .hub_cache import ADAPTER_CONFIG
from .own import base_of, base_place

if TYPE_CHECKING:
    from .loading import Loaded

__all__ = ["FACTS", "WEIGHTS", "check_peft", "load_adapter", "put_on", "read_config", "wrapped_in"]

WEIGHTS = "adapter_model.safetensors"

FACTS = "fine_tune.json"
"""Beside an adapter of ours: how it was made, and of which weights."""


def check_peft() -> None:
    """Complain where peft is not installed.

    Raises
    ------
    ModelError
        Names the extra that brings it.
    """
    if find_spec("peft") is None:
        raise ModelError(
            "Adapters need peft; install it with `pip install napari-micrograph-vlm[train]`."
        )


def load_adapter(folder: Path, device: str = "auto", precision: str = "auto") -> Loaded:
    """Load the model that an adapter belongs to, with the adapter.

    Parameters
    ----------
    folder : Path
        With ``adapter_config.json`` and ``adapter_model.safetensors`` as peft writes them.
    device, precision : str
        As for :func:`.loading.load`. With 8 or 4 bits the small matrices stay beside the others;
        else they are added to them, so that nothing is slower.

    Raises
    ------
    ModelError
        If peft or the other model is missing, or they do not belong together.
    """
    from dataclasses import replace

    from .loading import load, revision_of, weights_digest

    check_peft()
    base = base_of(folder)
    if base is None:
        raise ModelError(
            f"{folder} is an adapter of {base_place(folder) or 'an unnamed model'}, which is not "
            "on this computer; download or copy that model first."
        )
    config = read_config(folder)
    made_of = _digest_in(folder)
    if made_of and made_of != weights_digest(base):
        raise ModelError(
            f"{folder} was taught with other weights than those in {base} now; put back that "
            "model, or teach again."
        )
    loaded = load(base, device, precision)
    put_on(loaded.model, folder, config, merge=not _is_quantized(loaded.model))
    return replace(loaded, revision=revision_of(folder))


def put_on(model: nn.Module, folder: Path, config: Any, *, merge: bool) -> nn.Module:
    """Put an adapter's matrices on a model, in place.

    Parameters
    ----------
    model : Module
        The model that the adapter was taught with.
    folder : Path
        The adapter.
    config : peft.LoraConfig
        From :func:`read_config`.
    merge : bool
        Whether they are added to the model's own matrices, so that it is as it was built.

    Raises
    ------
    ModelError
        If they do not fit.
    """
    from peft import set_peft_model_state_dict
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors = load_file(folder / WEIGHTS)
        wrapped = wrapped_in(model, config)
        result: Any = set_peft_model_state_dict(wrapped, tensors)
    except (OSError, SafetensorError, ValueError, RuntimeError, KeyError, TypeError) as error:
        raise ModelError(f"The adapter in {folder} does not fit: {one_line(error)}") from error
    lacking = [name for name in result.missing_keys if "lora_" in name]
    if lacking or result.unexpected_keys:
        raise ModelError(
            f"The adapter in {folder} does not fit the model in {base_of(folder)}: "
            f"{len(lacking) + len(result.unexpected_keys)} of its tensors have no place there."
        )
    if merge:
        wrapped = wrapped.merge_and_unload()
    model.eval().requires_grad_(False)
    return model


def wrapped_in(model: nn.Module, config: Any) -> Any:
    """Return a model with an adapter's matrices beside its own, a ``peft.PeftModel``."""
    from peft import get_peft_model

    base, config.base_model_name_or_path = config.base_model_name_or_path, None
    with warnings.catch_warnings():
        # peft asks transformers in words of an earlier version.
        warnings.simplefilter("ignore", FutureWarning)
        wrapped = get_peft_model(model, config)
    # peft puts the folder that it was loaded from in its place.
    wrapped.peft_config["default"].base_model_name_or_path = base
    return wrapped


def read_config(folder: Path, *, learning: bool = False) -> Any:
    """Return an adapter's configuration, a ``peft.LoraConfig``.

    Only what says how matrices are shaped and counted is taken from the file.

    Raises
    ------
    ModelError
        If it is broken, no LoRA adapter, or its weights are missing.
    """
    from peft import LoraConfig

    try:
        values = json.loads((folder / ADAPTER_CONFIG).read_text(encoding="utf-8"))
        kind = values["peft_type"]
    except (OSError, ValueError, KeyError, TypeError):
        raise ModelError(f"The file {ADAPTER_CONFIG} in {folder} is missing or broken.") from None
    if kind != "LORA" or values.get("modules_to_save") or values.get("bias", "none") != "none":
        raise ModelError(
            f"The adapter in {folder} is of a kind that is not known; merge it into its model "
            "with the program that made it."
        )
    if not (folder / WEIGHTS).is_file():
        raise ModelError(
            f"There are no weights {WEIGHTS} in {folder} (other formats are not opened, as they "
            "can run code)."
        )
    try:
        return LoraConfig(
            **{name: values[name] for name in _SHAPES if values.get(name) is not None},
            base_model_name_or_path=base_place(folder),
            inference_mode=not learning,
        )
    except (TypeError, ValueError) as error:
        raise ModelError(f"The adapter in {folder} cannot be used: {one_line(error)}") from error


_SHAPES = (
    "r",
    "lora_alpha",
    "lora_dropout",
    "target_modules",
    "exclude_modules",
    "layers_to_transform",
    "layers_pattern",
    "rank_pattern",
    "alpha_pattern",
    "fan_in_fan_out",
    "use_rslora",
    "use_dora",
)


def _digest_in(folder: Path) -> str:
    try:
        values = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        return str(values["base"]["digest"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _is_quantized(model: nn.Module) -> bool:
    return getattr(model, "hf_quantizer", None) is not None
