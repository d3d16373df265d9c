"""TIFF files: their pixels, axes, smaller versions, pixel size and instrument settings."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import SourceError
from .limits import check_claim
from .metadata import Calibration, Instrument
from .micrograph import Axis, MicrographFile, drop_equal_channels, one_line
from .tiff_claims import all_pages, check_page
from .tiff_described import described
from .tiff_lazy import LazyTiff, Where, finished, finished_shape
from .tiff_pillow import PillowPages, needs_codec
from .tiff_series import levels_of, outer_axes, outer_count, series_of
from .vendors import cameras, fei, side_files, tescan, zeiss

__all__ = ["LAZY_ABOVE", "PARSERS", "open_tiff", "plane_count", "read_tiff"]

LAZY_ABOVE = 64 * 2**20
"""Pixels of more bytes than this are read piece by piece."""

PARSERS: Mapping[int, Callable[[Any], Calibration]] = {
    zeiss.TAG: zeiss.parse_zeiss,
    **dict.fromkeys(fei.TAGS, fei.parse_fei),
    tescan.TAG: tescan.parse_tescan,
    cameras.TVIPS_TAG: cameras.parse_tvips,
    **dict.fromkeys(cameras.SIS_TAGS, cameras.parse_sis),
}
"""TIFF tag of a maker -> what turns its value into a calibration."""

_log = logging.getLogger(__name__)


def open_tiff(path: Path, page: int | None = None) -> MicrographFile:
    """Read a TIFF file.

    Parameters
    ----------
    path : Path
        The file.
    page : int, optional
        Which plane, from 0; by default the file as a whole, with its axes before rows and
        columns.

    Returns
    -------
    MicrographFile
        Pixels that tifffile cannot unpack are unpacked by Pillow, where that can.

    Raises
    ------
    SourceError
        If the file is damaged, or has no such plane, or its pages are no pictures.
    """
    import tifffile

    try:
        with all_pages(path), tifffile.TiffFile(path) as tiff:
            found = _opened(path, tiff, page)
        return found
    except SourceError:
        raise
    except Exception as error:
        # tifffile meets a broken file with any of a dozen exceptions.
        raise SourceError(f"{path} is damaged or incomplete: {one_line(error)}.") from None


def read_tiff(path: Path, number: int = 0) -> tuple[Any, Calibration, int]:
    """Read one plane of a TIFF file; the calibration is that of the first.

    Returns
    -------
    (array, Calibration, int)
        Pixels, calibration, number of planes.

    Raises
    ------
    SourceError
        As :func:`open_tiff`.
    """
    file = open_tiff(path, number)
    return file.array, Calibration(file.instrument, file.pixel_size, file.scale_error), file.pages


def plane_count(path: Path) -> int:
    """Return how many planes like the first a TIFF holds, without reading pixels.

    Raises
    ------
    Exception
        Of many kinds, where the file is damaged.
    """
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        series = series_of(tiff)
        if series is not None and series.kind not in ("generic", "uniform", ""):
            return max(math.prod(int(n) for n in series.shape[: outer_count(series)]), 1)
        first, alike = tiff.pages.first, 0
        for page in tiff.pages:  # type: ignore[attr-defined,unused-ignore]
            if page.shape != first.shape or page.dtype != first.dtype:
                break
            alike += 1
        return max(alike, 1)


def _opened(path: Path, tiff: Any, page: int | None) -> MicrographFile:
    series = series_of(tiff)
    outer = () if series is None else tuple(int(n) for n in series.shape[: outer_count(series)])
    planes = math.prod(outer)
    # Of OME and ImageJ files the planes are counted, of others the pages that they are made of.
    kind = "generic" if series is None else series.kind
    by_plane = kind not in ("generic", "uniform", "")
    if by_plane or kind == "uniform":
        pages = planes
    else:
        pages = max(sum(not each.is_reduced for each in tiff.pages), 1)
    if page is not None and not 0 <= page < max(pages, len(tiff.pages)):
        raise SourceError(f"{path} holds {pages} pictures, none of number {page}.")
    words = described(tiff)
    calibration = _calibration(path, tiff, words.calibration)
    levels: tuple[Any, ...] = ()
    axes: tuple[Axis, ...] = ()
    if series is not None and (page is None or (page < planes and (by_plane or planes == 1))):
        chosen = outer if page is None else ()
        source: Any = series if page is None or planes == 1 else series[page]
        if source is None:
            raise SourceError(f"{path} lies in several files, of which some are missing.")
        levels = levels_of(path, tiff, series, chosen, page or 0)
        if page is None:
            axes = outer_axes(series, words.steps)
        where, keyframe = Where(first=page or 0), series.keyframe
    else:
        source, chosen = tiff.pages[page or 0], ()
        where, keyframe = Where(page or 0), source.keyframe
    try:
        array = _pixels(path, source, keyframe, where, chosen)
    except Exception as error:
        if not needs_codec(error):
            raise
        _log.debug("%s: %s", path, error)
        if chosen or source is series:
            alike = [series[plane] for plane in range(planes)]
        else:
            alike = [source]
        array, levels = _through_pillow(path, alike, chosen), ()
    size = calibration.pixel_size_nm
    return MicrographFile(
        array,
        path.stem,
        path,
        size,
        "pixel" if size is None else "nm",
        calibration.instrument,
        pages,
        outer=axes,
        levels=levels,
        contrast_limits=words.contrast_limits,
        scale_from="" if size is None else "the file",
        scale_error=None if size is None else calibration.pixel_size_error,
    )


def _pixels(path: Path, source: Any, keyframe: Any, where: Where, outer: tuple[int, ...]) -> Any:
    """Return the pixels of a page or a series, lazily where they are many."""
    if 0 in keyframe.shape or keyframe.axes not in ("YX", "YXS", "SYX"):
        number = (where.page if where.page is not None else where.first) + 1
        raise SourceError(
            f"Page {number} of {path} has shape {tuple(keyframe.shape)}, which is no micrograph."
        )
    if np.dtype(keyframe.dtype).kind == "c":
        raise SourceError(f"The pixels of {path} are complex numbers, which cannot be shown.")
    check_page(path, keyframe)
    if math.prod(outer) * keyframe.nbytes > LAZY_ABOVE and (outer or _in_parts(keyframe)):
        lazy = LazyTiff(path, where, outer, keyframe)
        lazy[(0,) * len(outer) + (slice(0, 1), slice(0, 1))]  # says now if it cannot be unpacked
        return lazy
    check_claim(path, (*outer, *keyframe.shape), keyframe.dtype)
    stored = np.asarray(source.asarray())
    if stored.size != math.prod(outer) * math.prod(keyframe.shape):
        raise SourceError(f"{path} is damaged or incomplete: its pixels cannot be unpacked.")
    array: NDArray[Any] = finished(stored, keyframe)
    array = array.reshape(*outer, *array.shape[array.ndim - len(finished_shape(keyframe)) :])
    if array.ndim - len(outer) == 3 and not outer:
        return drop_equal_channels(array)
    return array


def _through_pillow(path: Path, pages: Sequence[Any], outer: tuple[int, ...]) -> Any:
    """Return pixels that tifffile cannot unpack."""
    numbers = [int(page.index) for page in pages]
    found = PillowPages(path, numbers, outer)
    if not outer:
        return drop_equal_channels(found[...])
    return found if found.nbytes > LAZY_ABOVE else found[...]


def _in_parts(keyframe: Any) -> bool:
    """Whether a part of a page can be read without the whole."""
    return bool(
        keyframe.is_memmappable or keyframe.is_tiled or keyframe.rowsperstrip < keyframe.imagelength
    )


def _calibration(path: Path, tiff: Any, written: Calibration) -> Calibration:
    """Return what the maker wrote, with the pixel size of the first who wrote one."""
    found = [written]
    tags = tiff.pages.first.tags
    for code, parse in PARSERS.items():
        tag = tags.get(code)
        if tag is not None and isinstance(tag.value, Mapping | bytes):
            found.insert(0, parse(tag.value))
    gatan = {code: tags[code].value for code in cameras.GATAN_TAGS if code in tags}
    if gatan:
        found.insert(0, cameras.parse_gatan(gatan))
    beside = side_files.side_calibration(path, tiff.pages.first.imagewidth)
    if beside is not None:
        found.append(beside)
    instrument = next((each.instrument for each in found if each.instrument.raw), None)
    sized = next((each for each in found if each.pixel_size_nm is not None), written)
    return replace(sized, instrument=instrument or Instrument())
