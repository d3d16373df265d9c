"""Micrographs from files: PNG, JPEG and TIFF."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import SourceError
from .metadata import Instrument

__all__ = ["Axis", "MicrographFile", "read_micrograph"]

_TIFF_SUFFIXES = {".tif", ".tiff", ".btf", ".tf8"}
_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


@dataclass(frozen=True)
class Axis:
    """One of the axes before rows and columns.

    Attributes
    ----------
    name : str
        Such as ``"z"``, ``"time"`` or ``"frame"``.
    length : int
        How many planes lie along it.
    step, unit : float, str
        Distance of two planes; ``1.0`` and ``"pixel"`` where it is not known.
    """

    name: str
    length: int
    step: float = 1.0
    unit: str = "pixel"


@dataclass(frozen=True, eq=False)
class MicrographFile:
    """A micrograph as it lies on disk.

    Attributes
    ----------
    array : (..., H, W) or (..., H, W, 3) array-like
        The pixels; of a large file a lazy array that reads what is indexed.
    name : str
        File name without its suffix.
    path : Path
        Where it lies.
    pixel_size : (float, float) or None
        Height and width of a pixel in ``unit``; None where the file does not say.
    unit : str
        ``"nm"``, or ``"pixel"`` where the pixel size is not known.
    instrument : Instrument
        How it was taken.
    pages : int
        Number of pictures in the file; ``array`` is one of them.
    outer : tuple of Axis
        The axes of ``array`` before rows and columns; empty for one picture.
    levels : tuple of array-like
        Smaller versions of ``array`` in the file, largest first.
    contrast_limits : (float, float) or None
        What the file says is to be shown as black and white.
    scale_from, scale_error
        As in :class:`.regions.Region`.
    """

    array: Any
    name: str
    path: Path
    pixel_size: tuple[float, float] | None = None
    unit: str = "pixel"
    instrument: Instrument = field(default_factory=Instrument)
    pages: int = 1
    outer: tuple[Axis, ...] = ()
    levels: tuple[Any, ...] = ()
    contrast_limits: tuple[float, float] | None = None
    scale_from: str = ""
    scale_error: float | None = None

    @property
    def is_rgb(self) -> bool:
        """Whether the pixels have three colour channels."""
        return len(self.array.shape) == 3 + len(self.outer)

    def to_layer(self) -> tuple[Any, dict[str, Any], str]:
        """Return the micrograph as napari layer data: array, keywords, ``"image"``."""
        keywords: dict[str, Any] = {
            "name": self.name,
            "rgb": self.is_rgb,
            "metadata": {
                "path": str(self.path),
                "instrument": self.instrument.to_dict(),
                "raw": dict(self.instrument.raw),
            },
        }
        if not self.is_rgb:
            keywords["colormap"] = "gray"
        if self.pixel_size is not None:
            keywords["scale"] = self.pixel_size
            keywords["units"] = (self.unit, self.unit)
        return self.array, keywords, "image"


def read_micrograph(path: str | Path, page: int = 0) -> MicrographFile:
    """Read a PNG, JPEG or TIFF file.

    Parameters
    ----------
    path : path
        The file.
    page : int
        Which page of a TIFF of several, from 0.

    Returns
    -------
    MicrographFile
        Pixels, pixel size and instrument settings.

    Raises
    ------
    SourceError
        If there is no such file or page, or it holds no picture that can be read.
    """
    path = Path(path).expanduser()
    head = _head(path)
    if head.startswith(_TIFF_MAGIC) or path.suffix.lower() in _TIFF_SUFFIXES:
        from .tiff import read_tiff

        found = read_tiff(path, page)
        if found is not None:
            array, calibration, pages = found
            size = calibration.pixel_size_nm
            unit = "pixel" if size is None else "nm"
            return MicrographFile(array, path.stem, path, size, unit, calibration.instrument, pages)
    if page:
        raise SourceError(f"{path} holds 1 picture, none of number {page}.")
    return MicrographFile(_read_with_pillow(path), path.stem, path)


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except FileNotFoundError:
        raise SourceError(f"There is no file {path}.") from None
    except IsADirectoryError:
        raise SourceError(f"{path} is a folder, not a picture.") from None
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror or error}.") from None
    if not head:
        raise SourceError(f"The file {path} is empty.")
    return head


def _read_with_pillow(path: Path) -> NDArray[Any]:
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            # A whole wafer is larger than what Pillow takes for an attack.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                return _pixels(image)
    except UnidentifiedImageError:
        raise SourceError(
            f"{path} is not a picture this can read; save it as TIFF, PNG or JPEG."
        ) from None
    except Image.DecompressionBombError:
        raise SourceError(f"{path} is too large a picture; save it as TIFF.") from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise SourceError(f"{path} is damaged or incomplete: {one_line(error)}.") from None


def _pixels(image: Any) -> NDArray[Any]:
    if image.mode in ("LA", "La"):
        image = image.convert("L")
    elif image.mode not in ("1", "L", "I", "F", "RGB") and not image.mode.startswith("I;16"):
        image = image.convert("RGB")
    return drop_equal_channels(np.asarray(image))


def drop_equal_channels(array: NDArray[Any]) -> NDArray[Any]:
    """Return one channel of a colour picture that is grey; any other picture as it is."""
    if array.ndim == 3 and all(np.array_equal(array[..., 0], array[..., i]) for i in (1, 2)):
        return array[..., 0]
    return array


def one_line(error: BaseException) -> str:
    """Return what an error says, in one line that says something."""
    text = " ".join(str(error).split()).rstrip(".")
    # Some say no more than the number of a tag.
    return text if any(map(str.isalpha, text)) else "its directory cannot be read"
