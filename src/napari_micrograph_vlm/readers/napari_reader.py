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

from .formats import HEAD, check_installed, format_of, missing_modules

__all__ = ["get_reader", "read_layers"]

LayerData = tuple[Any, dict[str, Any], str]

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
        of a microscope, does not begin like one, or needs a package that is not installed: then
        a message names the extra.
    """
    if not isinstance(path, str):
        return None
    file = Path(path)
    try:
        with file.open("rb") as opened:
            head = opened.read(HEAD)
    except (OSError, ValueError):
        return None
    kind = format_of(file, head) if head else None
    if kind is None or kind.folder or not kind.vendor:
        return None
    if missing_modules(kind):
        _say_what_is_missing(file)
        return None
    return read_layers


def read_layers(path: str) -> list[LayerData]:
    """Read a file as napari layers: one for each detector, image or scene in it.

    Raises
    ------
    SourceError
        If it is damaged or holds no picture.
    """
    from .micrograph import read_pictures

    return [file.to_layer() for file in read_pictures(path)]


def _say_what_is_missing(path: Path) -> None:
    """Say it in the window if there is one, and in the log."""
    from ..errors import SourceError

    kind = format_of(path)
    try:
        if kind is not None:
            check_installed(path, kind)
    except SourceError as error:
        _log.warning("%s", error)
        # Looked up, not imported: this room runs without napari.
        notifications = sys.modules.get("napari.utils.notifications")
        if notifications is not None:
            notifications.show_warning(str(error))
