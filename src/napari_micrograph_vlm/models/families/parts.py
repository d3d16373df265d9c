"""Parts that most families share: files of a checkpoint, pictures, boxes of image tokens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ...errors import ModelError
from ...regions import Region
from ..base import View
from ..quiet import quiet
from ..views import masked_pixels

__all__ = [
    "WHOLE",
    "edge_boxes",
    "grid_boxes",
    "load_image_processor",
    "load_settings",
    "load_template",
    "load_tokenizer",
    "region_picture",
    "shown_pixels",
    "without_padding",
]

Box = tuple[float, float, float, float]
"""y0, x0, y1, x1 as fractions of a region's sides."""

_VOCABULARIES = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model")

WHOLE: Box = (0.0, 0.0, 1.0, 1.0)


def region_picture(region: Region) -> Image.Image:
    """Return a region as a colour picture; what lies outside its outline is filled evenly."""
    return Image.fromarray(np.ascontiguousarray(masked_pixels(region)))


def grid_boxes(rows: int, columns: int, within: Box = WHOLE) -> NDArray[np.float64]:
    """Divide a part of a region into equal boxes, row by row.

    Parameters
    ----------
    rows, columns : int
        Number of boxes down and across.
    within : (float, float, float, float)
        y0, x0, y1, x1 of the part, as fractions of the region's sides.

    Returns
    -------
    (rows * columns, 4) float64 array
        y0, x0, y1, x1 of each.
    """
    y0, x0, y1, x1 = within
    return edge_boxes(np.linspace(y0, y1, rows + 1), np.linspace(x0, x1, columns + 1))


def edge_boxes(down: NDArray[np.float64], across: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the boxes between edges, row by row.

    Parameters
    ----------
    down, across : (rows + 1,) and (columns + 1,) float arrays
        Edges along the region's height and width, ascending.

    Returns
    -------
    (rows * columns, 4) float64 array
        y0, x0, y1, x1 of each.
    """
    y0, x0 = np.meshgrid(down[:-1], across[:-1], indexing="ij")
    y1, x1 = np.meshgrid(down[1:], across[1:], indexing="ij")
    return np.stack([y0, x0, y1, x1], axis=-1).reshape(-1, 4).astype(np.float64)


def shown_pixels(values: Tensor, image_processor: Any) -> NDArray[np.uint8]:
    """Undo what an image processor does to brightness.

    Parameters
    ----------
    values : (3, h, w) float Tensor
        One picture as the image encoder gets it.
    image_processor
        Tells mean, deviation and scale.

    Returns
    -------
    (h, w, 3) uint8 array
        What a person would see.
    """
    pixels = values.detach().float().cpu().numpy().transpose(1, 2, 0)
    if image_processor.do_normalize:
        pixels = pixels * np.asarray(image_processor.image_std) + np.asarray(
            image_processor.image_mean
        )
    if image_processor.do_rescale:
        pixels = pixels / image_processor.rescale_factor
    result: NDArray[np.uint8] = np.clip(np.round(pixels), 0, 255).astype(np.uint8)
    return result


def without_padding(pixels: NDArray[np.uint8], box: Box) -> View:
    """Return what a picture shows of the region itself.

    Parameters
    ----------
    pixels : (h, w, 3) uint8 array
        One picture as the image encoder gets it.
    box : (float, float, float, float)
        What it shows, y0, x0, y1, x1 as fractions of the region's sides; beyond 0 to 1 is
        padding.
    """
    y0, x0, y1, x1 = box
    height, width = pixels.shape[:2]
    top, bottom = ((np.clip([y0, y1], 0, 1) - y0) / (y1 - y0) * height).round().astype(int)
    left, right = ((np.clip([x0, x1], 0, 1) - x0) / (x1 - x0) * width).round().astype(int)
    # Of a long and narrow region less than a pixel may be left.
    bottom, right = max(bottom, top + 1), max(right, left + 1)
    inside = (max(y0, 0.0), max(x0, 0.0), min(y1, 1.0), min(x1, 1.0))
    return View(pixels[top:bottom, left:right], inside)


def load_settings(folder: Path, name: str, *, needed: bool = True) -> dict[str, Any]:
    """Read one of a checkpoint's JSON files.

    Raises
    ------
    ModelError
        If it is missing (and ``needed``) or cannot be read.
    """
    path = folder / name
    if not path.is_file() and not needed:
        return {}
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(settings, dict):
            raise ValueError("no table of settings")
    except FileNotFoundError:
        raise ModelError(
            f"The file {name} is missing in {folder}; download the model again."
        ) from None
    except (OSError, ValueError) as error:
        raise ModelError(f"The file {name} in {folder} cannot be read: {error}.") from error
    return settings


def load_tokenizer(folder: Path) -> Any:
    """Load a tokenizer that tells where each of its tokens stands in the text.

    Raises
    ------
    ModelError
        If its files are missing or broken, or it needs code of its own.
    """
    from transformers import AutoTokenizer

    # Without any of these transformers makes an empty vocabulary and says nothing.
    if not any((folder / name).is_file() for name in _VOCABULARIES):
        raise ModelError(
            f"The file tokenizer.json is missing in {folder}; download the model again."
        )
    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
    except Exception as error:
        # tokenizers raises a bare Exception for a broken file.
        raise ModelError(
            f"The tokenizer's files in {folder} are missing or broken; download the model again."
        ) from error
    if not tokenizer.is_fast:
        raise ModelError(
            f"The folder {folder} holds no tokenizer.json; save its tokenizer in that form."
        )
    return tokenizer


def load_template(folder: Path, tokenizer: Any, default: str | None = None) -> str:
    """Return a checkpoint's chat template, wherever its age had it stored.

    Raises
    ------
    ModelError
        If there is none and no ``default``.
    """
    stored = folder / "chat_template.jinja"
    if stored.is_file():
        return stored.read_text(encoding="utf-8")
    for name in ("chat_template.json", "processor_config.json"):
        template = load_settings(folder, name, needed=False).get("chat_template")
        if isinstance(template, str):
            return template
    template = getattr(tokenizer, "chat_template", None)
    if isinstance(template, dict):
        template = template.get("default")
    if not isinstance(template, str):
        template = default
    if template is None:
        raise ModelError(
            f"There is no chat template in {folder}; add the model's chat_template.jinja."
        )
    return template


def load_image_processor(folder: Path, kind: Any, **changed: Any) -> Any:
    """Build an image processor of transformers that needs no torchvision.

    Parameters
    ----------
    folder : Path
        The checkpoint, with ``preprocessor_config.json`` or ``processor_config.json``.
    kind : type
        The processor's class; one whose name ends in ``Pil``.
    **changed
        Settings that differ from the checkpoint's.

    Raises
    ------
    ModelError
        If the settings are missing or broken.
    """
    settings = load_settings(folder, "processor_config.json", needed=False).get("image_processor")
    if settings is None:
        settings = load_settings(folder, "preprocessor_config.json")
    # Names of classes, which may be those that need torchvision.
    for name in ("image_processor_type", "processor_class", "feature_extractor_type", "auto_map"):
        settings.pop(name, None)
    try:
        return kind.from_dict({**settings, **changed})
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"The settings of the image processor in {folder} cannot be used: {error}."
        ) from error
