"""Load any vision-language model of transformers: from a folder, safetensors only."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn
from transformers import AutoConfig, AutoModelForImageTextToText, GenerationConfig

from ..attention.recorder import use_recording, watch_layers
from ..errors import ModelError
from .devices import choose_device, dtype_for, quantization_for
from .families import family_of, is_known
from .families.base import Family
from .families.own_classes import config_class_of, model_class_of
from .guards import advice_on_memory, is_short
from .hub_cache import is_adapter
from .quiet import quiet

__all__ = ["Loaded", "load", "model_type_of", "revision_of", "weights_digest"]

_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")

_UNWANTED = (
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "typical_p",
    "length_penalty",
    "num_return_sequences",
    "num_beam_groups",
    "diversity_penalty",
    "penalty_alpha",
    "guidance_scale",
    "cache_implementation",
    "stop_strings",
)
"""Defaults of a checkpoint that greedy decoding has no use for, or cannot do."""

_SAMPLES = 256
"""Pieces of a large weights file that are read to tell it from others."""

_SAMPLE_SIZE = 1 << 16


@dataclass(frozen=True, eq=False)
class Loaded:
    """A model ready to be asked.

    Attributes
    ----------
    model : Module
        In eval mode, on its device; its decoder records attention.
    family : Family
        How it is asked.
    device : str
        Where it runs; the first of several graphics cards.
    revision : str
        What identifies its weights.
    """

    model: nn.Module
    family: Family
    device: str
    revision: str


def load(folder: Path, device: str = "auto", precision: str = "auto") -> Loaded:
    """Load a checkpoint folder. Nothing is downloaded and none of its code is run.

    Parameters
    ----------
    folder : Path
        With ``config.json``, safetensors and the processor's files; or an adapter of such a model.
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda:0"``, ``"mps"``. With ``"auto"``, a model too large for one
        graphics card is spread over all of them.
    precision : str
        One of :data:`.devices.PRECISIONS`.

    Raises
    ------
    ModelError
        If the folder holds no model that is known, or a broken one, or memory is short.
    """
    if is_adapter(folder):
        from .adapters import load_adapter

        return load_adapter(folder, device, precision)
    kind = model_type_of(folder)
    if not is_known(kind):
        raise ModelError(
            f"The folder {folder} holds a model of type {kind!r}, which is not known; "
            "choose one that 'models list' shows."
        )
    _check_weights(folder)
    chosen = choose_device(device)
    settings: dict[str, Any] = {"dtype": dtype_for(chosen, precision)}
    quantization = quantization_for(precision, chosen)
    if quantization is not None:
        settings["quantization_config"] = quantization
    spread = device == "auto" and _needs_several(folder, chosen, quantization is not None)
    direct = chosen != "cpu" or quantization is not None
    if direct and find_spec("accelerate") is not None:
        # Weights go straight to the card, without a copy in the computer's own memory.
        settings["device_map"] = "auto" if spread else {"": chosen}
    elif spread or quantization is not None:
        raise ModelError(
            "Spreading a model over several graphics cards or making its weights smaller needs "
            "accelerate; install napari-micrograph-vlm[quant], or choose another model."
        )
    config = _config(folder, kind)
    # Before the weights: a file missing from the processor is told at once.
    family = family_of(kind).load(folder, config)
    with advice_on_memory(
        f"There is not enough memory for the model in {folder}; "
        "choose fewer bits of each weight, a smaller model or another device."
    ):
        model = _weights(folder, config, settings)
        if "device_map" not in settings:
            model.to(chosen)
    model.eval().requires_grad_(False)
    _decode_greedily(model)
    if not family.speaks_itself:
        use_recording(family.decoder(model))
    watch_layers(model)
    return Loaded(model, family, chosen, revision_of(folder))


def model_type_of(folder: Path) -> str:
    """Return ``model_type`` of a folder's ``config.json``.

    Raises
    ------
    ModelError
        If it is missing or broken.
    """
    try:
        values = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        return str(values["model_type"])
    except (OSError, ValueError, KeyError, TypeError):
        raise ModelError(
            f"The file config.json in {folder} is missing or broken; download the model again."
        ) from None


def revision_of(folder: Path) -> str:
    """Return what identifies a folder's weights.

    The commit of a hub snapshot; else :func:`weights_digest`.
    """
    resolved = folder.absolute()
    if resolved.parent.name == "snapshots":
        return resolved.name[:12]
    return weights_digest(folder)


def weights_digest(folder: Path) -> str:
    """Return the start of a SHA-256 over a folder's weights.

    Large files are sampled at equal distances.
    """
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        size = path.stat().st_size
        digest.update(f"{path.name} {size}".encode())
        step = max(size // _SAMPLES, _SAMPLE_SIZE)
        with path.open("rb") as file:
            for start in range(0, size, step):
                file.seek(start)
                digest.update(file.read(_SAMPLE_SIZE))
    return digest.hexdigest()[:12]


def _check_weights(folder: Path) -> None:
    if any(folder.glob("*.safetensors")):
        return
    if any(path for pattern in _PICKLES for path in folder.glob(pattern)):
        raise ModelError(
            f"The weights in {folder} are a pickle, which can run code when it is opened; "
            "convert them with 'napari-micrograph-vlm models convert'."
        )
    raise ModelError(f"There are no weights in {folder}; download the model again.")


def _config(folder: Path, kind: str) -> Any:
    own = config_class_of(kind)
    try:
        return (own or AutoConfig).from_pretrained(
            folder, local_files_only=True, **({} if own else {"trust_remote_code": False})
        )
    except Exception as error:
        # A configuration that does not fit is refused by whatever part of it meets it first.
        raise ModelError(
            f"The file config.json in {folder} cannot be used: {_first_line(error)}"
        ) from error


def _weights(folder: Path, config: Any, settings: dict[str, Any]) -> nn.Module:
    own = model_class_of(str(config.model_type), config.architectures)
    try:
        with quiet():
            loaded: Any = (own or AutoModelForImageTextToText).from_pretrained(
                folder,
                config=config,
                use_safetensors=True,
                local_files_only=True,
                output_loading_info=True,
                **({} if own else {"trust_remote_code": False}),
                **_greedy_settings(folder),
                **settings,
            )
    except ImportError as error:
        raise ModelError(
            f"The weights in {folder} need a package that is not installed: {_first_line(error)} "
            "Install it, or choose a copy of the model that is not quantised."
        ) from error
    except (SafetensorError, OSError, ValueError, TypeError, KeyError, RuntimeError) as error:
        if is_short(error):
            raise
        raise ModelError(
            f"The weights in {folder} cannot be loaded: {_first_line(error)}"
        ) from error
    model: nn.Module
    info: dict[str, Any]
    model, info = loaded
    wrong = {*info["missing_keys"], *(str(key) for key in info.get("mismatched_keys", ()))}
    if wrong:
        raise ModelError(
            f"The weights in {folder} are incomplete: {len(wrong)} tensors are missing or do not "
            "fit; download the model again."
        )
    return model


def _needs_several(folder: Path, device: str, quantized: bool) -> bool:
    if not device.startswith("cuda") or torch.cuda.device_count() < 2:
        return False
    size = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    free, _ = torch.cuda.mem_get_info(device)
    # A fifth on top for keys, values and pictures; four bits are a quarter of sixteen.
    return size * (0.3 if quantized else 1) * 1.2 > free


def _decode_greedily(model: nn.Module) -> None:
    """Take out of the checkpoint's defaults what would make answers differ from time to time."""
    config = getattr(model, "generation_config", None)
    if config is None:
        return
    config.do_sample = False
    config.num_beams = 1
    config.max_length = None
    for name in _UNWANTED:
        setattr(config, name, None)


def _greedy_settings(folder: Path) -> dict[str, Any]:
    """Return the folder's own defaults where transformers would refuse them without a beam."""
    name = "num_return_sequences"
    try:
        values = json.loads((folder / "generation_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(values, dict) or values.get(name) in (None, 1):
        return {}
    kept = {key: value for key, value in values.items() if key != name}
    return {"generation_config": GenerationConfig.from_dict(kept)}


def _first_line(error: Exception) -> str:
    line = (str(error).strip() or type(error).__name__).splitlines()[0].strip()
    return line if line.endswith(".") else f"{line}."


# Transformers asks the hub for newer files and counts downloads unless it is told not to.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
