"""Files that RosettaSciIO reads: what transmission microscopes and their software write.

It is imported only here and only when such a file is opened.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np

from ..errors import SourceError, one_line
from .formats import Format
from .hdf5_handles import handles_closed
from .limits import LAZY_ABOVE, check_claim, check_shape
from .metadata import to_nanometres
from .micrograph import Axis, MicrographFile
from .placing import ANGLES, TIMES
from .planes import locate
from .quiet import quiet
from .rosetta_claims import check_header
from .rosetta_metadata import instrument_of, text_at, value_at

__all__ = ["glance", "read", "read_all"]

_OPTIONS: Mapping[str, dict[str, Any]] = {
    # Spectra are not for us, and unpacking them takes minutes.
    "emd": {"select_type": "images", "load_SI_image_stack": True},
}

_UNIT = re.compile(r"[A-Za-zµμÅ\u212b]{1,16}")

_reading = RLock()


@dataclass(frozen=True, eq=False)
class _Picture:
    """A signal that is a picture, or many: its array with rows and columns last."""

    array: Any
    axes: tuple[Mapping[str, Any], ...]
    signal: Mapping[str, Any]

    @property
    def planes(self) -> int:
        """How many pictures it is."""
        return math.prod(int(n) for n in self.array.shape[: len(self.axes) - 2])


def read(path: Path, page: int | None, kind: Format) -> MicrographFile:
    """Read the first signal of a file, or one plane of any of its signals.

    Parameters
    ----------
    path : Path
        The file.
    page : int or None
        Number of a plane, counted through all signals that are pictures, from 0.
    kind : Format
        What it is.

    Raises
    ------
    SourceError
        If the file is damaged, holds no picture, or none of this number.
    """
    with _reading, handles_closed(path, hdf5="h5py" in kind.modules) as handles:
        pictures = _pictures(path, kind)
        picture = pictures[0] if page is None else _plane(path, pictures, page)
        file = _file(path, kind, pictures, picture)
        handles.keep = not isinstance(file.array, np.ndarray)
        return file


def read_all(path: Path, kind: Format) -> list[MicrographFile]:
    """Read all signals of a file that are pictures.

    Raises
    ------
    SourceError
        If the file is damaged or holds no picture.
    """
    with _reading, handles_closed(path, hdf5="h5py" in kind.modules) as handles:
        pictures = _pictures(path, kind)
        files = [_file(path, kind, pictures, picture) for picture in pictures]
        handles.keep = not all(isinstance(file.array, np.ndarray) for file in files)
        return files


def glance(path: Path, kind: Format) -> tuple[tuple[tuple[int, int], ...], np.dtype[Any]]:
    """Return height and width of each picture of a file, and the type of the first.

    No pixels are read, where the format allows it.

    Raises
    ------
    SourceError
        If the file is damaged or holds no picture.
    """
    with _reading, handles_closed(path, hdf5="h5py" in kind.modules):
        pictures = _pictures(path, kind)
        shapes: list[tuple[int, int]] = []
        for one in pictures:
            height, width = one.array.shape[len(one.axes) - 2 :][:2]
            shapes += [(int(height), int(width))] * one.planes
        return tuple(shapes), pictures[0].array.dtype.newbyteorder("=")


def _plane(path: Path, pictures: Sequence[_Picture], page: int) -> _Picture:
    """Return one plane, counted through all signals."""
    place = locate([picture.planes for picture in pictures], page)
    if place is None:
        total = sum(picture.planes for picture in pictures)
        plural = "picture" if total == 1 else "pictures"
        raise SourceError(f"{path} holds {total} {plural}, none of number {page}.")
    picture = pictures[place[0]]
    *lengths, _height, _width = picture.array.shape[: len(picture.axes)]
    index = np.unravel_index(place[1], lengths) if lengths else ()
    array = picture.array[tuple(map(int, index))]
    return replace(picture, array=array, axes=picture.axes[-2:])


def _pictures(path: Path, kind: Format) -> list[_Picture]:
    try:
        with quiet(log="rsciio"):
            check_header(path, kind.plugin)
            signals = _signals(path, kind)
            pictures = [one for one in map(_picture, signals) if one is not None]
        for one in pictures:
            chunk = getattr(one.array, "chunksize", None)
            if chunk is not None:  # of which a single pixel needs the whole
                check_claim(path, chunk, one.array.dtype, hint="write it again in smaller chunks")
    except SourceError:
        raise
    except Exception as error:
        # Each plugin meets a broken file with exceptions of its own.
        raise SourceError(f"{path} is damaged or incomplete: {one_line(error)}.") from None
    if pictures:
        return pictures
    if path.suffix.lower() == ".emi":
        raise SourceError(f"The pictures of {path} are in its .ser files, which are not beside it.")
    if any(_is_complex(signal) for signal in signals):
        raise SourceError(f"The pixels of {path} are complex numbers, which cannot be shown.")
    raise SourceError(f"{path} holds no picture, only other data such as spectra.")


def _signals(path: Path, kind: Format) -> list[Mapping[str, Any]]:
    """Return what RosettaSciIO finds, with lazy arrays where the plugin has them."""
    plugin = import_module(f"rsciio.{kind.plugin}")
    options = _OPTIONS.get(kind.plugin, {})
    if kind.plugin == "tia":
        return _tia(plugin, path)
    try:
        return list(plugin.file_reader(str(path), lazy=True, **options))
    except ModuleNotFoundError as error:
        if kind.plugin == "emd" and error.name is None:
            return _velox_images(path)
        raise
    except ValueError as error:
        if "azy" not in str(error):  # such as colours of DigitalMicrograph
            raise
        return list(plugin.file_reader(str(path), lazy=False, **options))


def _tia(plugin: Any, path: Path) -> list[Mapping[str, Any]]:
    """Read a TIA file; what the instrument says is in a file beside it."""
    if path.suffix.lower() == ".ser":
        header = path.with_name(re.sub(r"_\d+$", "", path.stem) + ".emi")
        if header.is_file():
            try:
                found = list(plugin.file_reader(str(header), lazy=True))
            except Exception:
                found = []  # the pictures can be read without
            names = (text_at(one, "metadata.General.original_filename") for one in found)
            own = [one for one, name in zip(found, names, strict=True) if name == path.name]
            if own:
                return own
    return list(plugin.file_reader(str(path), lazy=True))


def _velox_images(path: Path) -> list[Mapping[str, Any]]:
    """Return the images of a Velox file whose spectra would need another package."""
    velox = import_module("rsciio.emd._emd_velox")
    reader = velox.FeiEMDReader(lazy=True, **_OPTIONS["emd"])
    # Told after the images were found, before the spectra, which we do not want.
    with suppress(ModuleNotFoundError):
        reader.read_file(import_module("h5py").File(path, "r"))
    return list(reader.dictionaries)


def _picture(signal: Mapping[str, Any]) -> _Picture | None:
    """Return a signal as pictures; None where it is spectra, text or complex numbers."""
    array, axes = signal["data"], list(signal["axes"])
    if len(array.shape) != len(axes):
        return None
    places = [axis.get("index_in_array") for axis in axes]
    if sorted(places, key=str) == sorted(range(len(axes)), key=str):
        axes = [axis for _place, axis in sorted(zip(places, axes, strict=True), key=lambda p: p[0])]
    plane = [i for i, axis in enumerate(axes) if not axis.get("navigate")]
    if len(plane) != 2:
        if len(plane) == 1 or len(axes) < 2:
            return None  # a spectrum, or one at each place
        plane = [len(axes) - 2, len(axes) - 1]
    order = _upright([i for i in range(len(axes)) if i not in plane] + plane, axes)
    array = array.transpose(order)
    single = [i for i in range(len(order) - 2) if array.shape[i] == 1]
    array = array.squeeze(axis=tuple(single)) if single else array
    order = [axis for i, axis in enumerate(order) if i not in single]
    if array.dtype.names is not None:
        array = _colours(array)
    if array is None or array.dtype.kind not in "biuf" or 0 in array.shape:
        return None
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    return _Picture(array, tuple(axes[i] for i in order), signal)


def _upright(order: list[int], axes: Sequence[Mapping[str, Any]]) -> list[int]:
    """Return the order of axes with rows before columns, where they have those names.

    RosettaSciIO turns every EMD file round, also those whose rows came first.
    """
    names = [str(axes[i].get("name")).strip().lower() for i in order]
    if names.count("x") != 1 or names.count("y") != 1 or names.index("x") > names.index("y"):
        return order
    if not any(axis.get("navigate") for axis in axes):
        return order[::-1]
    return [*order[:-2], order[-1], order[-2]] if names[-2:] == ["x", "y"] else order


def _colours(array: Any) -> Any:
    """Return pixels of red, green and blue fields with colours on the last axis; None: others."""
    if not {"R", "G", "B"} <= set(array.dtype.names):
        return None
    channels = [array[name][..., None] for name in "RGB"]
    if isinstance(array, np.ndarray):
        return np.concatenate(channels, axis=-1)
    return import_module("dask.array").concatenate(channels, axis=-1)


def _is_complex(signal: Mapping[str, Any]) -> bool:
    return getattr(signal.get("data"), "dtype", np.dtype(float)).kind == "c"


def _file(
    path: Path, kind: Format, pictures: Sequence[_Picture], picture: _Picture
) -> MicrographFile:
    *outer, rows, columns = picture.axes
    size = _pixel_size(picture, rows, columns, kind)
    if kind.plugin == "mrc" and size is not None and _header_number(picture, "ISPG") == 1:
        outer = [{**axis, "units": "nm"} for axis in outer]  # a volume, not a series
    with quiet(log="rsciio"):
        instrument = instrument_of(picture.signal, kind.plugin)
    title = text_at(picture.signal, "metadata.General.title")
    name = f"{path.stem}: {title}" if len(pictures) > 1 and title else path.stem
    return MicrographFile(
        _loaded(path, picture.array),
        name,
        path,
        size,
        "pixel" if size is None else "nm",
        instrument,
        sum(one.planes for one in pictures),
        tuple(map(_axis, outer, picture.array.shape)),
        scale_from="" if size is None else "the file",
    )


def _loaded(path: Path, array: Any) -> Any:
    """Return small arrays read, large ones as they are."""
    check_shape(path, array.shape)
    bytes_of = math.prod(int(n) for n in array.shape) * array.dtype.itemsize
    if isinstance(array, np.ndarray) or bytes_of > LAZY_ABOVE:
        return array
    try:
        with quiet(log="rsciio"):
            return np.asarray(array.compute(scheduler="synchronous"))
    except Exception as error:
        raise SourceError(f"{path} is damaged or incomplete: {one_line(error)}.") from None


def _pixel_size(
    picture: _Picture, rows: Mapping[str, Any], columns: Mapping[str, Any], kind: Format
) -> tuple[float, float] | None:
    """Return nanometres; None of diffraction patterns, and where none or nonsense is written."""
    described = text_at(picture.signal, "metadata.Signal.signal_type") or ""
    if "diffraction" in described:
        return None  # some are given in centimetres on the screen
    header = value_at(picture.signal, "original_metadata")
    if kind.plugin == "mrc" and "fei_header" not in header and _header_number(picture, "MX") <= 0:
        return None  # RosettaSciIO takes 1 nm where nothing is written
    height, width = _nanometres(rows), _nanometres(columns)
    return None if height is None or width is None else (height, width)


def _header_number(picture: _Picture, name: str) -> float:
    """Return a number of the header of an MRC file; 0 where there is none."""
    value = np.ravel(value_at(picture.signal, f"original_metadata.std_header.{name}"))
    return float(value[0] or 0) if len(value) else 0.0


def _nanometres(axis: Mapping[str, Any]) -> float | None:
    """Return the step of an axis; None where that is no length above 0."""
    unit, step = axis.get("units"), _step(axis)
    if step is None or not isinstance(unit, str) or not _UNIT.fullmatch(unit.strip()):
        return None
    size = to_nanometres(step, unit.strip())
    return None if size is None else float(f"{size:.9g}")  # not 0.49999999999999994


def _step(axis: Mapping[str, Any]) -> float | None:
    try:
        step = float(axis.get("scale") or 0)
    except (TypeError, ValueError):
        return None
    return step if 0 < step < math.inf else None


def _axis(axis: Mapping[str, Any], length: int) -> Axis:
    given = axis.get("name")
    unit, step = axis.get("units"), _step(axis)
    unit = unit.strip() if isinstance(unit, str) else ""
    name = given.strip().lower() if isinstance(given, str) else ""
    name = name or ("time" if unit in TIMES else "frame")
    known = TIMES.get(unit) or ANGLES.get(unit)
    if known is not None and step is not None:
        return Axis(name, int(length), step, known)
    size = _nanometres(axis)
    return Axis(name, int(length)) if size is None else Axis(name, int(length), size, "nm")
