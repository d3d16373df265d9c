"""CZI, LIF, ND2 and OME-TIFF through aicsimageio."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import SourceError, one_line
from .metadata import Calibration, Instrument, to_nanometres
from .micrograph import Axis, MicrographFile
from .quiet import quiet
from .several import chosen
from .tiff_described import Description, ome_description
from .vendors.fields import positive

__all__ = ["read", "read_all"]

_NEEDS = {
    ".czi": "aicspylibczi>=3.1.1",
    ".lif": "readlif>=0.6.4",
    ".nd2": "nd2[legacy]>=0.6",
}
"""What aicsimageio itself needs to read a format."""

_UNKNOWN = (1.0, "pixel")
_AXES = {"T": "time", "C": "channel", "Z": "z", "M": "tile"}


def read(path: Path, page: int | None = None, kind: Any = None) -> MicrographFile:
    """Read the first scene of a file, or one plane of any, counted through all scenes.

    Raises
    ------
    SourceError
        As :func:`read_all`, or if there is no such plane.
    """
    return chosen(path, read_all(path), page)


def read_all(path: Path, kind: Any = None) -> list[MicrographFile]:
    """Read every scene of a file through aicsimageio.

    Returns
    -------
    list of MicrographFile
        Their arrays are dask arrays, of one chunk a plane where the format allows it.

    Raises
    ------
    SourceError
        If aicsimageio, or what it needs for the format, is not installed, or the file is damaged.
    """
    with quiet(log="aicsimageio"):
        image = _opened(path)
        try:
            found = []
            for number in range(len(image.scenes)):
                image.set_scene(number)
                found.append(_file(path, image))
        except SourceError:
            raise
        except Exception as error:  # each of its readers raises of its own kind
            raise SourceError(f"{path} is damaged or incomplete: {one_line(error)}.") from None
    if not found:
        raise SourceError(f"{path} holds no picture.")
    return [replace(each, pages=sum(other.planes for other in found)) for each in found]


def _opened(path: Path) -> Any:
    try:
        from aicsimageio import AICSImage
        from aicsimageio.exceptions import UnsupportedFileFormatError
    except ImportError as error:
        raise SourceError(
            f"To read {path}, install what reads it: pip install "
            f"napari-micrograph-vlm[aicsimageio] ({one_line(error)})."
        ) from None
    try:
        try:
            return AICSImage(path, chunk_dims=["Y", "X"])
        except TypeError:  # its reader of ND2 has planes of its own
            return AICSImage(path)
    except UnsupportedFileFormatError:
        needed = _NEEDS.get(path.suffix.lower())
        if needed is not None and not _installed(needed):
            raise SourceError(
                f"To read {path}, install what reads {path.suffix[1:].upper()} files: "
                f"pip install '{needed}'"
            ) from None
        raise SourceError(f"{path} is damaged, or no file that aicsimageio reads.") from None
    except Exception as error:
        raise SourceError(f"{path} is damaged or incomplete: {one_line(error)}.") from None


def _installed(requirement: str) -> bool:
    from importlib.util import find_spec

    return find_spec(re.split(r"[^\w]", requirement)[0]) is not None


def _file(path: Path, image: Any) -> MicrographFile:
    array, order = image.dask_data, str(image.dims.order)
    colour = order.endswith("S")
    if not order.removesuffix("S").endswith("YX") or array.dtype.kind not in "biuf":
        raise SourceError(f"{path} has the axes {order}, which is no micrograph.")
    words = _words(image)
    outer = [
        Axis(
            _AXES.get(letter, letter.lower()), int(length), *words.steps.get(letter, (1.0, "pixel"))
        )
        for letter, length in zip(order[: -3 if colour else -2], array.shape, strict=False)
    ]
    single = tuple(0 if axis.length == 1 else slice(None) for axis in outer)
    array = array[single]
    if colour:
        array = array[..., :3] if array.shape[-1] >= 3 else array[..., 0]
    size = words.calibration.pixel_size_nm
    return MicrographFile(
        array,
        path.stem,
        path,
        size,
        "pixel" if size is None else "nm",
        words.calibration.instrument,
        outer=tuple(axis for axis in outer if axis.length > 1),
        scale_from="" if size is None else "the file",
    )


def _words(image: Any) -> Description:
    """Return what the file says about itself."""
    metadata = image.metadata
    if hasattr(metadata, "to_xml"):  # its own pixel sizes leave out their unit
        return ome_description(metadata.to_xml(), image.current_scene_index)
    sizes = image.physical_pixel_sizes  # in micrometres
    depth, height, width = (
        None if value is None else to_nanometres(float(f"{value:.12g}"), "µm")
        for value in (positive(getattr(sizes, axis, None)) for axis in "ZYX")
    )
    steps = {} if depth is None else {"Z": (depth, "nm")}
    raw: dict[str, Any] = {"Channels": [str(name) for name in image.channel_names or ()]}
    if isinstance(metadata, Mapping):
        raw.update(metadata)
    size = (height, width) if height and width else None
    return Description(Calibration(Instrument(raw=raw), size), steps)
