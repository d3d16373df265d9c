"""Which files which backend reads, as data.

Plain pictures (PNG, JPEG) and TIFF are not listed: :func:`.micrograph.read_micrograph` knows them
by their contents.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from ..errors import SourceError

__all__ = [
    "FORMATS",
    "HEAD",
    "TIFF_MAGIC",
    "Format",
    "check_installed",
    "format_of",
    "missing_modules",
    "suffixes_read",
    "vendor_suffixes",
]

HEAD = 16
"""Bytes of a file that are looked at to know its format."""

TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""How a TIFF file begins, in either byte order, small or big."""

_HDF5 = b"\x89HDF\r\n\x1a\n"
_ROSETTA = ("rsciio", "dask")
_AICS = ("aicsimageio",)
_ROSETTA_HDF5 = (*_ROSETTA, "h5py")


@dataclass(frozen=True)
class Format:
    """A kind of file.

    Attributes
    ----------
    name : str
        As its users call it.
    suffixes : tuple of str
        Ends of file names, in lower case, with their dot.
    backend : str
        Module of this room with ``read(path, page, kind) -> MicrographFile``, where ``page`` is
        as in :func:`.read_micrograph`, and ``read_all(path, kind) -> list of MicrographFile``,
        every signal or scene whole.
    plugin : str
        What the backend's library calls it.
    magic : tuple of bytes
        How its files begin; empty where they all begin differently.
    modules : tuple of str
        What has to be installed.
    extra : str
        Our extra that installs it.
    vendor : bool
        Whether napari is told that we read it. Never a format that others read, too: napari asks
        the user to choose as soon as two readers claim a file.
    folder : bool
        Whether it is a folder that looks like a file.
    """

    name: str
    suffixes: tuple[str, ...]
    backend: str
    plugin: str = ""
    magic: tuple[bytes, ...] = ()
    modules: tuple[str, ...] = ()
    extra: str = "readers"
    vendor: bool = True
    folder: bool = False

    def fits(self, path: Path, head: bytes = b"") -> bool:
        """Whether a file has the name, and, where ``head`` is given, the beginning."""
        if not path.name.lower().endswith(self.suffixes):
            return False
        return not head or not self.magic or head.startswith(self.magic)


# Left out though RosettaSciIO knows them: what holds spectra only, what it reads with ``eval``
# (netCDF, MSA) or would unpickle (PRZ before 2024), what it maps into memory at once (TVIPS: a
# file that shrinks meanwhile ends the program), and zspy, which needs zarr 2.
FORMATS: tuple[Format, ...] = (
    Format(
        "DigitalMicrograph",
        (".dm3", ".dm4"),
        "rosetta",
        "digitalmicrograph",
        (b"\0\0\0\3", b"\0\0\0\4"),
        _ROSETTA,
    ),
    Format("EMD", (".emd",), "rosetta", "emd", (_HDF5,), _ROSETTA_HDF5),
    Format("TIA series", (".ser",), "rosetta", "tia", (b"II\x97\x01",), _ROSETTA),
    Format("TIA", (".emi",), "rosetta", "tia", (), _ROSETTA),
    Format("MRC", (".mrc", ".mrcs", ".ali"), "rosetta", "mrc", (), _ROSETTA),
    Format("HyperSpy", (".hspy",), "rosetta", "hspy", (_HDF5,), _ROSETTA_HDF5),
    Format("NanoMegas blockfile", (".blo",), "rosetta", "blockfile", (b"IMGBLO",), _ROSETTA),
    Format("Zeiss CZI", (".czi",), "aics", "czi", (b"ZISRAWFILE",), _AICS, "aicsimageio"),
    Format("Leica LIF", (".lif",), "aics", "lif", (b"\x70\0\0\0",), _AICS, "aicsimageio"),
    Format("Nikon ND2", (".nd2",), "aics", "nd2", (b"\xda\xce\xbe\x0a",), _AICS, "aicsimageio"),
    # napari reads these by itself, without their scale.
    Format(
        "Zarr", (".zarr",), "zarr_files", modules=("zarr",), extra="all", vendor=False, folder=True
    ),
)
"""Every format beside plain pictures and TIFF; of several that fit, the first installed one."""


def format_of(path: Path, head: bytes = b"") -> Format | None:
    """Return the format of a file by its name, and by its first bytes where they are given.

    Of several that fit, the first whose packages are installed.
    """
    fitting = [kind for kind in FORMATS if kind.fits(path, head)]
    return next((kind for kind in fitting if not missing_modules(kind)), None) or (
        fitting[0] if fitting else None
    )


def missing_modules(kind: Format) -> list[str]:
    """Return what a format needs that is not installed."""
    return [module for module in kind.modules if find_spec(module) is None]


def check_installed(path: Path, kind: Format) -> None:
    """See that what a format needs is installed.

    Raises
    ------
    SourceError
        If not; it names the extra.
    """
    if missing_modules(kind):
        raise SourceError(
            f"To read {path}, install what reads {kind.name} files: "
            f"pip install napari-micrograph-vlm[{kind.extra}]"
        )


def vendor_suffixes() -> tuple[str, ...]:
    """Return the ends of names of files that napari is told we read."""
    return _unique(end for kind in FORMATS if kind.vendor for end in kind.suffixes)


def suffixes_read() -> tuple[str, ...]:
    """Return the ends of names of all files that can be read, plain pictures and TIFF too."""
    plain = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".jp2")
    listed = (end for kind in FORMATS if not kind.folder for end in kind.suffixes)
    return _unique((*plain, *listed))


def _unique(ends: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(ends))
