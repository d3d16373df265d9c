"""The pixel size in the file of an image that was opened without it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import SourceError
from .formats import suffixes_read
from .scale_proposal import is_plausible, per_pixel

__all__ = ["FileScale", "may_give_scale", "scale_in"]

_SQUARE = 1e-3
"""Relative difference of a pixel's sides that is rounding."""


@dataclass(frozen=True)
class FileScale:
    """What a file says of its picture.

    Attributes
    ----------
    nanometres : float
        Width of a pixel.
    error : float or None
        Its relative uncertainty.
    metadata : mapping
        The entries ``instrument`` and ``raw`` as layers from our reader have them.
    """

    nanometres: float
    error: float | None
    metadata: Mapping[str, Any]


def may_give_scale(name: str | None) -> bool:
    """Whether the name is one of a file that can be read here; nothing is opened."""
    return name is not None and name.lower().endswith(suffixes_read())


def scale_in(path: Path, shape: tuple[int, int]) -> FileScale:
    """Read the pixel size of a file's picture.

    Parameters
    ----------
    path : Path
        The file.
    shape : (int, int)
        Height and width in pixels of the image that is to get it.

    Raises
    ------
    SourceError
        If it cannot be read, says no pixel size or an impossible one, or holds another picture.
    """
    from .micrograph import read_micrograph

    file = read_micrograph(path)
    if file.shape != shape:
        height, width = file.shape
        raise SourceError(
            f"The picture in {path.name} is {width} × {height} pixels, which this image is not."
        )
    if file.pixel_size is None:
        raise SourceError(f"{path.name} does not say the pixel size.")
    height_nm, width_nm = file.pixel_size
    if not is_plausible(width_nm):
        raise SourceError(f"{path.name} says {per_pixel(width_nm)}, which no microscope gives.")
    if abs(height_nm - width_nm) > _SQUARE * width_nm:
        raise SourceError(
            f"The pixels of {path.name} are not square: open it with File > IO Utilities > Open "
            "micrograph…, which gives them both lengths."
        )
    told = {"instrument": file.instrument.to_dict(), "raw": dict(file.instrument.raw)}
    return FileScale(float(width_nm), file.scale_error, told)
