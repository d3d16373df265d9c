"""A checkpoint folder whose tensors are read one at a time, never all."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import ModelError
from ...models.hub_cache import has_pickles, is_adapter, weight_files
from .names import layer_of, layer_prefix, plain_name

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = ["BYTES", "Checkpoint"]

BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1}
"""Bytes of a number by its kind in the head of a safetensors file; others count as one."""


class Checkpoint:
    """The tensors and the configuration of a folder; made by :meth:`open`.

    Tensors are asked for by their plain names (see :mod:`.names`).

    Attributes
    ----------
    folder : Path
        Where it lies.
    config : dict
        ``config.json``.
    model_type : str
        The architecture as ``config.json`` calls it.
    stored : dict of str to str
        Stored names by plain names.
    """

    def __init__(self, folder: Path, config: dict[str, Any], heads: dict[Path, Any]) -> None:
        self.folder = folder
        self.config = config
        self.model_type = str(config.get("model_type", ""))
        self.stored: dict[str, str] = {}
        self._heads: dict[str, tuple[Path, str, tuple[int, ...]]] = {}
        self._files: dict[Path, Any] = {}
        for file, head in heads.items():
            for name, about in head.items():
                plain = plain_name(name, self.model_type) if name != "__metadata__" else None
                if plain is not None:
                    self.stored[plain] = name
                    self._heads[plain] = (file, about["dtype"], tuple(about["shape"]))

    @classmethod
    def open(cls, folder: Path) -> Checkpoint:
        """Read a folder's configuration and the heads of its weights.

        Raises
        ------
        ModelError
            If it holds no model, pickles, packed weights of 4 or 8 bits, or a broken file.
        """
        if is_adapter(folder):
            raise ModelError(
                f"{folder} holds an adapter, which has no weights of its own; give a whole model "
                "here, or merge adapters among themselves."
            )
        try:
            config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            config["model_type"]
        except (OSError, ValueError, KeyError, TypeError):
            raise ModelError(
                f"The file config.json in {folder} is missing or broken; download the model again."
            ) from None
        if config.get("quantization_config"):
            raise ModelError(
                f"The weights in {folder} are packed in few bits, which cannot be merged; take the "
                "model with 16-bit weights."
            )
        files = weight_files(folder)
        if not any(file.is_file() for file in files) and has_pickles(folder):
            raise ModelError(
                f"The weights in {folder} are a pickle, which can run code when it is opened; "
                "convert them with 'napari-micrograph-vlm models convert'."
            )
        return cls(folder, config, {file: read_head(file) for file in files})

    def __contains__(self, name: str) -> bool:
        return name in self._heads

    @property
    def names(self) -> tuple[str, ...]:
        """Plain names of all tensors, in the order of the files."""
        return tuple(self._heads)

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a tensor without reading it."""
        return self._heads[name][2]

    def size(self, name: str) -> int:
        """Return the bytes of a tensor without reading it."""
        _, kind, shape = self._heads[name]
        count = BYTES.get(kind, 1)
        for length in shape:
            count *= length
        return count

    def kind(self, name: str) -> torch.dtype:
        """Return what kind of numbers a tensor has, without reading it."""
        import torch

        known = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}
        code = self._heads[name][1]
        found: torch.dtype = (
            getattr(torch, known[code]) if code in known else self.tensor(name).dtype
        )
        return found

    def tensor(self, name: str) -> Tensor:
        """Read one tensor."""
        from safetensors import safe_open

        file = self._heads[name][0]
        if file not in self._files:
            self._files[file] = safe_open(file, "pt")
        found: Tensor = self._files[file].get_tensor(self.stored[name])
        return found

    @cached_property
    def prefix(self) -> str:
        """What stands before ``layers.0.`` in the text model's plain names.

        Raises
        ------
        ModelError
            If no layers of a text model are found.
        """
        found = layer_prefix(self.names)
        if found is None:
            raise ModelError(f"No layers of a text model are found in {self.folder}.")
        return found

    @cached_property
    def layers(self) -> tuple[tuple[str, ...], ...]:
        """For each layer of the text model the names of its tensors, without what is before."""
        found: dict[int, list[str]] = {}
        for name in self.names:
            place = layer_of(name, self.prefix)
            if place is not None:
                found.setdefault(place[0], []).append(place[1])
        if sorted(found) != list(range(len(found))):
            raise ModelError(
                f"Layers of the model in {self.folder} are missing; download it again."
            )
        return tuple(tuple(found[number]) for number in range(len(found)))

    @property
    def depth(self) -> int:
        """Number of layers of the text model."""
        return len(self.layers)

    def named(self, layer: int, rest: str) -> str:
        """Return the plain name of a layer's tensor."""
        return f"{self.prefix}layers.{layer}.{rest}"

    @cached_property
    def outside(self) -> tuple[str, ...]:
        """Plain names of the tensors outside the text model's layers."""
        return tuple(name for name in self.names if layer_of(name, self.prefix) is None)

    @cached_property
    def settings(self) -> Any:
        """The configuration, with what ``config.json`` leaves to its class.

        Raises
        ------
        ModelError
            If the configuration cannot be used.
        """
        from transformers import AutoConfig

        from ...errors import one_line
        from ...models.families.own_classes import config_class_of

        own = config_class_of(self.model_type)
        kept = {} if own else {"trust_remote_code": False}
        try:
            return (own or AutoConfig).from_pretrained(self.folder, local_files_only=True, **kept)
        except Exception as error:
            raise ModelError(
                f"The file config.json in {self.folder} cannot be used: {one_line(error)}."
            ) from error

    @property
    def text_settings(self) -> Any:
        """The text model's part of :attr:`settings`."""
        return self.settings.get_text_config(decoder=True)


def read_head(file: Path) -> dict[str, Any]:
    """Return the head of a safetensors file.

    Raises
    ------
    ModelError
        If it is missing or broken.
    """
    try:
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            if not 0 < length < 100_000_000:
                raise ValueError(length)
            head = json.loads(stream.read(length))
        if not isinstance(head, dict):
            raise ValueError(file.name)
    except (OSError, ValueError, MemoryError):
        raise ModelError(
            f"The weights {file} are missing or broken; download the model again."
        ) from None
    return head
