"""The only way from the core to the window."""

from __future__ import annotations

import importlib
from types import ModuleType

from .errors import ModelError


def window() -> ModuleType:
    """Return the ``viewer`` room, importing napari now.

    Raises
    ------
    ModelError
        If napari is not installed.
    """
    try:
        return importlib.import_module("napari_micrograph_vlm.viewer")
    except ModuleNotFoundError as error:
        if error.name and error.name.split(".")[0] in ("napari", "qtpy", "superqt"):
            raise ModelError(
                f"This needs a napari window, but {error.name} is not installed; "
                "install napari-micrograph-vlm[all]."
            ) from error
        raise
