"""An adapter added to its model's own weights: a folder that any program can load."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from ...errors import ModelError
from ...models.catalog import count_weights
from ...models.hub_cache import is_adapter
from ...models.own import base_of, base_place

__all__ = ["merge"]

_NOT_COPIED = (".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".index.json")


def merge(adapter: Path, output: Path) -> None:
    """Write a whole model: an adapter's matrices added to those of its base.

    Parameters
    ----------
    adapter : Path
        The adapter; its base must be on this computer.
    output : Path
        A folder that is not there yet. Everything but the weights is as in the base.

    Raises
    ------
    ModelError
        If one of the two cannot be loaded, or memory is short.
    """
    from ...models.adapters import load_adapter
    from ...models.memory import free_memory, needed_bytes
    from ...models.quiet import quiet

    base = base_of(adapter) if is_adapter(adapter) else None
    if base is None:
        raise ModelError(f"The model {base_place(adapter) or 'of this adapter'} is not here.")
    # Sums are made in single precision where that fits, then written as the base is.
    fits = needed_bytes(count_weights(base) or 0, 32) < free_memory("cpu").free
    model: Any = load_adapter(adapter, "cpu", "32-bit" if fits else "16-bit").model
    kind = _dtype_in(base)
    if kind is not None:
        model.to(kind)
    with quiet():
        model.save_pretrained(output, max_shard_size="4GB")
    for file in base.iterdir():
        if file.is_dir():
            if not file.name.startswith("."):
                shutil.copytree(file, output / file.name, dirs_exist_ok=True)
        elif not file.name.endswith(_NOT_COPIED):
            # What decides how it is asked is the base's, to the letter.
            shutil.copyfile(file, output / file.name)


def _dtype_in(folder: Path) -> Any:
    """Return the kind of number most of a folder's weights have; None where it is not known."""
    import torch
    from safetensors import SafetensorError, safe_open

    from ...models.hub_cache import weight_files

    kinds = {"F16": torch.float16, "BF16": torch.bfloat16, "F32": torch.float32}
    count: dict[str, int] = {}
    for path in weight_files(folder):
        try:
            with safe_open(path, "pt") as file:
                for name in file.keys():  # noqa: SIM118 - it is no mapping
                    kind = file.get_slice(name).get_dtype()
                    count[kind] = count.get(kind, 0) + 1
        except (OSError, SafetensorError):
            return None
    return kinds.get(max(count, key=count.__getitem__)) if count else None
