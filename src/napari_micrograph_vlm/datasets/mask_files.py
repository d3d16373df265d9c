"""Masks from files: a number for each pixel."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import SourceError, one_line
from ..readers.micrograph import drop_equal_channels

__all__ = ["read_mask"]


def read_mask(path: Path) -> NDArray[Any]:
    """Read a mask.

    Parameters
    ----------
    path : Path
        An image of one channel, or of three that are equal.

    Returns
    -------
    (H, W) array
        The numbers as they are in the file.

    Raises
    ------
    SourceError
        If it is missing or damaged, or has colours.
    """
    try:
        with warnings.catch_warnings():
            # A mask is as large as its picture, which may be a whole wafer.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                mask = drop_equal_channels(np.asarray(image))
    except FileNotFoundError:
        raise SourceError(f"There is no mask {path}.") from None
    except Exception as error:  # a damaged file can raise anything
        raise SourceError(f"The mask {path} cannot be read: {one_line(error)}.") from None
    if mask.ndim != 2:
        raise SourceError(f"The mask {path} has colours; save it with one number for each pixel.")
    return mask
