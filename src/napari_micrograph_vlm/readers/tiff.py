"""One page of a TIFF file, its pixel size and its instrument settings."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import SourceError
from . import zeiss
from .metadata import Calibration, Instrument, to_nanometres
from .micrograph import drop_equal_channels, one_line

__all__ = ["PARSERS", "LazyPage", "read_tiff"]

LAZY_ABOVE = 64 * 2**20
"""A page with more bytes than this is read piece by piece."""

PARSERS: Mapping[int, Callable[[Mapping[str, Any]], Calibration]] = {zeiss.TAG: zeiss.parse_zeiss}
"""TIFF tag of a maker -> what turns its value into a calibration."""

_log = logging.getLogger(__name__)


def read_tiff(path: Path, number: int = 0) -> tuple[Any, Calibration, int] | None:
    """Read one page of a TIFF file; the calibration is that of the first.

    Parameters
    ----------
    path : Path
        The file.
    number : int
        Which page, from 0.

    Returns
    -------
    (array, Calibration, int) or None
        Pixels, calibration, number of pages. None where the page is packed in a way that
        tifffile needs another package for; Pillow may know it.

    Raises
    ------
    SourceError
        If the file is damaged, or has no such page, or that is not a 2-D picture.
    """
    import tifffile

    try:
        with tifffile.TiffFile(path) as tiff:
            pages = len(tiff.pages)
            if number and number >= pages:
                raise SourceError(f"{path} holds {pages} pictures, none of number {number}.")
            page: Any = tiff.pages[number]
            calibration = _calibration(tiff)
            try:
                array = _pixels(path, page, number)
            except (ValueError, ImportError) as error:
                if "imagecodecs" in str(error):
                    _log.debug("%s: %s", path, error)
                    return None
                raise
            return array, calibration, pages
    except SourceError:
        raise
    except Exception as error:
        # tifffile meets a broken file with any of a dozen exceptions.
        raise SourceError(f"{path} is damaged or incomplete: {one_line(error)}.") from None


def _pixels(path: Path, page: Any, number: int) -> Any:
    axes, shape = page.axes, page.shape
    if 0 in shape or axes not in ("YX", "YXS", "SYX"):
        raise SourceError(
            f"Page {number + 1} of {path} has shape {tuple(shape)}, which is no micrograph."
        )
    plain = axes == "YX" and page.photometric not in (0, 3)
    if page.nbytes > LAZY_ABOVE and plain:
        lazy = _lazy(path, page, number)
        if lazy is not None:
            return lazy
    array: NDArray[Any] = np.asarray(page.asarray())
    if array.dtype.kind == "c":
        raise SourceError(f"The pixels of {path} are complex numbers, which cannot be shown.")
    if page.photometric == 0:  # WhiteIsZero
        array = ~array if array.dtype.kind in "bu" else -array
    if page.photometric == 3 and page.colormap is not None:
        # The colour map holds 16 bits a channel.
        array = (np.moveaxis(page.colormap, 0, -1) >> 8).astype(np.uint8)[array]
    elif axes == "SYX":
        array = np.moveaxis(array, 0, -1)
    if array.ndim == 3:
        array = array[..., 0] if array.shape[-1] < 3 else drop_equal_channels(array[..., :3])
    return array


def _lazy(path: Path, page: Any, number: int) -> Any:
    """Return an array that reads what is indexed, or None where that would cost more."""
    import tifffile

    if page.is_memmappable:
        return tifffile.memmap(path, page=number, mode="r")
    if not (page.is_tiled or page.rowsperstrip < page.imagelength):
        return None
    if find_spec("zarr") is None:
        return None
    return LazyPage(path, page.shape, page.dtype, number)


class LazyPage:
    """One page of a tiled TIFF; decodes the tiles that are indexed.

    The file is opened anew each time, so that no array keeps it open, and threads may share it.
    """

    ndim = 2

    def __init__(
        self, path: Path, shape: tuple[int, ...], dtype: np.dtype[Any], number: int = 0
    ) -> None:
        self.path = path
        self.number = number
        self.shape = shape
        self.dtype = dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> NDArray[Any]:
        import tifffile
        import zarr

        with tifffile.imread(self.path, key=self.number, aszarr=True) as store:
            return np.asarray(zarr.open_array(store, mode="r")[index])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[:], dtype)


def _calibration(tiff: Any) -> Calibration:
    tags = tiff.pages.first.tags
    for code, parse in PARSERS.items():
        tag = tags.get(code)
        if tag is not None and isinstance(tag.value, Mapping):
            return parse(tag.value)
    return Calibration(Instrument(), _imagej_pixel_size(tiff))


def _imagej_pixel_size(tiff: Any) -> tuple[float, float] | None:
    """Return the size set in ImageJ; bare TIFF resolutions are for printing and mean nothing."""
    unit = (tiff.imagej_metadata or {}).get("unit") if tiff.is_imagej else None
    if not isinstance(unit, str):
        return None
    sizes = []
    for name in ("YResolution", "XResolution"):
        tag = tiff.pages.first.tags.get(name)
        pixels, length = tag.value if tag is not None else (0, 1)
        size = to_nanometres(length / pixels, unit.replace("\\u00B5", "µ")) if pixels else None
        if size is None:
            return None
        sizes.append(size)
    return sizes[0], sizes[1]
