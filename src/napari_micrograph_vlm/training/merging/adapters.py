"""LoRA adapters as differences of weights, and several adapters as one."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import ModelError
from ...whole_files import replacing, write_whole
from .checkpoint import read_head

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Adapter", "merge_adapters"]

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"

_START = "base_model.model."

_PLAIN = {
    "peft_type": "LORA",
    "use_dora": False,
    "fan_in_fan_out": False,
    "lora_bias": False,
    "layer_replication": None,
    "use_qalora": False,
    "alora_invocation_tokens": None,
    "trainable_token_indices": None,
    "target_parameters": None,
    "layers_to_transform": None,
}
"""Settings that a plain LoRA adapter has; others compute something else."""


class Adapter:
    """A LoRA adapter of peft: for some matrices of a model, a difference of low rank.

    Parameters
    ----------
    folder : Path
        With ``adapter_config.json`` and ``adapter_model.safetensors``.

    Attributes
    ----------
    folder : Path
        Where it lies.
    config : dict
        ``adapter_config.json``.
    modules : tuple of str
        Names of the matrices' modules in the model.
    whole : dict of str to str
        Tensors that it replaces as a whole, by their plain names.

    Raises
    ------
    ModelError
        If a file is missing or broken, or it is no plain LoRA adapter.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            self.config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
            wrong = [
                name
                for name, plain in _PLAIN.items()
                if self.config.get(name, plain) != plain
                and not (name == "layers_to_transform" or self.config.get(name) in (None, False))
            ]
            self._rank, self._alpha = int(self.config["r"]), float(self.config["lora_alpha"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise ModelError(
                f"The file {CONFIG} in {folder} is missing or broken; save the adapter again."
            ) from None
        if wrong:
            raise ModelError(
                f"The adapter in {folder} is not a plain LoRA adapter ({', '.join(wrong)}); put it "
                "into its model with peft's merge_and_unload first."
            )
        names = [name for name in read_head(folder / WEIGHTS) if name != "__metadata__"]
        self.modules = tuple(
            sorted(n[len(_START) : -len(".lora_A.weight")] for n in names if ".lora_A." in n)
        )
        self.whole = {
            re.sub(r"\.modules_to_save(\.default)?\.", ".", name[len(_START) :]): name
            for name in names
            if ".lora_A." not in name and ".lora_B." not in name
        }
        unknown = [name for name in names if not name.startswith(_START) or ".lora_emb" in name]
        if unknown or not names:
            raise ModelError(f"The adapter in {folder} holds tensors that are not known.")

    def factors(self, module: str) -> tuple[Tensor, Tensor]:
        """Return the two factors of a module's difference, the scale in the second.

        Returns
        -------
        (r, inputs) and (outputs, r) float32 Tensor
        """
        a = self._tensor(f"{_START}{module}.lora_A.weight").float()
        b = self._tensor(f"{_START}{module}.lora_B.weight").float()
        return a, b * self._scale(module, a.shape[0])

    def difference(self, name: str, before: Tensor) -> Tensor | None:
        """Return what is added to a tensor of the model; None where nothing is.

        Parameters
        ----------
        name : str
            The tensor's plain name, such as ``model.text_model.layers.0.mlp.up_proj.weight``.
        before : Tensor
            The tensor in the model that the adapter belongs to.

        Returns
        -------
        float32 Tensor or None

        Raises
        ------
        ModelError
            If the shapes do not fit.
        """
        if name in self.whole:
            found = self._tensor(self.whole[name]).float() - before.float()
        elif (module := name.removesuffix(".weight")) != name and module in self.modules:
            a, b = self.factors(module)
            found = b @ a
        else:
            return None
        if found.shape != before.shape:
            raise ModelError(
                f"The adapter in {self.folder} belongs to another model: {name} has another shape."
            )
        return found

    def _scale(self, module: str, rank: int) -> float:
        alpha = _of_pattern(self.config.get("alpha_pattern"), module, self._alpha)
        return alpha / (sqrt(rank) if self.config.get("use_rslora") else rank)

    def _tensor(self, name: str) -> Tensor:
        from safetensors import safe_open

        with safe_open(self.folder / WEIGHTS, "pt") as file:
            found: Tensor = file.get_tensor(name)
        return found


def merge_adapters(parts: Sequence[tuple[Adapter, float]], output: Path) -> Path:
    """Write one adapter that adds the weighted sum of what several add.

    Exactly so: the ranks are added up, nothing is rounded to a lower one.

    Parameters
    ----------
    parts : sequence of (Adapter, float)
        The adapters, all of one model, and their weights.
    output : Path
        A folder that is empty or not there; the same call again leaves what it made.

    Raises
    ------
    ModelError
        If one of them holds whole tensors besides, or the folder holds something.
    """
    import torch
    from safetensors.torch import save_file

    from .describing import recipe_of
    from .folders import begin_folder, check_free, finish_folder, is_made

    recipe = recipe_of(
        "adapters", parts[0][0].folder, [(a.folder, {"weight": weight}) for a, weight in parts]
    )
    if is_made(output, recipe, CONFIG):
        return output
    check_free(output)
    for adapter, _ in parts:
        if adapter.whole:
            raise ModelError(
                f"The adapter in {adapter.folder} holds whole tensors, which have no sum of low "
                "rank; merge it into its model instead."
            )
    bases = {str(adapter.config.get("base_model_name_or_path")) for adapter, _ in parts}
    if len(bases) > 1:
        raise ModelError(
            f"The adapters belong to different models ({', '.join(sorted(bases))}); an adapter "
            "fits its own model only."
        )
    tensors: dict[str, Tensor] = {}
    ranks: dict[str, int] = {}
    for module in sorted({module for adapter, _ in parts for module in adapter.modules}):
        found = [(adapter.factors(module), w) for adapter, w in parts if module in adapter.modules]
        shapes = {(a.shape[1], b.shape[0]) for (a, b), _ in found}
        if len(shapes) > 1:
            raise ModelError(f"The adapters belong to different models: {module} differs in shape.")
        first = torch.cat([a for (a, _), _ in found])
        tensors[f"{_START}{module}.lora_A.weight"] = first.contiguous()
        tensors[f"{_START}{module}.lora_B.weight"] = torch.cat(
            [b * weight for (_, b), weight in found], dim=1
        ).contiguous()
        ranks[module] = first.shape[0]
    rank = max(ranks.values())
    config = {
        **parts[0][0].config,
        "r": rank,
        "lora_alpha": rank,
        "use_rslora": False,
        "lora_dropout": 0.0,
        "inference_mode": True,
        "init_lora_weights": True,
        "modules_to_save": None,
        "layers_to_transform": None,
        "layers_pattern": None,
        "exclude_modules": None,
        "target_modules": sorted(ranks),
        "rank_pattern": {re.escape(m): r for m, r in ranks.items() if r != rank},
        "alpha_pattern": {re.escape(m): r for m, r in ranks.items() if r != rank},
    }
    part = begin_folder(output, recipe)
    with replacing(part / WEIGHTS) as temporary:
        save_file(tensors, temporary, metadata={"format": "pt"})
    write_whole(part / CONFIG, json.dumps(config, indent=2) + "\n")
    finish_folder(part, output)
    return output


def _of_pattern(patterns: Mapping[str, Any] | None, module: str, default: float) -> float:
    for pattern, value in (patterns or {}).items():
        if re.match(rf"(.*\.)?({pattern})$", module):
            return float(value)
    return default
