"""*File > IO Utilities*: micrographs with their pixel size, and folders of slices.

napari's own reader opens PNG, JPEG and TIFF without it, and a plugin that claimed them, too, would
make napari ask at every picture.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Layer
from napari.layers._source import layer_source
from napari.utils import progress
from napari.utils.notifications import show_warning
from qtpy.QtWidgets import QApplication, QFileDialog

from ..errors import Cancelled, MicrographError
from ..readers.formats import suffixes_read
from .docks import real_viewer
from .handler_jobs import Outcome
from .panel_jobs import PanelJobs

if TYPE_CHECKING:
    # The name of the module in full: napari looks for this very annotation.
    import napari.viewer

__all__ = ["layers_of", "open_folder", "open_micrograph", "open_paths"]

LayerData = tuple[Any, dict[str, Any], str]

_OURS = "napari-micrograph-vlm"
_LISTED = 12

_opening: set[PanelJobs] = set()
"""Kept while they read."""

_places: dict[str, str] = {}
"""Folder of the last file that each command opened, where the next dialog begins."""


def open_micrograph(viewer: napari.viewer.Viewer) -> None:
    """Ask for files and open each with pixel size, units and the instrument's settings."""
    kinds = " ".join(f"*{end}" for end in suffixes_read())
    names, _kind = QFileDialog.getOpenFileNames(
        QApplication.activeWindow(),
        "Open micrograph",
        _places.get("file", ""),
        f"Micrographs ({kinds});;All files (*)",
    )
    if names:
        _places["file"] = str(Path(names[0]).parent)
        open_paths(viewer, [Path(name) for name in names])


def open_folder(viewer: napari.viewer.Viewer) -> None:
    """Ask for a folder of slices and open it as one stack."""
    name = QFileDialog.getExistingDirectory(
        QApplication.activeWindow(), "Open folder of slices", _places.get("folder", "")
    )
    if name:
        _places["folder"] = str(Path(name).parent)
        open_paths(viewer, [Path(name)])


def open_paths(
    viewer: napari.viewer.Viewer,
    paths: Sequence[Path],
    done: Callable[[list[Layer]], None] | None = None,
) -> None:
    """Read files, and folders of slices, in a worker and show them as layers.

    Parameters
    ----------
    viewer : napari.Viewer
        Where they are shown.
    paths : sequence of Path
        What is opened; a message lists those that cannot be read and why, the others are shown.
    done : callable, optional
        Called in the window's thread with the new layers.
    """
    shown = weakref.ref(real_viewer(viewer))
    jobs = PanelJobs()
    _opening.add(jobs)
    what = paths[0].name if len(paths) == 1 else f"{len(paths)} files"
    bar = progress(total=0, desc=f"Reading {what}")

    def work(_report: Any, cancel: Any) -> tuple[list[tuple[Path, LayerData]], list[str]]:
        found: list[tuple[Path, LayerData]] = []
        wrong: list[str] = []
        for path in paths:
            if cancel.is_set():
                raise Cancelled
            try:
                found += [(path, layer) for layer in layers_of(path)]
            except MicrographError as error:
                wrong.append(str(error))
        return found, wrong

    def ended(outcome: Outcome) -> None:
        _opening.discard(jobs)
        bar.close()
        found, wrong = outcome.value or ([], [outcome.error] if outcome.error else [])
        target, layers = shown(), [_layer(path, data) for path, data in found]
        if target is None:
            return
        for layer in layers:
            target.add_layer(layer)
        if wrong:
            show_warning(_message(wrong, len(paths)))
        if done is not None:
            done(layers)

    jobs.start(work, ended)


def _layer(path: Path, data: LayerData) -> Layer:
    """Make a layer that knows its file, as those do that napari opens."""
    with layer_source(path=str(path), reader_plugin=_OURS):
        return Layer.create(*data)


def _message(wrong: Sequence[str], count: int) -> str:
    """Return one message: of several at once napari shows the last."""
    if len(wrong) == 1:
        return wrong[0]
    more = [f"… and {len(wrong) - _LISTED} more."] if len(wrong) > _LISTED else []
    return "\n".join([f"{len(wrong)} of {count} could not be opened:", *wrong[:_LISTED], *more])


def layers_of(path: Path) -> list[LayerData]:
    """Read a file, or a folder of slices, as napari layers (in a worker).

    Raises
    ------
    SourceError
        If it holds no picture that can be read.
    """
    from ..readers.folder import read_folder
    from ..readers.formats import format_of
    from ..readers.micrograph import read_pictures

    slices = path.is_dir() and format_of(path) is None
    files = [read_folder(path)] if slices else read_pictures(path)
    layers = [file.to_layer() for file in files]
    for data, keywords, _kind in layers:
        if "contrast_limits" not in keywords and not keywords["rgb"]:
            _set_limits(data[-1] if isinstance(data, list) else data, keywords)
    return layers


def _set_limits(array: Any, keywords: dict[str, Any]) -> None:
    """Find what is shown as black and white here: napari would read the array in its window."""
    if isinstance(array, np.ndarray) and not isinstance(array, np.memmap):
        return
    plane = np.asarray(array[tuple(n // 2 for n in array.shape[:-2])])
    finite = plane[np.isfinite(plane)]
    if finite.size and plane.dtype != np.uint8 and finite.min() < finite.max():
        keywords["contrast_limits"] = (float(finite.min()), float(finite.max()))
    elif plane.dtype == np.uint8:
        keywords["contrast_limits"] = (0.0, 255.0)
