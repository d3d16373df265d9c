"""Read the student's folder, and say in one sentence what is wrong with it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers.utils import logging

from ...errors import ModelError
from .configuration import MvaemaConfig
from .modeling import MvaemaModel
from .processing import MvaemaProcessor

__all__ = ["SHIPPED", "choose_device", "load_parts", "revision_of"]

SHIPPED = Path(__file__).parent / "weights"
_WEIGHTS = "model.safetensors"


def choose_device(name: str = "auto") -> torch.device:
    """Return the device of a name; ``"auto"`` is the GPU where there is one.

    Raises
    ------
    ModelError
        If there is no such device here.
    """
    if name == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError):
        raise ModelError(
            f"The device {name!r} cannot be used here; choose 'auto' or 'cpu'."
        ) from None
    return device


def load_parts(path: Path | None) -> tuple[MvaemaModel, MvaemaProcessor]:
    """Load model (float32, ready to run) and processor from a folder.

    Only safetensors are read: unlike pickles they cannot run code. Nothing is downloaded.

    Raises
    ------
    ModelError
        If the folder is missing, or holds no such model or a broken one.
    """
    folder = SHIPPED if path is None else Path(path)
    shipped = folder.resolve() == SHIPPED.resolve()
    remedy = "reinstall the package" if shipped else "download or save the model again"
    if not folder.is_dir():
        raise ModelError(f"There is no model folder {folder}; {remedy}.")
    kind = _model_type(folder, remedy)
    if kind != MvaemaConfig.model_type:
        raise ModelError(
            f"The folder {folder} holds a model of type {kind!r} instead of "
            f"{MvaemaConfig.model_type!r}; load it as a different kind of model."
        )
    if not (folder / _WEIGHTS).is_file():
        raise ModelError(
            f"There are no weights {_WEIGHTS} in {folder} (other formats are not opened, as they "
            f"can run code); {remedy}."
        )
    model = _load_model(folder, remedy)
    try:
        processor = MvaemaProcessor.from_pretrained(folder)
    except Exception as error:
        # tokenizers raises a bare Exception for a broken file.
        raise ModelError(
            f"The tokenizer or processor files in {folder} are missing or broken; {remedy}."
        ) from error
    size = model.config.text_config.vocab_size
    if processor.vocab_size != size:
        raise ModelError(
            f"The tokenizer in {folder} has {processor.vocab_size} tokens but the model {size}: "
            f"they do not belong together; {remedy}."
        )
    return model, processor


def revision_of(path: Path | None) -> str:
    """Return what identifies the weights: the start of their SHA-256."""
    folder = SHIPPED if path is None else Path(path)
    with open(folder / _WEIGHTS, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]


def _model_type(folder: Path, remedy: str) -> str:
    try:
        values = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        return str(values["model_type"])
    except (OSError, ValueError, KeyError, TypeError):
        raise ModelError(
            f"The file config.json in {folder} is missing or broken; {remedy}."
        ) from None


def _load_model(folder: Path, remedy: str) -> MvaemaModel:
    bars, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    # What its report of missing weights would say, the error below says.
    logging.set_verbosity_error()
    try:
        loaded: Any = MvaemaModel.from_pretrained(
            folder,
            dtype=torch.float32,
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
        )
    except (SafetensorError, OSError, RuntimeError, ValueError, TypeError, KeyError) as error:
        raise ModelError(
            f"The weights or the configuration in {folder} are broken; {remedy}."
        ) from error
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
    model: MvaemaModel
    info: dict[str, Any]
    model, info = loaded
    if info["missing_keys"]:
        raise ModelError(
            f"The weights in {folder} are incomplete: {len(info['missing_keys'])} tensors are "
            f"missing; {remedy}."
        )
    model.eval().requires_grad_(False)
    return model
