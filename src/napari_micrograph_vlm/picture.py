"""Where the model looked, as a picture file: no window needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .errors import SourceError
from .regions import Region
from .results import AttentionMap

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["check_target", "magma", "overlay_picture", "save_overlay"]

_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
_SMALLEST_SIDE = 384
_OPACITY = 0.75
# matplotlib's magma (CC0) at 17 equal steps; between them it is straight to within 2 of 255.
_MAGMA = np.array(
    [
        (0, 0, 4), (10, 8, 34), (29, 17, 70), (54, 16, 106), (80, 18, 124), (105, 28, 129),
        (130, 38, 129), (156, 46, 127), (182, 55, 121), (207, 65, 112), (230, 81, 99),
        (245, 105, 92), (251, 135, 97), (254, 165, 113), (254, 195, 135), (253, 224, 162),
        (252, 253, 191),
    ],
    np.float32,
)  # fmt: skip


def magma(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the colours, 0 to 255 on a new last axis, of values from 0 to 1."""
    at = np.clip(values, 0, 1) * (len(_MAGMA) - 1)
    steps = np.arange(len(_MAGMA))
    channels = [np.interp(at, steps, _MAGMA[:, i]) for i in range(3)]
    return np.stack(channels, axis=-1).astype(np.float32)


def overlay_picture(region: Region, attention: AttentionMap) -> Image.Image:
    """Blend a map over its region.

    Parameters
    ----------
    region : Region
        The pixels.
    attention : AttentionMap
        A map on a grid that covers the region exactly.

    Returns
    -------
    PIL.Image.Image
        RGB, one pixel for each source pixel, small regions enlarged by a whole factor. The more
        a place was looked at, the brighter and the less transparent its colour.
    """
    from PIL import Image

    pixels = region.pixels if region.is_rgb else region.pixels[..., None].repeat(3, axis=2)
    height, width = pixels.shape[:2]
    factor = max(-(-_SMALLEST_SIDE // max(height, width)), 1)
    size = (width * factor, height * factor)
    picture = Image.fromarray(np.round(pixels * 255).astype(np.uint8))
    base = np.asarray(picture.resize(size, Image.Resampling.NEAREST), np.float32)
    # Pillow resizes from edge to edge, as the grid covers the region.
    field = Image.fromarray(attention.scaled().astype(np.float32))
    weight = np.asarray(field.resize(size, Image.Resampling.BILINEAR), np.float32)
    alpha = _OPACITY * np.sqrt(np.clip(weight, 0, 1))[..., None]
    blended = base * (1 - alpha) + magma(weight) * alpha
    return Image.fromarray(np.clip(np.round(blended), 0, 255).astype(np.uint8))


def check_target(path: Path) -> None:
    """See that a picture can be written there.

    Raises
    ------
    SourceError
        If the folder does not exist or the file's ending is none of a picture.
    """
    if path.suffix.lower() not in _SUFFIXES:
        raise SourceError(f"{path} is no picture's name; end it in .png.")
    if not path.absolute().parent.is_dir():
        raise SourceError(f"There is no folder {path.absolute().parent} to write {path.name} to.")


def save_overlay(path: Path, region: Region, attention: AttentionMap) -> None:
    """Write :func:`overlay_picture` to a file.

    Raises
    ------
    SourceError
        If it cannot be written.
    """
    check_target(path)
    try:
        overlay_picture(region, attention).save(path)
    except OSError as error:
        raise SourceError(f"{path} cannot be written: {error.strerror or error}.") from None
