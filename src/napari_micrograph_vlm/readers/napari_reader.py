"""What napari asks when a file is opened: files of microscopes only, never ordinary pictures.

napari lets the user choose as soon as two readers claim a file, so PNG, JPEG and TIFF are left to
it; *File > IO Utilities > Open micrograph…* reads those with their pixel size.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..errors import SourceError
from .formats import HEAD, TIFF_MAGIC, Format, format_of, missing_modules

__all__ = ["get_reader", "read_layers"]

LayerData = tuple[Any, dict[str, Any], str] | tuple[None]
"""A layer; a lone None tells napari that there is none."""

_log = logging.getLogger(__name__)


def get_reader(path: str | Sequence[str]) -> Callable[[str], list[LayerData]] | None:
    """Return what reads a file; None where we cannot.

    Parameters
    ----------
    path : str
        The file. Of a list of several, which napari wants as one stack, none is taken.

    Returns
    -------
    callable or None
        Called with the path it gives layers (see :func:`read_layers`). None for what is no file
        of a microscope or does not begin like one. Of an empty file, or one that needs a package
        that is not installed, it gives none and says so: at None napari would say only that we
        refused.
    """
    if not isinstance(path, str):
        return None
    file = Path(path)
    try:
        with file.open("rb") as opened:
            head = opened.read(HEAD)
    except (OSError, ValueError):
        return None
    named = format_of(file)
    if named is None or named.folder or not named.vendor:
        return None
    if not head or head.startswith(TIFF_MAGIC):
        return read_layers  # some programs write a TIFF under such a name
    kind = format_of(file, head)
    if kind is None:
        return None
    if missing_modules(kind) or kind.magic or _could_be(file, kind):
        return read_layers
    return None


def _could_be(path: Path, kind: Format) -> bool:
    """Whether a file of a format whose files begin differently could be one."""
    from .rosetta_claims import OtherFormatError, check_header

    try:
        check_header(path, kind.plugin)
    except (OtherFormatError, OSError):
        return False
    except SourceError:
        return True  # reading it says what is wrong with it
    return True


def read_layers(path: str) -> list[LayerData]:
    """Read a file as napari layers: one for each detector, image or scene in it.

    Of a file that cannot be read there is no layer, and a message says why: of an error napari
    would show which plugin it met, and our sentence only behind the traceback.
    """
    from .micrograph import read_pictures

    try:
        return [file.to_layer() for file in read_pictures(path)]
    except SourceError as error:
        _say(str(error))
        return [(None,)]


def _say(sentence: str) -> None:
    """Say it in the window if there is one, and in the log."""
    _log.warning("%s", sentence)
    # Looked up, not imported: this room runs without napari.
    notifications = sys.modules.get("napari.utils.notifications")
    if notifications is not None:
        notifications.show_warning(sentence)
