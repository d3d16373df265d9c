"""Zarr folders: OME-Zarr with its axes, scale and smaller versions, and plain arrays."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import SourceError, one_line
from .levels import smaller_versions
from .limits import check_claim, check_shape
from .metadata import Instrument, to_nanometres
from .micrograph import Axis, MicrographFile
from .planes import WithoutTransparency, plane_of
from .several import chosen
from .vendors.fields import positive
from .zarr_documents import (
    array_folders,
    attributes,
    check_array,
    groups,
    inside,
    is_array,
    is_zarr,
)

__all__ = ["is_zarr", "read", "read_all"]

_LENGTHS = {
    "picometer": "pm",
    "nanometer": "nm",
    "micrometer": "µm",
    "millimeter": "mm",
    "centimeter": "cm",
    "meter": "m",
}
_SECONDS = {"second": 1.0, "millisecond": 1e-3, "microsecond": 1e-6, "minute": 60.0, "hour": 3600.0}
_NAMES = {"t": "time", "c": "channel"}


@dataclass(frozen=True)
class _Picture:
    """One picture of a folder: its sizes, and what is written about each and about all."""

    levels: tuple[Path, ...]
    multiscale: Mapping[str, Any]
    written: Mapping[str, Any]
    datasets: tuple[Any, ...] = ({},)


def read(path: Path, page: int | None = None, kind: Any = None) -> MicrographFile:
    """Read the first picture of a zarr folder, or one plane of any.

    Parameters
    ----------
    path : Path
        The folder: an array, an OME-Zarr image, or a group of either.
    page : int, optional
        Number of a plane, counted through all pictures, from 0.

    Raises
    ------
    SourceError
        As :func:`read_all`, or if there is no such plane.
    """
    return chosen(path, read_all(path), page)


def read_all(path: Path, kind: Any = None) -> list[MicrographFile]:
    """Read every picture of a zarr folder.

    Returns
    -------
    list of MicrographFile
        Their arrays read the chunks that are indexed.

    Raises
    ------
    SourceError
        If the folder is damaged, holds no picture, or zarr is not installed or too old.
    """
    pictures = _pictures(path)
    if not pictures:
        raise SourceError(f"{path} holds no zarr array that could be a micrograph.")
    found = [_file(path, picture) for picture in pictures]
    return [replace(each, pages=sum(other.planes for other in found)) for each in found]


def _file(path: Path, picture: _Picture) -> MicrographFile:
    arrays = [_array(folder) for folder in picture.levels]
    # Not all programs write the largest first.
    which = max(range(len(arrays)), key=lambda number: math.prod(arrays[number].shape))
    shape = tuple(int(n) for n in arrays[which].shape)
    if len(shape) < 2 or 0 in shape:
        raise SourceError(f"{path} has shape {shape}, which is no micrograph.")
    axes = _axes(picture.multiscale, len(shape), path)
    named = axes[-1]["name"] == "c" or not picture.multiscale
    colour = named and len(shape) > 2 and shape[-1] in (3, 4)
    count = len(shape) - (3 if colour else 2)
    steps = _steps(picture.multiscale, picture.datasets[which], axes)
    outer = [
        Axis(_NAMES.get(axis["name"], axis["name"]), length, *(step or (1.0, "pixel")))
        for axis, length, step in zip(axes[:count], shape, steps, strict=False)
    ]
    # Five axes are written even where there is one time and one channel.
    single = next((i for i, axis in enumerate(outer) if axis.length > 1), len(outer))
    if colour:  # the fourth is transparency
        arrays = [WithoutTransparency(a) if a.shape[-1] == 4 else a for a in arrays]
    largest = arrays[which]
    arrays = [largest, *smaller_versions(largest.shape, largest.dtype, arrays, count)]
    levels = [plane_of(array, (0,) * single) for array in arrays]
    height, width = steps[count : count + 2]
    known = height is not None and width is not None and height[1] == width[1] == "nm"
    size = (height[0], width[0]) if known and height and width else None
    name = path.name.removesuffix(".zarr").removesuffix(".ome") or path.name
    return MicrographFile(
        levels[0],
        name,
        path,
        size,
        "pixel" if size is None else "nm",
        Instrument(raw=picture.written),
        outer=tuple(outer[single:]),
        levels=tuple(levels[1:]),
        contrast_limits=_limits(picture.written, outer),
        scale_from="" if size is None else "the file",
    )


def _pictures(path: Path, deeper: bool = True) -> list[_Picture]:
    """Return the pictures of a folder, in their order."""
    written = attributes(path)
    if is_array(path):
        return [_Picture((path,), {}, written)]
    found = []
    multiscales = written.get("multiscales")
    for multiscale in multiscales if isinstance(multiscales, list) else []:
        listed = [
            (folder, dataset)
            for dataset in _list(multiscale, "datasets")
            if (folder := inside(path, _get(dataset, "path"))) is not None and is_array(folder)
        ]
        if listed:
            folders, datasets = zip(*listed, strict=True)
            found.append(_Picture(folders, multiscale, written, datasets))
    if found:
        return found
    found = [_Picture((folder,), {}, attributes(folder)) for folder in array_folders(path)]
    if found or not deeper:
        return found
    # Groups of images, such as a converter of other formats writes them.
    return [picture for group in groups(path) for picture in _pictures(group, deeper=False)]


def _array(folder: Path) -> Any:
    check_array(folder)
    try:
        import zarr
    except ImportError:
        raise SourceError(
            f"To read {folder}, install zarr: pip install napari-micrograph-vlm[all]"
        ) from None
    if (folder / "zarr.json").is_file() and zarr.__version__.startswith("2."):
        raise SourceError(f"To read {folder}, install zarr 3: pip install 'zarr>=3'")
    try:
        array = zarr.open_array(str(folder), mode="r")
    except Exception as error:  # zarr and its codecs raise of every kind
        raise SourceError(f"{folder} is damaged or incomplete: {one_line(error)}.") from None
    check_shape(folder, array.shape)
    check_shape(folder, array.chunks)
    chunk = [min(n, side) for n, side in zip(array.chunks, array.shape, strict=True)]
    check_claim(folder, chunk, array.dtype, hint="write it again in smaller chunks")
    return array


def _axes(multiscale: Mapping[str, Any], count: int, path: Path) -> list[dict[str, str]]:
    """Return name and unit of each axis."""
    given = _list(multiscale, "axes")
    if not multiscale:
        given = [*(f"axis {i + 1}" for i in range(count - 2)), "y", "x"]
    elif not given:  # before OME-Zarr 0.3
        given = list("tczyx")[-count:]
    if len(given) != count:
        raise SourceError(f"{path} names {len(given)} axes, but has {count}.")
    return [
        {
            "name": str(axis.get("name") if isinstance(axis, Mapping) else axis).lower(),
            "unit": str(_get(axis, "unit") or ""),
        }
        for axis in given
    ]


def _steps(
    multiscale: Mapping[str, Any], dataset: Any, axes: Sequence[Mapping[str, str]]
) -> list[tuple[float, str] | None]:
    """Return the distance of two pixels along each axis of one version and its unit."""
    scales = [
        _list(transformation, "scale")
        for part in (dataset, multiscale)
        for transformation in _list(part, "coordinateTransformations")
        if _get(transformation, "type") == "scale"
    ]
    found: list[tuple[float, str] | None] = []
    for number, axis in enumerate(axes):
        step: float | None = 1.0 if scales else None
        for scale in scales:
            factor = positive(scale[number]) if number < len(scale) else None
            step = None if step is None or factor is None else step * factor
        if step is None:
            found.append(None)
        elif axis["unit"] in _SECONDS:
            found.append((step * _SECONDS[axis["unit"]], "s"))
        else:
            length = to_nanometres(step, _LENGTHS.get(axis["unit"], axis["unit"]))
            found.append(None if length is None else (length, "nm"))
    return found


def _limits(written: Mapping[str, Any], outer: Sequence[Axis]) -> tuple[float, float] | None:
    """Return what is shown as black and white of a picture of one channel."""
    channels = _list(_get(written, "omero") or {}, "channels")
    if len(channels) != 1 or any(a.name == "channel" and a.length > 1 for a in outer):
        return None
    window = _get(channels[0], "window") or {}
    low, high = _get(window, "start"), _get(window, "end")
    if isinstance(low, int | float) and isinstance(high, int | float) and low < high:
        return float(low), float(high)
    return None


def _get(part: Any, key: str) -> Any:
    return part.get(key) if isinstance(part, Mapping) else None


def _list(part: Any, key: str) -> list[Any]:
    found = _get(part, key)
    return found if isinstance(found, list) else []
