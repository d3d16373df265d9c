"""Micrographs from files of every kind: the one way in."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import SourceError, one_line
from .formats import HEAD, TIFF_MAGIC, Format, check_installed, format_of
from .limits import check_claim, ordinary_path
from .metadata import Instrument
from .placing import placing, steps_of
from .planes import plane_of
from .quiet import quiet

__all__ = ["Axis", "MicrographFile", "read_micrograph", "read_pictures"]

_TIFF_SUFFIXES = {".tif", ".tiff", ".btf", ".tf8"}

_PICTURES = ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP", "PPM", "JPEG2000", "TGA", "PCX", "SGI")
"""What Pillow may open: it would hand PostScript to another program, which runs it."""


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
        Number of planes in the file; ``array`` is one or more of them.
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

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        height, width = self.array.shape[len(self.outer) :][:2]
        return int(height), int(width)

    @property
    def planes(self) -> int:
        """Number of planes in ``array``; 1 for one picture."""
        return math.prod(axis.length for axis in self.outer)

    @property
    def told(self) -> dict[str, Any]:
        """What the file says of its pixels and its instrument, as fields of a cutout."""
        return {
            "pixel_size": self.pixel_size,
            "unit": self.unit,
            "instrument": self.instrument if self.instrument.to_dict() else None,
            "scale_from": self.scale_from,
            "scale_error": self.scale_error,
        }

    def plane(self, index: int | Sequence[int] = 0) -> MicrographFile:
        """Return one plane, not read yet where the array is lazy.

        Parameters
        ----------
        index : int or sequence of int
            One number for each of ``outer``; or one for all, counted so that the last axis runs
            fastest.

        Raises
        ------
        SourceError
            If there is no such plane.
        """
        place = _place(index, tuple(axis.length for axis in self.outer))
        if place is None:
            lengths = " x ".join(str(axis.length) for axis in self.outer) or "1"
            raise SourceError(f"{self.path} holds {lengths} planes, none of number {index}.")
        levels = tuple(plane_of(level, _nearest(place, self, level)) for level in self.levels)
        return replace(self, array=plane_of(self.array, place), outer=(), levels=levels)

    def to_layer(self) -> tuple[Any, dict[str, Any], str]:
        """Return the micrograph as napari layer data: array, keywords, ``"image"``.

        Of a file with smaller versions of its picture the array is a list of all of them.
        """
        metadata: dict[str, Any] = {
            "path": str(self.path),
            "instrument": self.instrument.to_dict(),
            "raw": dict(self.instrument.raw),
        }
        if self.pixel_size is not None and self.scale_from:
            metadata["scale_from"] = self.scale_from
            metadata["scale_error"] = self.scale_error
        if steps := steps_of(self.outer):
            metadata["steps"] = steps
        keywords: dict[str, Any] = {"name": self.name, "rgb": self.is_rgb, "metadata": metadata}
        if not self.is_rgb:
            keywords["colormap"] = "gray"
            limits = self.contrast_limits
            if limits is not None and all(map(math.isfinite, limits)) and limits[0] < limits[1]:
                keywords["contrast_limits"] = limits
        keywords.update(placing(self.pixel_size, self.unit, self.shape, self.outer))
        if not self.levels:
            return self.array, keywords, "image"
        return [self.array, *self.levels], {**keywords, "multiscale": True}, "image"


def _place(index: int | Sequence[int], lengths: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return an index on each axis; None where there is no such plane."""
    if isinstance(index, Sequence):
        place = tuple(operator.index(i) for i in index)
        inside = len(place) == len(lengths) and all(
            0 <= i < n for i, n in zip(place, lengths, strict=True)
        )
        return place if inside else None
    number = operator.index(index)
    if not 0 <= number < math.prod(lengths):
        return None
    return tuple(int(i) for i in np.unravel_index(number, lengths)) if lengths else ()


def _nearest(place: tuple[int, ...], file: MicrographFile, level: Any) -> tuple[int, ...]:
    """Return the plane of a smaller version that shows a plane."""
    return tuple(
        min(i * int(n) // axis.length, int(n) - 1)
        for i, n, axis in zip(place, level.shape, file.outer, strict=False)
    )


def read_micrograph(path: str | Path, page: int | None = None) -> MicrographFile:
    """Read a file of any of the formats of :mod:`.formats`, a TIFF, PNG or JPEG.

    Parameters
    ----------
    path : path
        The file.
    page : int, optional
        Which plane of a file of several, from 0, counted through all that is in it: it is given
        as one picture. Default: the file as it is, a stack where it holds one; of several
        pictures that are unlike each other (see :func:`read_pictures`) the first.

    Returns
    -------
    MicrographFile
        Pixels, pixel size and instrument settings.

    Raises
    ------
    SourceError
        If there is no such file or page, it holds no picture that can be read, or a package that
        reads it is not installed.
    """
    path = ordinary_path(path)
    kind = _format(path)
    if kind is not None:
        found: MicrographFile = _backend(path, kind).read(path, page, kind)
        return found
    if _is_tiff(path):
        from .tiff import open_tiff

        return open_tiff(path, page)
    if page:
        raise SourceError(f"{path} holds 1 picture, none of number {page}.")
    return _plain_picture(path)


def read_pictures(path: str | Path) -> list[MicrographFile]:
    """Read all of a file: one picture or stack, or several that are unlike each other.

    Several are the detectors of a Velox file, the images of a DigitalMicrograph file or an
    OME-TIFF, or scenes.

    Raises
    ------
    SourceError
        As :func:`read_micrograph`.
    """
    path = ordinary_path(path)
    kind = _format(path)
    if kind is None:
        if not _is_tiff(path):
            return [read_micrograph(path)]
        from .tiff import open_pictures

        return open_pictures(path)
    found: list[MicrographFile] = _backend(path, kind).read_all(path, kind)
    return found


def _format(path: Path) -> Format | None:
    """Return the format of a file or folder; None of plain pictures, TIFF and the unknown.

    Raises
    ------
    SourceError
        If it cannot be opened, or is empty.
    """
    if path.is_dir():
        kind = format_of(path)
        return kind if kind is not None and kind.folder else None
    head = _head(path)
    kind = format_of(path, head)
    return None if kind is None or kind.folder else kind


def _is_tiff(path: Path) -> bool:
    return _head(path).startswith(TIFF_MAGIC) or path.suffix.lower() in _TIFF_SUFFIXES


def _backend(path: Path, kind: Format) -> Any:
    check_installed(path, kind)
    return import_module(f".{kind.backend}", __package__)


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
    except FileNotFoundError:
        raise SourceError(f"There is no file {path}.") from None
    except IsADirectoryError:
        raise SourceError(f"{path} is a folder, not a picture.") from None
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror or error}.") from None
    if not head:
        raise SourceError(f"The file {path} is empty.")
    return head


def _plain_picture(path: Path) -> MicrographFile:
    """Read a PNG, JPEG and the like; some microscopes write a text file beside it."""
    from .vendors.side_files import side_calibration

    array = _read_with_pillow(path)
    beside = side_calibration(path, array.shape[1])
    size = None if beside is None else beside.pixel_size_nm
    return MicrographFile(
        array,
        path.stem,
        path,
        size,
        "pixel" if size is None else "nm",
        Instrument() if beside is None else beside.instrument,
        scale_from="" if size is None else "the file",
        scale_error=None if beside is None or size is None else beside.pixel_size_error,
    )


def _read_with_pillow(path: Path) -> NDArray[Any]:
    from PIL import Image, UnidentifiedImageError

    try:
        with open_picture(path) as image:
            channels = len(image.getbands())
            check_claim(path, (image.height, image.width, channels), type_of(image))
            return _pixels(image)
    except UnidentifiedImageError:
        named = format_of(path)
        if named is not None:
            raise SourceError(
                f"{path} is no {named.name} file, although its name says so; save it again from "
                "the program that wrote it."
            ) from None
        raise SourceError(
            f"{path} is not a picture this can read; save it as TIFF, PNG or JPEG."
        ) from None
    except Image.DecompressionBombError:
        raise SourceError(f"{path} is too large a picture; save it as TIFF.") from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise SourceError(f"{path} is damaged or incomplete: {one_line(error)}.") from None


def open_picture(path: Path) -> Any:
    """Open a plain picture with Pillow without reading its pixels.

    Raises
    ------
    Exception
        Of many kinds, where it is damaged or no picture.
    """
    from PIL import Image

    # A whole wafer is larger than what Pillow takes for an attack.
    with quiet(Image.DecompressionBombWarning):
        return Image.open(path, formats=_PICTURES)


def type_of(image: Any) -> np.dtype[Any]:
    """Return the type of the pixels that are read of an opened picture."""
    if image.mode.startswith("I;16"):
        return np.dtype(np.uint16)
    known = {"1": np.bool_, "I": np.int32, "F": np.float32}
    return np.dtype(known.get(image.mode, np.uint8))


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
