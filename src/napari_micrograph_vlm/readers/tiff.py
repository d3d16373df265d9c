"""TIFF files: their pixels, axes, smaller versions, pixel size and instrument settings."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import SourceError, one_line
from .limits import LAZY_ABOVE, check_claim
from .metadata import Calibration, Instrument
from .micrograph import MicrographFile, drop_equal_channels
from .planes import locate
from .tiff_claims import all_pages, check_page
from .tiff_described import described
from .tiff_lazy import LazyTiff, finished, finished_shape
from .tiff_pillow import PillowPages, needs_codec
from .tiff_series import (
    OTHER_COLOURS,
    Picture,
    alike,
    counted_by_plane,
    levels_of,
    outer_axes,
    page_of,
    pictures_of,
)
from .vendors import cameras, fei, side_files, tescan, zeiss

__all__ = ["PARSERS", "open_pictures", "open_tiff", "plane_count"]

_Found = TypeVar("_Found")

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
        Which plane, from 0, counted through all pictures of the file; by default its first
        picture as a whole, with its axes before rows and columns.

    Returns
    -------
    MicrographFile
        Pixels that tifffile cannot unpack are unpacked by Pillow, where that can.

    Raises
    ------
    SourceError
        If the file is damaged, or has no such plane, or its pages are no pictures.
    """
    return _open(path, lambda tiff: _opened(path, tiff, page))


def open_pictures(path: Path) -> list[MicrographFile]:
    """Read all pictures of a TIFF file, each a stack where it is one.

    Several are the images of an OME-TIFF, and pages of different sizes or types.

    Raises
    ------
    SourceError
        As :func:`open_tiff`.
    """
    return _open(path, lambda tiff: _all_opened(path, tiff))


def _open(path: Path, read: Callable[[Any], _Found]) -> _Found:
    import tifffile

    try:
        with all_pages(path), tifffile.TiffFile(path) as tiff:
            found = read(tiff)
        return found
    except SourceError:
        raise
    except Exception as error:
        # tifffile meets a broken file with any of a dozen exceptions.
        raise SourceError(f"{path} is damaged or incomplete: {one_line(error)}.") from None


def plane_count(path: Path) -> int:
    """Return how many planes like the first a TIFF holds, without reading pixels.

    Raises
    ------
    Exception
        Of many kinds, where the file is damaged.
    """
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        pictures = pictures_of(tiff)
        first, count = pictures[0].keyframe, 0
        if counted_by_plane(pictures[0]):
            parts = [(picture.keyframe, picture.planes) for picture in pictures]
        else:
            parts = [(page, 1) for page in tiff.pages]  # type: ignore[attr-defined,unused-ignore]
        for keyframe, planes in parts:
            if not alike(keyframe, first):
                break
            count += planes
        return max(count, 1)


def _opened(path: Path, tiff: Any, page: int | None) -> MicrographFile:
    pictures = pictures_of(tiff)
    first, total = pictures[0], _pages(tiff, pictures)
    if page is None:
        return _file(path, tiff, first, None, total)
    if counted_by_plane(first):
        place = locate([picture.planes for picture in pictures], page)
    else:
        place = (0, page) if 0 <= page < max(total, len(tiff.pages)) else None
    if place is None:
        raise SourceError(f"{path} holds {total} pictures, none of number {page}.")
    if counted_by_plane(first) or (page == 0 and first.planes == 1):
        return _file(path, tiff, pictures[place[0]], place[1], total)
    return _file(path, tiff, page_of(tiff, page), None, total)


def _all_opened(path: Path, tiff: Any) -> list[MicrographFile]:
    pictures = pictures_of(tiff)
    total = _pages(tiff, pictures)
    found = [_file(path, tiff, picture, None, total) for picture in pictures]
    numbered = enumerate(found[1:], start=2)
    return [found[0], *(replace(file, name=f"{file.name}: image {n}") for n, file in numbered)]


def _pages(tiff: Any, pictures: Sequence[Picture]) -> int:
    """Return how many planes, or, where the file does not describe itself, pages there are."""
    first = pictures[0]
    if counted_by_plane(first) or (first.series is not None and first.series.kind == "uniform"):
        return sum(picture.planes for picture in pictures)
    return max(sum(not page.is_reduced for page in tiff.pages), 1)


def _file(path: Path, tiff: Any, picture: Picture, plane: int | None, pages: int) -> MicrographFile:
    """Return a picture, or one plane of it."""
    keyframe = picture.keyframe
    _check(path, keyframe, (picture.pages or (plane or 0,))[0] + 1)
    words = described(tiff, picture.number)
    calibration = _calibration(path, tiff, words.calibration)
    if (picture.number or picture.pages) and not _same_sides(keyframe, tiff.pages.first):
        # A maker's tags tell of the first picture.
        size, error = words.calibration.pixel_size_nm, words.calibration.pixel_size_error
        calibration = replace(calibration, pixel_size_nm=size, pixel_size_error=error)
    levels: tuple[Any, ...] = ()
    if keyframe.photometric in OTHER_COLOURS:
        array = _through_pillow(path, tiff, picture, plane)
    else:
        try:
            array = _pixels(path, tiff, picture, plane)
            levels = levels_of(path, tiff, picture, plane)
        except Exception as failed:
            if not needs_codec(failed):
                raise
            _log.debug("%s: %s", path, failed)
            array = _through_pillow(path, tiff, picture, plane)
    size = calibration.pixel_size_nm
    return MicrographFile(
        array,
        path.stem,
        path,
        size,
        "pixel" if size is None else "nm",
        calibration.instrument,
        pages,
        outer=outer_axes(picture, words.steps) if plane is None else (),
        levels=levels,
        contrast_limits=words.contrast_limits,
        scale_from="" if size is None else "the file",
        scale_error=None if size is None else calibration.pixel_size_error,
    )


def _check(path: Path, keyframe: Any, number: int) -> None:
    if 0 in keyframe.shape or keyframe.axes not in ("YX", "YXS", "SYX"):
        raise SourceError(
            f"Page {number} of {path} has shape {tuple(keyframe.shape)}, which is no micrograph."
        )
    if np.dtype(keyframe.dtype).kind == "c":
        raise SourceError(f"The pixels of {path} are complex numbers, which cannot be shown.")
    check_page(path, keyframe)


def _same_sides(page: Any, first: Any) -> bool:
    sides = [(each.imagelength, each.imagewidth) for each in (page, first)]
    return bool(sides[0] == sides[1])


def _pixels(path: Path, tiff: Any, picture: Picture, plane: int | None) -> Any:
    """Return the pixels of a picture or one of its planes, lazily where they are many."""
    keyframe, outer = picture.keyframe, picture.outer if plane is None else ()
    if math.prod(outer) * keyframe.nbytes > LAZY_ABOVE and (outer or _in_parts(keyframe)):
        lazy = LazyTiff(path, picture.where(plane), outer, keyframe)
        lazy[(0,) * len(outer) + (slice(0, 1), slice(0, 1))]  # says now if it cannot be unpacked
        return lazy
    check_claim(path, (*outer, *keyframe.shape), keyframe.dtype)
    if plane is None and picture.series is not None:
        array = finished(np.asarray(picture.series.asarray()), keyframe)
    else:
        pages = _present(path, picture.stored(tiff, plane))
        array = np.stack([finished(_of_page(page), page.keyframe) for page in pages])
    shape = (*outer, *finished_shape(keyframe))
    if array.size != math.prod(shape):
        raise SourceError(f"{path} is damaged or incomplete: its pixels cannot be unpacked.")
    array = array.reshape(shape)
    return array if outer else drop_equal_channels(array)


def _of_page(page: Any) -> NDArray[Any]:
    """Return the pixels of a page, which may lie in a file of its own."""
    handle = page.parent.filehandle
    closed = handle.closed
    if closed:
        handle.open()
    try:
        return np.asarray(page.asarray())
    finally:
        if closed:
            handle.close()


def _present(path: Path, pages: Sequence[Any]) -> Sequence[Any]:
    if any(page is None for page in pages):
        raise SourceError(f"{path} lies in several files, of which some are missing.")
    return pages


def _through_pillow(path: Path, tiff: Any, picture: Picture, plane: int | None) -> Any:
    """Return pixels that tifffile cannot unpack, or whose colours it leaves as they are."""
    keyframe, outer = picture.keyframe, picture.outer if plane is None else ()
    if keyframe.photometric in OTHER_COLOURS and keyframe.dtype != np.uint8:
        raise SourceError(
            f"The pixels of {path} are neither grey nor red, green and blue; save it as RGB."
        )
    check_claim(path, keyframe.shape, keyframe.dtype)
    found = PillowPages(_present(path, picture.stored(tiff, plane)), outer)
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
